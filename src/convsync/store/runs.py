"""Runs, the lock only one of them can hold, and what each remembered for the next.

The lock is a unique column: a second run's INSERT fails while the first one's row holds it. A
holder renews its lease with every commit, in the same transaction, so a run that was taken for dead
can write nothing more. A lock is taken over where its lease has ended, or at once where its holder
was a process of this machine that is no longer there.
"""

import json
import os
import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Row, RowMapping, bindparam, delete, func, insert, select, update

from convsync.errors import LockedError
from convsync.model.period import Period
from convsync.store import dialect
from convsync.store.pages import paged
from convsync.store.schema import bookmarks, remembered, runs, watermarks

LEASE = timedelta(minutes=15)
KILLED = "stopped before its end"
"""The message of a run that could not say itself how it ended: its successor writes it down."""
Progress = Mapping[str, tuple[int, int | None]]
"""How many records of each stage of a run are done, and how many there will be, if known."""
_LOCK = "run"
_RENEW = (
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.lock == _LOCK)
    .values(lease_until=bindparam("until"), progress=bindparam("progress"))
)
"""Made once: every transaction of a run begins with it."""


class Holder(Struct, frozen=True, kw_only=True):
    """A process, so that another one can tell whether it is still there."""

    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return json.dumps([self.host, self.pid, self.started])

    @classmethod
    def parse(cls, text: str) -> "Holder":
        """Return the holder that `str` gave."""
        host, pid, started = json.loads(text)
        return cls(host=host, pid=pid, started=started)


def this_process() -> Holder:
    """Return the holder that this process is."""
    return process(os.getpid())


def process(pid: int) -> Holder:
    """Return the holder that a process of this machine is."""
    return Holder(host=platform.node(), pid=pid, started=_started(pid))


def is_here(holder: Holder) -> bool:
    """True where a holder is, or was, a process of this machine."""
    return holder.host == platform.node()


def is_dead(holder: Holder) -> bool:
    """True where the holder was a process of this machine that has ended."""
    if not is_here(holder):
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(holder.pid) != holder.started


def _started(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty where /proc is not there.

    One that has ended and that nobody has reaped, as happens in containers, is dead all the same.
    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]


def open_run(
    connection: Connection,
    command: str,
    *,
    as_of: datetime,
    real_now: datetime,
    holder: Holder,
    has_ended: Callable[[Holder], bool] = is_dead,
) -> int:
    """Begin a run and take the lock; return the run's number.

    Raises LockedError, naming who holds it and since when, while another run does.
    """
    held = (
        connection.execute(select(runs).where(runs.c.lock == _LOCK).with_for_update())
        .mappings()
        .first()
    )
    if held is not None:
        _take_over(connection, held, real_now, has_ended)
    values = {
        "command": command,
        "lock": _LOCK,
        "as_of": as_of,
        "started_at": real_now,
        "holder": str(holder),
        "lease_until": real_now + LEASE,
    }
    statement = dialect.upsert(runs, connection).values(values)
    number = connection.execute(
        statement.on_conflict_do_nothing(index_elements=["lock"]).returning(runs.c.id)
    ).scalar()
    if number is None:
        raise LockedError("Another run has just started; try again when it has ended.")
    return int(number)


def begun_by(connection: Connection, holder: Holder) -> int | None:
    """Return the run that a process has begun, None where it has begun none yet."""
    found = select(func.max(runs.c.id)).where(runs.c.holder == str(holder))
    return connection.execute(found).scalar()


class Running(NamedTuple):
    """A run that goes on: its number, its command, and which process it is."""

    run_id: int
    command: str
    holder: Holder


def running(
    connection: Connection, real_now: datetime, has_ended: Callable[[Holder], bool] = is_dead
) -> Running | None:
    """Return the run that goes on and holds the lock, None where none does."""
    held = connection.execute(select(runs).where(runs.c.lock == _LOCK)).mappings().first()
    if held is None:
        return None
    holder = Holder.parse(held["holder"])
    if held["lease_until"] <= real_now or has_ended(holder):
        return None
    return Running(held["id"], held["command"], holder)


