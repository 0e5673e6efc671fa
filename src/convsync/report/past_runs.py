"""Past runs, a line each: what was read, planned, refused and sent, and how it ended.

All of it stands in the run's own row, so that a month is had in one short query however long the
ledger is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from convsync.errors import UnsafePlanError
from convsync.model.chain import Head
from convsync.model.run_stage import STAGES
from convsync.plan import Step
from convsync.report.closing import Ending
from convsync.store import audit_blocks, batches, kept_plans, runs
from convsync.store.database import Connection, Database

RUNNING, KILLED = "RUNNING", "KILLED"
"""What stands in place of an ending while a run goes on, and where it never said how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """What one run did.

    `state` is an `Ending`, RUNNING or KILLED. `took` is None until it has ended; `value` is what
    was sent, by currency, `unreadable` the records that were not known to be so. `head` is the
    audit log's at the run's end, None where it wrote nothing there.
    """

    run_id: int
    command: str
    as_of: datetime
    started_at: datetime
    took: timedelta | None
    state: str
    exit_code: int | None
    read: int
    new: int
    restated: int
    retracted: int
    rejected: int
    unreadable: int
    sent: int
    value: Mapping[str, Decimal]
    head: Head | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request of a run, or one of which no request ID is known."""

    batch: int
    destination: str
    action: str
    state: str
    rows: int
    request_id: str | None
    reserved_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInFull:
    """A run with what it planned and why not, what became of what it sent, and its requests.

    `plan` holds counts by step, `reasons` by step and reason; `events` are the numbers of its first
    and last event in the audit log. `so_far` is what was done of each stage by its last step, and
    of how many, if that was known.
    """

    run: PastRun
    plan: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]
    outcomes: Mapping[str, int]
    done: Mapping[str, int]
    unreadable: Mapping[str, int]
    requests: Sequence[Sent]
    events: tuple[int, int] | None
    so_far: runs.Progress


def past_runs(database: Database, last: int) -> list[PastRun]:
    """Return the last runs, oldest first."""
    with database.reading() as connection:
        return [_run(row) for row in reversed(runs.latest(connection, last))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Of the last runs: the nights, oldest first; those that were refused as unsafe and whose plan
    is kept, each with how many conversions that has; and the audit log's head at the last end."""

    nights: Sequence[PastRun]
    refused: Sequence[tuple[PastRun, int]]
    head: Head | None


def recent(connection: Connection, *, last: int, nights: int) -> Recent:
    """Return what the last runs were, so many of any kind, and at the most so many nights."""
    outlines = runs.outlines(connection, last)
    kept = kept_plans.sizes(connection)
    of_nights = [one.id for one in outlines if one.command == "run"][:nights]
    refused = [
        one.id for one in outlines if one.id in kept and one.exit_code == UnsafePlanError.exit_code
    ]
    rows = runs.with_numbers(connection, {*of_nights, *refused})
    found = {number: _run(row) for number, row in rows.items()}
    ended = next((one for one in outlines if one.audit_digest is not None), None)
    return Recent(
        nights=[found[number] for number in reversed(of_nights)],
        refused=[(found[number], kept[number]) for number in reversed(refused)],
        head=None if ended is None else Head(ended.audit_number, ended.audit_digest),
    )


def in_full(database: Database, run_id: int) -> RunInFull | None:
    """Return all that is kept of a run, None where there was none of that number."""
    with database.reading() as connection:
        row = runs.numbered(connection, run_id)
        if row is None:
            return None
        numbers = _numbers(row)
        return RunInFull(
            run=_run(row),
            plan=numbers.get("steps", {}),
            reasons=numbers.get("reasons", {}),
            outcomes=numbers.get("outcomes", {}),
            done=numbers.get("done", {}),
            unreadable=numbers.get("unreadable", {}),
            requests=[_sent(batch) for batch in batches.of_run(connection, run_id)],
            events=audit_blocks.span_of_run(connection, run_id),
            so_far=json.loads(row["progress"] or "{}"),
        )


def in_words(so_far: runs.Progress) -> list[str]:
    """Return how far a run has come, a stage each: `reading deals 1,200`, `planning 5 of 10`."""
    return [
        f"{STAGES.get(stage, stage)} {done:,}" + ("" if total is None else f" of {total:,}")
        for stage, (done, total) in so_far.items()
    ]


def _run(row: Any) -> PastRun:
    numbers = _numbers(row)
    steps = numbers.get("steps", {})
    ended = row["finished_at"]
    digest = row["audit_digest"]
    return PastRun(
        run_id=row["id"],
        command=row["command"],
        as_of=row["as_of"],
        started_at=row["started_at"],
        took=None if ended is None else ended - row["started_at"],
        state=_state(row, numbers),
        exit_code=row["exit_code"],
        read=numbers.get("done", {}).get("deals", 0),
        new=steps.get(Step.NEW, 0),
        restated=steps.get(Step.RESTATE, 0),
        retracted=steps.get(Step.RETRACT, 0),
        rejected=numbers.get("rejected", 0),
        unreadable=sum(numbers.get("unreadable", {}).values()),
        sent=row["uploads"],
        value={currency: Decimal(text) for currency, text in numbers.get("sent", {}).items()},
        head=None if digest is None else Head(row["audit_number"], digest),
        message=row["message"] or "",
    )


def _state(row: Any, numbers: Mapping[str, Any]) -> str:
    """Return how a run ended; one that wrote no numbers was stopped, or is an import of clicks."""
    if row["finished_at"] is None:
        return RUNNING
    if row["message"] == runs.KILLED:
        return KILLED
    ended: str = numbers.get("ending", Ending.FAILED if row["exit_code"] else Ending.OK)
    return str(ended)


def _numbers(row: Any) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads(row["summary"] or "{}")
    return numbers


def _sent(row: Any) -> Sent:
    return Sent(
        batch=row["id"],
        destination=row["destination"],
        action=row["action_id"],
        state=row["state"],
        rows=row["rows"],
        request_id=row["request_id"],
        reserved_at=row["reserved_at"],
        answered_at=row["answered_at"],
    )
