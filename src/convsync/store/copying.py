"""A whole ledger from one database into another, and the proof that both hold the same.

Rows go over as they are kept, in one transaction on the target, which is read back before it is
committed: a table counts as copied when both sides have as many rows, with the same digest. The
source is held against writers meanwhile, so that no run goes on in a ledger that was left behind.

The digest of a table adds up those of its rows, in whatever order these come: each database sorts
text in its own way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, MetaData, Table, TypeDecorator, inspect, select

from convsync.errors import ConvsyncError, OperatorError
from convsync.store import dialect, migrate, runs
from convsync.store.database import Database
from convsync.store.schema import metadata
from convsync.store.session import lease_time

_CHUNK = 5_000


@dataclass(slots=True)
class Content:
    """How many rows a table has, and their digest."""

    rows: int = 0
    total: int = 0

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows to both."""
        self.rows += len(rows)
        for row in rows:
            digest = blake2b(repr(row).encode(), digest_size=16).digest()
            self.total += int.from_bytes(digest)

    @property
    def digest(self) -> str:
        """Return the digest as it is shown."""
        return f"{self.total % (1 << 128):032x}"


def copy(
    source: Database,
    target: Database,
    *,
    check: Callable[[Connection], None],
    on_table: Callable[[str, Content], None],
    now: datetime,
) -> None:
    """Make the tables in the target, and copy every row; nothing stays unless both are equal.

    `check` looks at the copy before it is kept, and raises what is wrong with it; `on_table` hears
    of each table. Raises OperatorError where the target is not empty or the source is of another
    version, LockedError while a run is going on in the source.
    """
    migrate.require_current(source)
    with source.transaction("copy from") as reading:
        runs.raise_if_running(reading, lease_time(reading, lambda: now))
        with target.transaction("copy to") as writing:
            _require_empty(target, writing)
            migrate.make_tables(writing)
            for table in metadata.sorted_tables:
                on_table(table.name, _copied(reading, writing, _as_kept(table)))
            dialect.continue_numbering(writing, metadata.sorted_tables)
            check(writing)


def _copied(reading: Connection, writing: Connection, table: Table) -> Content:
    """Copy the rows of a table, read them back, and return what both sides hold."""
    given, kept = Content(), Content()
    columns = [column.name for column in table.c]
    for rows in _rows_of(reading, table):
        given.add(rows)
        dialect.insert_rows(writing, table, columns, rows)
    for rows in _rows_of(writing, table):
        kept.add(rows)
    if kept != given:
        raise ConvsyncError(
            f"Table {table.name} came out as {kept.rows:,} rows with digest {kept.digest}, and had"
            f" {given.rows:,} with digest {given.digest}. Nothing was copied."
        )
    return kept


def _rows_of(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    options = {"stream_results": True, "yield_per": _CHUNK}
    found = connection.execute(select(table), execution_options=options)
    for rows in found.partitions():
        yield [tuple(row) for row in rows]


def _as_kept(table: Table) -> Table:
    """Return the table with its columns of the types that ours are kept as."""
    kept = table.to_metadata(MetaData())
    for column in kept.c:
        if isinstance(column.type, TypeDecorator):
            column.type = column.type.impl_instance
    return kept


def _require_empty(target: Database, connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there and connection.execute(select(table).limit(1)).first():
            raise OperatorError(
                f"Database {target.name} is not empty: its table {table.name} has rows. Name an "
                "empty one, or one that does not exist yet."
            )
