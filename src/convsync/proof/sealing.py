"""Sealing the older part of the audit log in a file, so that the database need not keep it.

The log is verified, what is older is written to a file and read back, and only then one transaction
removes it: the same that appends what a replay of it gave (`model.carried`), and one event that
sums it up and holds the digest of the file. The log that is left is verified before the commit.
Whatever is killed when, each event is in the file or in the database, and the same command again
finishes with the file that is there.

From then on the chain begins with the last digest that was sealed. Whoever rewrites what was sealed
would have to change the file, too, and with it the digest that the chain covers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from msgspec.json import Decoder

from convsync import audit
from convsync.clock import Clock
from convsync.errors import ConvsyncError, OperatorError
from convsync.model.carried import (
    OF_RUNS,
    CarriedEntry,
    entries_carried,
    newest_entry,
    runs_carried,
    runs_in,
)
from convsync.model.chain import Head, LoggedEvent
from convsync.model.each import EACH
from convsync.model.event import Event, EventKind
from convsync.model.planned import MOST_TOGETHER
from convsync.proof import head_file, sealed_file
from convsync.proof.sealed_file import Content
from convsync.proof.verification import verify_within
from convsync.store import audit_log, audit_seals, deals, row_record, runs
from convsync.store.database import Connection, Database
from convsync.store.session import RunSession, lease_time

KEPT_FOR = timedelta(days=90)
"""What is younger stays: it can still be corrected, and a restored backup goes by it."""

_COMMAND = "seal"
_RANGE = 2_000
"""How many deals are carried over together."""
_RUNS_TOGETHER = 500
_OF_RUN = ("command", "as_of", "exit_code", "message", "uploads")
"""What is carried over of a run: what its row is compared with."""
_DECODED = Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was sealed, and how many conversions and runs were carried over."""

    content: Content
    conversions: int
    runs: int


