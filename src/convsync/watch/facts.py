"""What the ledger says about the nights, read once, for alerts, metrics and `status --check`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from convsync.errors import OperatorError
from convsync.model.expected import Forecast
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.proof import head_file
from convsync.proof.verification import recent_break
from convsync.store import account, alert_states, audit_log, batches, sums, watching
from convsync.store.database import Connection
from convsync.store.watching import Night
from convsync.values import drift

USUAL_DAYS = 28
A_DAY = timedelta(hours=22)
"""What is less long ago belongs to the same day: nights are not always a day apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How the nights stand at an instant.

    `not_begun` says why the last run did not even begin, "" where it did. `uploads` are the rows
    sent by each nightly run of the last four weeks; `unconfirmed` is how many batches wait for a
    verdict, and since when; `chain` says what is wrong with the audit log, "" where nothing was
    found; `events` is how many it has, `drift` where the last run found learned values stray.
    `answers` are the platforms' on the day of the last run, by the event each became: a run that
    was killed had some, and told nobody.
    """

    at: datetime
    night: Night | None = None
    not_begun: str = ""
    last_good: datetime | None = None
    last_begun: datetime | None = None
    blocked: Sequence[tuple[ConversionAction, str, int]] = ()
    unconfirmed: tuple[int, datetime] | None = None
    unanswered: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    read_until: Mapping[str, datetime] = field(default_factory=dict)
    uploads: Sequence[tuple[datetime, int]] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    chain: str = ""
    events: int = 0
    drift: Sequence[Forecast] = ()
    sums: account.Sums | None = None


def facts_within(
    connection: Connection,
    rules: Sequence[ConversionRule],
    head_path: Path | None,
    now: datetime,
    *,
    broken: Callable[[Connection], str] = recent_break,
) -> Facts:
    """Read them, all of one state of the ledger; `broken` says what breaks the log's end."""
    night, kept = watching.last_night(connection, now), sums.kept(connection)
    return Facts(
        at=now,
        night=night,
        not_begun=alert_states.not_begun(connection),
        last_good=watching.last_good_night(connection),
        last_begun=watching.last_begun(connection),
        blocked=batches.blocked_among(kept),
        unconfirmed=watching.oldest_unconfirmed(connection),
        unanswered=len(batches.unanswered(connection)),
        unreadable=watching.unreadable(connection),
        read_until=watching.read_until(connection),
        uploads=watching.uploads_since(connection, now - timedelta(days=USUAL_DAYS + 1)),
        answers=watching.answers_since(connection, night.as_of - A_DAY) if night else {},
        chain=_problem_of_chain(connection, head_path, broken),
        events=audit_log.last(connection).head.number,
        drift=drift.noted(connection),
        sums=account.sums(connection, rules, kept=kept),
    )


def _problem_of_chain(
    connection: Connection, head_path: Path | None, broken: Callable[[Connection], str]
) -> str:
    """Return what the latest `audit verify` found, or else what is wrong with the log's end."""
    if found := alert_states.unsound(connection):
        return f"`convsync audit verify` found that {found}"
    try:
        lost = head_file.lost(head_path, connection)
    except OperatorError as error:
        return str(error)
    if lost is not None:
        return f"the ledger is not the one that the last run left: {lost}"
    return broken(connection)
