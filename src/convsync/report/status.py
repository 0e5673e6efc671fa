"""The state of everything, from the ledger: the sum, what is in flight, what needs a person."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from convsync.model.period import Period
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.report import nobody
from convsync.report.nobody import Nobody
from convsync.store import account, batches, clicks, quarantine, runs, unreached
from convsync.store.database import Connection, Database
from convsync.store.retired import Retired, retired


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A record that could not be read, where it stands, and why."""

    source: str
    place: str
    deal_id: str | None
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
class ReadSource:
    """How far a source has been read, how far each read stays behind, and reaches back."""

    name: str
    read_until: datetime | None
    lag: timedelta
    overlap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedRows:
    """Conversions that wait for a person to change the account's set-up: a code and how many."""

    action: ConversionAction
    code: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncorrectable:
    """A conversion that counts and is no longer right, and that the platform cannot correct.

    `value` is what it counts, in `currency`; None where that is not certain.
    """

    source: str
    deal_id: str
    rule: str
    order_id: str
    destination: str
    code: str
    value: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How everything stands.

    `uncorrectable` counts what the platform counts, cannot correct, and should not count so;
    `retired` what counts under rules and sources that left the configuration, `estimated` the
    milestones, by name, whose time the CRM's history does not say. `without_milestone` are deals of
    each source's last read that reached nothing, by why.
    """

    blocked: Sequence[BlockedRows]
    uncorrectable: int
    retired: Sequence[Retired]
    sums: account.Sums
    caught_earlier: Mapping[tuple[str, str], int]
    times: Sequence[account.TimeToMilestone]
    estimated: Mapping[str, int]
    sources: Sequence[ReadSource]
    clicks: int
    unanswered_batches: int
    quarantine: Sequence[Quarantine]
    nobody: Nobody
    runs: Sequence[Run]
    without_milestone: Mapping[str, Mapping[str, int]]


class Reads(Protocol):
    """What is read in windows that stay behind, and reach back."""

    lag: timedelta
    overlap: timedelta


def status_of(
    database: Database,
    rules: Sequence[ConversionRule],
    sources: Collection[str],
    *,
    reads: Mapping[str, Reads] | None = None,
    period: Period | None = None,
    last_runs: int = 5,
) -> Status:
    """Return how everything stands; with a period, the account of the milestones reached in it.

    `reads` are the sources of deals, by their names.
    """
    with database.reading() as connection:
        return Status(
            blocked=[
                BlockedRows(action=action, code=code, count=count)
                for action, code, count in batches.blocked(connection)
            ],
            uncorrectable=account.count_uncorrectable(connection),
            retired=retired(connection, rules=[rule.name for rule in rules], sources=sources),
            sums=account.sums(connection, rules, period),
            without_milestone={
                source: counts
                for source in sources
                if (counts := unreached.kept(connection, source))
            },
            caught_earlier=account.caught_earlier(connection),
            times=account.times_to_milestones(connection, period),
            estimated=account.estimated(connection),
            sources=[_read(connection, name, source) for name, source in (reads or {}).items()],
            clicks=clicks.count(connection),
            unanswered_batches=len(batches.unanswered(connection)),
            quarantine=_quarantined(connection),
            nobody=nobody.listed(connection),
            runs=[_run(row) for row in runs.latest(connection, last_runs)],
        )


def quarantined(database: Database, most: int | None = None) -> list[Quarantine]:
    """Return every record that could not be read, by source and place; at the most so many."""
    with database.reading() as connection:
        return _quarantined(connection, most)


def _quarantined(connection: Connection, most: int | None = None) -> list[Quarantine]:
    found = quarantine.entries if most is None else partial(quarantine.first, count=most)
    return [
        Quarantine(
            source=row["source"],
            place=row["place"],
            deal_id=row["deal_id"],
            problem=row["problem"],
            since=row["first_seen_at"],
        )
        for row in found(connection)
    ]


def uncorrectable(database: Database) -> list[Uncorrectable]:
    """Return what the platform counts, cannot correct, and should not count so."""
    with database.reading() as connection:
        return [
            Uncorrectable(
                source=entry.source,
                deal_id=entry.deal_id,
                rule=entry.rule,
                order_id=entry.order_id,
                destination=entry.action.destination,
                code=entry.code,
                value=entry.told.amount if entry.told else None,
                currency=entry.told.currency if entry.told else None,
            )
            for entry in account.uncorrectable(connection)
        ]


def _read(connection: Connection, name: str, source: Reads) -> ReadSource:
    return ReadSource(
        name=name,
        read_until=runs.watermark(connection, name),
        lag=source.lag,
        overlap=source.overlap,
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
