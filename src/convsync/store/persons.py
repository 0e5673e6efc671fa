"""Which deals and clicks are one customer's: all that keys lead to, from one to the next.

A person is what the keys say now, and is kept nowhere: a merge in the CRM joins two people with the
next night, and one that is undone parts them again. A key that too many deals have joins nobody
(`store.shared_keys`).
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from convsync.store import dialect
from convsync.store.schema import click_keys, clicks, deal_keys, shared_keys

MOST_DEALS = 200
"""No customer has more deals than this: keys that lead to more are followed no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The rows of a customer's deals and clicks; `is_cut` where keys would lead to more."""

    deals: frozenset[int]
    clicks: frozenset[int]
    is_cut: bool = False


def person_with(
    connection: Connection, deals: Collection[int], keys: Collection[bytes] = ()
) -> Person:
    """Return whose these deals and keys are."""
    known_deals, known_clicks, known_keys = set(deals), set[int](), set[bytes]()
    new_keys = _keys_of_deals(connection, known_deals) | set(keys)
    while new_keys := new_keys - known_keys - _shared(connection, new_keys):
        known_keys |= new_keys
        new_clicks = _clicks_with(connection, new_keys) - known_clicks
        new_deals = _deals_with(connection, new_keys) - known_deals
        known_clicks |= new_clicks
        known_deals |= new_deals
        if len(known_deals) > MOST_DEALS:
            few = frozenset(sorted(known_deals)[:MOST_DEALS]) | frozenset(deals)
            return Person(deals=few, clicks=frozenset(known_clicks), is_cut=True)
        new_keys = _keys_of_deals(connection, new_deals) | _keys_of_clicks(connection, new_clicks)
    return Person(deals=frozenset(known_deals), clicks=frozenset(known_clicks))


def _shared(connection: Connection, keys: Collection[bytes]) -> set[bytes]:
    return {
        bytes(key)
        for (key,) in dialect.rows_among(connection, shared_keys, ("key",), "key", sorted(keys))
    }


def _keys_of_deals(connection: Connection, rows: Collection[int]) -> set[bytes]:
    return {
        bytes(key)
        for (key,) in dialect.rows_among(connection, deal_keys, ("key",), "deal", sorted(rows))
    }


def _keys_of_clicks(connection: Connection, rows: Collection[int]) -> set[bytes]:
    joining = dialect.rows_among(connection, click_keys, ("key",), "click", sorted(rows))
    own = dialect.rows_among(connection, clicks, ("key",), "id", sorted(rows))
    return {bytes(key) for found in (joining, own) for (key,) in found}


def _clicks_with(connection: Connection, keys: Collection[bytes]) -> set[int]:
    joined = dialect.rows_among(connection, click_keys, ("click",), "key", sorted(keys))
    own = dialect.rows_among(connection, clicks, ("id",), "key", sorted(keys))
    return {row for found in (joined, own) for (row,) in found}


def _deals_with(connection: Connection, keys: Collection[bytes]) -> set[int]:
    return {
        row for (row,) in dialect.rows_among(connection, deal_keys, ("deal",), "key", sorted(keys))
    }
