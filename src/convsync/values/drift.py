"""Whether the accepted values still hold: the last closed months compared with them.

A night asks the whole history, which costs as much as the history is long, only where another month
has closed or another version was accepted; what it found is remembered until then, for the closing
lines and the alerts of the nights between. Nothing is switched by itself.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.json import decode, encode

from convsync import log
from convsync.model.expected import ExpectedTable, Forecast
from convsync.store import runs, value_versions
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.values.backtest import Month, held_against
from convsync.values.history import (
    MONTHS_TRIED,
    History,
    LearningTerms,
    months_before,
    read_history,
)
from convsync.values.leads import days_at

MONTHS_WATCHED = 3
"""The last closed months, whose sales are held against what rules use."""
_NOTED = "drift of values"


class _Noted(Struct, frozen=True, kw_only=True):
    """What was found of a version when a month had closed."""

    version: int
    month: str
    strayed: tuple[Forecast, ...]


@log.phase("watch values")
def watch(session: Session, terms: LearningTerms) -> Sequence[Forecast]:
    """Return where the last closed months stray from the values that rules use."""
    with session.transaction("watch values") as connection:
        used = value_versions.accepted(connection)
        closed = [] if used is None else _closed(used.table, terms, session.now)
        if used is None or not closed:
            return ()
        noted = _recalled(connection)
        if noted is None or (noted.version, noted.month) != (used.number, closed[-1].name):
            history = read_history(connection, terms)
            strayed = drift_of(used.table, history, terms, session.now)
            noted = _Noted(version=used.number, month=closed[-1].name, strayed=tuple(strayed))
            runs.remember(connection, _NOTED, encode(noted).decode())
    for one in noted.strayed:
        log.warning("learned values drift", version=noted.version, found=drift_in_words(one))
    return noted.strayed


def noted(connection: Connection) -> Sequence[Forecast]:
    """Return where they strayed when the last run looked; empty once another version is used."""
    found = _recalled(connection)
    is_used = found is not None and found.version == value_versions.accepted_number(connection)
    return found.strayed if found is not None and is_used else ()


def drift_of(
    table: ExpectedTable, history: History, terms: LearningTerms, now: datetime
) -> Sequence[Forecast]:
    """Return what the last closed months say of a table, where they stray from it."""
    day = days_at(now)
    strayed = held_against(table, history.leads, _closed(table, terms, now), day)
    return [one for one in strayed if one.has_drifted]


def drift_in_words(one: Forecast) -> str:
    """Return what was foretold and what came, for people."""
    return (
        f"of {one.leads:,} leads at {one.milestone} from {one.month},"
        f" {one.expected.value:,.0f} sales were expected"
        f" ({one.expected.low:,.0f} to {one.expected.high:,.0f}), and {one.won:,} came"
    )


def _closed(table: ExpectedTable, terms: LearningTerms, now: datetime) -> Sequence[Month]:
    """Return the last months of which every lead has had its window."""
    day = days_at(now)
    months = months_before(now, terms.zone, MONTHS_TRIED)
    return [one for one in months if one.until + table.window_days <= day][-MONTHS_WATCHED:]


def _recalled(connection: Connection) -> _Noted | None:
    kept = runs.recall(connection, _NOTED)
    return None if kept is None else decode(kept, type=_Noted)
