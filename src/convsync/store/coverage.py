"""What became of the conversions of a period, counted by how each was matched and why not."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    null,
    select,
    type_coerce,
)

from convsync.model.ledger import Side
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.store import dialect
from convsync.store.column_types import amount_of, instant_of
from convsync.store.schema import deal_keys, deals, ledger
from convsync.store.selection import ON_SIDE, WORTH, WORTH_CURRENCY

_SIDE = case(*((condition, side.value) for side, condition in ON_SIDE.items()))
_PAGE = 1_000
_REACHED_AT = type_coerce(ledger.c.milestone_at, BigInteger)
_WAS_LATE = (Reason.CLICK_OUTSIDE_LOOKBACK, Reason.CLICK_TOO_OLD_TO_UPLOAD)


class Alike(NamedTuple):
    """How many conversions are alike in all that coverage asks, and what they are worth.

    `segments` is the JSON of the deals' segments, `deal` a deal's row, and `at` the time of the
    milestone of a single one, None where that was not asked for. `basis` is a `MatchBasis`, None
    where there is no match; with a basis and no `click_kind` the person stands in for the click.
    Where something was refused, `reason` or `code` says why.
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
    deal: int | None
    at: datetime | None
    conversions: int
    value: Decimal


def counted(
    connection: Connection,
    period: Period,
    *,
    by_segments: bool,
    by_deal: bool = False,
    by_time: bool = False,
) -> list[Alike]:
    """Return the conversions whose milestone was reached in a period, by what they have alike.

    With `by_time` each stands alone, with the time of its milestone.
    """
    left_out = {"segments": not by_segments, "deal": not by_deal, "at": not by_time}
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
        (ledger.c.deal if by_deal else null()).label("deal"),
        (_REACHED_AT if by_time else null()).label("at"),
    )
    found = (
        select(*key, func.count(), func.coalesce(func.sum(WORTH), 0))
        .join(deals, deals.c.id == ledger.c.deal)
        .where(_reached_in(period))
        .group_by(
            *(column for column in key if not left_out.get(column.name)),
            *([ledger.c.id] if by_time else []),
        )
    )
    return [
        Alike._make([*alike, instant_of(at), count, amount_of(int(worth)) or Decimal(0)])
        for *alike, at, count, worth in connection.execute(found)
    ]


def late(connection: Connection, period: Period) -> list[tuple[int, str]]:
    """Return deal row and rule of conversions of a period whose click was too long before them."""
    found = select(ledger.c.deal, ledger.c.rule).where(
        _reached_in(period), ledger.c.reason.in_(_WAS_LATE)
    )
    rows = connection.execute(found.order_by(ledger.c.id))
    return [(row, rule) for row, rule in rows]


class SentThen(NamedTuple):
    """A conversion that was sent: its deal, when its milestone was reached, what it is worth."""

    deal: int
    at: datetime
    value: Decimal
    currency: str | None


def sent(connection: Connection, period: Period) -> Iterator[SentThen]:
    """Yield the conversions that were sent whose milestone was reached in a period.

    They are worth what the platform confirmed, or else what it took.
    """
    value = func.coalesce(ledger.c.told_value, ledger.c.value, type_=ledger.c.value.type)
    currency = func.coalesce(ledger.c.told_currency, ledger.c.currency)
    found = select(ledger.c.deal, ledger.c.milestone_at, value, currency).where(
        _reached_in(period), ON_SIDE[Side.SENT]
    )
    for deal, at, worth, in_currency in connection.execute(
        found.execution_options(yield_per=_PAGE)
    ):
        yield SentThen(deal, at, worth or Decimal(0), in_currency)


class HeldFields(NamedTuple):
    """What the fields of a deal hold, as they are kept: hashes, and JSON of clicks and segments."""

    id: int
    source: str
    clicks: str | None
    emails: str | None
    phones: str | None
    amount: str | None
    currency: str | None
    ad_user_data: str
    segments: str | None


def held_fields(connection: Connection, period: Period) -> Iterator[HeldFields]:
    """Yield what is held of each deal with a conversion whose milestone was reached in a period."""
    concerned = select(ledger.c.deal).where(_reached_in(period))
    columns = [deals.c[name] for name in HeldFields._fields]
    found = select(*columns).where(deals.c.id.in_(concerned)).order_by(deals.c.id)
    for row in connection.execute(found.execution_options(yield_per=_PAGE)):
        yield HeldFields._make(row)


def keys_of(connection: Connection, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the row and each key of some deals."""
    for row, key in dialect.rows_among(connection, deal_keys, ("deal", "key"), "deal", rows):
        yield row, bytes(key)


def _reached_in(period: Period) -> ColumnElement[bool]:
    return and_(ledger.c.milestone_at >= period.since, ledger.c.milestone_at < period.until)
