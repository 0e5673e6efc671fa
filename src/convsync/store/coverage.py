"""What became of the conversions of a period, counted by how each was matched and why not."""

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, null, select

from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.store.column_types import amount_of
from convsync.store.schema import deals, ledger
from convsync.store.selection import ON_SIDE, WORTH, WORTH_CURRENCY

_SIDE = case(*((condition, side.value) for side, condition in ON_SIDE.items()))
_WAS_LATE = (Reason.CLICK_OUTSIDE_LOOKBACK, Reason.CLICK_TOO_OLD_TO_UPLOAD)


class Alike(NamedTuple):
    """How many conversions are alike in all that coverage asks, and what they are worth.

    `segments` is the JSON of the deals' segments, None where it was not asked for. `basis` is a
    `MatchBasis`, None where there is no match; with a basis and no `click_kind` the person stands
    in for the click. Where something was refused, `reason` or `code` says why.
    """

    rule: str
    source: str
    segments: str | None
    side: str
    basis: int | None
    click_kind: str | None
    reason: str | None
    code: str | None
    currency: str | None
    conversions: int
    value: Decimal


def counted(connection: Connection, period: Period, *, by_segments: bool) -> list[Alike]:
    """Return the conversions whose milestone was reached in a period, by what they have alike."""
    key = (
        ledger.c.rule,
        deals.c.source,
        (deals.c.segments if by_segments else null()).label("segments"),
        _SIDE.label("side"),
        ledger.c.basis,
        ledger.c.click_kind,
        ledger.c.reason,
        ledger.c.code,
        WORTH_CURRENCY.label("worth_currency"),
    )
    found = (
        select(*key, func.count(), func.coalesce(func.sum(WORTH), 0))
        .join(deals, deals.c.id == ledger.c.deal)
        .where(_reached_in(period))
        .group_by(*(column for column in key if by_segments or column.name != "segments"))
    )
    return [
        Alike._make([*alike, count, amount_of(int(worth)) or Decimal(0)])
        for *alike, count, worth in connection.execute(found)
    ]


def late(connection: Connection, period: Period) -> list[tuple[int, str]]:
    """Return deal row and rule of conversions of a period whose click was too long before them."""
    found = select(ledger.c.deal, ledger.c.rule).where(
        _reached_in(period), ledger.c.reason.in_(_WAS_LATE)
    )
    rows = connection.execute(found.order_by(ledger.c.id))
    return [(row, rule) for row, rule in rows]


def _reached_in(period: Period) -> ColumnElement[bool]:
    return and_(ledger.c.milestone_at >= period.since, ledger.c.milestone_at < period.until)
