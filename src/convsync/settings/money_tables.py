"""The tables about money: exchange rates."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from convsync.settings.values import Currency, Table

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
    """A list of rates: a row for each day and currency.

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
