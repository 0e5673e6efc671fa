"""What a world's ad account spends by day, read as `costs fetch` reads it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.model.ad_spending import AdCost, CostView
from convsync.sandbox.account import AccountClick
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world import World
from convsync.sandbox.world_campaigns import CAMPAIGNS
from convsync.upload.google.google_ads_api import Customer
from convsync.upload.google.google_ads_reading import GoogleAdsAccount
from tests.contract.sandbox_switches import post
from tests.contract.test_sandbox_google_ads import ACTION, client_of, upload

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAYS = 30
WORLD = World(seed=5, deals=400, ends_at=NOW + timedelta(days=5), days=DAYS + 5)
FIRST, LAST = date(2025, 11, 1), date(2026, 1, 31)
NAMES = {campaign.name for campaign in CAMPAIGNS.values}
PAID = [deal for deal in map(WORLD.deal, range(WORLD.deals)) if deal.placement is not None]


@pytest.fixture
def account(sandbox: Sandbox) -> Iterator[GoogleAdsAccount]:
    """The account of a world, read in the clear."""
    sandbox.platform.advertise(WORLD)
    reader = GoogleAdsAccount(
        "ads",
        Customer(customer_id="1234567890"),
        None,
        endpoint=sandbox.grpc_address,
        is_plaintext=True,
    )
    with closing(reader):
        yield reader


def total(costs: list[AdCost]) -> tuple[Decimal, int]:
    return sum((one.cost for one in costs), Decimal(0)), sum(one.clicks for one in costs)


def test_campaigns_cost_what_the_leads_by_now_took(account: GoogleAdsAccount) -> None:
    costs = list(account.costs_between(CostView.CAMPAIGN, FIRST, LAST))
    by_now = [
        deal.placement.campaign
        for deal in PAID
        if deal.placement and deal.ad_clicks[0].clicked_at <= NOW
    ]
    expected = sum(one.clicks_a_lead * one.click_micros for one in by_now)
    assert total(costs)[0] == Decimal(expected).scaleb(-6)
    assert {one.campaign for one in costs} == NAMES
    assert max(one.day for one in costs) <= date(2026, 1, 1)
    assert len({(one.day, one.campaign, one.device) for one in costs}) == len(costs)


@pytest.mark.parametrize("view", [CostView.AD_GROUP, CostView.KEYWORD])
def test_ad_groups_and_keywords_cost_what_their_campaigns_do(
    account: GoogleAdsAccount, view: CostView
) -> None:
    parts = list(account.costs_between(view, FIRST, LAST))
    assert total(parts) == total(list(account.costs_between(CostView.CAMPAIGN, FIRST, LAST)))
    assert all(one.ad_group for one in parts)
    assert all(bool(one.item and one.match_type) is (view is CostView.KEYWORD) for one in parts)


@pytest.mark.parametrize(
    ("view", "items"),
    [
        (CostView.LOCATION, {"1003854", "1004437", "1004234"}),
        (CostView.AUDIENCE, {"880001", "880002"}),
    ],
)
def test_places_and_audiences_are_a_part_of_the_costs(
    account: GoogleAdsAccount, view: CostView, items: set[str]
) -> None:
    parts = list(account.costs_between(view, FIRST, LAST))
    assert {one.item for one in parts} == items
    whole = total(list(account.costs_between(CostView.CAMPAIGN, FIRST, LAST)))
    assert 0 < total(parts)[0] < whole[0]


def test_places_and_audiences_have_names(account: GoogleAdsAccount) -> None:
    assert account.names_of(CostView.LOCATION, ["1003854", "77"]) == {
        "1003854": "Berlin,Berlin,Germany"
    }
    assert account.names_of(CostView.AUDIENCE, ["880002"]) == {"880002": "Customers"}


def test_a_young_day_shows_more_than_in_the_end(
    sandbox: Sandbox, account: GoogleAdsAccount
) -> None:
    in_the_end = list(account.costs_between(CostView.CAMPAIGN, FIRST, LAST))
    post(sandbox, "/restating", {"days": 7, "share": 0.5})
    now = list(account.costs_between(CostView.CAMPAIGN, FIRST, LAST))
    changed = {b.day for a, b in zip(in_the_end, now, strict=True) if a != b}
    assert min(changed) == date(2025, 12, 26)
    assert total(now)[0] > total(in_the_end)[0]


def test_the_clicks_of_a_day_are_those_with_a_gclid(account: GoogleAdsAccount) -> None:
    day = date(2025, 12, 20)
    expected = {
        click.ids.gclid
        for deal in PAID
        for click in deal.ad_clicks
        if click.ids.gclid and (click.clicked_at + timedelta(hours=1)).date() == day
    }
    found = account.clicks_on(day)
    assert {one.gclid for one in found} == expected
    assert {one.campaign for one in found} <= NAMES


def test_what_is_counted_is_dated_to_the_day_of_its_click(
    sandbox: Sandbox, account: GoogleAdsAccount
) -> None:
    campaign = {"campaign.id": 17, "campaign.name": "Brand"}
    clicked_at = datetime(2025, 12, 20, 23, 30, tzinfo=UTC)
    sandbox.platform.clicks["click-of-A"] = AccountClick(at=clicked_at, fields=campaign)
    upload(client_of(sandbox.google_ads_address), "A", "unknown")
    (row,) = account.results_between(FIRST, LAST)
    assert (row.day, row.campaign, row.action_id) == (date(2025, 12, 21), "Brand", ACTION[-3:])
    assert (row.conversions, row.value) == (1.0, Decimal(100))
