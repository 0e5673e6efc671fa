"""The audit log's head in a small file beside the configuration, where no database restores it.

It is written after the last commit of each run, whole or not at all. Where it is ahead of the
database, or the database has another event under that number, the database is not the one that run
left behind: it was restored from a backup, or somebody wrote the log anew.
"""

import os
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from convsync import log
from convsync.errors import OperatorError
from convsync.model.chain import Head
from convsync.store import audit_log
from convsync.store.database import Connection, Database


class Kept(Struct, frozen=True, kw_only=True):
    """A head as the file repeats it, and when it was written there."""

    head: Head
    at: datetime

    def __str__(self) -> str:
        return f"{self.head} {self.at.isoformat()}\n"


class Lost(Struct, frozen=True, kw_only=True):
    """What a file knows of and the database does not: since its last event that both may share.

    `events` is how many at least; 0 where there are as many, and others.
    """

    kept: Kept
    events: int
    since: datetime | None

    def __str__(self) -> str:
        since = "the beginning" if self.since is None else f"{self.since:%Y-%m-%d %H:%M} UTC"
        until = f"{self.kept.at:%Y-%m-%d %H:%M} UTC"
        if not self.events:
            return f"event {self.kept.head.number:,} is not the one that was written by {until}"
        return f"{self.events:,} events, written between {since} and {until}, are not in it"


def read(path: Path) -> Kept | None:
    """Return what the file says, None where there is none; OperatorError where it says nothing."""
    try:
        head, _, at = path.read_text(encoding="ascii").strip().partition(" ")
        return Kept(head=Head.parse(head), at=datetime.fromisoformat(at))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"{path}, which repeats the audit log's head, cannot be read: {error}. Put back the "
            "last one; `convsync audit accept-restore` writes a new one if there is none."
        ) from error


def write(path: Path, kept: Kept) -> None:
    """Write the file, whole or not at all. A failure is logged, and stops no run."""
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("w", encoding="ascii") as file:
            file.write(str(kept))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        log.warning("the audit log's head was not written", file=str(path), because=str(error))


def keep(path: Path | None, database: Database, at: datetime) -> None:
    """Repeat the database's last head in the file, if one is kept."""
    if path is not None:
        with database.reading() as connection:
            head = audit_log.last(connection).head
        write(path, Kept(head=head, at=at))


def lost(path: Path | None, connection: Connection) -> Lost | None:
    """Return what the file knows of and the database does not, None where it continues the file."""
    kept = None if path is None else read(path)
    if kept is None or not kept.head.number:
        return None
    if audit_log.digest_at(connection, kept.head.number) == kept.head.digest:
        return None
    if kept.head.number < audit_log.last(connection).begins.number:
        return None  # its event was sealed since: the log went on from it, or could not be sealed
    last = audit_log.last(connection).head.number
    since = audit_log.written_at(connection, min(last, kept.head.number))
    return Lost(kept=kept, events=max(0, kept.head.number - last), since=since)


def require_continuation(path: Path | None, connection: Connection) -> None:
    """Raise OperatorError where the database is not the one that the last run left behind."""
    missing = lost(path, connection)
    if missing is not None:
        raise OperatorError(
            f"The ledger is not the one that the last run left: {missing}. Was it restored from a "
            "backup? Put the latest one back if there is one. Otherwise `convsync audit "
            "accept-restore` goes on: what may have been sent since is sent again or taken back. "
            f"({path} repeats the audit log's head.)"
        )
