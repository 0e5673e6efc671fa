"""The few things SQLite and PostgreSQL do differently. What is one's alone stands in `sqlite_bulk`
and `postgresql_bulk`, their errors in `database_errors`, a query's own table of numbers in `given`,
an index that is dropped and made again in `order_index`. Nothing else knows which it is.

On both, transactions that write queue up instead of failing half way: what one has read, and every
number it has counted up to, still holds when it writes. SQLite begins them IMMEDIATE, PostgreSQL
takes an advisory lock. Readers see one state throughout, and are never blocked: SQLite runs in WAL
mode (with full sync, so that a commit survives a power cut), PostgreSQL reads repeatably. How the
tables are hidden to which a preview must not write stands in `overlay`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Select,
    Table,
    create_engine,
    event,
    func,
    select,
    type_coerce,
)
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import (
    OperationalError,
)
from sqlalchemy.types import TypeEngine

from convsync.errors import OperatorError
from convsync.store import postgresql_bulk, sqlite_bulk, sqlite_connection
from convsync.store.database_errors import database_message

BUSY_TIMEOUT_S = 30
_ASKED_AT_ONCE = 5_000
_WRITERS = 0x636F6E7673796E63  # "convsync": the advisory lock of writers, one a database


def open_engine(url: URL) -> Engine:
    """Return an engine set up for its database. Nothing is connected yet."""
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url, pool_pre_ping=True, use_native_hstore=False)
        event.listen(engine, "begin", _begin_postgresql)
        postgresql_bulk.leave_statistics(engine)
        return engine
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", sqlite_connection.prepare)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def server_time(connection: Connection) -> datetime | None:
    """Return the time by the server's own clock; None where there is no server, as for SQLite."""
    if connection.dialect.name == "sqlite":
        return None
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def is_supported(url: URL) -> bool:
    """True for the two databases there are, by the drivers whose own ways are used here."""
    return url.drivername in {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}


def for_writing(connection: Connection) -> Connection:
    """Mark a connection, before it begins, as one that will write."""
    return connection.execution_options(convsync_writes=True)


def for_reading(connection: Connection) -> Connection:
    """Mark a connection, before it begins, as one that sees a single state and writes nothing."""
    if connection.dialect.name == "sqlite":  # a snapshot from its first read on
        return connection
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def trying_out(url: URL) -> Iterator[Connection]:
    """Yield a connection whose transaction sees one state, and writes to temporary tables only.

    Raises OperatorError where there is no room for those.
    """
    engine = open_engine(_read_only(url))  # no other's: its statements are prepared for the tables
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            transaction = connection.begin()
            try:
                yield connection
            except OperationalError as error:
                raise _explained(error) from error
            finally:
                transaction.rollback()
    finally:
        engine.dispose()


def _read_only(url: URL) -> URL:
    """Return the URL of a file that cannot be written by it.

    https://www.sqlite.org/uri.html#urimode
    """
    if url.get_backend_name() != "sqlite":
        return url
    file = Path(str(url.database)).absolute().as_uri()
    return url.set(database=file, query={**url.query, "mode": "ro", "uri": "true"})


