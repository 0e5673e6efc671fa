"""Deals and clicks from any database that SQLAlchemy speaks to: a table, a view or a query.

A deal may stand in several rows, such as its product lines; what that means is declared, and
decided in `several_rows`. So a window or period brings every row of the deals it concerns, and the
IDs are gone through once before the rows are. Which rows are of one deal there, the database says.

A query may use `:since` and `:until` to spare the database work. They are bound as UTC without a
zone and two days wider than the window on either side, so that stamps in any zone, bare dates and
timestamps kept as text all stay inside; the exact line is drawn here. Rows are streamed.

The first read takes no notice of the window, and then counts what the window would have let
through: a stamp that the database cannot compare with a time (epoch seconds, some texts) would
otherwise leave its row out of every night, and nobody would know.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import SQLAlchemyError

from convsync.errors import OperatorError
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.looks import LookedAt, columns_of
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns
from convsync.extract.rows import DealRows, SightingRows
from convsync.extract.several_rows import Repeated, RowsPerDeal, gathered
from convsync.extract.source import Bookmark, ClickChunk, Quarantined, Record, chunks_of
from convsync.extract.sql_query import ALL_TIME, Queried, SqlQuery, Statement
from convsync.extract.sql_session import opened
from convsync.extract.sql_zones import placed
from convsync.model.period import Period

_FIRST_READ = datetime(1970, 1, 2, tzinfo=UTC)
"""A window that begins before this is a source's first."""
_NO_TIME = Period(since=ALL_TIME.until, until=ALL_TIME.until)
_RENAMING = frozenset({"sqlite", "duckdb"})
"""The databases that rename the second column of one name where a query stands in brackets."""
_MYSQL_TIMESTAMP = 7


@dataclass(slots=True, kw_only=True)
class SqlDeals:
    """The deals of a table or a query. Promises what DealSource does.

    `is_complete` says that the query yields every deal there is; it is then read whole, whatever
    the window. `time_zones` names columns whose times have no zone, and what zone they mean.
    """

    name: str
    url: str = field(repr=False)
    query: str
    columns: DealColumns
    cells: CellFormat
    rows_per_deal: RowsPerDeal = RowsPerDeal.ONE
    is_complete: bool = False
    ids_are_exact: bool = False
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)
    time_zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    reads_all: bool = field(init=False)
    reads_by_stamp: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reads_all = self.is_complete
        self.reads_by_stamp = not self.is_complete

    def check_columns(self) -> None:
        """Raise OperatorError unless the query runs and yields every mapped column."""
        with self._opened() as query:
            self._records(query.run(query.every_row))

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one without a modified stamp."""
        with self._opened() as query:
            statement = query.every_row if self.is_complete else query.of_window(window)
            repeated = self._repeated(query, statement)
            rows = query.run(statement)
            records = self._records(rows)
            of_deals = gathered(rows, records.id_of, repeated)
            if self.is_complete:
                yield from records.every(of_deals)
                return
            unreadable = 0
            for record in records.changed(of_deals, window):
                if isinstance(record, Quarantined):
                    unreadable += repeated.times(record.deal_id)
                yield record
            query.raise_if_window_loses(rows.read, unreadable, window)

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        times = [one.column for one in self.columns.milestones.values()]
        with self._opened() as query:
            statement = query.of_period(times, period)
            repeated = self._repeated(query, statement)
            rows = query.run(statement)
            records = self._records(rows)
            yield from records.reached(gathered(rows, records.id_of, repeated), period)

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Run the query for a look at each row there is, by itself and whatever its window."""
        with self._opened() as query:
            rows, columns = query.run(query.every_row), columns_of(self.columns)
            yield LookedAt(
                name=self.name,
                table=f"deals.{self.name}",
                columns=columns,
                form=self.cells,
                looks=rows.header.looks(self._records(rows).each(rows), columns),
                left_out=lambda: query.left_out_of(rows),
                milestones=tuple(self.columns.milestones),
                rows_are_deals=self.rows_per_deal is RowsPerDeal.ONE,
                modified_at=self.columns.modified_at,
            )

    def _opened(self) -> AbstractContextManager["_OpenQuery"]:
        return opened_query(self, self.columns.deal_id)

    def _records(self, rows: "_Rows") -> DealRows:
        return DealRows(self.name, self.columns, self.cells, rows.header, self.rows_per_deal)

    def _repeated(self, query: "_OpenQuery", statement: Statement) -> Repeated:
        """Return which deals stand in several of the rows that a statement yields."""
        id_of = CellReader(self.cells).deal_id
        read = (_read_id(id_of, cell) for cell in query.ids(statement))
        return Repeated(deal_id for deal_id in read if deal_id)


