"""Crowds: deals that keys join one to the next, too many to be one customer's (`persons`).

Each of their keys is of a few deals, so none is shared by too many; but together they are nobody.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from convsync.store.schema import IS_CROWD, deals, persons


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many deals there are, and the first of them."""

    deals: int
    example: str


def listed(connection: Connection) -> list[Crowd]:
    """Return all crowds, the largest first."""
    return _found(connection, _SIZES)


def of_deal(connection: Connection, row: int) -> Crowd | None:
    """Return the crowd that a deal is in, None where it is in none."""
    own = select(persons.c.person).where(persons.c.deal == row, IS_CROWD)
    return next(iter(_found(connection, _SIZES.where(persons.c.person.in_(own)))), None)


_SIZES = (
    select(persons.c.person, func.count().label("deals")).where(IS_CROWD).group_by(persons.c.person)
)


def _found(connection: Connection, sizes: Select[Any]) -> list[Crowd]:
    crowd = sizes.subquery()
    named = (
        select(crowd.c.deals, deals.c.deal_id)
        .join(deals, deals.c.id == crowd.c.person)
        .order_by(crowd.c.deals.desc(), crowd.c.person)
    )
    return [Crowd(deals=size, example=deal_id) for size, deal_id in connection.execute(named)]
