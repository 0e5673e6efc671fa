"""What a customer's other deals and clicks say of a deal: clicks found through them, and sales.

Only what the deal's own keys do not find: those clicks `clicks.candidates` brings.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from convsync.model.click import Candidate, MatchBasis
from convsync.model.deal import WON, EarlierSale
from convsync.store import click_news, clicks, dialect, persons
from convsync.store.deal_row import click_ids_of
from convsync.store.given import numbers_given
from convsync.store.reach import MOST_CLICKS, Reached, reach
from convsync.store.schema import deal_keys, deals, milestones


@dataclass(frozen=True, slots=True)
class Kin:
    """By deal: all clicks of its customer, those its own keys find first; the customer's sales."""

    candidates: Mapping[int, Sequence[Candidate]] = field(default_factory=dict)
    sales: Mapping[int, Sequence[EarlierSale]] = field(default_factory=dict)


def kin_of(
    connection: Connection, rows: Collection[int], logged: Mapping[int, Sequence[Candidate]]
) -> Kin:
    """Return what is known of the customers of these deals; `logged` is what they find themselves.

    Nothing leads on from a deal that is its customer's only one and finds no click, or one that
    leads on to none.
    """
    if not persons.is_needed(connection):
        return Kin(logged)
    members = persons.members_with(connection, rows)
    begun = members.keys() | (logged.keys() if click_news.may_lead_on(connection) else ())
    if not begun:
        return Kin(logged)
    beyond = _candidates(connection, begun, members)
    found = {row: [*logged.get(row, ()), *more] for row, more in beyond.items()}
    return Kin({**logged, **found}, _sales(connection, members))


def _candidates(
    connection: Connection, begun: Collection[int], members: Mapping[int, set[int]]
) -> dict[int, list[Candidate]]:
    keys = _keys_of(connection, set(begun).union(*members.values()))
    customers = _Customers(reach(connection, set().union(*keys.values()), to_deals=False))
    beyond: dict[int, set[int]] = {}
    for deal in begun:
        own = keys[deal]
        theirs = own.union(*(keys[other] for other in members.get(deal, ())))
        if found := customers.clicks_beyond(own, theirs):
            beyond[deal] = found
    known = clicks.by_row(connection, set().union(*beyond.values()))
    return {
        deal: [Candidate(known[row], MatchBasis.PERSON) for row in sorted(found) if row in known]
        for deal, found in beyond.items()
    }


def _keys_of(connection: Connection, rows: Collection[int]) -> dict[int, set[bytes]]:
    keys: dict[int, set[bytes]] = {row: set() for row in rows}
    for deal, key in dialect.rows_among(
        connection, deal_keys, ("deal", "key"), "deal", sorted(rows)
    ):
        keys[deal].add(key)
    return keys


class _Customers:
    """Clicks and the keys they have, to go from one to the other."""

    def __init__(self, reached: Reached) -> None:
        self._clicks: dict[bytes, set[int]] = {}
        self._keys: dict[int, set[bytes]] = {}
        for key, click in reached.links:
            self._clicks.setdefault(key, set()).add(click)
            self._keys.setdefault(click, set()).add(key)

    def clicks_beyond(self, own: Collection[bytes], theirs: Collection[bytes]) -> set[int]:
        """Return the clicks that a customer's keys lead to, but for those that a deal's own find.

        None where there are more than any customer has.
        """
        found, followed = set[int](), set[bytes]()
        new_keys = set(theirs)
        while new_keys and len(found) <= MOST_CLICKS:
            followed |= new_keys
            new = self._with(new_keys) - found
            found |= new
            new_keys = set[bytes]().union(*(self._keys[click] for click in new)) - followed
        return found - self._with(own) if len(found) <= MOST_CLICKS else set()

    def _with(self, keys: Collection[bytes]) -> set[int]:
        return set[int]().union(*(self._clicks.get(key, ()) for key in keys))


def _sales(connection: Connection, members: Mapping[int, set[int]]) -> dict[int, list[EarlierSale]]:
    """Return what the customers of deals bought by other deals of theirs that stand."""
    if not members:
        return {}
    others = set().union(*members.values())
    found = connection.execute(_won(connection.dialect.name), {"rows": sorted(others)})
    sold = {
        row: EarlierSale(deal_id=deal_id, won_at=won_at, click_ids=click_ids_of(carried))
        for row, deal_id, won_at, carried in found
    }
    return {
        deal: [sold[other] for other in sorted(own) if other != deal and other in sold]
        for deal, own in members.items()
        if own & sold.keys() - {deal}
    }


@cache
def _won(dialect_name: str) -> Select[Any]:
    asked = select(numbers_given(dialect_name, "rows").c.value)
    is_won = (milestones.c.name == WON) & milestones.c.withdrawn_at.is_(None)
    return (
        select(deals.c.id, deals.c.deal_id, milestones.c.reached_at, deals.c.clicks)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(deals.c.id.in_(asked), deals.c.gone.is_(None), is_won)
    )
