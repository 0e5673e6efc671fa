"""Tables laid over the ledger's own, so that a preview writes as a run does and nothing stays.

A preview sees one state of the ledger, and may only read it: SQLite opens the file read-only and
PostgreSQL the transaction, so that the database itself refuses whatever would change it. What a
preview writes goes to temporary tables, which cost what it plans and not what there is. It holds no
lock but a reader's: no run waits for it or is refused because of it.

A name alone means the temporary table, on both databases. Small tables are copied. One that grows
with the deals (`schema.GROWS`) is hidden by a view: the ledger's rows, and in place of those with
their key, the rows written since; triggers take what is written to the view. A transaction that is
rolled back would be shorter, and would keep runs waiting: SQLite has one writer, and PostgreSQL
lets an insert wait for another one with the same key.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from convsync.store.schema import GROWS

_GONE = "is_gone"
"""Marks, among the rows written, those that were deleted."""


def lay_over(connection: Connection, tables: Sequence[Table]) -> None:
    """Hide each table, from now on, by a temporary one that takes what is written."""
    is_sqlite = connection.dialect.name == "sqlite"
    schema = "main" if is_sqlite else str(connection.scalar(select(func.current_schema())))
    quoted = connection.dialect.identifier_preparer.quote(schema)
    for table in tables:
        hidden = f"{quoted}.{table.name}"
        if not table.info.get(GROWS):
            _copy(connection, table, hidden)
            continue
        gone = Column(_GONE, Boolean, nullable=False)
        _create(connection, _twin(connection, table, _written(table), gone))
        view = _sqlite_view if is_sqlite else _postgresql_view
        triggers = _sqlite_triggers if is_sqlite else _postgresql_triggers
        for statement in (view(table, hidden), *triggers(table)):
            connection.exec_driver_sql(statement)


def _copy(connection: Connection, table: Table, hidden: str) -> None:
    _create(connection, _twin(connection, table, table.name))
    names = _names(table)
    copied = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {hidden}"  # noqa: S608
    connection.exec_driver_sql(copied)
    numbered = table.autoincrement_column
    if connection.dialect.name == "postgresql" and numbered is not None:
        sequence = func.pg_get_serial_sequence(f"pg_temp.{table.name}", numbered.name)
        newest = select(func.max(numbered)).scalar_subquery()
        connection.execute(select(func.setval(sequence, newest)))


def _create(connection: Connection, table: Table) -> None:
    connection.execute(CreateTable(table))
    for index in table.indexes:
        connection.execute(CreateIndex(index))


def _twin(connection: Connection, table: Table, name: str, *more: Column[Any]) -> Table:
    """Return a temporary table that keeps what a table keeps, but for its foreign keys."""
    columns: list[Column[Any]] = [
        Column(
            column.name,
            column.type,
            primary_key=column.primary_key,
            autoincrement=column.autoincrement,
            nullable=column.nullable,
            server_default=column.server_default,
        )
        for column in table.columns
    ]
    rowid = table.dialect_options["sqlite"]["with_rowid"]
    all_columns = [*columns, *more]
    twin: Table = Table(
        name, MetaData(), *all_columns, prefixes=["TEMPORARY"], sqlite_with_rowid=rowid
    )
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            twin.append_constraint(UniqueConstraint(*constraint.columns.keys()))
        elif isinstance(constraint, CheckConstraint):
            twin.append_constraint(CheckConstraint(constraint.sqltext))
    for index in table.indexes:
        where = {f"{connection.dialect.name}_where": index.dialect_options["sqlite"]["where"]}
        on = [twin.c[column.name] for column in index.columns]
        Index(f"written_{index.name}", *on, unique=index.unique, **where)
    return twin


def _sqlite_view(table: Table, hidden: str) -> str:
    """Return a view of a table as it would be.

    Each half has its own conditions: so SQLite searches both by index, within a join as well.
    https://www.sqlite.org/optoverview.html#flattening
    """
    names, written = _names(table), _written(table)
    return (
        f"CREATE TEMPORARY VIEW {table.name} AS "  # noqa: S608
        f"SELECT {names} FROM {hidden} AS kept WHERE NOT {_is_written(table, 'kept')} "
        f"UNION ALL SELECT {names} FROM {written} WHERE NOT {_GONE}"
    )


def _postgresql_view(table: Table, hidden: str) -> str:
    """Return a view of a table as it would be.

    The conditions stand around both halves: one of a half alone would have PostgreSQL read the
    whole table for a join, which it searches by index otherwise.
    """
    names, written = _names(table), _written(table)
    return (
        f"CREATE TEMPORARY VIEW {table.name} AS SELECT {names} FROM ("  # noqa: S608
        f"SELECT TRUE AS is_kept, FALSE AS {_GONE}, {names} FROM {hidden} "
        f"UNION ALL SELECT FALSE, {_GONE}, {names} FROM {written}) AS one "
        f"WHERE NOT {_GONE} AND NOT (is_kept AND {_is_written(table, 'one')})"
    )


def _is_written(table: Table, row: str) -> str:
    same = " AND ".join(f"own.{key.name} = {row}.{key.name}" for key in table.primary_key)
    return f"EXISTS (SELECT 1 FROM {_written(table)} AS own WHERE {same})"  # noqa: S608


def _sqlite_triggers(table: Table) -> Iterator[str]:
    for verb, row, is_gone in _WRITES:
        yield (
            f"CREATE TEMPORARY TRIGGER {_written(table)}_{verb} INSTEAD OF {verb} ON {table.name} "  # noqa: S608
            f"BEGIN INSERT OR REPLACE INTO {_written(table)} ({_names(table)}, {_GONE}) "
            f"VALUES ({_values(table, row)}, {is_gone}); END"
        )


def _postgresql_triggers(table: Table) -> Iterator[str]:
    key = ", ".join(column.name for column in table.primary_key)
    columns = [*map(_quoted, table.columns.keys()), _GONE]
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns)
    for verb, row, is_gone in _WRITES:
        function = f"pg_temp.{_written(table)}_{verb}"
        yield (
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ "  # noqa: S608
            f"BEGIN INSERT INTO {_written(table)} ({', '.join(columns)}) "
            f"VALUES ({_values(table, row)}, {is_gone}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {replaced}; RETURN {row}; END $$"
        )
        yield (
            f"CREATE TRIGGER {_written(table)}_{verb} INSTEAD OF {verb} ON {table.name} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}()"
        )


_WRITES = (("INSERT", "NEW", "FALSE"), ("UPDATE", "NEW", "FALSE"), ("DELETE", "OLD", "TRUE"))
"""What is written to a view, and which row of it is kept, as what. Keys never change."""


def _written(table: Table) -> str:
    return f"written_{table.name}"


def _names(table: Table) -> str:
    return ", ".join(map(_quoted, table.columns.keys()))


def _quoted(name: str) -> str:
    """Return a column's name as both databases take it, also where it is a word of SQL's."""
    return f'"{name}"'


def _values(table: Table, row: str) -> str:
    """Return the values of a row; a view gives NULL, and no default, for what is left out."""
    return ", ".join(
        f"{row}.{_quoted(column.name)}"
        if column.server_default is None
        else f"coalesce({row}.{_quoted(column.name)}, {column.server_default.arg})"  # type: ignore[attr-defined]
        for column in table.columns
    )