@dataclass(slots=True, kw_only=True)
class SqlClicks:
    """The click sightings of a table or a query. Promises what ClickSource does."""

    name: str
    url: str = field(repr=False)
    query: str
    columns: ClickColumns
    cells: CellFormat
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)
    time_zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    reads_by_stamp: bool = field(default=True, init=False)

    def check_columns(self) -> None:
        """Raise OperatorError unless the query runs and yields every mapped column."""
        with opened_query(self) as query:
            self._records(query.run(query.every_row))

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield every sighting logged inside the window, and every one without a stamp."""
        with opened_query(self) as query:
            rows = query.run(query.within(window))
            unreadable = 0
            for chunk in chunks_of(self._records(rows).logged(rows, window)):
                unreadable += len(chunk.unreadable)
                yield chunk
            query.raise_if_window_loses(rows.read, unreadable, window)

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Run the query for a look at each row there is, whatever its window."""
        with opened_query(self) as query:
            rows, columns = query.run(query.every_row), columns_of(self.columns)
            yield LookedAt(
                name=self.name,
                table=f"clicks.{self.name}",
                columns=columns,
                form=self.cells,
                looks=rows.header.looks(self._records(rows).each(rows), columns),
                left_out=lambda: query.left_out_of(rows),
            )

    def _records(self, rows: "_Rows") -> SightingRows:
        return SightingRows(self.columns, self.cells, rows.header)


@contextmanager
def opened_query(source: Queried, id_column: str | None = None) -> Iterator["_OpenQuery"]:
    """Open a source's database, with what runs its query."""
    with opened(source.name, source.url) as connection:
        query = SqlQuery(source.name, source.query, connection)
        with closing(_OpenQuery(source, query, connection, id_column)) as running:
            yield running


class _Rows:
    """The columns of a statement that runs, then its rows, numbered from 1; `read` counts them."""

    def __init__(self, source: str, result: CursorResult[Any], zones: Mapping[str, tzinfo]) -> None:
        names = [name.strip() for name in list(result.keys())]
        self.header = Header(
            names, source=f"the query of source '{source}'", place=f"{source} row "
        )
        self.read = 0
        self._result = result
        self._zoned = [(at, zones[name]) for at, name in enumerate(names) if name in zones]
        if unknown := sorted(zones.keys() - set(names)):
            raise OperatorError(
                f"source '{source}': time_zones names the column '{unknown[0]}', which is not read."
                f" The columns there are: {', '.join(names)}."
            )

    def __iter__(self) -> Iterator[NumberedRow]:
        for self.read, row in enumerate(self._result, 1):  # noqa: B020
            yield NumberedRow(self.read, placed(row, self._zoned) if self._zoned else row)

    def pass_over_the_rest(self) -> None:
        """Count the rows that nobody has read."""
        self.read += sum(1 for _ in self._result)


