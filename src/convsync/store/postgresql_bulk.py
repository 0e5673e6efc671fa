"""Many rows at once, as PostgreSQL takes them best. Only `dialect` calls this.

- In by COPY, which costs client and server a fifth of an INSERT for each row.
- Changed by one UPDATE that joins arrays, a column each; added to by one INSERT of such arrays.
- Statistics are not there yet when a first night needs them: autovacuum gathers them a minute after
  the fact, or never. So whoever loads a table leaves statistics of it behind, in the same commit,
  whenever it has grown much since it last had some. Only columns that rows are found by are looked
  at: these are what a join is chosen by, and the rest would cost as much again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, String, Table, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

GROWTH = 8
"""A table is looked at again when it has this many times the pages it last had, so a load of any
size is charged for few looks."""
FEW_PAGES = 8
"""Up to this times GROWTH, PostgreSQL's own guess from the size of the file is good enough."""
_LOADED = "convsync_loaded"


def leave_statistics(engine: Engine) -> None:
    """Have each commit leave statistics of the tables that were loaded in it, and grew."""
    event.listen(engine, "commit", _analyze_what_grew)
    event.listen(engine, "rollback", _forget_what_was_loaded)


def insert_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows of values that the driver takes as they are."""
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    with _cursor(connection, statement) as cursor, cursor.copy(statement) as copy:
        write: Callable[[Sequence[Any]], None] = copy.write_row
        for row in rows:
            write(row)
    note_loaded(connection, table)


def note_loaded(connection: Connection, table: Table) -> None:
    """Have this transaction's commit look whether a table grew by what was loaded into it."""
    connection.info.setdefault(_LOADED, {})[table.name] = table


def update_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    values: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
) -> None:
    """Set columns of rows, given column by column with the key last; each key stands there once."""
    names = (*columns, *key)
    arrays = _arrays(connection, table, names)
    changes = ", ".join(f"{name} = given.{name}" for name in columns)
    condition = " AND ".join(f"{table.name}.{name} = given.{name}" for name in key)
    statement = (
        f"UPDATE {table.name} SET {changes} "  # noqa: S608 (names of our own)
        f"FROM unnest({arrays}) AS given({', '.join(names)}) WHERE {condition}"
    )
    connection.exec_driver_sql(statement, tuple(map(list, values)))


def insert_few(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    values: Iterable[Sequence[Any]],
    otherwise: str,
) -> None:
    """Insert rows given column by column, by one statement, which ends in what it does `otherwise`.

    That is where a row is there already, which COPY would not take.
    """
    names = ", ".join(columns)
    arrays = _arrays(connection, table, columns)
    statement = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) {otherwise}"  # noqa: S608
    connection.exec_driver_sql(statement, tuple(map(list, values)))


def _arrays(connection: Connection, table: Table, columns: Sequence[str]) -> str:
    """Return parameters that are arrays of what columns hold."""
    types = [_array_of(connection, table.c[name].type) for name in columns]
    return ", ".join(f"%s::{name}" for name in types)


def _array_of(connection: Connection, type_: TypeEngine[Any]) -> str:
    """Return the array type of a column; of text without its length, for a cast to it would cut."""
    stored = type_.dialect_impl(connection.dialect)
    if isinstance(getattr(stored, "impl", stored), String):
        return "text[]"
    return f"{connection.dialect.type_compiler_instance.process(stored)}[]"


@contextmanager
def _cursor(connection: Connection, statement: str) -> Iterator[Any]:
    """Open a cursor of the driver's, and raise what it raises as SQLAlchemy would have."""
    module: Any = connection.dialect.loaded_dbapi
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            yield cursor
    except module.Error as error:
        if is_gone := connection.dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            module.Error,
            connection_invalidated=is_gone,
            dialect=connection.dialect,
        ) from error


def _analyze_what_grew(connection: Connection) -> None:
    loaded: dict[str, Table] = connection.info.pop(_LOADED, {})
    if not loaded:
        return
    with _cursor(connection, _GROWN) as cursor:
        grown = cursor.execute(_GROWN, (list(loaded), GROWTH, FEW_PAGES)).fetchall()
        for (name,) in grown:
            columns = ", ".join(_found_by(loaded[name]))
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {name} ({columns})")


_GROWN = """
    SELECT relname FROM pg_class
    WHERE oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
    AND pg_relation_size(oid) > %s * greatest(relpages, %s)::bigint
        * current_setting('block_size')::bigint
    ORDER BY relname
"""
"""`relpages` is a table's size when it last had statistics, 0 where it never had."""


def _forget_what_was_loaded(connection: Connection) -> None:
    if not connection.invalidated:
        connection.info.pop(_LOADED, None)


def _found_by(table: Table) -> list[str]:
    """Return the columns that stand in a table's key or in an index."""
    indexed = {column.name for index in table.indexes for column in index.columns}
    unique = {
        column.name
        for constraint in table.constraints
        if hasattr(constraint, "columns")
        for column in constraint.columns
    }
    return [column.name for column in table.c if column.name in indexed | unique]
