"""The list of those who were forgotten in a file beside the configuration, where no backup of the
database takes it back.

A database that was restored from a backup knows people again who were forgotten since. The file has
their marks: the next run adds them to the database's own list, and forgets them again. A line is a
mark, in hexadecimal digits; nothing in it says who is meant. Keep it with the secret, not with the
backups of the database.
"""

from collections.abc import Collection
from pathlib import Path

from convsync.errors import OperatorError
from convsync.process.private_file import replacing


def read(path: Path | None) -> frozenset[bytes]:
    """Return the marks in the file; none where there is none. OperatorError where it is damaged."""
    try:
        lines = [] if path is None else path.read_text(encoding="ascii").split()
        return frozenset(bytes.fromhex(line) for line in lines)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"{path}, which lists who was forgotten, cannot be read: {error}. Put back the last "
            "one; without it a restored database knows them again."
        ) from error


def write(path: Path | None, marks: Collection[bytes]) -> None:
    """Write all marks, for its owner alone; whole or not at all. OperatorError where it cannot."""
    if path is None:
        return
    try:
        with replacing(path) as file:
            file.writelines(f"{mark.hex()}\n" for mark in sorted(marks))
    except OSError as error:
        raise OperatorError(
            f"{path}, which lists who was forgotten, cannot be written: {error}. The database has "
            "the list; the file keeps it from a backup. Make room or give the right, then run "
            "again."
        ) from error
