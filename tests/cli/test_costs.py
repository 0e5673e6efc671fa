"""`costs fetch`: what the ad account spent by day, asked for again while Google changes it."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.sandbox.advertising import Restating
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.world import World
from tests.cli.office import ACCOUNT, NIGHT, Office

A_YEAR = 365
WORLD = World(seed=5, deals=300, ends_at=datetime.fromisoformat(NIGHT), days=60)


@pytest.fixture
def advertiser(office: Office) -> Office:
    """A company that advertises, whose account can be read."""
    office.reads_its_account()
    office.sandbox.platform.advertise(WORLD)
    assert office.types("db", "upgrade").code == 0
    return office


def fetched(office: Office, at: str = NIGHT, *words: str) -> dict[str, Any]:
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("costs", "fetch", "--as-of", at, "--format", "json", *words)
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)
    assert row.pop("customer_id") == ACCOUNT
    return dict(row)


def spent(office: Office, view: str = "campaign") -> tuple[int, int]:
    ((cost, clicks),) = office.sql(
        "SELECT sum(cost), sum(clicks) FROM ad_costs WHERE view = ?", view
    )
    return cost, clicks


def in_the_world() -> int:
    paid = [deal.placement for deal in map(WORLD.deal, range(WORLD.deals)) if deal.placement]
    return sum(one.campaign.clicks_a_lead * one.campaign.click_micros for one in paid)


def test_a_years_costs_are_kept_by_day_to_the_millionth(advertiser: Office) -> None:
    found = fetched(advertiser)
    assert found["days"] == A_YEAR + 1
    assert spent(advertiser)[0] == in_the_world()
    assert Decimal(found["cost"]).scaleb(6) == in_the_world()
    assert found["currency"] == "EUR"
    for view in ("ad_group", "keyword"):
        assert spent(advertiser, view) == spent(advertiser)


@pytest.mark.long
def test_only_days_that_google_may_change_are_asked_for_again(advertiser: Office) -> None:
    fetched(advertiser)
    again = fetched(advertiser)
    assert (again["days"], again["restated"]) == (91, 0)
    advertiser.configure("\n[retry]", "\n[costs]\nrestated_days = 7\n\n[retry]")
    assert fetched(advertiser)["days"] == 8


@pytest.mark.long
def test_a_day_is_asked_for_until_it_is_settled(advertiser: Office) -> None:
    advertiser.configure("\n[retry]", "\n[costs]\nrestated_days = 7\n\n[retry]")
    platform = advertiser.sandbox.platform
    platform.restating = Restating(days=7, share=0.5)
    fetched(advertiser)
    too_much = spent(advertiser)
    weeks_later = datetime.fromisoformat(NIGHT) + timedelta(days=21)
    found = fetched(advertiser, weeks_later.isoformat())
    assert found["restated"] > 0
    assert spent(advertiser) < too_much
    assert spent(advertiser)[0] == in_the_world()


def test_from_goes_further_back(advertiser: Office) -> None:
    advertiser.configure("\n[retry]", "\n[costs]\nfirst_days = 10\n\n[retry]")
    assert fetched(advertiser)["days"] == 11
    assert fetched(advertiser, NIGHT, "--from", "2025-11-01")["days"] == 123
    assert spent(advertiser)[0] == in_the_world()


@pytest.mark.long
def test_an_interrupted_cost_fetch_keeps_the_months_before_and_continues(
    advertiser: Office,
) -> None:
    advertiser.sandbox.platform.faults.add(PlannedFault(on="search", kind="internal", request=20))
    said = advertiser.types("costs", "fetch", "--as-of", NIGHT)
    assert said.code == 1
    ((kept,),) = advertiser.sql("SELECT count(*) FROM cost_days")
    assert 0 < kept < A_YEAR
    fetched(advertiser)
    assert spent(advertiser)[0] == in_the_world()


@pytest.mark.long
def test_an_account_out_of_quota_is_asked_again_in_the_same_run(advertiser: Office) -> None:
    advertiser.configure("attempts = 1", "attempts = 2\nfirst_wait_s = 0")
    advertiser.sandbox.platform.faults.add(
        PlannedFault(on="search", kind="unavailable_before", request=5)
    )
    fetched(advertiser)
    assert spent(advertiser)[0] == in_the_world()


def test_an_account_that_nothing_reads_says_what_to_set(office: Office) -> None:
    office.night()
    said = office.types("costs", "fetch")
    assert said.code == 2
    assert (
        "No ad account can be asked for its costs: set destinations.google.read_with." in said.err
    )


@pytest.mark.long
def test_places_and_audiences_are_called_by_their_names(advertiser: Office) -> None:
    fetched(advertiser)
    names = dict(advertiser.sql("SELECT item, name FROM ad_names"))
    assert names["1003854"] == "Berlin,Berlin,Germany"
    fetched(advertiser)
    for by, name in (("location", "Berlin,Berlin,Germany"), ("audience", "Customers")):
        said = advertiser.types("report", "campaigns", "--by", by, "--as-of", NIGHT)
        assert f"\n{name} " in said.out
