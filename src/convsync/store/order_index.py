"""The index on order IDs, which a first night does without until all is planned.

Order IDs are digests and come in no order: each chunk of a first night would change every page of
the index. That was more than half of what it costs to insert ledger rows, and half of all pages
that the night writes. So where the ledger is empty the index is dropped before deals are read, and
made anew once they are planned, in its own order and by one statement.

Nothing is sent without it: two rows of one order ID and action are refused when it is made, as the
second would have been when it was inserted. A run that is killed in between leaves the ledger
without it, and the next that plans or sends makes it first.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropIndex

from convsync.store.database import Database
from convsync.store.schema import ORDER_IDS, for_both_databases, ledger
from convsync.store.session import Session


@contextmanager
def set_aside(database: Database, session: Session) -> Iterator[None]:
    """Do without the index while an empty ledger is filled; make it at the end."""
    with database.reading() as connection:
        is_first = _is_empty(connection)
    if is_first:
        with session.transaction("set aside order IDs") as connection:
            if _is_empty(connection):
                _drop(connection)
    yield
    ensure(database, session)


def ensure(database: Database, session: Session) -> None:
    """Make the index where it is missing. ConvsyncError where rows share what must be unique."""
    with database.reading() as connection:
        if _is_there(connection):
            return
    with session.transaction("index order IDs") as connection:
        if connection.dialect.name == "postgresql":
            for_both_databases()
        ORDER_IDS.create(connection)


def _is_empty(connection: Connection) -> bool:
    return connection.execute(select(func.max(ledger.c.id))).scalar() is None


def _is_there(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        asked = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
    else:
        asked = "SELECT 1 WHERE to_regclass(%s) IS NOT NULL"
    return connection.exec_driver_sql(asked, (ORDER_IDS.name,)).first() is not None


def _drop(connection: Connection) -> None:
    """Drop the index, unless somebody is reading the table, or it is another's to drop."""
    try:
        with connection.begin_nested():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            connection.execute(DropIndex(ORDER_IDS, if_exists=True))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
