"""Learned values on Olist's real funnel, walking forward over its months; skipped without the data.

What really moved is found by counting alone: leads won within two weeks of their month, against
those of all months before, as two proportions.
"""

import csv
from collections import defaultdict
from datetime import date
from math import sqrt
from pathlib import Path

import pytest

from scripts.backtest_values import olist_backtest, olist_leads

OLIST = Path(__file__).parents[2].parent / "shared" / "data" / "olist_funnel"
MANY = 300
TWO_WEEKS = 14

pytestmark = pytest.mark.skipif(not OLIST.is_dir(), reason="Olist's data are not here")


def test_with_many_leads_each_month_is_predicted_better_than_by_one_rate() -> None:
    forecasts = [one for one in olist_backtest(olist_leads(OLIST)).forecasts if one.leads >= MANY]
    assert [one.month for one in forecasts] == ["2018-01", "2018-02", "2018-03"]
    for one in forecasts:
        assert one.log_loss < one.of_one_rate


def test_the_months_whose_rate_really_moved_are_called_drift() -> None:
    forecasts = olist_backtest(olist_leads(OLIST)).forecasts
    assert {one.month for one in forecasts if one.has_drifted} == {
        one.month for one in forecasts if has_moved(one.month)
    }


def has_moved(month: str) -> bool:
    """True where chance is an unlikely cause (one in a hundred) of how a month differs."""
    leads, won = counted()
    before = [one for one in leads if one < month]
    n, won_of_n = leads[month], won[month]
    m, won_of_m = sum(leads[one] for one in before), sum(won[one] for one in before)
    pooled = (won_of_n + won_of_m) / (n + m)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return abs(won_of_n / n - won_of_m / m) > 2.58 * error


def counted() -> tuple[dict[str, int], dict[str, int]]:
    """Return by month the leads, and those won within two weeks."""
    leads: defaultdict[str, int] = defaultdict(int)
    won: defaultdict[str, int] = defaultdict(int)
    with (OLIST / "won_deals.csv").open(newline="") as file:
        won_on = {
            row["mql_id"]: date.fromisoformat(row["won_date"][:10]) for row in csv.DictReader(file)
        }
    with (OLIST / "leads.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            came_on, sold_on = (
                date.fromisoformat(row["first_contact_date"]),
                won_on.get(row["mql_id"]),
            )
            month = row["first_contact_date"][:7]
            leads[month] += 1
            won[month] += sold_on is not None and (sold_on - came_on).days <= TWO_WEEKS
    return leads, won


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])