def raise_if_running(
    connection: Connection, real_now: datetime, has_ended: Callable[[Holder], bool] = is_dead
) -> None:
    """Raise LockedError, naming who holds the lock and since when, while a run is going on."""
    held = connection.execute(select(runs).where(runs.c.lock == _LOCK)).mappings().first()
    if held is not None:
        _raise_if_held(held, real_now, has_ended)


def _raise_if_held(
    held: RowMapping, real_now: datetime, has_ended: Callable[[Holder], bool]
) -> None:
    holder = Holder.parse(held["holder"])
    if held["lease_until"] > real_now and not has_ended(holder):
        raise LockedError(
            f"Run {held['id']} ({held['command']}) holds the lock: process {holder.pid} on "
            f"{holder.host}, since {held['started_at']:%Y-%m-%d %H:%M:%S} UTC. Try again once it"
            " has ended."
        )


def _take_over(
    connection: Connection,
    held: RowMapping,
    real_now: datetime,
    has_ended: Callable[[Holder], bool],
) -> None:
    _raise_if_held(held, real_now, has_ended)
    connection.execute(
        update(runs)
        .where(runs.c.id == held["id"])
        .values(lock=None, finished_at=real_now, exit_code=1, message=KILLED)
    )


def renew(connection: Connection, run_id: int, real_now: datetime, progress: Progress) -> None:
    """Keep the lease, and how far the run has come, within the transaction that it protects.

    Raises LockedError where the lock was lost.
    """
    renewed = {
        "run": run_id,
        "until": real_now + LEASE,
        "progress": json.dumps(progress) if progress else None,
    }
    kept = connection.execute(_RENEW, renewed).rowcount
    if not kept:
        raise LockedError(f"Run {run_id} lost its lock to another run and has stopped.")


def finish(
    connection: Connection,
    run_id: int,
    *,
    real_now: datetime,
    exit_code: int,
    message: str,
    uploads: int,
    summary: Mapping[str, Any],
    audit_number: int,
    audit_digest: bytes,
) -> None:
    """End a run, give the lock back, and anchor the audit log's head in its row."""
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(
            lock=None,
            lease_until=None,
            finished_at=real_now,
            exit_code=exit_code,
            message=message,
            uploads=uploads,
            summary=json.dumps(summary, separators=(",", ":")),
            audit_number=audit_number,
            audit_digest=audit_digest,
        )
    )


def latest(connection: Connection, count: int) -> list[RowMapping]:
    """Return the last runs, latest first."""
    found = select(runs).order_by(runs.c.id.desc()).limit(count)
    return list(connection.execute(found).mappings())


def outlines(connection: Connection, count: int) -> Sequence[Row[Any]]:
    """Return number, command, exit code and head of the last runs, latest first."""
    names = ("id", "command", "exit_code", "audit_number", "audit_digest")
    found = select(*(runs.c[name] for name in names)).order_by(runs.c.id.desc()).limit(count)
    return connection.execute(found).all()


def with_numbers(connection: Connection, numbers: Collection[int]) -> dict[int, RowMapping]:
    """Return the runs of these numbers."""
    found = connection.execute(select(runs).where(runs.c.id.in_(numbers))) if numbers else None
    return {row["id"]: row for row in found.mappings()} if found is not None else {}


def numbered(connection: Connection, run_id: int) -> RowMapping | None:
    """Return a run, None where there was none of that number."""
    return connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()


def every(connection: Connection) -> Iterator[Mapping[str, Any]]:
    """Yield all runs, oldest first."""
    return (row._asdict() for row in paged(connection, select(runs), runs.c.id))


