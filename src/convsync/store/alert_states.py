"""What people were told of, kept among the things that runs remember."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, json
from sqlalchemy import Connection

from convsync.store import runs

_NAME = "alerts"
_NOT_BEGUN = "run that did not begin"
_UNSOUND = "audit log that is not sound"


class KnownState(Struct, frozen=True, kw_only=True):
    """A state as it was last seen: since when, what was told of it, and who answers for it."""

    since: datetime
    text: str
    told_at: datetime | None = None
    told_size: int = 0
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


def recall(connection: Connection) -> dict[str, KnownState]:
    """Return the states that lasted at the last look, by their keys."""
    kept = runs.recall(connection, _NAME)
    return {} if kept is None else json.decode(kept, type=dict[str, KnownState])


def remember(connection: Connection, known: Mapping[str, KnownState]) -> None:
    """Keep them until the next look."""
    runs.remember(connection, _NAME, json.encode(known).decode())


def not_begun(connection: Connection) -> str:
    """Return why the last run did not begin, "" where it did."""
    return runs.recall(connection, _NOT_BEGUN) or ""


def note_not_begun(connection: Connection, why: str) -> None:
    """Keep why a run did not begin, or that one did."""
    runs.remember(connection, _NOT_BEGUN, why)


def unsound(connection: Connection) -> str:
    """Return what the latest `audit verify` found wrong with the audit log, "" for nothing."""
    return runs.recall(connection, _UNSOUND) or ""


def note_unsound(connection: Connection, what: str) -> None:
    """Keep what `audit verify` found wrong, or that it found nothing."""
    runs.remember(connection, _UNSOUND, what)
