"""Deals that are won, each with what came in for it: all of them, by row."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from convsync.model.deal import WON
from convsync.model.revenue import Payment
from convsync.store import revenue
from convsync.store.schema import deals, milestones

_RANGE = 5_000


class SoldDeal(NamedTuple):
    """A deal that is won and in its CRM, by its row. `segments` is JSON text."""

    row: int
    source: str
    deal_id: str
    segments: str | None
    won_at: datetime
    payments: Sequence[Payment]


def sold(connection: Connection, *, now: datetime) -> Iterator[SoldDeal]:
    """Yield every sale up to now, with what had come in by then."""
    last = connection.execute(select(func.max(deals.c.id))).scalar() or 0
    for after in range(0, last, _RANGE):
        yield from _between(connection, after, after + _RANGE, now)


def _between(connection: Connection, after: int, upto: int, now: datetime) -> Iterator[SoldDeal]:
    found = (
        select(
            deals.c.id,
            deals.c.source,
            deals.c.deal_id,
            deals.c.segments,
            milestones.c.reached_at,
        )
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(
            deals.c.id > after,
            deals.c.id <= upto,
            deals.c.gone.is_(None),
            milestones.c.name == WON,
            milestones.c.withdrawn_at.is_(None),
            milestones.c.reached_at <= now,
        )
        .order_by(deals.c.id)
    )
    rows = connection.execute(found).all()
    paid = revenue.payments_of(connection, [row.id for row in rows])
    for row, source, deal_id, segments, won_at in rows:
        payments = [one for one in paid.get(row, ()) if one.paid_at <= now]
        yield SoldDeal(row, source, deal_id, segments, won_at, payments)
