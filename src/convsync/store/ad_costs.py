"""What ad accounts spent and counted by day: kept, restated, and added up for reports."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, Table, delete, func, select

from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.store import dialect
from convsync.store.schema import ad_costs, ad_results, cost_days

_COST_FIELDS = AdCost.__struct_fields__
_RESULT_FIELDS = AdResult.__struct_fields__


def days_asked(connection: Connection, customer_id: str) -> dict[date, datetime]:
    """Return the days whose costs an account has been asked for, and when each was last."""
    rows = connection.execute(
        select(cost_days.c.day, cost_days.c.asked_at).where(cost_days.c.customer_id == customer_id)
    )
    return {date.fromisoformat(day): asked_at for day, asked_at in rows}


def save(
    connection: Connection,
    customer_id: str,
    currency: str,
    days: Sequence[date],
    costs: Sequence[AdCost],
    results: Sequence[AdResult],
    *,
    now: datetime,
) -> None:
    """Put what an account says of some days in the place of what it said of them before."""
    kept = {"customer_id": customer_id, "currency": currency}
    for table in (ad_costs, ad_results, cost_days):
        _forget(connection, table, customer_id, days)
    asked = [(customer_id, day.isoformat(), now) for day in days]
    dialect.insert_rows(connection, cost_days, ("customer_id", "day", "asked_at"), asked)
    for table, fields, found in (
        (ad_costs, _COST_FIELDS, costs),
        (ad_results, _RESULT_FIELDS, results),
    ):
        rows = [(*kept.values(), *(_cell(getattr(one, name)) for name in fields)) for one in found]
        dialect.insert_rows(connection, table, (*kept, *fields), rows)


def _cell(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _forget(connection: Connection, table: Table, customer_id: str, days: Sequence[date]) -> None:
    is_of_day = table.c.day.in_([day.isoformat() for day in days])
    connection.execute(delete(table).where(table.c.customer_id == customer_id, is_of_day))


def spent_by_day(
    connection: Connection, customer_id: str, days: Sequence[date]
) -> Mapping[date, Decimal]:
    """Return what is kept of the costs of some days of an account, by day."""
    found = (
        select(ad_costs.c.day, func.sum(ad_costs.c.cost, type_=ad_costs.c.cost.type))
        .where(ad_costs.c.customer_id == customer_id, ad_costs.c.view == CostView.CAMPAIGN)
        .where(ad_costs.c.day.in_([day.isoformat() for day in days]))
        .group_by(ad_costs.c.day)
    )
    return {date.fromisoformat(day): cost for day, cost in connection.execute(found)}