def allow_no_more_tables(connection: Connection) -> None:
    """From now on let only temporary tables be written, and none be made: PostgreSQL sees to it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _explained(error: OperationalError) -> Exception:
    if getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return OperatorError(
            f"There is no room for the preview's tables: {database_message(error)}. "
            "Free some space for temporary files, or set SQLITE_TMPDIR to another folder."
        )
    return error


def upsert(table: Table, connection: Connection) -> Any:
    """Return an INSERT that offers `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == "sqlite":  # either is slow to import, and one is there by now
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert many rows, given by position, at the price of the driver's own executemany, or COPY.

    SQLAlchemy's executemany handles every value of every row by name, which costs more than the
    insert itself; here each column's type converts its values in one go.
    """
    if not rows:
        return
    given = _converted(connection, [table.c[name] for name in columns], rows)
    _insert(connection, table, columns, zip(*given, strict=True))


def insert_found(connection: Connection, table: Table, found: Select[Any]) -> None:
    """Insert what a query finds, whose columns are the table's."""
    connection.execute(table.insert().from_select([column.name for column in table.c], found))
    if connection.dialect.name == "postgresql":
        postgresql_bulk.note_loaded(connection, table)


class Alike(NamedTuple):
    """One value that a column has in all rows that are inserted."""

    value: Any


def insert_columns(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any] | Alike], rows: int
) -> None:
    """Insert many rows that are given column by column; what is alike is converted once."""
    if not rows:
        return
    given = [
        _column_of(connection, table.c[name], values, rows) for name, values in columns.items()
    ]
    _insert(connection, table, [*columns], zip(*given, strict=True))


def _insert(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    if connection.dialect.name == "sqlite":
        sqlite_bulk.insert_rows(connection, _insert_of(table, columns), len(columns), [*rows])
    else:
        postgresql_bulk.insert_rows(connection, table, columns, rows)


def _column_of(
    connection: Connection, column: Column[Any], values: Sequence[Any] | Alike, rows: int
) -> Iterable[Any]:
    process = _processor(connection.dialect, column.type)
    if isinstance(values, Alike):
        return repeat(values.value if process is None else process(values.value), rows)
    return values if process is None else map(process, values)


def update_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str],
) -> None:
    """Set columns of many rows, given by position with their key last, at the same price.

    A key stands there once: which of two rows would count is not said.
    """
    if not rows:
        return
    given = _converted(connection, [table.c[name] for name in (*columns, *key)], rows)
    if connection.dialect.name == "sqlite":
        statement = _update_of(table, columns, key)
        connection.exec_driver_sql(statement, list(zip(*given, strict=True)))
    else:
        postgresql_bulk.update_rows(connection, table, columns, given, key=key)


def rows_among(
    connection: Connection, table: Table, columns: Sequence[str], key: str, among: Sequence[Any]
) -> Iterator[Sequence[Any]]:
    """Yield columns, as the driver hands them over, of the rows whose key is among some values."""
    for start in range(0, len(among), _ASKED_AT_ONCE):
        asked = tuple(among[start : start + _ASKED_AT_ONCE])
        marks = ", ".join([_mark(connection)] * len(asked))
        statement = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {key} IN ({marks})"  # noqa: S608
        found: Any = connection.exec_driver_sql(statement, asked)
        yield from found.cursor


def add_to_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    amounts: Sequence[str],
    more: Mapping[Any, Sequence[Any]],
) -> None:
    """Add to the amounts of the rows with these keys, which begin at nothing."""
    rows = [(*found, *added) for found, added in more.items() if any(added)]
    if rows:
        columns = (*key, *amounts)
        sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in amounts)
        adding = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"
        given = _converted(connection, [table.c[name] for name in columns], rows)
        if connection.dialect.name == "sqlite":
            statement = f"{_insert_of(table, columns)} {adding}"
            connection.exec_driver_sql(statement, list(zip(*given, strict=True)))
        else:
            postgresql_bulk.insert_few(connection, table, columns, given, adding)


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"


def continue_numbering(connection: Connection, tables: Sequence[Table]) -> None:
    """Have the next row of each table numbered after those that were inserted with a number.

    SQLite always does; PostgreSQL counts in a sequence, and knows nothing of such rows.
    """
    if connection.dialect.name == "sqlite":
        return
    for table in tables:
        if (column := table.autoincrement_column) is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, func.max(column))))


def _converted(
    connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]
) -> list[Sequence[Any]]:
    """Return the values as the driver takes them, column by column."""
    processors = [_processor(connection.dialect, column.type) for column in columns]
    return [
        column if process is None else [process(value) for value in column]
        for column, process in zip(zip(*rows, strict=True), processors, strict=True)
    ]


def _insert_of(table: Table, columns: Sequence[str]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608


def _update_of(table: Table, columns: Sequence[str], key: Sequence[str]) -> str:
    changes = ", ".join(f"{name} = ?" for name in columns)
    condition = " AND ".join(f"{name} = ?" for name in key)
    return f"UPDATE {table.name} SET {changes} WHERE {condition}"  # noqa: S608


def _processor(of: Dialect, type_: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what converts a type's values; the drivers take bytes and booleans as they are."""
    if isinstance(type_, LargeBinary | Boolean):
        return None
    return type_.dialect_impl(of).bind_processor(of)


def tally(connection: Connection, found: Any) -> Counter[tuple[Any, ...]]:
    """Count the rows a query finds, by what they hold as the database keeps it.

    SQLite groups by sorting, in as much memory again as its cache has, so there rows are counted as
    they come: in next to none.
    """
    if connection.dialect.name == "sqlite":
        cursor: Any = connection.execute(found).cursor
        return Counter(cursor)
    columns = [*found.subquery().c]
    counts = select(*columns, func.count()).group_by(*columns)
    return Counter({tuple(row[:-1]): int(row[-1]) for row in connection.execute(counts)})


def raw_rows(connection: Connection, found: Any, **asked: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a query as the driver gives them, at the driver's own price.

    Truth is 0 or 1 in SQLite; every other column must be one that both keep alike.
    """
    result: Any = connection.execute(found, asked)
    return [*result.cursor]


def raw_stream(connection: Connection, found: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query as the driver gives them, without holding them all.

    SQLite's cursor does so by itself; told to, SQLAlchemy would take the first rows out of it.
    """
    if connection.dialect.name == "sqlite":
        cursor: Any = connection.execute(found).cursor
        yield from cursor
    else:
        options = {"yield_per": _ASKED_AT_ONCE}
        yield from map(tuple, connection.execute(found, execution_options=options))


def add_up(connection: Connection, found: Any) -> dict[tuple[Any, ...], list[int]]:
    """Count the rows a query finds by all their columns but the last, and add that one up."""
    if connection.dialect.name == "sqlite":
        cursor: Any = connection.execute(found).cursor
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for row in cursor:
            of_key = sums[row[:-1]]
            of_key[0] += 1
            of_key[1] += row[-1]
        return sums
    *key, amount = found.subquery().c
    grouped = select(*key, func.count(), func.sum(amount)).group_by(*key)
    return {tuple(row[:-2]): [int(row[-2]), int(row[-1])] for row in connection.execute(grouped)}


def in_hex(connection: Connection, column: Column[Any]) -> ColumnElement[str]:
    """Return the bytes of a column as hexadecimal digits, in upper or lower case."""
    if connection.dialect.name == "sqlite":
        return func.hex(column)
    return func.encode(type_coerce(column, LargeBinary()), "hex")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("convsync_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("convsync_writes", False):
        waiting = f"set_config('lock_timeout', '{BUSY_TIMEOUT_S}s', true)"  # as SET LOCAL does
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS}) FROM {waiting}")  # noqa: S608
