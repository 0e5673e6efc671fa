"""The clicks that may count for deals, and the customer's earlier sales.

Where clicks lead on to one another, the clicks of a deal are those of its customer: what its own
keys find comes first, and the rest is found through another deal or click. All of it is found in
one way along the keys (`reach`), for a chunk of deals at once. Where they do not, one query finds
the same (`clicks`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from convsync.model.click import Candidate, MatchBasis
from convsync.model.deal import WON, EarlierSale
from convsync.store import click_news, clicks, dialect, persons
from convsync.store.deal_row import click_ids_of
from convsync.store.given import numbers_given
from convsync.store.reach import MOST_CLICKS, Link, Reached, Together, reach
from convsync.store.schema import deal_keys, deals, milestones


@dataclass(frozen=True, slots=True)
class Kin:
    """By deal: all clicks of its customer, those its own keys find first; the customer's sales."""

    candidates: Mapping[int, Sequence[Candidate]] = field(default_factory=dict)
    sales: Mapping[int, Sequence[EarlierSale]] = field(default_factory=dict)


def kin_of(connection: Connection, rows: Collection[int]) -> Kin:
    """Return what is known of these deals and their customers.

    Nothing leads on from a deal that is its customer's only one where no click leads to another.
    """
    if not persons.is_needed(connection):
        return Kin(clicks.candidates(connection, [*rows]))
    members = persons.members_with(connection, rows)
    followed = set(rows) if click_news.may_lead_on(connection) else members.keys()
    alone = [row for row in rows if row not in followed]
    found = clicks.candidates(connection, alone) if alone else {}
    found |= _followed(connection, followed, members) if followed else {}
    return Kin(found, _sales(connection, members))


def _followed(
    connection: Connection, rows: Collection[int], members: Mapping[int, set[int]]
) -> dict[int, list[Candidate]]:
    """Return the clicks of the customers of these deals, by deal."""
    keys = _keys_of(connection, set(rows).union(*members.values()))
    customers = _Customers(reach(connection, set().union(*keys.values()), to_deals=False))
    bases: dict[int, dict[int, MatchBasis]] = {}
    for deal in rows:
        theirs = keys[deal].union(*(keys[other] for other in members.get(deal, ())))
        if found := customers.clicks_of(keys[deal], theirs):
            bases[deal] = found
    known = clicks.by_row(connection, set().union(*bases.values()))
    return {
        deal: [Candidate(known[row], basis) for row, basis in found.items() if row in known]
        for deal, found in bases.items()
    }


def _keys_of(connection: Connection, rows: Collection[int]) -> dict[int, set[bytes]]:
    keys: dict[int, set[bytes]] = {row: set() for row in rows}
    for deal, key in dialect.rows_among(
        connection, deal_keys, ("deal", "key"), "deal", sorted(rows)
    ):
        keys[deal].add(bytes(key))
    return keys


class _Customers:
    """Clicks by the keys they have, and those that lead to one another."""

    def __init__(self, reached: Reached) -> None:
        self._with_key = _by_key(reached.links)
        self._ends = _by_key(reached.ends)
        self._together = Together()
        for ones in self._with_key.values():
            self._together.join_all(ones)
        self._all: dict[int, list[int]] = {}
        for click in sorted({click for _, click in reached.links}):
            self._all.setdefault(self._together.first_of(click), []).append(click)

    def clicks_of(self, own: Iterable[bytes], theirs: Iterable[bytes]) -> dict[int, MatchBasis]:
        """Return how each click is found of a customer with `theirs`, who has a deal with `own`.

        Those that the deal's own keys find go first, each part in the order of the rows. Where
        keys lead to more clicks than any customer has, they lead no further than these.
        """
        found: dict[int, MatchBasis] = {}
        for key in own:
            basis = clicks.basis_of(key)
            for click in self._with_key.get(key, self._ends.get(key, ())):
                found[click] = min(basis, found.get(click, basis))
        in_order = {click: found[click] for click in sorted(found)}
        whole = self._led_to_by(theirs)
        if len(whole) <= MOST_CLICKS:
            for click in whole:
                in_order.setdefault(click, MatchBasis.PERSON)
        return in_order

    def _led_to_by(self, keys: Iterable[bytes]) -> Sequence[int]:
        first_of, with_key = self._together.first_of, self._with_key
        begun = {first_of(with_key[key][0]) for key in keys if key in with_key}
        if len(begun) == 1:
            return self._all[begun.pop()]
        return sorted(click for first in begun for click in self._all[first])


def _by_key(links: Iterable[Link]) -> dict[bytes, list[int]]:
    by_key: dict[bytes, list[int]] = {}
    for key, click in links:
        by_key.setdefault(key, []).append(click)
    return by_key


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
    sales = {
        deal: [sold[other] for other in sorted(own) if other != deal and other in sold]
        for deal, own in members.items()
    }
    return {deal: theirs for deal, theirs in sales.items() if theirs}


@cache
def _won(dialect_name: str) -> Select[Any]:
    asked = select(numbers_given(dialect_name, "rows").c.value)
    is_won = (milestones.c.name == WON) & milestones.c.withdrawn_at.is_(None)
    return (
        select(deals.c.id, deals.c.deal_id, milestones.c.reached_at, deals.c.clicks)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(deals.c.id.in_(asked), deals.c.gone.is_(None), is_won)
    )
