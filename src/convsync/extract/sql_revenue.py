"""Revenue from a database: a table, a view or a query, read in windows where it has a stamp."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from convsync.extract.mapping import CellFormat
from convsync.extract.revenue import RevenueColumns, RevenueRows
from convsync.extract.source import Quarantined
from convsync.extract.sql import opened_query
from convsync.model.period import Period
from convsync.model.revenue import RevenueLine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class SqlRevenue:
    """The lines of a table or a query. One that is complete is read whole, whatever the window."""

    name: str
    url: str = field(repr=False)
    query: str
    columns: RevenueColumns
    cells: CellFormat
    is_complete: bool = False
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)
    time_zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    reads_by_stamp: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reads_by_stamp = not self.is_complete

    def check_columns(self) -> None:
        """Raise OperatorError unless the query runs and yields every mapped column."""
        with opened_query(self) as query:
            RevenueRows(self.columns, self.cells, query.run(query.every_row).header)

    def read(self, window: Period) -> Iterator[RevenueLine | Quarantined]:
        """Yield every line changed inside the window, and every one without a stamp."""
        with opened_query(self) as query:
            rows = query.run(query.every_row if self.is_complete else query.within(window))
            lines = RevenueRows(self.columns, self.cells, rows.header)
            if self.is_complete:
                yield from lines.every(rows)
                return
            unreadable = 0
            for line in lines.changed(rows, window):
                unreadable += isinstance(line, Quarantined)
                yield line
            query.raise_if_window_loses(rows.read, unreadable, window)

    def passes_over_all(self, window: Period) -> bool:
        """Return whether a read goes through every line: a complete one's, and the first."""
        return self.is_complete or window.since == _EPOCH
