"""`clicks enrich`: what the ad account says of stored gclids, asked no more often than needed."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from convsync.sandbox.account import AccountClick
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import ACCOUNT, NEXT_NIGHT, NIGHT, Office

A_WEEK_LATER = "2026-03-10T02:00+01:00"
BRAND = {
    "click_view.keyword_info.text": "crm for bakers",
    "click_view.keyword_info.match_type": "EXACT",
    "click_view.location_of_presence.most_specific": "geoTargetConstants/1004234",
    "click_view.user_list": "customers/1234567890/userLists/77",
    "campaign.id": 17,
    "campaign.name": "Brand",
    "ad_group.id": 171,
    "ad_group.name": "Bakers",
    "segments.device": "MOBILE",
}


def knows(office: Office, gclid: str, at: str = "2026-02-20T08:00:00Z", **fields: Any) -> None:
    """Let the ad account know of a click, of the campaign Brand or as the fields say."""
    instant = datetime.fromisoformat(at)
    office.sandbox.platform.clicks[gclid] = AccountClick(at=instant, fields=fields or BRAND)


def enriched(office: Office, at: str = NIGHT, *words: str) -> dict[str, Any]:
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("clicks", "enrich", "--as-of", at, "--format", "json", *words)
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)
    assert row.pop("customer_id") == ACCOUNT
    return dict(row)


def campaigns(office: Office, deal: str, what: str = "campaign") -> list[str | None]:
    """Return the campaigns of a deal's clicks, or what else is told, as its sale is explained."""
    said = office.types("explain", deal, "--format", "json")
    (won,) = [row for row in json.loads(said.out) if row["milestone"] == "won"]
    return [click.get(what) for click in won["clicks"]]


@pytest.fixture
def known(office: Office) -> Office:
    """A company whose ad account can be read, with a deal by an ID in its CRM and in its log."""
    office.reads_its_account()
    office.deal()
    knows(office, "click-of-D-1")
    office.night()
    return office


def test_a_stored_gclid_gets_its_campaign_keyword_and_device(known: Office) -> None:
    knows(known, "of-somebody-else")
    assert enriched(known) == {"days": 8, "read": 2, "stored": 1}
    said = known.types("explain", "D-1")
    came_by = "campaign 'Brand', ad group 'Bakers', keyword 'crm for bakers' (exact), on mobile"
    assert f"    {came_by}\n" in said.out
    assert campaigns(known, "D-1") == ["Brand"]
    assert campaigns(known, "D-1", "audience") == ["77"]


def test_one_that_only_the_crm_holds_is_found_in_the_week_before_its_deal(
    known: Office,
) -> None:
    known.deal("D-2")
    del known.clicks["D-2"]
    knows(known, "click-of-D-2", "2026-02-14T08:00:00Z")
    known.night(NEXT_NIGHT)
    assert enriched(known, NEXT_NIGHT)["stored"] == 2
    assert campaigns(known, "D-2") == ["Brand"]


def test_what_the_account_does_not_know_stays_as_it_is(known: Office) -> None:
    known.sandbox.platform.clicks.clear()
    assert enriched(known)["stored"] == 0
    assert campaigns(known, "D-1") == [None]


def test_a_settled_day_is_asked_for_again_only_for_what_came_since(known: Office) -> None:
    known.sandbox.platform.clicks.clear()
    assert enriched(known, A_WEEK_LATER)["days"] > 0
    assert enriched(known, A_WEEK_LATER)["days"] == 0
    known.clicks["late"] = {"Clicked at": "2026-02-20T09:00:00Z", "GCLID": "late"}
    knows(known, "late")
    known.night(A_WEEK_LATER)
    assert enriched(known, A_WEEK_LATER) == {"days": 2, "read": 1, "stored": 1}


@pytest.mark.long
def test_a_young_day_is_asked_for_until_it_is_settled(known: Office) -> None:
    known.deal("D-2", created="2026-03-02 10:00", clicked_at="2026-03-02T08:00:00Z")
    known.night(NEXT_NIGHT)
    enriched(known, NEXT_NIGHT)
    knows(known, "click-of-D-2", "2026-03-02T08:00:00Z")
    enriched(known, NEXT_NIGHT)
    assert campaigns(known, "D-2") == ["Brand"]


@pytest.mark.long
def test_all_ninety_days_are_asked_for_again_if_wanted(known: Office) -> None:
    enriched(known)
    knows(known, "click-of-D-1", **{"campaign.name": "Renamed"})
    assert enriched(known, NIGHT, "--again") == {"days": 90, "read": 1, "stored": 1}
    assert campaigns(known, "D-1") == ["Renamed"]


def test_an_interrupted_enrichment_keeps_the_days_before(known: Office) -> None:
    broken = PlannedFault(on="search", kind="internal", request=5)
    known.sandbox.platform.faults.add(broken)
    said = known.types("clicks", "enrich", "--as-of", NIGHT)
    assert said.code == 1
    ((kept,),) = known.sql("SELECT count(*) FROM ad_days")
    assert 0 < kept < 8
    assert enriched(known)["stored"] == 1


def test_an_account_that_nothing_reads_says_what_to_set(office: Office) -> None:
    office.night()
    said = office.types("clicks", "enrich")
    assert said.code == 2
    assert "set destinations.google.read_with" in said.err


def test_a_forgotten_persons_click_is_forgotten_with_its_campaign(
    known: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", "a secret of sixteen or more")
    enriched(known)
    assert known.types("forget", "--deal", "D-1", "--yes").code == 0
    assert known.sql("SELECT count(*) FROM ad_clicks") == [(0,)]


def test_the_platform_is_asked_day_by_day_no_further_back_than_it_answers(
    known: Office,
) -> None:
    long_ago = datetime.fromisoformat(NIGHT) - timedelta(days=120)
    known.deal("D-9", created=f"{long_ago:%Y-%m-%d}", clicked_at=long_ago.isoformat())
    known.night(NEXT_NIGHT)
    assert enriched(known, NEXT_NIGHT)["stored"] == 1
