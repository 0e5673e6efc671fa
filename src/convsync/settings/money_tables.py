"""The tables about money: exchange rates, and what comes in after a sale."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from convsync.settings.source_tables import Cells, FileTable
from convsync.settings.values import (
    Currency,
    DatabaseUrl,
    Minutes,
    Table,
    TimeColumn,
    Words,
    Zone,
)

LONGEST_GAP_DAYS = 7


class _RatesTable(Table):
    """A file of rates, and for how many days a rate stands in for days that have none."""

    path: Path
    longest_gap_days: int = Field(default=LONGEST_GAP_DAYS, ge=0, le=31)


class EcbRatesTable(_RatesTable):
    """The European Central Bank's reference rates, `eurofxref-hist.csv`."""

    kind: Literal["ecb"]


class RateColumnsTable(Table):
    """Which column of a list of rates holds what, by the header's exact words."""

    day: str
    currency: str
    rate: str


class CsvRatesTable(_RatesTable):
    """A list of rates, with a row for each day and currency.

    A rate is how many units of the currency one unit of `base` buys ("per_base"), or how many units
    of the base one unit of the currency costs ("price").
    """

    kind: Literal["csv"]
    base: Currency
    columns: RateColumnsTable
    rate_is: Literal["per_base", "price"]
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)


RatesTable = Annotated[EcbRatesTable | CsvRatesTable, Field(discriminator="kind")]


class RevenueColumnsTable(Table):
    """Which column of revenue holds what, by the header's exact words.

    `line` is a row's permanent name, from one or several columns. A row belongs to a deal or to a
    customer.
    """

    line: Annotated[Words, Field(min_length=1)]
    paid_at: TimeColumn
    amount: str
    currency: str | None = None
    deal_id: str | None = None
    customer: str | None = None
    modified_at: TimeColumn | None = None

    @model_validator(mode="after")
    def _is_somebodys(self) -> Self:
        if self.deal_id is None and self.customer is None:
            raise ValueError("name the column of the deal's ID in deal_id, or of a key in customer")
        return self


class _RevenueSource(Cells):
    columns: RevenueColumnsTable
    complete: bool = False


class CsvRevenueTable(_RevenueSource, FileTable):
    """What came in after sales, from a CSV file or a workbook."""

    kind: Literal["csv"]
    path: Path


class SqlRevenueTable(_RevenueSource):
    """What came in after sales, from a table, a query or a .sql file."""

    kind: Literal["sql"]
    url: DatabaseUrl
    query: str
    time_zones: dict[str, Zone] = Field(default_factory=dict)
    lag_minutes: Minutes = 0
    overlap_minutes: Minutes = 10


RevenueSource = Annotated[CsvRevenueTable | SqlRevenueTable, Field(discriminator="kind")]
