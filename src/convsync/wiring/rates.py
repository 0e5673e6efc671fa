"""Settings → the exchange rates, and the company's currency that sums are in."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from convsync.model.rates import Rates
from convsync.settings import Settings
from convsync.settings.money_tables import CsvRatesTable, RatesTable

if TYPE_CHECKING:
    from convsync.extract.rates import RatesFile
    from convsync.report.exchange import Exchange


def rates_of(settings: Settings) -> Rates | None:
    """Return the rates that the config names, read now; None where it names none.

    Raises OperatorError where the file is missing or wrong.
    """
    return None if settings.rates is None else rates_file(settings.rates, settings.folder).read()


def rates_file(table: RatesTable, folder: Path) -> "RatesFile":
    """Return the file of rates that a table describes. Nothing is opened yet."""
    from convsync.extract.csv_form import FileForm
    from convsync.extract.rates import ListColumns, RatesFile

    path = folder / table.path
    longest_gap = timedelta(days=table.longest_gap_days)
    if not isinstance(table, CsvRatesTable):
        return RatesFile(path=path, longest_gap=longest_gap)
    columns = table.columns
    return RatesFile(
        path=path,
        longest_gap=longest_gap,
        base=table.base,
        columns=ListColumns(day=columns.day, currency=columns.currency, rate=columns.rate),
        prices_currency=table.rate_is == "price",
        form=FileForm(encoding=table.encoding, delimiter=table.delimiter),
    )


def exchange_of(settings: Settings) -> "Exchange":
    """Return what puts a report's sums into the company's currency, if rates are configured."""
    from convsync.report.exchange import Exchange

    return Exchange(rates_of(settings), settings.company.currency, settings.company.time_zone)
