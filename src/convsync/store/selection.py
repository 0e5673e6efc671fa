"""Conversions by how they stand: listed, counted and added up, the longest unsettled first.

What a conversion is worth is what was planned for it, or else its deal's amount, from which the
value would follow: a deal that waits for its click has no other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    type_coerce,
)

from convsync.model.click import MatchBasis
from convsync.model.ledger import Side, State
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.store import sums
from convsync.store.column_types import amount_of
from convsync.store.json_texts import filled_in
from convsync.store.schema import deals, ledger
from convsync.store.sums import LedgerSum

PERSON = "person"
"""Stands in for a kind of click ID where consented identifiers name whoever it is."""


class OfDeal(NamedTuple):
    """What a segment of the deal must be, or must not be; None: not filled in.

    Without a name it is about the deal's source.
    """

    name: str | None
    value: str | None
    is_not: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which conversions are meant; None: any. `until` is when the milestone was reached, at last.

    `state` is a state, or one of the three sides of the account. `reached` is a period of the
    milestone's. `click` is the kind of click ID that it was matched with, or `PERSON`; `found_by`
    by what that was found; and it `is_covered` where there is either.
    """

    state: State | Side | None = None
    reason: Reason | None = None
    code: str | None = None
    rule: str | None = None
    source: str | None = None
    until: datetime | None = None
    reached: Period | None = None
    click: str | None = None
    found_by: MatchBasis | None = None
    is_covered: bool | None = None
    of_deal: tuple[OfDeal, ...] = ()
    value_above: Decimal | None = None


class Selected(NamedTuple):
    """One conversion: its deal, how far it has come, and what it is worth."""

    source: str
    deal_id: str
    rule: str
    milestone: str
    milestone_at: datetime
    state: str
    reason: str | None
    code: str | None
    due_at: datetime | None
    value: Decimal | None
    currency: str | None
    order_id: str


class Sum(NamedTuple):
    """How many conversions are worth how much, in a currency; None where nothing says so.

    The amounts of `left_out` of them are absurd, and not in it.
    """

    currency: str | None
    conversions: int
    value: Decimal
    left_out: int = 0


_IS_SENT = or_(
    ledger.c.told_value.is_not(None), ledger.c.state.in_([State.ACCEPTED, State.CONFIRMED])
)
_REFUSED = (State.NOT_SENT, State.UNMATCHED, State.REJECTED)
ON_SIDE = {
    Side.SENT: _IS_SENT,
    Side.NOT_SENT: and_(~_IS_SENT, ledger.c.state.in_(_REFUSED)),
    Side.WAITING: and_(~_IS_SENT, ledger.c.state.not_in(_REFUSED)),
}
"""The account's own sides (`store.account`), as conditions."""

_PLANNED = type_coerce(ledger.c.value, BigInteger)
_OF_DEAL = cast(func.round(cast(deals.c.amount, Float) * 1_000_000), BigInteger)
WORTH = func.coalesce(_PLANNED, _OF_DEAL)
WORTH_CURRENCY = case((_PLANNED.is_not(None), ledger.c.currency), else_=deals.c.currency)

_COLUMNS = (
    deals.c.source,
    deals.c.deal_id,
    *(ledger.c[name] for name in ("rule", "milestone", "milestone_at", "state")),
    *(ledger.c[name] for name in ("reason", "code", "due_at")),
    WORTH.label("worth"),
    WORTH_CURRENCY.label("worth_currency"),
    ledger.c.order_id,
)


def listed(
    connection: Connection, selection: Selection, *, limit: int | None = None
) -> Iterator[Selected]:
    """Yield the conversions that are meant, whose milestone is longest ago first."""
    found = _where(select(*_COLUMNS), selection).order_by(ledger.c.milestone_at, ledger.c.id)
    for row in connection.execute(found.limit(limit)):
        yield _selected(row)


def newest(
    connection: Connection, selection: Selection, *, before: int | None, limit: int
) -> list[tuple[int, Selected]]:
    """Return the conversions that entered the ledger last, each with the number it has there.

    Only those with a number below `before`: the last number of a page leads to the next, however
    many there are.
    """
    found = _where(select(ledger.c.id, *_COLUMNS), selection).order_by(ledger.c.id.desc())
    if before is not None:
        found = found.where(ledger.c.id < before)
    return [(number, _selected(row)) for number, *row in connection.execute(found.limit(limit))]


