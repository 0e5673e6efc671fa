"""What the ad account says of clicks, on both databases: kept for stored IDs, and for no other."""

from datetime import timedelta

from convsync.model.ad_click import AdClick
from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.period import Period
from convsync.model.seen_clicks import SeenClicks
from convsync.store import ad_clicks, clicks
from tests.builders import CLICKED_AT, NOW, a_candidate, a_click, a_deal
from tests.store.rows import Passing, save

ACCOUNT = "1234567890"
DAY = CLICKED_AT.date()
THAT_DAY = Period(since=CLICKED_AT - timedelta(hours=9), until=CLICKED_AT + timedelta(hours=15))
NEXT_DAY = Period(since=THAT_DAY.until, until=THAT_DAY.until + timedelta(days=1))
LATER = Period(since=NEXT_DAY.until, until=NEXT_DAY.until + timedelta(days=1))


def told(gclid: str, campaign: str) -> AdClick:
    return AdClick(gclid=gclid, clicked_on=DAY, campaign=campaign)


def log(passing: Passing, *gclids: str) -> None:
    ids = [ClickId(ClickIdKind.GCLID, value) for value in gclids]
    sightings = [Sighting(click_ids=(one,), seen_at=CLICKED_AT) for one in ids]
    clicks.save(passing.connection, SeenClicks.of(sightings))


def test_campaigns_are_stored_for_click_ids_of_logs_and_deals_and_replaced_later(
    passing: Passing,
) -> None:
    log(passing, "logged")
    save(passing, a_deal(clicks=(a_candidate(a_click("carried")),)))
    day = [told("logged", "Brand"), told("carried", "Generic"), told("strangers", "Brand")]
    assert ad_clicks.save(passing.connection, ACCOUNT, DAY, day, NOW) == 2
    renamed = [told("logged", "Renamed")]
    assert ad_clicks.save(passing.connection, ACCOUNT, DAY, renamed, NOW) == 1
    asked = ["logged", "carried", "strangers"]
    assert ad_clicks.of_gclids(passing.connection, asked) == {
        "logged": told("logged", "Renamed"),
        "carried": told("carried", "Generic"),
    }


def test_a_day_is_open_while_an_id_may_be_of_it_that_came_since(passing: Passing) -> None:
    connection = passing.connection

    def is_open(day: Period, next_day: Period) -> bool:
        since = ad_clicks.days_asked(connection, ACCOUNT).get(DAY)
        return ad_clicks.has_unknown(connection, day, next_day, since)

    assert not is_open(THAT_DAY, NEXT_DAY)
    log(passing, "logged")
    assert is_open(THAT_DAY, NEXT_DAY)
    assert not is_open(NEXT_DAY, LATER)
    ad_clicks.save(connection, ACCOUNT, DAY, [], NOW)
    assert not is_open(THAT_DAY, NEXT_DAY)
    log(passing, "logged", "came since")
    assert is_open(THAT_DAY, NEXT_DAY)
    ad_clicks.save(connection, ACCOUNT, DAY, [told("came since", "Brand")], NOW)
    assert not is_open(THAT_DAY, NEXT_DAY)
    save(passing, a_deal(clicks=(a_candidate(a_click("carried")),)))
    assert is_open(THAT_DAY, NEXT_DAY)
