"""What a command that reads the audit log says if its older part was sealed in a file."""

from datetime import datetime
from typing import TYPE_CHECKING

from convsync.cli import output

if TYPE_CHECKING:
    from convsync.store.database import Connection, Database


def note_of(database: "Database") -> None:
    """Say the same of a database that is read no more."""
    with database.reading() as connection:
        note(connection)


def note(connection: "Connection") -> None:
    """Say on stderr what is not looked at because it was sealed, if anything was."""
    from convsync.store import audit_seals

    sealed = audit_seals.latest(connection)
    if sealed is not None:
        until = datetime.fromisoformat(sealed["last_at"])
        files = [one["file"] for one in sealed["earlier"]] + [sealed["file"]]
        output.note(
            f"Events up to {until:%Y-%m-%d} are not looked at: they were sealed in"
            f" {', '.join(files)}. What conversions had come to by then is an event `carried`."
        )
