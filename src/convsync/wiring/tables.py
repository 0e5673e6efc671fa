"""Settings → the sources that read tables: deals and clicks from CSV files and over SQL."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from convsync.extract.access_log import AccessLogClicks
from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import (
    CellFormat,
    ClickColumns,
    DealColumns,
    DealFields,
    MilestoneColumn,
    RecordFields,
)
from convsync.extract.several_rows import RowsPerDeal
from convsync.opening import database_url
from convsync.settings import source_tables, tables
from convsync.settings.values import Table
from convsync.wiring.destinations import keeps_plain_hashes
from convsync.wiring.values import (
    Sources,
    customer_words,
    date_columns,
    joins_plain_hashes,
    mapped,
    query_of,
)

if TYPE_CHECKING:
    from convsync.extract.sql import SqlClicks, SqlDeals

ID_OF_TEMPLATE = ("Google Click ID", "Conversion Name", "Conversion Time")
"""By these Google knows a conversion of its template: there is no ID of the deal."""


class Around(Sources, Protocol):
    """What a source's table leaves to the configuration around it: `Settings`, or a stand-in."""

    @property
    def company(self) -> tables.Company:
        """Return whose calendar and country stand where the source says nothing else."""

    @property
    def destinations(self) -> Mapping[str, Any]:
        """Return the tables of the destinations, which say in what form hashes are needed."""

    @property
    def folder(self) -> Path:
        """Return what relative paths start from."""


def deal_source(
    name: str, source: source_tables.FileDealsTable | source_tables.SqlDealsTable, settings: Around
) -> "CsvDeals | SqlDeals":
    """Return the source of an export's or a query's deals. Nothing is opened yet."""
    columns = _deal_columns(source)
    timed = (source.columns, *source.milestones.values())
    cells = cells_of(source, settings, source, timed)
    match source:
        case source_tables.FileDealsTable():
            return CsvDeals(
                name=name,
                path=settings.folder / source.path,
                columns=columns,
                cells=cells,
                form=form_of(source),
                rows_per_deal=RowsPerDeal(source.rows_per_deal),
                is_complete=source.complete,
                ids_are_exact=source.ids_are_exact,
            )
        case source_tables.SqlDealsTable():
            from convsync.extract.sql import SqlDeals

            return SqlDeals(
                name=name,
                url=database_url(source.url, settings.folder),
                query=query_of(source.query, settings.folder),
                time_zones=source.time_zones,
                columns=columns,
                cells=cells,
                rows_per_deal=RowsPerDeal(source.rows_per_deal),
                is_complete=source.complete,
                ids_are_exact=source.ids_are_exact,
                lag=timedelta(minutes=source.lag_minutes),
                overlap=timedelta(minutes=source.overlap_minutes),
            )


def click_source(
    name: str, source: source_tables.ClickSource, settings: Around, path: Path | None
) -> "CsvClicks | SqlClicks | AccessLogClicks":
    """Return the source of a log's or a query's clicks; `path` stands in for the log's own."""
    if isinstance(source, source_tables.AccessLogClicksTable):
        return AccessLogClicks(
            name=name,
            pattern=path or settings.folder / (source.path or ""),
            cells=CellFormat(),
            lag=timedelta(minutes=source.lag_minutes),
            overlap=timedelta(minutes=source.overlap_minutes),
        )
    columns = ClickColumns(**mapped(source.columns, ClickColumns))
    cells = cells_of(source, settings, None, (source.columns,))
    lag = timedelta(minutes=source.lag_minutes)
    match source:
        case source_tables.CsvClicksTable():
            return CsvClicks(
                name=name,
                path=path or settings.folder / (source.path or ""),
                columns=columns,
                cells=cells,
                form=form_of(source),
                lag=lag,
            )
        case source_tables.SqlClicksTable():
            from convsync.extract.sql import SqlClicks

            return SqlClicks(
                name=name,
                url=database_url(source.url, settings.folder),
                query=query_of(source.query, settings.folder),
                time_zones=source.time_zones,
                columns=columns,
                cells=cells,
                lag=lag,
                overlap=timedelta(minutes=source.overlap_minutes),
            )


def form_of(source: source_tables.FileTable) -> FileForm:
    """Return how a file is laid out."""
    return FileForm(
        encoding=source.encoding,
        delimiter=source.delimiter,
        skip_rows=source.skip_rows,
        stop_at=source.stop_at,
        ignores_rows_without_id=isinstance(source, source_tables.FileDealsTable)
        and source.ignore_rows_without_id,
        sheet=source.sheet,
    )


def _deal_columns(
    source: source_tables.FileDealsTable | source_tables.SqlDealsTable,
) -> DealColumns:
    columns = source.columns
    return DealColumns(
        deal_id=columns.deal_id,
        id_columns=ID_OF_TEMPLATE if isinstance(source, source_tables.GoogleTemplateTable) else (),
        milestones={
            name: MilestoneColumn(
                column=milestone.column,
                when={column: frozenset(words) for column, words in milestone.when.items()},
            )
            for name, milestone in source.milestones.items()
        },
        segments=source.segments,
        **mapped(columns, RecordFields),
        **mapped(columns, DealFields),
    )


def cells_of(
    source: source_tables.Cells,
    settings: Around,
    deals: source_tables.FileDealsTable | source_tables.SqlDealsTable | None,
    timed: Iterable[Table],
) -> CellFormat:
    """Return how the cells of a source are written, by the tables that have times."""
    company = settings.company
    return CellFormat(
        time_zone=source.time_zone or company.time_zone,
        emails_are_hashed=source.emails_are_hashed,
        phones_are_hashed=source.phones_are_hashed,
        joins_plain_hashes=joins_plain_hashes(settings),
        keeps_plain_hashes=keeps_plain_hashes(settings.destinations),
        date_formats=source.date_formats,
        date_columns=date_columns(*timed),
        value_separator=source.value_separator,
        has_decimal_comma=None if source.decimal is None else source.decimal == ",",
        blank_words=frozenset(source.blank_words),
        currency=source.currency or company.currency,
        phone_region=source.country or company.country,
        granted_words=frozenset(deals.consent.granted if deals else ()),
        denied_words=frozenset(deals.consent.denied if deals else ()),
        unspecified_words=frozenset(deals.consent.unspecified if deals else ()),
        customer_words=customer_words(deals.customer_type) if deals else {},
        deleted_words=frozenset(deals.deleted_words if deals else ()),
    )
