"""Alerts that somebody has taken over: on record, and not sent again as they are.

An acknowledged state counts as told. It is told again where it grows tenfold, which ends the
acknowledgement, and once more when it is over.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from convsync.clock import Clock
from convsync.decisions.deciding import put_on_record
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
from convsync.store import alert_states
from convsync.store.alert_states import KnownState
from convsync.store.database import Database
from convsync.watch.findings import Finding


def acknowledge(
    database: Database,
    findings: Sequence[Finding],
    key: str,
    *,
    by: str,
    now: datetime,
    real_clock: Clock,
) -> Finding:
    """Note who answers for a state; return it. OperatorError where nothing is wrong of that name.

    Whoever acknowledges it again takes it over.
    """
    finding = state_of(findings, key)
    with database.transaction("acknowledge alert") as connection:
        known = alert_states.recall(connection)
        state = known.get(key) or KnownState(since=now, text=finding.text)
        seen = replace(
            state,
            text=finding.text,
            told_at=state.told_at or now,
            told_size=max(state.told_size, finding.size),
            acknowledged_by=by,
            acknowledged_at=now,
        )
        alert_states.remember(connection, {**known, key: seen})
        said = {"state": key, "text": finding.text, "by": by}
        event = Event(EventKind.ALERT_ACKNOWLEDGED, said)
        put_on_record(connection, "acknowledge", event, now=now, real_clock=real_clock)
    return finding


def reopen(database: Database, key: str, *, by: str, now: datetime, real_clock: Clock) -> None:
    """Take an acknowledgement back: the state is told again. OperatorError where there is none."""
    with database.transaction("reopen alert") as connection:
        known = alert_states.recall(connection)
        state = known.get(key)
        if state is None or state.acknowledged_by is None:
            raise OperatorError(f"Nobody has acknowledged {key}; see `convsync alerts list`.")
        open_again = KnownState(since=state.since, text=state.text)
        alert_states.remember(connection, {**known, key: open_again})
        event = Event(EventKind.ALERT_REOPENED, {"state": key, "by": by})
        put_on_record(connection, "reopen", event, now=now, real_clock=real_clock)


def state_of(findings: Sequence[Finding], key: str) -> Finding:
    """Return the finding of that name; OperatorError, naming those there are, for none."""
    for finding in findings:
        if finding.key == key:
            return finding
    there = ", ".join(finding.key for finding in findings) or "nothing is wrong"
    raise OperatorError(f"There is no alert {key} at the moment: {there}.")
