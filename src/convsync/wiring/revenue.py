"""Settings → the sources of revenue, and what sums over several currencies go by."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from convsync.model.rates import Rates
from convsync.model.revenue import MoneyTerms
from convsync.opening import database_url
from convsync.settings import Settings
from convsync.settings.money_tables import CsvRevenueTable, RevenueColumnsTable, SqlRevenueTable
from convsync.wiring.rates import rates_of
from convsync.wiring.tables import cells_of, form_of
from convsync.wiring.values import query_of

if TYPE_CHECKING:
    from convsync.extract.revenue import RevenueColumns, RevenueSource


def revenue_sources_of(settings: Settings) -> "Sequence[RevenueSource]":
    """Return the sources of revenue, in the file's order. Nothing is opened yet."""
    return [_source(name, table, settings) for name, table in settings.revenue.items()]


def money_of(settings: Settings) -> MoneyTerms:
    """Return what sums go by; the file of rates is read when one is first needed."""

    @cache
    def rates() -> Rates | None:
        return rates_of(settings)

    return MoneyTerms(rates=rates, zone=settings.company.time_zone)


def _source(
    name: str, table: CsvRevenueTable | SqlRevenueTable, settings: Settings
) -> "RevenueSource":
    from convsync.extract.revenue import CsvRevenue

    columns = _columns(table.columns)
    cells = cells_of(table, settings, None, (table.columns,))
    if isinstance(table, CsvRevenueTable):
        return CsvRevenue(
            name=name,
            path=settings.folder / table.path,
            columns=columns,
            cells=cells,
            form=form_of(table),
            is_complete=table.complete,
        )
    from convsync.extract.sql_revenue import SqlRevenue

    return SqlRevenue(
        name=name,
        url=database_url(table.url, settings.folder),
        query=query_of(table.query, settings.folder),
        time_zones=table.time_zones,
        columns=columns,
        cells=cells,
        is_complete=table.complete,
        lag=timedelta(minutes=table.lag_minutes),
        overlap=timedelta(minutes=table.overlap_minutes),
    )


def _columns(table: RevenueColumnsTable) -> "RevenueColumns":
    from convsync.extract.revenue import RevenueColumns

    return RevenueColumns(
        line=table.line,
        paid_at=table.paid_at.column,
        amount=table.amount,
        currency=table.currency,
        deal_id=table.deal_id,
        customer=table.customer,
        modified_at=table.modified_at.column if table.modified_at else None,
    )
