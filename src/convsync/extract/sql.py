"""Deals and clicks from any database that SQLAlchemy speaks to: a table, a view or a query.

A query may use `:since` and `:until` to spare the database work. They are bound as UTC without a
zone and two days wider than the window on either side, so that stamps in any zone, bare dates and
timestamps kept as text all stay inside; the exact line is drawn here. Rows are streamed.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, DateTime, bindparam, create_engine, make_url, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import TextClause

from convsync.errors import ConvsyncError, OperatorError, TransientError
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns
from convsync.extract.rows import DealRows, SightingRows
from convsync.extract.source import Bookmark, ClickChunk, Record, chunks_of
from convsync.model.period import Period

_ROWS_AT_ONCE = 1000
_MARGIN = timedelta(days=2)
_ALL_TIME = Period(since=datetime(1900, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 1, tzinfo=UTC))
_TABLE = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)*\Z")

_PASSING_SQLSTATES = ("08", "40", "53", "55P03", "57")
"""Connection lost, transaction rolled back, out of resources, lock or statement timed out."""
_PASSING_MYSQL_ERRORS = frozenset({1040, 1205, 1213, 2006, 2013, 3024})
_PASSING_SQLITE_ERRORS = ("SQLITE_BUSY", "SQLITE_LOCKED")


@dataclass(slots=True, kw_only=True)
class SqlDeals:
    """The deals of a table or a query. Promises what DealSource does.

    `is_complete` says that the query yields every deal there is; it is then read whole, whatever
    the window.
    """

    name: str
    url: str = field(repr=False)
    query: str
    columns: DealColumns
    cells: CellFormat
    is_complete: bool = False
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)
    reads_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reads_all = self.is_complete

    def check_columns(self) -> None:
        """Raise OperatorError unless the query runs and yields every mapped column."""
        with self._opened(_ALL_TIME) as query:
            self._records(query)

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one without a modified stamp."""
        with self._opened(_ALL_TIME if self.is_complete else window) as query:
            records = self._records(query)
            rows = query.rows()
            yield from records.every(rows) if self.is_complete else records.changed(rows, window)

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        with self._opened(_ALL_TIME) as query:
            yield from self._records(query).reached(query.rows(), period)

    def _opened(self, window: Period) -> AbstractContextManager["_RunningQuery"]:
        return _opened(self.name, self.url, self.query, window)

    def _records(self, query: "_RunningQuery") -> DealRows:
        return DealRows(self.name, self.columns, self.cells, query.header)


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

    def check_columns(self) -> None:
        """Raise OperatorError unless the query runs and yields every mapped column."""
        with self._opened(_ALL_TIME) as query:
            self._records(query)

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield every sighting logged inside the window, and every one without a stamp."""
        with self._opened(window) as query:
            yield from chunks_of(self._records(query).logged(query.rows(), window))

    def _opened(self, window: Period) -> AbstractContextManager["_RunningQuery"]:
        return _opened(self.name, self.url, self.query, window)

    def _records(self, query: "_RunningQuery") -> SightingRows:
        return SightingRows(self.columns, self.cells, query.header)


class _RunningQuery:
    """A query that runs: its columns, then its rows, numbered from 1."""

    def __init__(self, source: str, result: CursorResult[Any]) -> None:
        self._result = result
        self.header = Header(
            list(result.keys()), source=f"the query of source '{source}'", place=f"{source} row "
        )

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows as the database hands them over."""
        return (NumberedRow(number, row) for number, row in enumerate(self._result, 1))


@contextmanager
def _opened(source: str, url: str, query: str, window: Period) -> Iterator[_RunningQuery]:
    address = _address(source, url)
    try:
        engine = create_engine(address, poolclass=NullPool)
        with engine.connect() as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            yield _RunningQuery(source, streaming.execute(_statement(source, query, window)))
    except (SQLAlchemyError, ImportError) as error:
        raise _in_our_words(error, source, address) from None


def _address(source: str, url: str) -> URL:
    """Return the parsed URL of a database that, where it is a file, is there.

    SQLite would make an empty database of a file name that is misspelt.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise OperatorError(
            f"source '{source}': its url is not a database URL; write it as"
            " postgresql+psycopg://user@host/database"
        ) from None
    file = address.database or ""
    is_file = (
        address.get_backend_name() == "sqlite" and file and not file.startswith((":", "file:"))
    )
    if is_file and not Path(file).exists():
        raise OperatorError(f"source '{source}': there is no database file {file}")
    return address


def _statement(source: str, query: str, window: Period) -> TextClause:
    statement = text(f"SELECT * FROM {query}" if _TABLE.match(query.strip()) else query)  # noqa: S608
    bounds = {
        "since": max(window.since, _ALL_TIME.since) - _MARGIN,
        "until": min(window.until, _ALL_TIME.until) + _MARGIN,
    }
    names = statement.compile().params
    if unknown := sorted(names.keys() - bounds.keys()):
        raise OperatorError(
            f"source '{source}': its query uses :{unknown[0]}; only :since and :until are known."
            " Write any other colon as \\:"
        )
    return statement.bindparams(
        *(bindparam(name, bounds[name].replace(tzinfo=None), DateTime()) for name in names)
    )


def _in_our_words(error: Exception, source: str, address: URL) -> ConvsyncError:
    place = address.set(query={}).render_as_string(hide_password=True)
    problem = f"source '{source}' ({place}): {_told_by(error, address)}"
    if isinstance(error, DBAPIError) and _is_passing(error):
        return TransientError(f"{problem}. It is tried again with the next run.")
    return OperatorError(f"{problem}. Correct the source's url or query, or the database.")


def _told_by(error: Exception, address: URL) -> str:
    """Return the driver's words where they cannot quote a row, and without the password."""
    if isinstance(error, ImportError | NoSuchModuleError):
        return f"the driver of '{address.drivername}' is not installed"
    if not isinstance(error, OperationalError | ProgrammingError):
        return f"the database answered with {type(error).__name__}"
    words = str(error.orig).strip().partition("\n")[0].partition(" with text ")[0]
    return words.replace(address.password, "***") if address.password else words


def _is_passing(error: DBAPIError) -> bool:
    """Return whether the same query may succeed later as it is."""
    cause = error.orig
    if error.connection_invalidated:
        return True
    if sqlstate := getattr(cause, "sqlstate", None):
        return str(sqlstate).startswith(_PASSING_SQLSTATES)
    if sqlite_error := getattr(cause, "sqlite_errorname", None):
        return str(sqlite_error).startswith(_PASSING_SQLITE_ERRORS)
    return bool(cause and cause.args and cause.args[0] in _PASSING_MYSQL_ERRORS)
