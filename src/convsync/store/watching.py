"""What a watcher asks of the ledger every night: how the last run ended, and what has waited long.

Each answer costs what it returns, however long the ledger is.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, or_, select

from convsync.model.event import EventKind
from convsync.model.record import numbers_in
from convsync.store import audit_blocks
from convsync.store.runs import KILLED, Holder, is_dead
from convsync.store.schema import IS_ACCEPTED, audit_events, batches, quarantine, runs, watermarks

_IS_NIGHT = or_(runs.c.command == "run", and_(runs.c.command == "release", runs.c.exit_code <= 1))
"""Which runs are watched: those that read every source. A release stands for the night that was
refused, unless it could not be carried out itself: the night is still to be released then."""
ANSWERS = (EventKind.CONFIRMED, EventKind.REJECTED, EventKind.UNMATCHED, EventKind.BLOCKED)
"""The events by which a platform has said its last word on a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How a nightly run ended. `as_of` is what it took as the present.

    One that was killed is not at its end, and has exit code 1. `outcomes` counts answers of the
    platforms by the event each became.
    """

    run_id: int
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    exit_code: int
    uploads: int
    message: str
    is_at_its_end: bool
    outcomes: Mapping[str, int] = field(default_factory=dict)


def last_night(
    connection: Connection, now: datetime, has_ended: Callable[[Holder], bool] = is_dead
) -> Night | None:
    """Return the last nightly run that is over, None where there never was one.

    One whose lease has ended, or whose process is gone, is over although nobody wrote that down.
    """
    found = select(runs).where(_IS_NIGHT).order_by(runs.c.id.desc()).limit(2)
    for row in connection.execute(found).mappings():
        if row["finished_at"] is not None or _is_over(row, now, has_ended):
            return _night(connection, row)
    return None


def last_good_night(connection: Connection) -> datetime | None:
    """Return what the last nightly run with exit code 0 took as the present."""
    return _latest(connection, _IS_NIGHT, runs.c.exit_code == 0)


def last_begun(connection: Connection) -> datetime | None:
    """Return what the latest nightly run to begin took as the present, finished or not."""
    return _latest(connection, _IS_NIGHT)


def _latest(connection: Connection, *which: ColumnElement[bool]) -> datetime | None:
    """Return what the latest of some runs took as the present: the end of an index."""
    found = select(runs.c.as_of).where(*which).order_by(runs.c.as_of.desc()).limit(1)
    return connection.execute(found).scalar()


def uploads_since(connection: Connection, since: datetime) -> Sequence[tuple[datetime, int]]:
    """Return when each run that is over was, since then, and how many rows it sent.

    What a killed one sent stands in its batches alone.
    """
    of_killed = (
        select(func.coalesce(func.sum(batches.c.rows), 0))
        .where(batches.c.run_id == runs.c.id, batches.c.state != "sending")
        .scalar_subquery()
    )
    sent = case((runs.c.message == KILLED, of_killed), else_=runs.c.uploads)
    found = select(runs.c.as_of, sent).where(
        runs.c.as_of >= since, _IS_NIGHT, runs.c.finished_at.is_not(None)
    )
    return [(as_of, uploads) for as_of, uploads in connection.execute(found)]


def answers_since(connection: Connection, since: datetime) -> Mapping[str, int]:
    """Return what platforms answered in the runs since then, by the event each row's answer became.

    What a killed run was answered counts too: nobody else was told of it.
    """
    answers = Counter[str]()
    found = select(runs.c.id, runs.c.audit_number).where(runs.c.as_of >= since, _IS_NIGHT)
    for run_id, number in connection.execute(found).all():
        if number is None:
            answers += _answers_of_killed(connection, run_id)
        else:
            answers.update(_how_it_finished(connection, number).get("outcomes", {}))
    return answers


def _answers_of_killed(connection: Connection, run_id: int) -> Counter[str]:
    span = audit_blocks.span_of_run(connection, run_id)
    if span is None:
        return Counter()
    answers = Counter[str]()
    found = select(audit_events.c.event, audit_events.c.detail).where(
        audit_events.c.number.between(*span),
        audit_events.c.run_id == run_id,
        audit_events.c.event.in_(ANSWERS),
    )
    for event, detail in connection.execute(found):
        entries = json.loads(detail).get("entries")
        answers[event] += 1 if entries is None else sum(1 for _ in numbers_in(entries))
    return answers


def oldest_unconfirmed(connection: Connection) -> tuple[int, datetime] | None:
    """Return how many batches wait for the platform's verdict, and since when the oldest does."""
    found = select(func.count(), func.min(batches.c.answered_at)).where(IS_ACCEPTED)
    count, since = connection.execute(found).one()
    return (count, since) if count else None


def unreadable(connection: Connection) -> dict[str, int]:
    """Return how many records of each source are in quarantine."""
    found = select(quarantine.c.source, func.count()).group_by(quarantine.c.source)
    return {source: count for source, count in connection.execute(found)}  # noqa: C416 (a result)


def read_until(connection: Connection) -> dict[str, datetime]:
    """Return how far each source has been read."""
    found = select(watermarks.c.source, watermarks.c.read_until)
    return {source: until for source, until in connection.execute(found)}  # noqa: C416 (a result)


def _is_over(row: RowMapping, now: datetime, has_ended: Callable[[Holder], bool]) -> bool:
    lease = row["lease_until"]
    return lease is None or lease <= now or has_ended(Holder.parse(row["holder"]))


def _night(connection: Connection, row: RowMapping) -> Night:
    detail = _how_it_finished(connection, row["audit_number"])
    return Night(
        run_id=row["id"],
        as_of=row["as_of"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        exit_code=1 if row["exit_code"] is None else row["exit_code"],
        uploads=row["uploads"],
        message=row["message"] or (KILLED if row["finished_at"] is None else ""),
        is_at_its_end=bool(detail.get("is_at_its_end")),
        outcomes=detail.get("outcomes", {}),
    )


def _how_it_finished(connection: Connection, number: int | None) -> dict[str, Any]:
    """Return what the run's last event says; a killed run has none."""
    if number is None:
        return {}
    found = select(audit_events.c.detail).where(audit_events.c.number == number)
    detail: dict[str, Any] = json.loads(connection.execute(found).scalar() or "{}")
    return detail