def _selected(row: Iterable[Any]) -> Selected:
    *before, worth, currency, order_id = row
    return Selected._make([*before, amount_of(worth), currency, order_id])


def at_most(connection: Connection, selection: Selection) -> int:
    """Return how many conversions can be meant at most, by the sums that are kept."""
    state = selection.state
    side = state if isinstance(state, Side) else None
    return sum(
        one.rows
        for one in sums.kept(connection)
        if (side is None or _side_of(one) is side)
        and (side is not None or state in (None, one.state))
        and selection.reason in (None, one.reason)
        and selection.code in (None, one.code)
        and selection.rule in (None, one.rule)
        and selection.source in (None, one.source)
    )


def _side_of(one: LedgerSum) -> Side:
    if one.is_sent:
        return Side.SENT
    return Side.NOT_SENT if one.state in _REFUSED else Side.WAITING


def added_up(
    connection: Connection, selection: Selection, *, absurd_above: Decimal | None = None
) -> list[Sum]:
    """Return how many conversions are meant and what they are worth, by currency.

    As in the reports, a deal's amount below zero or above `absurd_above` is worth nothing.
    """
    worth = func.coalesce(func.sum(_believable(absurd_above)), 0)
    left_out = func.count(case((and_(_PLANNED.is_(None), _absurd(absurd_above)), 1)))
    found = select(WORTH_CURRENCY.label("worth_currency"), func.count(), worth, left_out)
    rows = connection.execute(
        _where(found, selection).group_by(WORTH_CURRENCY).order_by(WORTH_CURRENCY)
    )
    return [
        Sum(currency, count, amount_of(int(total)) or Decimal(0), left)
        for currency, count, total, left in rows
    ]


def in_other_currencies(
    connection: Connection,
    selection: Selection,
    currency: str,
    *,
    absurd_above: Decimal | None = None,
) -> Iterator[tuple[Decimal, str, datetime]]:
    """Yield what conversions are worth in any currency but this one, and when it was reached."""
    believable = _believable(absurd_above)
    found = _where(
        select(believable, WORTH_CURRENCY.label("worth_currency"), ledger.c.milestone_at),
        selection,
    ).where(WORTH_CURRENCY.is_not(None), WORTH_CURRENCY.is_distinct_from(currency))
    for worth, other, reached_at in connection.execute(found):
        yield amount_of(worth) or Decimal(0), other, reached_at


def _absurd(above: Decimal | None) -> ColumnElement[bool]:
    is_negative = _OF_DEAL < 0
    return is_negative if above is None else or_(is_negative, int(above.scaleb(6)) < _OF_DEAL)


def _believable(above: Decimal | None) -> ColumnElement[int]:
    return func.coalesce(_PLANNED, case((~_absurd(above), _OF_DEAL)))


def _where(found: Select[Any], selection: Selection) -> Select[Any]:
    return found.join(deals, deals.c.id == ledger.c.deal).where(*_conditions(selection))


def _conditions(asked: Selection) -> Iterator[ColumnElement[bool]]:
    if isinstance(asked.state, Side):
        yield ON_SIDE[asked.state]
    elif asked.state is not None:
        yield ledger.c.state == asked.state
    for column, value in (
        (ledger.c.reason, asked.reason),
        (ledger.c.code, asked.code),
        (ledger.c.rule, asked.rule),
        (deals.c.source, asked.source),
        (ledger.c.basis, asked.found_by),
    ):
        if value is not None:
            yield column == value
    if asked.click == PERSON:
        yield and_(ledger.c.basis.is_not(None), ledger.c.click_kind.is_(None))
    elif asked.click is not None:
        yield and_(ledger.c.basis.is_not(None), ledger.c.click_kind == asked.click)
    if asked.is_covered is not None:
        yield ledger.c.basis.is_not(None) if asked.is_covered else ledger.c.basis.is_(None)
    for one in asked.of_deal:
        has = deals.c.source if one.name is None else filled_in(deals.c.segments, one.name)
        is_so = has.is_(None) if one.value is None else and_(has.is_not(None), has == one.value)
        yield ~is_so if one.is_not else is_so
    if asked.reached is not None:
        yield ledger.c.milestone_at >= asked.reached.since
        yield ledger.c.milestone_at < asked.reached.until
    if asked.until is not None:
        yield ledger.c.milestone_at <= asked.until
    if asked.value_above is not None:
        least = int(asked.value_above.scaleb(6))
        yield least < WORTH