class _OpenQuery:
    """A source's query on an open connection, and the ways to run it."""

    def __init__(
        self,
        source: Queried,
        query: SqlQuery,
        connection: Connection,
        id_column: str | None,
    ) -> None:
        self._query = query
        self._source = source.name
        self._connection = connection
        self._zones = source.time_zones
        self._id_column = id_column.strip() if id_column else None
        self._running: CursorResult[Any] | None = None
        self._mapped = source.columns.all_names
        self._names = self._mapped_among_columns(self._mapped) if query.is_table else ()

    def close(self) -> None:
        """End what still runs."""
        if self._running is not None:
            self._running.close()

    @property
    def every_row(self) -> Statement:
        """Return what yields every row there is."""
        return self._query.everything(self._names)

    def within(self, window: Period) -> Statement:
        """Return what yields the rows of a window at least; every row at the first read."""
        if window.since < _FIRST_READ:
            return self.every_row
        return self._query.within(self._names, window)

    def of_window(self, window: Period) -> Statement:
        """Return what yields every row of the deals with any row in a window, at least."""
        return self._of_whole_deals(self.within(window))

    def of_period(self, columns: Sequence[str], period: Period) -> Statement:
        """Return what yields every row of the deals with a time in a period, at least."""
        if self._query.compares_as_times(self._description, columns):
            return self._of_whole_deals(self._query.reached(self._names, columns, period))
        return self.every_row

    def ids(self, statement: Statement) -> Iterator[object]:
        """Yield what a statement's rows hold in the column of the ID, nothing without that."""
        column = self._id_name()
        if column is not None:
            statement = self._query.ids_alone(column, statement)
        with self._connection.execute(self._query.bound(statement)) as result:
            names = [name.strip() for name in list(result.keys())]
            if self._id_column in names:
                place = names.index(self._id_column)
                yield from (row[place] for row in result)

    def run(self, statement: Statement) -> _Rows:
        """Run a statement for its rows."""
        result = self._running = self._connection.execute(self._query.bound(statement))
        return _Rows(self._source, result, {**self._instants(result), **self._zones})

    def _of_whole_deals(self, some: Statement) -> Statement:
        """Return what yields every row of some deals, or all rows where it cannot ask for those."""
        column = self._id_name()
        if some == self.every_row or column is None:
            return self.every_row
        self._raise_if_renamed()
        return self._query.whole_deals(self._names, column, some)

    def _id_name(self) -> str | None:
        """Return the column of the ID as the database spells it; None where no query can name it.

        Some databases take no query in brackets, and none one whose columns share a name.
        """
        names = [str(column[0]) for column in self._description]
        found = [name for name in names if name.strip() == self._id_column]
        return found[0] if found and len(set(names)) == len(names) else None

    def _raise_if_renamed(self) -> None:
        """Raise OperatorError where the query by itself has a mapped column twice."""
        if self._connection.dialect.name in _RENAMING:
            alone = self._query.bound(self._query.within(self._names, _NO_TIME))
            with self._connection.execute(alone) as result:
                header = _Rows(self._source, result, {}).header
            header.raise_if_twice(self._mapped)

    def left_out_of(self, rows: _Rows) -> int:
        """Return how many rows are in no window, however wide, and read the rest of them for it."""
        if not self._query.has_window:
            return 0
        rows.pass_over_the_rest()
        return self.left_out(rows.read)

    def left_out(self, rows: int) -> int:
        """Return how many of so many rows, all there are, are in no window, however wide.

        Raise OperatorError where there are none, and a window has some.
        """
        if not self._query.has_window:
            return 0
        everywhere = self._query.bound(self._query.within(self._names, ALL_TIME))
        with self._connection.execute(everywhere) as result:
            inside = sum(1 for _ in result)
        if inside and not rows:
            raise OperatorError(
                f"source '{self._source}': its query returns nothing without its window, but"
                f" {inside} rows with it: compare a column with :since or :until in its WHERE, as"
                " in `changed >= :since`."
            )
        return max(0, rows - inside)

    def raise_if_window_loses(self, rows: int, unreadable: int, window: Period) -> None:
        """Raise OperatorError where rows of a first read are in no window, though they can be read.

        A night's window then never yields them when they change.
        """
        if window.since >= _FIRST_READ:
            return
        readable = rows - unreadable
        if lost := max(0, self.left_out(rows) - unreadable):
            raise OperatorError(
                f"source '{self._source}': its query leaves {lost} of {readable} rows out of every"
                f" window. {WINDOW_FIX}"
            )

    def _instants(self, result: CursorResult[Any]) -> dict[str, tzinfo]:
        """Return the columns of MySQL's TIMESTAMP, an instant that its drivers hand over bare."""
        if self._connection.dialect.name not in {"mysql", "mariadb"} or result.cursor is None:
            return {}
        described = result.cursor.description
        return {column[0].strip(): UTC for column in described if column[1] == _MYSQL_TIMESTAMP}

    def _mapped_among_columns(self, mapped: Sequence[str]) -> list[str]:
        """Return the mapped columns of a table, or all where one is missing: that is found later.

        SQLite takes a quoted name that is no column's for a text.
        """
        names = [str(column[0]) for column in self._description]
        there = {name.strip() for name in names}
        if any(name.strip() not in there for name in mapped):
            return names
        wanted = {name.strip() for name in mapped}
        return [name for name in names if name.strip() in wanted]

    @cached_property
    def _description(self) -> Sequence[Any]:
        """Return the columns as the driver describes them, none where it cannot be asked alone."""
        try:
            with self._connection.execute(self._query.bound(self._query.no_row())) as result:
                return () if result.cursor is None else list(result.cursor.description)
        except SQLAlchemyError:
            if self._query.is_table:
                raise
            self._connection.rollback()
            return ()


def _read_id(id_of: Callable[[object], str], cell: object) -> str:
    """Return the ID in a cell, "" where it cannot be read: its row is quarantined by itself."""
    try:
        return id_of(cell)
    except CellError:
        return ""


WINDOW_FIX = (
    "Their stamps are no times to the database (epoch seconds, text, dates beyond the calendar), or"
    " stand for none (1900-01-01): compare a timestamp or NULL in the query, or leave :since and"
    " :until out."
)