@dataclass(slots=True)
class _Older:
    """The older part as it stands in its file, and what it leaves to be carried over."""

    file: Path
    content: Content = field(init=False)
    runs: dict[int, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    newest_entry: int = 0

    def take(self, logged: LoggedEvent, digest: bytes) -> None:
        """Take an event in, if it leaves anything."""
        if logged.event in OF_RUNS:
            said = _DECODED(logged.detail)
            kept = {name: said[name] for name in _OF_RUN if name in said}
            head = {"audit_number": logged.number, "audit_digest": digest.hex()}
            self.runs.setdefault(logged.run_id, {})[logged.event] = {**kept, **head}
        elif logged.event == EventKind.RUNS_CARRIED:
            for run, kinds in runs_in(_DECODED(logged.detail)).items():
                self.runs.setdefault(run, {}).update(kinds)
        elif logged.order_id is not None or EACH in logged.detail:
            self.newest_entry = max(self.newest_entry, newest_entry(_DECODED(logged.detail)))


def seals_in(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return each file that a sealing tells of, its own last: name, SHA-256 and last event."""
    own = {name: detail[name] for name in ("file", "sha256", "last")}
    return [*detail["earlier"], own]


def seal(
    database: Database,
    head: Path | None,
    *,
    file: Path,
    before: datetime,
    now: datetime,
    real_clock: Clock,
    by: str,
) -> Sealed:
    """Seal all events that were written before an instant in a file, and remove them.

    A file that a killed sealing has left is used as it is. Raises OperatorError where the log is
    not sound, nothing is that old, `before` is too late or the file cannot be used; LockedError
    while a run holds the lock. Nothing is removed then.
    """
    if before > now - KEPT_FOR:
        raise OperatorError(
            f"Events of the last {KEPT_FOR.days} days stay in the database: what they tell of may"
            f" still be corrected. Seal up to {now - KEPT_FOR:%Y-%m-%d} at the latest."
        )
    session = _begun(database, now, real_clock)
    try:
        older = _in_file(database, file, before)
        with session.transaction("seal the log") as connection:
            conversions = _move(connection, session, older, by)
            _finish(connection, session, real_clock)
    except ConvsyncError as error:
        with session.transaction("finish run") as connection:
            _finish(connection, session, real_clock, error)
        raise
    head_file.keep(head, database, now)
    return Sealed(content=older.content, conversions=conversions, runs=len(older.runs))


def check_file(database: Database, file: Path, *, head: Head | None = None) -> Content:
    """Return what is in a file, proved to be what the log says was sealed in it.

    `head` is one that was kept elsewhere, and must be in the file. Raises OperatorError where any
    of this does not hold.
    """
    heads: dict[int, bytes] = {}

    def note(logged: LoggedEvent, digest: bytes) -> None:
        if head is not None and logged.number == head.number:
            heads[logged.number] = digest

    with database.reading() as connection:
        tail, key = audit_log.last(connection), audit_log.key_of(connection)
        latest = audit_seals.latest(connection)
    if latest is None:
        raise OperatorError("Nothing of this audit log was sealed.")
    content = sealed_file.read(file, key=key, keyed_since=tail.keyed_since, on_event=note)
    known = {one["last"]: one["sha256"] for one in seals_in(latest)}
    if known.get(str(content.last)) != content.sha256:
        raise OperatorError(f"{file} is not a file in which this audit log was sealed.")
    if head is not None and heads.get(head.number) != head.digest:
        raise OperatorError(f"{file} has no event {head.number:,} with the digest that was given.")
    return content


def is_sealed(database: Database, head: Head) -> bool:
    """True where a head is from before the log's beginning, so that only a file has its event."""
    with database.reading() as connection:
        return head.number <= audit_log.last(connection).begins.number


def _begun(database: Database, now: datetime, real_clock: Clock) -> RunSession:
    with database.transaction("open run") as connection:
        real_now = lease_time(connection, real_clock)
        holder = runs.this_process()
        run_id = runs.open_run(connection, _COMMAND, as_of=now, real_now=real_now, holder=holder)
        started = Event(EventKind.RUN_STARTED, {"command": _COMMAND, "as_of": now.isoformat()})
        audit.record(connection, [started], run_id=run_id, at=now)
    return RunSession(database, run_id, now, real_clock=real_clock)


def _in_file(database: Database, file: Path, before: datetime) -> _Older:
    """Return what is in the file, written now unless it is there, and known to be in the log."""
    older = _Older(file)
    with database.reading() as connection:
        _require_sound(connection)
        tail, key = audit_log.last(connection), audit_log.key_of(connection)
        last = audit_seals.last_before(connection, before)
        if last <= tail.begins.number:
            raise OperatorError(f"No event in the database was written before {before:%Y-%m-%d}.")
        if not file.exists():
            events = audit_seals.chain_upto(connection, tail.begins, last)
            sealed_file.write(file, tail.begins, events)
        content = sealed_file.read(file, key=key, keyed_since=tail.keyed_since, on_event=older.take)
        older.content = content
        known = audit_log.digest_at(connection, content.last.number)
        if content.before != tail.begins or content.last.digest != known or not content.events:
            raise OperatorError(f"{file} holds another part of the log. Name another file.")
        if content.last.number > last:
            raise OperatorError(f"{file} holds events from after that time. Name another file.")
        return older


def _require_sound(connection: Connection) -> None:
    found = verify_within(connection)
    if not found.is_sound:
        raise OperatorError(
            "The audit log and the ledger do not agree, and what proves it must not be sealed away:"
            " `convsync audit verify` says where."
        )


def _move(
    connection: Connection,
    session: RunSession,
    older: _Older,
    by: str,
) -> int:
    """Carry over what a replay needs, say what was sealed, and remove it.

    Return how many conversions were carried over.
    """
    run_id, now, content = session.run_id, session.now, older.content
    number, told = 0, dict[str, Decimal]()
    for events in _carried(connection, older.newest_entry, told):
        number += sum(event.detail["rows"] for event in events)
        audit.record(connection, events, run_id=run_id, at=now)
    for some in _some_of([*older.runs.items()], _RUNS_TOGETHER):
        audit.record(connection, [runs_carried(dict(some))], run_id=run_id, at=now)
    sealed = {
        "by": by,
        **_summary(older, audit_seals.latest(connection)),
        "conversions": number,
        "worth": {currency: str(amount) for currency, amount in sorted(told.items())},
        "runs": len(older.runs),
    }
    audit.record(connection, [Event(EventKind.LOG_SEALED, sealed)], run_id=run_id, at=now)
    audit_seals.remove(connection, content.last, sealed_in=audit.head_of(connection).number)
    _require_sound(connection)
    return number


def _summary(older: _Older, earlier: Mapping[str, Any] | None) -> Mapping[str, Any]:
    content = older.content
    return {
        "file": older.file.name,
        "sha256": content.sha256,
        "before": str(content.before),
        "last": str(content.last),
        "first_at": _iso(content.first_at),
        "last_at": _iso(content.last_at),
        "events": content.events,
        "kinds": dict(sorted(content.kinds.items())),
        "earlier": [] if earlier is None else seals_in(earlier),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _carried(
    connection: Connection, newest: int, told: dict[str, Decimal]
) -> Iterator[list[Event]]:
    """Yield the events that carry over the entries up to a number; add up what they were told."""
    for first in range(0, deals.next_row(connection), _RANGE):
        upto = first + _RANGE
        names = audit_log.names_of_deals(connection, first, upto)
        found: dict[tuple[str, str, str], list[CarriedEntry]] = {}
        for number, deal, *row in row_record.rows_of_deals(connection, first, upto):
            record = row_record.record_of((number, deal, *row))
            if number > newest or record is None:
                continue
            source, deal_id = names[deal]
            alike = (source, record.rule, record.code or "")  # what events are looked for by
            found.setdefault(alike, []).append(CarriedEntry(deal, deal_id, record))
            if record.told is not None:
                so_far = told.get(record.told_currency, Decimal())
                told[record.told_currency] = so_far + Decimal(record.told)
        yield [
            entries_carried(source, some)
            for (source, _, _), entries in found.items()
            for some in _some_of(sorted(entries, key=_number), MOST_TOGETHER)
        ]


def _number(entry: CarriedEntry) -> int:
    number: int = entry.record.entry
    return number


_One = TypeVar("_One")


def _some_of(all_: Sequence[_One], most: int) -> Iterator[Sequence[_One]]:
    for start in range(0, len(all_), most):
        yield all_[start : start + most]


def _finish(
    connection: Connection,
    session: RunSession,
    real_clock: Clock,
    error: ConvsyncError | None = None,
) -> None:
    exit_code, message = (error.exit_code, str(error)) if error else (0, "")
    finished = {"exit_code": exit_code, "message": message, "uploads": 0}
    audit.record(
        connection,
        [Event(EventKind.RUN_FINISHED, finished)],
        run_id=session.run_id,
        at=session.now,
    )
    last: Head = audit.head_of(connection)
    runs.finish(
        connection,
        session.run_id,
        real_now=lease_time(connection, real_clock),
        exit_code=exit_code,
        message=message,
        uploads=0,
        summary={},
        audit_number=last.number,
        audit_digest=last.digest,
    )
