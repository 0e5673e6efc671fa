"""The database as a file that others might read: who may, and what it still holds once erased."""

import os
from contextlib import suppress

from sqlalchemy import URL, create_engine


def make_private(url: URL) -> None:
    """Make an SQLite file that is not there yet, for its owner alone.

    What SQLite writes beside it, the log and its index, has the file's own rights.
    https://www.sqlite.org/c3ref/open.html
    """
    path = url.database
    if url.get_backend_name() == "sqlite" and path and path != ":memory:":
        with suppress(OSError):  # one that cannot be made is reported when it is opened
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def scrub(url: URL) -> None:
    """Take erased rows out of the database's pages, by statements outside any transaction.

    SQLite writes the whole file anew and empties its log. PostgreSQL frees the space, which rows
    that come later overwrite; what its log and backups hold is theirs to keep or drop.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
