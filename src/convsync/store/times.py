"""How long it took from click to milestone: kept as sums, of a period, and counted anew.

What was sent is counted, in tenths of a day, by milestone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    select,
    true,
    type_coerce,
)

from convsync.model.ledger import State
from convsync.model.period import Period
from convsync.store import dialect
from convsync.store.given import numbers_given
from convsync.store.schema import IS_ESTIMATED, ledger, milestones, time_sums

TENTH = timedelta(days=0.1)
"""The unit of the time from click to milestone: as exact as it is shown."""
SENT = frozenset({State.ACCEPTED, State.CONFIRMED})
"""The states of what the platform has taken."""
_MICROSECOND = timedelta(microseconds=1)


def kept(connection: Connection) -> dict[str, list[tuple[timedelta, int]]]:
    """Return by milestone how many were sent so long after their click, the quickest first.

    Those whose milestone has an estimate for its time are taken out here: what is kept does not
    know of them, for a CRM's history may say better at any time.
    """
    columns = (time_sums.c.milestone, time_sums.c.tenths, time_sums.c.rows)
    rows_of = {(name, tenths): rows for name, tenths, rows in connection.execute(select(*columns))}
    of_estimates = _timed(ledger.c.milestone, _TENTHS).where(
        ledger.c.deal.in_(select(milestones.c.deal).where(IS_ESTIMATED)),
        exists().where(_ITS_MILESTONE, milestones.c.is_estimated.is_(true())),
    )
    for name, tenths, rows in connection.execute(of_estimates):
        rows_of[name, tenths] = rows_of.get((name, tenths), 0) - rows
    return _by_milestone((*key, rows) for key, rows in sorted(rows_of.items()) if rows)


def within(connection: Connection, period: Period) -> dict[str, list[tuple[timedelta, int]]]:
    """Return the same of milestones reached in a period, from the ledger's own rows."""
    found = (
        _timed(ledger.c.milestone, _TENTHS)
        .join(milestones, _ITS_MILESTONE, isouter=True)
        .where(
            ledger.c.milestone_at >= period.since,
            ledger.c.milestone_at < period.until,
            milestones.c.is_estimated.is_not(true()),
        )
        .order_by(_TENTHS)
    )
    return _by_milestone(connection.execute(found))


def _timed(*key: ColumnElement[Any]) -> Select[Any]:
    """Return a query that counts the entries with a time from click to milestone, by a key."""
    return select(*key, func.count()).where(_IS_TIMED).group_by(*key)


def _by_milestone(found: Iterable[Any]) -> dict[str, list[tuple[timedelta, int]]]:
    times: dict[str, list[tuple[timedelta, int]]] = {}
    for milestone, tenths, rows in found:
        times.setdefault(milestone, []).append((tenths * TENTH, rows))
    return times


def tenths_between(clicked_at: datetime, reached_at: datetime) -> int:
    """Return the time between in tenths of a day, rounded up."""
    return max(0, -((clicked_at - reached_at) // TENTH))


def turning(
    connection: Connection,
    numbers: Sequence[int],
    spans: Sequence[tuple[int, int]],
    *,
    is_sent: bool,
) -> list[tuple[Any, ...]]:
    """Return by milestone and time how many of these entries are not sent yet, or are."""
    if len(spans) == 1:
        ((first, last),) = spans
        return dialect.raw_rows(connection, _between(is_sent=is_sent), first=first, last=last)
    given = _given(connection.dialect.name, is_sent=is_sent)
    return dialect.raw_rows(connection, given, numbers=numbers)


@cache
def _between(*, is_sent: bool) -> Select[Any]:
    return _turning(ledger.c.id.between(bindparam("first"), bindparam("last")), is_sent=is_sent)


@cache
def _given(dialect_name: str, *, is_sent: bool) -> Select[Any]:
    given = select(numbers_given(dialect_name, "numbers").c.value)
    return _turning(ledger.c.id.in_(given), is_sent=is_sent)


def _turning(are_meant: ColumnElement[bool], *, is_sent: bool) -> Select[Any]:
    state = ledger.c.state.in_(sorted(SENT))
    turns = ~state if is_sent else state
    found = select(ledger.c.milestone, _TENTHS.label("tenths"), func.count()).where(
        are_meant, _HAS_CLICK_TIME, ledger.c.told_value.is_(None), turns
    )
    return found.group_by(ledger.c.milestone, _TENTHS)


def counted(connection: Connection) -> dict[tuple[Any, ...], list[int]]:
    """Return what `time_sums` has to hold."""
    found = select(ledger.c.milestone, _TENTHS.label("tenths")).where(_IS_TIMED)
    return {key: [rows] for key, rows in dialect.tally(connection, found).items()}


_TOOK = type_coerce(ledger.c.milestone_at, BigInteger) - type_coerce(
    ledger.c.clicked_at, BigInteger
)
_UNIT = TENTH // _MICROSECOND
_TENTHS = case((_TOOK > 0, (_TOOK + (_UNIT - 1)) // _UNIT), else_=0)
_HAS_CLICK_TIME = and_(ledger.c.clicked_at.is_not(None), ledger.c.is_click_estimated.is_not(true()))
"""An estimate is no time that could be measured from."""
_ITS_MILESTONE = and_(milestones.c.deal == ledger.c.deal, milestones.c.name == ledger.c.milestone)
_IS_TIMED = _HAS_CLICK_TIME & (ledger.c.told_value.is_not(None) | ledger.c.state.in_(sorted(SENT)))
