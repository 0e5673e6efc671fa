"""How deals walked through the funnel: each with the milestones it reached or once had.

Deals that are gone from the CRM are left out: a deleted one was none, and one that was merged walks
on as its survivor.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from convsync.store.schema import deals, milestones

_RANGE = 5_000


class Trace(NamedTuple):
    """A milestone that a deal reached, or did until `withdrawn_at`."""

    reached_at: datetime
    is_estimated: bool
    withdrawn_at: datetime | None


class Walk(NamedTuple):
    """A deal on its way. `segments` is JSON text; amount and currency are the CRM's, if any."""

    source: str
    created_at: datetime | None
    amount: Decimal | None
    currency: str | None
    segments: str | None
    traces: Mapping[str, Trace]


def walks(connection: Connection) -> Iterator[Walk]:
    """Yield every deal that is in its CRM, by row."""
    last = connection.execute(select(func.max(deals.c.id))).scalar() or 0
    for after in range(0, last, _RANGE):
        yield from _walks_between(connection, after, after + _RANGE)


def _walks_between(connection: Connection, after: int, upto: int) -> Iterator[Walk]:
    found = select(milestones).where(milestones.c.deal > after, milestones.c.deal <= upto)
    traces: dict[int, dict[str, Trace]] = {}
    for one in connection.execute(found):
        traces.setdefault(one.deal, {})[one.name] = Trace(
            one.reached_at, one.is_estimated, one.withdrawn_at
        )
    columns = (deals.c.id, deals.c.source, deals.c.created_at)
    worth = (deals.c.amount, deals.c.currency, deals.c.segments)
    in_range = (deals.c.id > after) & (deals.c.id <= upto) & deals.c.gone.is_(None)
    for row, source, created_at, amount, currency, segments in connection.execute(
        select(*columns, *worth).where(in_range).order_by(deals.c.id)
    ):
        yield Walk(
            source=source,
            created_at=created_at,
            amount=None if amount is None else Decimal(amount),
            currency=currency,
            segments=segments,
            traces=traces.get(row, {}),
        )
