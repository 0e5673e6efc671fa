"""The few things SQLite and PostgreSQL do differently. Nothing outside this file knows which it is.

SQLite runs in WAL mode with full sync, so that a commit survives a power cut and readers are never
blocked; a writing transaction begins IMMEDIATE, so that two writers queue instead of failing half
way. PostgreSQL needs none of this.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeEngine

BUSY_TIMEOUT_S = 30
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 16384",
    "PRAGMA temp_store = MEMORY",
)


def open_engine(url: URL) -> Engine:
    """Return an engine set up for its database. Nothing is connected yet."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def for_writing(connection: Connection) -> Connection:
    """Mark a connection, before it begins, as one that will write."""
    return connection.execution_options(convsync_writes=True)


def upsert(table: Table, connection: Connection) -> Any:
    """Return an INSERT that offers `on_conflict_do_update` and `on_conflict_do_nothing`."""
    module: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return module.insert(table)


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert many rows, given by position, at the price of the driver's own executemany.

    SQLAlchemy's executemany handles every value of every row by name, which costs more than the
    insert itself; here each column's type converts its values in one go.
    """
    if not rows:
        return
    statement, processors = _prepared(connection.dialect, table, tuple(columns))
    converted = [
        column if process is None else [process(value) for value in column]
        for column, process in zip(zip(*rows, strict=True), processors, strict=True)
    ]
    connection.exec_driver_sql(statement, list(zip(*converted, strict=True)))


@lru_cache(maxsize=64)
def _prepared(
    of: Dialect, table: Table, columns: tuple[str, ...]
) -> tuple[str, list[Callable[[Any], Any] | None]]:
    mark = "?" if of.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    return statement, [_processor(of, table.c[column].type) for column in columns]


def _processor(of: Dialect, type_: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what converts a type's values; the drivers take bytes as they are."""
    if isinstance(type_, LargeBinary):
        return None
    return type_.dialect_impl(of).bind_processor(of)


def is_busy(error: DBAPIError) -> bool:
    """True where a database error is one that a later try may get past."""
    if isinstance(error, IntegrityError):
        return False
    text = str(error.orig).lower()
    return error.connection_invalidated or (
        isinstance(error, OperationalError | InterfaceError)
        and any(word in text for word in ("locked", "busy", "deadlock", "timeout", "connection"))
    )


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("convsync_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
