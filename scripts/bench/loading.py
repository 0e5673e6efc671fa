"""Copies a ledger from SQLite into an empty PostgreSQL database, without indexes until the end.

    python -m scripts.bench.loading DATABASE URL

`convsync db copy` proves each row, and takes many minutes for ten million events. This one hands
rows over as CSV and compares how many there are; the test that calls it lets `audit verify` prove
that both hold the same.
"""

import csv
import io
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import LargeBinary, Table, TypeDecorator

from convsync.store import dialect
from convsync.store.database import Database
from convsync.store.migrate import upgrade
from convsync.store.schema import metadata

_AT_ONCE = 10_000
_NOTHING = r"\N"
_KEYS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')
    ORDER BY contype = 'f', oid
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""


def main() -> None:
    """Copy one into the other."""
    load(sys.argv[1], sys.argv[2])


def load(path: str, url: str) -> None:
    """Copy the ledger in a file into an empty database; AssertionError where rows are missing."""
    with closing(Database(url)) as database:
        upgrade(database)
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reading,
            psycopg.connect(url) as writing,
            _without_indexes(writing),
        ):
            for table in metadata.sorted_tables:
                _copy(reading, writing, table)
        with database.transaction("continue the numbers") as connection:
            dialect.continue_numbering(connection, metadata.sorted_tables)
    with psycopg.connect(url, autocommit=True) as writing:
        writing.execute("VACUUM ANALYZE")


@contextmanager
def _without_indexes(writing: psycopg.Connection) -> Iterator[None]:
    """Take constraints and indexes away, and make them again."""
    keys = writing.execute(_KEYS).fetchall()
    indexes = writing.execute(_INDEXES).fetchall()
    for table, name, _ in reversed(keys):
        writing.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    for name, _ in indexes:
        writing.execute(f"DROP INDEX {name}".encode())
    yield
    for table, name, definition in keys:
        writing.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())
    for _, definition in indexes:
        writing.execute(definition.encode())


def _copy(reading: sqlite3.Connection, writing: psycopg.Connection, table: Table) -> None:
    names = [column.name for column in table.c]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    into = sql.SQL(r"COPY {} ({}) FROM STDIN (FORMAT csv, NULL '\N')")
    rows = reading.execute(f"SELECT {', '.join(_cells(table))} FROM {table.name}")
    copied = 0
    with (
        writing.cursor() as cursor,
        cursor.copy(into.format(sql.Identifier(table.name), columns)) as copy,
    ):
        while some := rows.fetchmany(_AT_ONCE):
            copy.write(_as_csv(some))
            copied += len(some)
    there = writing.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))
    ).fetchone()
    assert there == (copied,), f"{table.name}: {there} of {copied} rows"


def _cells(table: Table) -> Iterator[str]:
    """Yield what a column is as a cell of CSV."""
    for column in table.c:
        name = f'"{column.name}"'
        kind = column.type
        kept = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
        is_bytes = isinstance(kept, LargeBinary)
        cell = rf"'\x' || hex({name})" if is_bytes else name
        yield f"CASE WHEN {name} IS NULL THEN '{_NOTHING}' ELSE {cell} END"


def _as_csv(rows: Sequence[Sequence[object]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


if __name__ == "__main__":
    main()
