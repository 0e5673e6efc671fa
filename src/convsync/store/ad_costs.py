"""What ad accounts spent and counted by day: kept, restated, and added up for reports."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, Table, delete, func, select

from convsync.model.ad_spending import AdCost, AdResult, CostView, Place
from convsync.store import dialect
from convsync.store.schema import ad_clicks, ad_costs, ad_names, ad_results, cost_days

_COST_FIELDS = AdCost.__struct_fields__
_RESULT_FIELDS = AdResult.__struct_fields__
_A_DAY = len("2026-01-01")


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


class Spent(NamedTuple):
    """What was spent in one place of the accounts; `day` is None where days are added up."""

    place: Place
    day: date | None
    currency: str
    cost: Decimal
    clicks: int


class Counted(NamedTuple):
    """What the platform counts of an action for a campaign's clicks, in an account's currency."""

    campaign_id: str
    campaign: str
    action_id: str
    action: str
    currency: str
    conversions: float
    value: Decimal


_ITEMS = {CostView.KEYWORD: "keyword", CostView.LOCATION: "location", CostView.AUDIENCE: "audience"}


def spent(
    connection: Connection, view: CostView, first: date, last: date, *, by_day: bool
) -> Iterator[Spent]:
    """Yield what was spent from the first day to the last, told apart in one way.

    Something that was renamed has the name of its last day.
    """
    table = ad_costs.c
    key = [table[name] for name in ("campaign_id", "ad_group_id", "item", "match_type", "device")]
    key += [table.currency, *([table.day] if by_day else [])]
    found = (
        select(
            *key,
            func.max(table.day + table.campaign).label("campaign"),
            func.max(table.day + table.ad_group).label("ad_group"),
            func.sum(table.cost, type_=table.cost.type).label("cost"),
            func.sum(table.clicks).label("clicks"),
        )
        .where(table.view == view, table.day >= first.isoformat(), table.day <= last.isoformat())
        .group_by(*key)
        .order_by(*key)
    )
    for row in connection.execute(found).mappings():
        item = {_ITEMS[view]: row["item"]} if view in _ITEMS else {}
        yield Spent(
            place=Place(
                campaign_id=row["campaign_id"],
                campaign=row["campaign"][_A_DAY:],
                ad_group_id=row["ad_group_id"],
                ad_group=row["ad_group"][_A_DAY:],
                match_type=row["match_type"],
                device=row["device"],
                **item,
            ),
            day=date.fromisoformat(row["day"]) if by_day else None,
            currency=row["currency"],
            cost=row["cost"],
            clicks=int(row["clicks"]),
        )


def counted(connection: Connection, first: date, last: date) -> Iterator[Counted]:
    """Yield what the platform counts for clicks from the first day to the last."""
    table = ad_results.c
    key = [table.campaign_id, table.action_id, table.currency]
    found = (
        select(
            *key,
            func.max(table.day + table.campaign).label("campaign"),
            func.max(table.day + table.action).label("action"),
            func.sum(table.conversions).label("conversions"),
            func.sum(table.value, type_=table.value.type).label("value"),
        )
        .where(table.day >= first.isoformat(), table.day <= last.isoformat())
        .group_by(*key)
        .order_by(*key)
    )
    for row in connection.execute(found).mappings():
        names = {name: row[name][_A_DAY:] for name in ("campaign", "action")}
        yield Counted(**{**row, **names})


def accounts(connection: Connection) -> int:
    """Return how many accounts have been asked for their costs."""
    found = select(func.count(cost_days.c.customer_id.distinct()))
    return connection.execute(found).scalar_one()


def days_known(connection: Connection, first: date, last: date) -> frozenset[date]:
    """Return for which of these days all accounts have been asked for their costs."""
    by_day = (
        select(cost_days.c.day)
        .where(cost_days.c.day >= first.isoformat(), cost_days.c.day <= last.isoformat())
        .group_by(cost_days.c.day)
        .having(func.count() == accounts(connection))
    )
    return frozenset(date.fromisoformat(day) for (day,) in connection.execute(by_day))


_OF_CLICKS = {CostView.LOCATION: ad_clicks.c.location, CostView.AUDIENCE: ad_clicks.c.audience}
NAMED = tuple(_OF_CLICKS)
"""The views whose items are IDs that the platform has names for."""


def names(connection: Connection, view: CostView) -> Mapping[str, str]:
    """Return what the platform calls the items of a view, as far as it was asked."""
    found = select(ad_names.c.item, ad_names.c.name).where(ad_names.c.view == view)
    return {item: name for item, name in connection.execute(found)}  # noqa: C416 (a result)


def unnamed(connection: Connection, view: CostView) -> Sequence[str]:
    """Return the items that costs or clicks name and that have no name yet, in their order."""
    of_costs = select(ad_costs.c.item).where(ad_costs.c.view == view)
    of_clicks = select(_OF_CLICKS[view]).where(_OF_CLICKS[view] != "")
    items = {item for (item,) in connection.execute(of_costs.union(of_clicks))}
    return sorted(items - names(connection, view).keys())


def keep_names(connection: Connection, view: CostView, found: Mapping[str, str]) -> None:
    """Keep what items without a name are called."""
    rows = [(view, item, name) for item, name in found.items()]
    dialect.insert_rows(connection, ad_names, ("view", "item", "name"), rows)
