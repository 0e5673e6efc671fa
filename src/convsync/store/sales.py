"""What customers with several deals bought, and by which of them.

Which deals are one customer's is what `persons` keeps; a crowd is nobody. A sale is a deal that
stands as won and is in its CRM. A customer who is not here has one deal, or is not known to have
more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from convsync.model.deal import WON
from convsync.store import persons as people
from convsync.store.schema import deals, milestones, persons


class Sale(NamedTuple):
    """A deal that was won; those of one customer sort by when that was."""

    won_at: datetime
    row: int


@dataclass(frozen=True, slots=True)
class Customers:
    """The customer of each deal that is one of several, and the sales to each, first to last.

    `are_known` is False where nothing joins deals to customers, so that nobody can be said to
    have come back.
    """

    are_known: bool
    of_deal: Mapping[int, int] = field(default_factory=dict)
    sales: Mapping[int, Sequence[Sale]] = field(default_factory=dict)


def customers(connection: Connection, now: datetime) -> Customers:
    """Return the customers with several deals, and what they had bought by now."""
    if not people.is_needed(connection):
        return Customers(are_known=False)
    is_joined = persons.c.parted_at.is_(None) & ~persons.c.is_crowd
    joined = connection.execute(select(persons.c.deal, persons.c.person).where(is_joined))
    of_deal: dict[int, int] = {deal: person for deal, person in joined}  # noqa: C416 (typed)
    found = (
        select(persons.c.person, milestones.c.reached_at, deals.c.id)
        .join(deals, deals.c.id == persons.c.deal)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(is_joined, deals.c.gone.is_(None))
        .where(milestones.c.name == WON, milestones.c.withdrawn_at.is_(None))
        .where(milestones.c.reached_at <= now)
    )
    sales: dict[int, list[Sale]] = {}
    for person, won_at, row in connection.execute(found):
        sales.setdefault(person, []).append(Sale(won_at, row))
    by_time = {person: sorted(theirs) for person, theirs in sales.items()}
    return Customers(are_known=True, of_deal=of_deal, sales=by_time)
