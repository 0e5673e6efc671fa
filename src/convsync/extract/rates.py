"""Exchange rates from a file: the European Central Bank's, or a list of one's own.

The bank's `eurofxref-hist.csv` has a row a day and a column a currency, and "N/A" where it gave no
rate. A list has a row for each day and currency. A file that says two things of one day, or holds
what is no rate, is refused as a whole: nobody would notice a sum that is slightly wrong.
https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from convsync.errors import OperatorError
from convsync.extract.csv_form import FileForm
from convsync.extract.csv_rows import CsvFile, opened_csv
from convsync.model.rates import Rates

ECB_BASE = "EUR"
_ECB_DAY = "Date"
_NO_RATE = frozenset({"", "N/A"})
_CURRENCY = re.compile("[A-Z]{3}")  # the bank has some that are no more, such as the kuna


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumns:
    """The columns of a list of rates, by the header's exact words."""

    day: str
    currency: str
    rate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesFile:
    """A file of rates: the bank's where it has no `columns`, else a list.

    A rate says how many units of a currency one unit of `base` buys, or where it `prices_currency`
    how many units of the base one unit of the currency costs.
    """

    path: Path
    base: str = ECB_BASE
    columns: ListColumns | None = None
    prices_currency: bool = False
    form: FileForm = field(default_factory=FileForm)
    longest_gap: timedelta = timedelta(days=7)

    def read(self) -> Rates:
        """Return the rates; OperatorError names the line that cannot be read, and the fix."""
        quotes: dict[str, dict[date, Decimal]] = {}
        with opened_csv(self.path, self.form) as file:
            cells = _of_list(file, self.columns) if self.columns else _of_bank(file)
            for cell in cells:
                day, units = _day_in(cell, self.path), self._units(cell)
                of_currency = quotes.setdefault(_currency_in(cell, self.path), {})
                if of_currency.setdefault(day, units) != units:
                    raise _wrong(self.path, cell, "gives the day another rate than a line above")
        return Rates(
            self.base,
            {currency: known.items() for currency, known in quotes.items()},
            origin=self.path.name,
            longest_gap=self.longest_gap,
        )

    def _units(self, cell: "_Cell") -> Decimal:
        try:
            rate = Decimal(cell.rate)
        except InvalidOperation:
            rate = Decimal(0)
        if not (rate.is_finite() and rate > 0):
            raise _wrong(self.path, cell, "holds no rate above zero; write it as in 1.0898")
        return 1 / rate if self.prices_currency else rate


class _Cell(NamedTuple):
    """A rate as it is written, and the line it stands in."""

    line: int
    day: str
    currency: str
    rate: str


def _of_bank(file: CsvFile) -> Iterator[_Cell]:
    (day_at,) = _places(file, _ECB_DAY)
    columns = [(at, name) for at, name in enumerate(file.header.names) if name and at != day_at]
    for number, row in _rows(file):
        for at, currency in columns:
            if at < len(row) and row[at] not in _NO_RATE:
                yield _Cell(number, row[day_at], currency, row[at])


def _of_list(file: CsvFile, columns: ListColumns) -> Iterator[_Cell]:
    places = _places(file, columns.day, columns.currency, columns.rate)
    for number, row in _rows(file):
        day, currency, rate = (row[at] for at in places)
        yield _Cell(number, day, currency, rate)


def _places(file: CsvFile, *names: str) -> list[int]:
    """Return where columns stand; OperatorError names those that do not."""
    for name in names:
        file.header.getter(name, str)
    file.header.raise_if_unusable()
    return file.header.places(*names)


def _rows(file: CsvFile) -> Iterator[tuple[int, list[str]]]:
    for row in file.rows():
        if row.problem:
            raise OperatorError(f"{file.header.place}{row.number}: {row.problem}.")
        yield row.number, [str(cell).strip() for cell in row.cells]


def _day_in(cell: _Cell, path: Path) -> date:
    try:
        return date.fromisoformat(cell.day)
    except ValueError:
        raise _wrong(path, cell, "has no day as in 2026-03-02") from None


def _currency_in(cell: _Cell, path: Path) -> str:
    if not _CURRENCY.fullmatch(cell.currency):
        raise _wrong(path, cell, "names no ISO 4217 currency such as USD")
    return cell.currency


def _wrong(path: Path, cell: _Cell, problem: str) -> OperatorError:
    return OperatorError(
        f"{path}:{cell.line} {problem} ({cell.currency}). No rate of this file is used: correct the"
        " line, or take the file anew from where it comes."
    )