def watermark(connection: Connection, source: str) -> datetime | None:
    """Return how far a source has been read, None before its first read."""
    found = select(watermarks.c.read_until).where(watermarks.c.source == source)
    return connection.execute(found).scalar()


def move_watermark(connection: Connection, source: str, window: Period, run_id: int) -> None:
    """Move a source's watermark to the window's end; it never turns back."""
    statement = dialect.upsert(watermarks, connection).values(
        source=source, read_until=window.until, run_id=run_id
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source"],
            set_={"read_until": window.until, "run_id": run_id},
            where=watermarks.c.read_until < window.until,
        )
    )


def future_watermark(connection: Connection, source: str, after: datetime) -> int | None:
    """Return the run that moved a source's watermark beyond an instant; None where none did."""
    found = select(watermarks.c.run_id).where(
        watermarks.c.source == source, watermarks.c.read_until > after
    )
    return connection.execute(found).scalar()


def last_believable(connection: Connection, now: datetime, before_run: int) -> datetime | None:
    """Return what the last nightly run took as the present that left nothing unread by `now`.

    Only those before a run whose clock was wrong count: later ones read from where it had been.
    """
    found = select(func.max(runs.c.as_of)).where(
        runs.c.command == "run",
        runs.c.exit_code == 0,
        runs.c.as_of <= now,
        runs.c.id < before_run,
    )
    return connection.execute(found).scalar()


def turn_back_watermark(
    connection: Connection, source: str, read_until: datetime | None, run_id: int
) -> None:
    """Put a watermark that lies in the future back to where a source is known to have been read."""
    is_source = watermarks.c.source == source
    if read_until is None:
        connection.execute(delete(watermarks).where(is_source))
        return
    back = update(watermarks).where(is_source).values(read_until=read_until, run_id=run_id)
    connection.execute(back)


def bookmark(connection: Connection, source: str) -> tuple[Period, str] | None:
    """Return the window a source was left in, and the place in it; None where none is open."""
    row = connection.execute(select(bookmarks).where(bookmarks.c.source == source)).first()
    return None if row is None else (Period(since=row.since, until=row.until), row.place)


def place_bookmark(
    connection: Connection, source: str, window: Period, place: str, run_id: int
) -> None:
    """Write down how far a window has been read."""
    values = {"since": window.since, "until": window.until, "place": place, "run_id": run_id}
    statement = dialect.upsert(bookmarks, connection).values(source=source, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=values))


def drop_bookmark(connection: Connection, source: str) -> None:
    """Forget the place in a window that has been read to its end."""
    connection.execute(delete(bookmarks).where(bookmarks.c.source == source))


def recall(connection: Connection, name: str) -> str | None:
    """Return what an earlier run remembered under this name."""
    return connection.execute(select(remembered.c.value).where(remembered.c.name == name)).scalar()


def remember(connection: Connection, name: str, value: str) -> None:
    """Remember a value for later runs, under a name."""
    statement = dialect.upsert(remembered, connection).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


def count(connection: Connection) -> int:
    """Return how many runs there have been."""
    return connection.execute(select(func.count()).select_from(runs)).scalar_one()


def begin_unlocked(
    connection: Connection, command: str, *, as_of: datetime, real_now: datetime
) -> int:
    """Begin a run that needs no lock: an import, whose steps no other writes, or a preview."""
    values = {
        "command": command,
        "as_of": as_of,
        "started_at": real_now,
        "holder": str(this_process()),
    }
    return int(connection.execute(insert(runs).values(values).returning(runs.c.id)).scalar_one())


def end_unlocked(
    connection: Connection,
    run_id: int,
    real_now: datetime,
    *,
    exit_code: int = 0,
    message: str | None = None,
) -> None:
    """End such a run, and say what stopped it if something did."""
    ended = {"finished_at": real_now, "exit_code": exit_code, "message": message}
    connection.execute(update(runs).where(runs.c.id == run_id).values(ended))
