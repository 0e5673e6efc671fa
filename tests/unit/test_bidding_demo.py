"""The bidding demo, small: what a bidder is told decides what it buys."""

import re
from random import Random

import pytest

from convsync.sandbox.world_campaigns import CAMPAIGNS, OWN_NAME, TEMPLATES
from scripts.bidding_demo import (
    BUDGET,
    Company,
    Feed,
    allotted,
    brought_by,
    campaign_lines,
    cost_of,
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def sales() -> dict[Feed, int]:
    return {feed: brought_by(feed, companies=2)[1] for feed in Feed}


def test_expected_values_bring_more_sales_than_raw_leads(sales: dict[Feed, int]) -> None:
    assert sales[Feed.EXPECTED] > 1.15 * sales[Feed.RAW_LEADS]


def test_who_knows_the_truth_is_hardly_beaten(sales: dict[Feed, int]) -> None:
    assert sales[Feed.EXPECTED] > 0.85 * sales[Feed.TRUTH]
    assert max(sales.values()) < 1.15 * sales[Feed.TRUTH]


def test_the_campaign_with_the_cheapest_leads_is_bought_only_by_who_counts_leads() -> None:
    assert min(CAMPAIGNS.values, key=cost_of) is TEMPLATES
    raw = allotted(dict.fromkeys([one.name for one in CAMPAIGNS.values], 1.0))
    true = allotted({one.name: one.win_rate for one in CAMPAIGNS.values})
    assert sum(raw.values()) == sum(true.values()) == BUDGET
    assert raw[TEMPLATES] > 5 * true[TEMPLATES]
    assert true[OWN_NAME] > true[TEMPLATES]


def test_the_first_line_says_which_campaign_is_cheap_and_which_sells() -> None:
    first, _, *campaigns = campaign_lines()
    assert first.startswith(f"'{TEMPLATES.name}' brings the cheapest leads, and 0 of ")
    assert f"for the same budget '{OWN_NAME.name}' sells" in first
    cheapest = campaigns[0]
    assert cheapest.startswith(TEMPLATES.name)
    by_leads, by_values = (float(one) for one in re.findall(r"([\d,]+) EUR", cheapest)[-2:])
    assert by_leads > 5 * by_values


def test_campaign_values_are_learned_only_from_the_company_s_own_leads() -> None:
    company = Company(Feed.EXPECTED, Random(1))
    company.live()
    learned = company.learned(365.0)
    assert learned[TEMPLATES.name] < 0.2 * learned[OWN_NAME.name]
    assert Company(Feed.EXPECTED, Random(1)).learned(365.0) == {}
