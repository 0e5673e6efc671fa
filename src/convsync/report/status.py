"""How everything stands, read from the ledger: the sum, what is on its way, what needs a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from convsync.model.period import Period
from convsync.model.rule import ConversionRule
from convsync.store import account, batches, clicks, quarantine, runs
from convsync.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A record that could not be read, where it stands, and why."""

    source: str
    place: str
    problem: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as the log of runs has it. `exit_code` is None while it is running."""

    run_id: int
    command: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    uploads: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How everything stands."""

    sums: account.Sums
    caught_earlier: Mapping[tuple[str, str], int]
    times: Sequence[account.TimeToMilestone]
    clicks: int
    unanswered_batches: int
    quarantine: Sequence[Quarantine]
    runs: Sequence[Run]


def status_of(
    database: Database,
    rules: Sequence[ConversionRule],
    *,
    period: Period | None = None,
    last_runs: int = 5,
) -> Status:
    """Return how everything stands; with a period, the account of the milestones reached in it."""
    with database.reading() as connection:
        return Status(
            sums=account.sums(connection, rules, period),
            caught_earlier=account.caught_earlier(connection),
            times=account.times_to_milestones(connection),
            clicks=clicks.count(connection),
            unanswered_batches=len(batches.unanswered(connection)),
            quarantine=[
                Quarantine(
                    source=row["source"],
                    place=row["place"],
                    problem=row["problem"],
                    since=row["first_seen_at"],
                )
                for row in quarantine.entries(connection)
            ],
            runs=[_run(row) for row in runs.latest(connection, last_runs)],
        )


def _run(row: Any) -> Run:
    return Run(
        run_id=row["id"],
        command=row["command"],
        as_of=row["as_of"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        exit_code=row["exit_code"],
        uploads=row["uploads"],
        message=row["message"] or "",
    )
