"""Continuing with a ledger that was restored from a backup: nothing that may have been sent since
is forgotten.

The ledger no longer knows what was sent to the platform after the backup. Every entry that may have
been sent or corrected since is marked unsure, and its deal is looked at by the next run, which
sends it again or takes it back: an entry with a statement that is not confirmed, and a confirmed
one whose milestone is young enough for its correction to have been taken. What is in flight in the
backup is asked about or repeated as after any stop. A conversion that was first planned, and
withdrawn, after the backup has left no trace in it: only `convsync status --platform` shows what
the platform counts of it.

Lists of audiences may hold people who were added since, and would never be taken off: they are
emptied by the next run, and filled anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from convsync import audit
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
from convsync.model.moves import marked_unsure
from convsync.proof import head_file
from convsync.proof.head_file import Lost
from convsync.store import audience_lists, deals, restored, runs
from convsync.store.database import Connection, Database
from convsync.store.session import lease_time

CORRECTABLE = timedelta(days=90)
"""How old a milestone may be for its conversion to have been corrected since."""

_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAccepted:
    """What was lost, as far as it is known, and how many conversions are looked at again."""

    lost: Lost | None
    unsure: int


def accept(
    database: Database, path: Path | None, *, now: datetime, is_certain: bool = False
) -> RestoreAccepted:
    """Mark what may have been sent since a backup, and let runs continue with the restored ledger.

    Raises OperatorError where nothing seems to be lost, unless the operator `is_certain`, and
    LockedError while a run holds the lock. One that is killed is repeated as a whole.
    """
    with database.transaction("open run") as connection:
        lost = head_file.lost(path, connection)
        if lost is None and not is_certain:
            raise OperatorError(
                "The ledger continues the last head that was written down, so nothing seems to be "
                "lost. If it was restored nevertheless, as when the file with the head was lost "
                "as well, pass --certain."
            )
        run_id = _begin(connection, now)
    unsure, after = 0, 0
    while True:
        with database.transaction("mark unsure") as connection:
            entries = restored.doubtful(
                connection, since=now - CORRECTABLE, after=after, limit=_AT_ONCE
            )
            if not entries:
                break
            moves = [marked_unsure(entry, because="restored") for entry in entries]
            audit.write(connection, moves, run_id=run_id, at=now)
            deals.look_again_sooner(connection, {entry.deal_row: now for entry in entries})
        unsure, after = unsure + len(entries), entries[-1].number
    with database.transaction("finish run") as connection:
        audience_lists.doubt_all(connection)
        _end(connection, run_id, now, lost, unsure)
    head_file.keep(path, database, now)
    return RestoreAccepted(lost=lost, unsure=unsure)


def _begin(connection: Connection, now: datetime) -> int:
    command = "accept-restore"
    real_now = lease_time(connection, lambda: now)
    holder = runs.this_process()
    run_id = runs.open_run(connection, command, as_of=now, real_now=real_now, holder=holder)
    started = Event(EventKind.RUN_STARTED, {"command": command, "as_of": now.isoformat()})
    audit.record(connection, [started], run_id=run_id, at=now)
    return run_id


def _end(
    connection: Connection, run_id: int, now: datetime, lost: Lost | None, unsure: int
) -> None:
    accepted = {
        "lost": None if lost is None else str(lost),
        "head": None if lost is None else str(lost.kept.head),
        "unsure": unsure,
    }
    events = [
        Event(EventKind.RESTORE_ACCEPTED, accepted),
        Event(EventKind.RUN_FINISHED, {"exit_code": 0, "message": "", "uploads": 0}),
    ]
    audit.record(connection, events, run_id=run_id, at=now)
    head = audit.head_of(connection)
    runs.finish(
        connection,
        run_id,
        real_now=now,
        exit_code=0,
        message="",
        uploads=0,
        summary={},
        audit_number=head.number,
        audit_digest=head.digest,
    )
