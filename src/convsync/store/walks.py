"""How deals walked through the funnel: each with the milestones it reached or once had.

Deals that are gone from the CRM are left out: a deleted one was none, and one that was merged walks
on as its survivor.

What was sent of a deal is what its conversions are worth on the side of the account that is sent,
by milestone, over all rules that count it: what the platform confirmed, or else what it took.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from convsync.model.ad_spending import Place
from convsync.model.ledger import Side
from convsync.store import origins
from convsync.store.schema import deals, ledger, milestones
from convsync.store.selection import ON_SIDE

_RANGE = 5_000
NOWHERE: Mapping[str, str] = {}


class Trace(NamedTuple):
    """A milestone that a deal reached, or did until `withdrawn_at`."""

    reached_at: datetime
    is_estimated: bool
    withdrawn_at: datetime | None

    @property
    def stands(self) -> bool:
        """True unless it was withdrawn."""
        return self.withdrawn_at is None


class Sent(NamedTuple):
    """What was sent of a deal when it reached a milestone, by one rule."""

    milestone: str
    value: Decimal
    currency: str | None


class Walk(NamedTuple):
    """A deal on its way; `row` is its own. `segments` is JSON text; amount and currency the CRM's.

    `sent` is empty unless it was asked for, and so is `origin`, where in the ad account it began.
    """

    row: int
    source: str
    deal_id: str
    created_at: datetime | None
    amount: Decimal | None
    currency: str | None
    segments: str | None
    traces: Mapping[str, Trace]
    sent: Sequence[Sent] = ()
    origin: Mapping[str, str] = NOWHERE

    @property
    def by_segment(self) -> Mapping[str, str]:
        """What the deal has in each segment; the CRM's go before where it began."""
        found: dict[str, str] = json.loads(self.segments or "{}")
        return {**self.origin, **found} if self.origin else found


def walks(
    connection: Connection, *, with_sent: bool = False, with_origins: bool = False
) -> Iterator[Walk]:
    """Yield every deal that is in its CRM, by row."""
    last = connection.execute(select(func.max(deals.c.id))).scalar() or 0
    for after in range(0, last, _RANGE):
        upto = after + _RANGE
        sent = _sent_between(connection, after, upto) if with_sent else {}
        for walk in walks_between(connection, after, upto, with_origins=with_origins):
            yield walk._replace(sent=sent[walk.row]) if walk.row in sent else walk


def walks_of(connection: Connection, deal_id: str, *, with_origins: bool = False) -> Iterator[Walk]:
    """Yield the deals with an ID that are in their CRM: one, or one of each source that has it."""
    for row in (
        connection.execute(select(deals.c.id).where(deals.c.deal_id == deal_id)).scalars().all()
    ):
        yield from walks_between(connection, row - 1, row, with_origins=with_origins)


def _sent_between(connection: Connection, after: int, upto: int) -> dict[int, list[Sent]]:
    value = func.coalesce(ledger.c.told_value, ledger.c.value)
    currency = func.coalesce(ledger.c.told_currency, ledger.c.currency)
    found = select(ledger.c.deal, ledger.c.milestone, value, currency).where(
        ledger.c.deal > after, ledger.c.deal <= upto, ON_SIDE[Side.SENT]
    )
    sent: dict[int, list[Sent]] = {}
    for deal, milestone, worth, currency_code in connection.execute(found):
        if worth is not None:
            sent.setdefault(deal, []).append(Sent(milestone, worth, currency_code))
    return sent


def walks_between(
    connection: Connection, after: int, upto: int, *, with_origins: bool = False
) -> Iterator[Walk]:
    """Yield the deals in rows after one and up to another that are in their CRM."""
    places = origins.between(connection, after, upto) if with_origins else {}
    found = select(milestones).where(milestones.c.deal > after, milestones.c.deal <= upto)
    traces: dict[int, dict[str, Trace]] = {}
    for one in connection.execute(found):
        traces.setdefault(one.deal, {})[one.name] = Trace(
            one.reached_at, one.is_estimated, one.withdrawn_at
        )
    columns = (deals.c.id, deals.c.source, deals.c.deal_id, deals.c.created_at)
    worth = (deals.c.amount, deals.c.currency, deals.c.segments)
    in_range = (deals.c.id > after) & (deals.c.id <= upto) & deals.c.gone.is_(None)
    for row, source, deal_id, created_at, amount, currency, segments in connection.execute(
        select(*columns, *worth).where(in_range).order_by(deals.c.id)
    ):
        yield Walk(
            row=row,
            source=source,
            deal_id=deal_id,
            created_at=created_at,
            amount=None if amount is None else Decimal(amount),
            currency=currency,
            segments=segments,
            traces=traces.get(row, {}),
            origin=_origin(places.get(row)),
        )


def _origin(place: Place | origins.Unknown | None) -> Mapping[str, str]:
    return place.as_segments() if isinstance(place, Place) else NOWHERE
