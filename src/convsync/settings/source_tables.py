"""The tables of sources that are no CRM: how files and databases hold deals and clicks."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from convsync.settings.crms import CrmTable
from convsync.settings.deal_fields import ClickIdFieldsTable, DealFieldsTable
from convsync.settings.values import (
    ConsentWords,
    Currency,
    CustomerWords,
    DatabaseUrl,
    DateFormats,
    Minutes,
    Region,
    Separator,
    Table,
    TimeColumn,
    TimeColumnTable,
    Words,
    Zone,
    time_column,
)


class Cells(Table):
    """How the cells of a source are written."""

    time_zone: Zone | None = None
    country: Region | None = None
    currency: Currency | None = None
    date_formats: DateFormats = ()
    value_separator: Separator | None = None
    decimal: Literal[".", ","] | None = None
    blank_words: Words = ()
    emails_are_hashed: bool = False
    phones_are_hashed: bool = False


class MilestoneColumnTable(TimeColumnTable):
    """The column with a milestone's time, and what other columns must say for it to count."""

    when: dict[str, Words] = Field(default_factory=dict)


def _named_conversion(value: Any) -> Any:
    words = [value] if isinstance(value, str) else value
    return {"column": "Conversion Time", "when": {"Conversion Name": words}}


class DealColumnsTable(DealFieldsTable):
    """Which column of a deal holds what, by the header's exact words."""

    deal_id: str
    created_at: TimeColumn | None = None
    modified_at: TimeColumn | None = None
    deleted: str | None = None


class _DealSource(Cells):
    columns: DealColumnsTable
    milestones: dict[str, Annotated[MilestoneColumnTable, BeforeValidator(time_column)]] = Field(
        min_length=1
    )
    segments: dict[str, str] = Field(default_factory=dict)
    consent: ConsentWords = ConsentWords()
    customer_type: CustomerWords = CustomerWords()
    deleted_words: Words = ("yes", "true", "1")
    rows_per_deal: Literal["one", "sum", "merge"] = "one"
    complete: bool = False
    ids_are_exact: bool = False
    reads_beside: Words = ()


class FileTable(Table):
    """How a CSV file or a workbook is laid out."""

    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    skip_rows: int = Field(default=0, ge=0)
    stop_at: Words = ()
    sheet: str | None = None


class FileDealsTable(_DealSource, FileTable):
    """Deals from a file that an export replaces."""

    path: Path
    ignore_rows_without_id: bool = False


class CsvDealsTable(FileDealsTable):
    """Deals from a CSV file or a workbook, with columns of any name."""

    kind: Literal["csv"]


class GoogleTemplateTable(FileDealsTable):
    """Conversions as in Google's template for offline conversions; each row is a deal.

    `milestones` says which conversion names of the template mean which milestone.
    """

    kind: Literal["google_template"]
    columns: DealColumnsTable = DealColumnsTable(
        deal_id="Google Click ID",
        gclid="Google Click ID",
        amount="Conversion Value",
        currency="Conversion Currency",
    )
    date_formats: Words = ("%m/%d/%Y %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S")
    milestones: dict[str, Annotated[MilestoneColumnTable, BeforeValidator(_named_conversion)]] = (
        Field(min_length=1)
    )


class SqlDealsTable(_DealSource):
    """Deals from a table, a query (with `:since` and `:until` if possible), or a .sql file.

    `time_zones` sets zones for columns whose times have none.
    """

    kind: Literal["sql"]
    url: DatabaseUrl
    query: str
    time_zones: dict[str, Zone] = Field(default_factory=dict)
    lag_minutes: Minutes = 0
    overlap_minutes: Minutes = 10


class ClickColumnsTable(ClickIdFieldsTable):
    """Which column of a click log holds what, by the header's exact words."""

    clicked_at: TimeColumn | None = None
    direct_visit: str | None = None
    logged_at: TimeColumn | None = None
    crm_key: Words = ()
    visitor: Words = ()
    email: Words = ()
    phone: Words = ()
    country: str | None = None


class _ClickSource(Cells):
    columns: ClickColumnsTable
    lag_minutes: Minutes = 0


class CsvClicksTable(_ClickSource, FileTable):
    """Clicks from a CSV file. Without a path it is only the mapping for `clicks import FILE`."""

    kind: Literal["csv"]
    path: Path | None = None


class SqlClicksTable(_ClickSource):
    """Clicks from a table, a query or a .sql file."""

    kind: Literal["sql"]
    url: DatabaseUrl
    query: str
    time_zones: dict[str, Zone] = Field(default_factory=dict)
    overlap_minutes: Minutes = 10


DealSource = Annotated[
    CsvDealsTable | GoogleTemplateTable | SqlDealsTable | CrmTable, Field(discriminator="kind")
]


class AccessLogClicksTable(Table):
    """Clicks from a web server's access logs; `path` may be a pattern for rotated files.

    Without a path it is only a name for `clicks import FILE`.
    """

    kind: Literal["access_log"]
    path: Path | None = None
    lag_minutes: Minutes = 0
    overlap_minutes: Minutes = 10


ClickSource = Annotated[
    CsvClicksTable | SqlClicksTable | AccessLogClicksTable, Field(discriminator="kind")
]
