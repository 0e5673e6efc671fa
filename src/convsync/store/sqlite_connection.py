"""How a connection to SQLite is set up: a write-ahead log, synced in full, with keys that hold."""

import sqlite3

from sqlalchemy.pool import ConnectionPoolEntry

_WRITE_AHEAD = "PRAGMA journal_mode = WAL"
_TRIES = 3
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -12288",
    "PRAGMA wal_autocheckpoint = 131072",
)
"""Deal IDs, order IDs and keys come in no order, so a chunk of a large first read touches pages all
over their indexes: 12 MB hold what one chunk touches, and a log of up to 512 MB, which goes when
the database is closed, has such a page written to the database once for many chunks."""


def prepare(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    """Set up a connection that was just opened."""
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to a write-ahead log, once whoever writes to the new file has finished.

    SQLite refuses the switch at once while another connection writes, whatever the timeout. A
    transaction of our own waits for it. https://www.sqlite.org/pragma.html#pragma_journal_mode
    """
    for _ in range(_TRIES):
        try:
            cursor.execute(_WRITE_AHEAD)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return
    cursor.execute(_WRITE_AHEAD)
