"""What ad accounts spend, on both databases: a day's costs stand in the place of those before."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from convsync.errors import UnexpectedResponseError
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.reading.costing import CostTerms, added_up, fetch
from convsync.retrying import RetryPolicy
from convsync.store import ad_costs
from convsync.store.database import Database
from tests.builders import NOW
from tests.store.rows import Passing

ACCOUNT, OTHER = "1234567890", "0987654321"
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def a_cost(cost: str, day: date = MONDAY, **fields: str) -> AdCost:
    return AdCost(
        view=CostView(fields.pop("view", "campaign")),
        day=day,
        campaign_id=fields.pop("campaign_id", "17"),
        cost=Decimal(cost),
        clicks=1,
        impressions=10,
        **fields,
    )


def a_result(day: date = MONDAY) -> AdResult:
    return AdResult(
        day=day,
        campaign_id="17",
        campaign="Brand",
        action_id="111",
        action="Lead",
        conversions=0.5,
        value=Decimal("10.00"),
    )


def save(passing: Passing, *costs: AdCost, account: str = ACCOUNT, days: int = 2) -> None:
    dates = [MONDAY + timedelta(days=age) for age in range(days)]
    ad_costs.save(passing.connection, account, "EUR", dates, costs, [a_result()], now=NOW)


def spent(passing: Passing, account: str = ACCOUNT) -> dict[date, Decimal]:
    return dict(ad_costs.spent_by_day(passing.connection, account, [MONDAY, TUESDAY]))


def test_the_latest_costs_of_a_day_replace_the_earlier_ones(passing: Passing) -> None:
    save(passing, a_cost("1.50"), a_cost("2.25", campaign_id="18"), a_cost("4", TUESDAY))
    save(passing, a_cost("7"), account=OTHER)
    assert spent(passing) == {MONDAY: Decimal("3.75"), TUESDAY: Decimal(4)}
    save(passing, a_cost("1.40"), days=1)
    assert spent(passing) == {MONDAY: Decimal("1.40"), TUESDAY: Decimal(4)}
    assert spent(passing, OTHER) == {MONDAY: Decimal(7)}


def test_a_day_without_costs_counts_as_fetched(passing: Passing) -> None:
    save(passing)
    asked = ad_costs.days_asked(passing.connection, ACCOUNT)
    assert asked == {MONDAY: NOW, TUESDAY: NOW}
    assert ad_costs.days_asked(passing.connection, OTHER) == {}


def test_a_millionth_is_kept(passing: Passing) -> None:
    save(passing, a_cost("0.000001"))
    assert spent(passing) == {MONDAY: Decimal("0.000001")}


def test_equal_criteria_are_added_up_and_one_without_an_item_counts_for_its_campaign() -> None:
    costs = [
        a_cost("1", view="audience", item="77"),
        a_cost("2", view="audience", item="77"),
        a_cost("5", view="audience"),
        a_cost("8"),
    ]
    assert [(one.item, one.cost, one.clicks) for one in added_up(costs)] == [
        ("77", Decimal(3), 2),
        ("", Decimal(8), 1),
    ]


def test_only_what_has_no_name_yet_is_asked_for_one(passing: Passing) -> None:
    connection, view = passing.connection, CostView.LOCATION
    save(passing, a_cost("1", view="location", item="17"), a_cost("1", view="location", item="4"))
    assert ad_costs.unnamed(connection, view) == ["17", "4"]
    ad_costs.keep_names(connection, view, {"17": "Berlin"})
    assert ad_costs.unnamed(connection, view) == ["4"]
    assert ad_costs.names(connection, view) == {"17": "Berlin"}
    assert ad_costs.names(connection, CostView.AUDIENCE) == {}


class Choosy:
    """An ad account that does not accept two of the queries."""

    customer_id = ACCOUNT
    time_zone = "UTC"
    currency = "EUR"

    def costs_between(self, view: CostView, first: date, last: date) -> list[AdCost]:
        if view is CostView.LOCATION:
            raise UnexpectedResponseError("PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE")
        return [a_cost("1", last, view=view, item="x")]

    def results_between(self, first: date, last: date) -> list[AdResult]:
        raise UnexpectedResponseError("UNRECOGNIZED_FIELD")

    def names_of(self, view: CostView, items: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(items, "called so")


def test_a_query_that_is_not_accepted_is_named_and_costs_nothing_else(database: Database) -> None:
    done = fetch(database, Choosy(), CostTerms(first_days=40), RetryPolicy(), now=NOW)
    assert done.days == 41
    assert list(done.refused) == [
        "location: PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE",
        "conversions: UNRECOGNIZED_FIELD",
    ]
    assert done.cost == 2
    with database.reading() as connection:
        assert ad_costs.names(connection, CostView.AUDIENCE) == {"x": "called so"}
