"""The statement that a source's `query` stands for: a table's name, a query, or a file of one.

Of a table only the mapped columns are read. Names may be quoted in any database's way and may be
reserved words. A query is wrapped, so that a backfill asks for its own period alone, where every
milestone's column has a type that the database compares as a time.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, DateTime, bindparam, text
from sqlalchemy.sql.elements import TextClause

from convsync.errors import OperatorError
from convsync.extract.rows import FIRST_STAMP
from convsync.extract.sql_window import (
    BOUNDS,
    as_bound_by_sqlalchemy,
    bounds_in,
    letting_null_through,
    without_window,
)
from convsync.model.period import Period

MARGIN: Final = timedelta(days=2)
ALL_TIME: Final = Period(since=FIRST_STAMP + MARGIN, until=datetime(9999, 12, 1, tzinfo=UTC))
_PART: Final = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$]*)'
_TABLE: Final = re.compile(rf"{_PART}(?:\.{_PART})*\Z")
_PARTS: Final = re.compile(_PART)
_TIMES: Final = {
    "postgresql": re.compile(r"(?:1082|1114|1184)\Z"),  # date, timestamp, timestamptz
    "mysql": re.compile(r"(?:7|10|12)\Z"),  # TIMESTAMP, DATE, DATETIME
    "mariadb": re.compile(r"(?:7|10|12)\Z"),
    "duckdb": re.compile(r"(?:DATE|TIMESTAMP)\b", re.IGNORECASE),
}
"""The types of a column that are compared as times, as a driver's description names them."""


class _Columns(Protocol):
    """What a source maps."""

    @property
    def all_names(self) -> Sequence[str]:
        """Return every column to read."""


class Queried(Protocol):
    """A source that is read over SQL, whatever its rows are about."""

    name: str
    url: str
    query: str
    time_zones: Mapping[str, ZoneInfo]

    @property
    def columns(self) -> _Columns:
        """Return the mapping."""


class Statement(NamedTuple):
    """What is executed, and the times that `:since` and `:until` stand for in it."""

    written: str
    window: Period


class SqlQuery:
    """A source's query on one connection, whose database decides how names are quoted."""

    def __init__(self, source: str, query: str, connection: Connection) -> None:
        self._source = source
        self._connection = connection
        self._preparer = connection.dialect.identifier_preparer
        written = _written(source, query).strip().rstrip(";").strip()
        self.is_table = bool(_TABLE.match(written))
        self._text = self._table(written) if self.is_table else as_bound_by_sqlalchemy(written)

    @property
    def has_window(self) -> bool:
        """Return whether the query leaves rows out by :since or :until."""
        return bool(bounds_in(self._text))

    def no_row(self) -> Statement:
        """Return a statement that yields the columns alone, where the database can wrap a query."""
        rows = self._text if self.is_table else f"(\n{without_window(self._text)}\n) described"
        return Statement(f"SELECT * FROM {rows} WHERE 1 = 0", ALL_TIME)  # noqa: S608

    def everything(self, names: Sequence[str]) -> Statement:
        """Return a statement that yields every row, whatever its stamp; a table's named columns."""
        return Statement(self._every_row(names), ALL_TIME)

    def within(self, names: Sequence[str], window: Period) -> Statement:
        """Return a statement that yields at least the rows of a window, and those without stamp."""
        if self.is_table:
            return self.everything(names)
        return Statement(letting_null_through(self._text), window)

    def reached(self, names: Sequence[str], columns: Sequence[str], period: Period) -> Statement:
        """Return a statement that yields at least the rows with a time of `columns` in a period."""
        quoted = [self._named(name) for name in dict.fromkeys(columns)]
        inside = " OR ".join(f"({name} >= :since AND {name} < :until)" for name in quoted)
        rows = self._every_row(names)
        return Statement(f"SELECT * FROM (\n{rows}\n) reached WHERE {inside}", period)  # noqa: S608

    def whole_deals(self, names: Sequence[str], deal_id: str, some: Statement) -> Statement:
        """Return a statement that yields every row of the deals of which another yields any."""
        column = self._named(deal_id)
        among = f"SELECT {column} FROM (\n{some.written}\n) touched"  # noqa: S608
        return some._replace(
            written=f"SELECT * FROM (\n{self._every_row(names)}\n) whole"  # noqa: S608
            f" WHERE {column} IS NULL OR {column} IN (\n{among}\n)"
        )

    def ids_alone(self, deal_id: str, of: Statement) -> Statement:
        """Return a statement that yields one column of the rows that another yields."""
        column = self._named(deal_id)
        return of._replace(written=f"SELECT {column} FROM (\n{of.written}\n) listed")  # noqa: S608

    def compares_as_times(self, description: Sequence[Any], columns: Sequence[str]) -> bool:
        """Return whether all these columns, once each there, have a type that is a time's."""
        times = _TIMES.get(self._connection.dialect.name)
        types = [(column[0], str(column[1])) for column in description]
        names = [name for name, _ in types]
        if times is None or len(set(names)) < len(names):
            return False
        return all(name in names and times.match(dict(types)[name]) for name in columns)

    def _every_row(self, names: Sequence[str]) -> str:
        if not self.is_table:
            return without_window(self._text)
        return f"SELECT {', '.join(map(self._named, names))} FROM {self._text}"  # noqa: S608

    def _named(self, column: str) -> str:
        return self._as_text(self._preparer.quote(column))

    def _as_text(self, quoted: str) -> str:
        """Return a quoted name as it is written in a text, which doubles percent signs itself."""
        if self._connection.dialect.paramstyle in {"format", "pyformat"}:
            quoted = quoted.replace("%%", "%")
        return quoted.replace(":", "\\:")

    def bound(self, statement: Statement) -> TextClause:
        """Return a statement to execute, or raise OperatorError where it needs other values."""
        window = statement.window
        clause = text(statement.written)
        bounds = {
            "since": max(window.since, ALL_TIME.since) - MARGIN,
            "until": min(window.until, ALL_TIME.until) + MARGIN,
        }
        names = clause.compile().params
        if unknown := sorted(names.keys() - set(BOUNDS)):
            raise OperatorError(
                f"source '{self._source}': its query uses :{unknown[0]}; only :since and :until are"
                " known. Write any other colon as \\:"
            )
        return clause.bindparams(
            *(bindparam(name, bounds[name].replace(tzinfo=None), DateTime()) for name in names)
        )

    def _table(self, written: str) -> str:
        return self._as_text(".".join(map(self._quoted, _PARTS.findall(written))))

    def _quoted(self, part: str) -> str:
        """Return a part of a table's name as this database quotes it, a plain one as it is."""
        if part[0] in '"`[':
            return self._preparer.quote_identifier(part[1:-1])
        is_reserved = part.lower() in self._preparer.reserved_words
        return self._preparer.quote_identifier(part) if is_reserved else part


def is_file_of_sql(query: str) -> bool:
    """Return whether a query names the file in which it stands."""
    return query.strip().endswith(".sql") and "\n" not in query.strip()


def _written(source: str, query: str) -> str:
    """Return the query, read from its file where it names one."""
    if not is_file_of_sql(query):
        return query
    file = query.strip()
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"source '{source}': its query is the file {file}, which cannot be read"
            f" ({type(error).__name__}). A table of that name is written in quotation marks."
        ) from None
