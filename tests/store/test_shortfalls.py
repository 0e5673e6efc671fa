"""Where groups of deals fall short of the rest, on both databases; and that chance is not told."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from convsync.model.deal import LOST, WON, Deal
from convsync.model.period import ALL_TIME
from convsync.report.exchange import Exchange
from convsync.report.shares import place_among, share_of
from convsync.report.shortfalls import Shortfall, shortfalls_of
from convsync.store.database import Database
from tests.builders import NOW, a_deal, a_milestone
from tests.store.rows import save

ORDER = ("mql", WON, LOST)
LEAD_AT = NOW - timedelta(days=200)


def lead(number: int, region: str, *, wins: bool, days: int = 10, ends: bool = True) -> Deal:
    """Return a lead that was won for 500, or lost, after so many days; or is open."""
    end = [a_milestone(WON if wins else LOST, LEAD_AT + timedelta(days=days))] if ends else []
    return a_deal(
        f"{region}-{number}",
        created_at=LEAD_AT,
        milestones=(a_milestone("mql", LEAD_AT), *end),
        amount=500,
        segments={"region": region},
    )


def found_in(database: Database, *leads: Deal) -> list[Shortfall]:
    save(database, *leads)
    return [*shortfalls_of(database, ORDER, ["region"], ALL_TIME, now=NOW, exchange=Exchange())]


def test_a_group_that_goes_on_less_often_is_listed_with_its_cost(database: Database) -> None:
    north = [lead(number, "north", wins=number < 30) for number in range(100)]
    south = [lead(number, "south", wins=number < 10) for number in range(100)]
    (told,) = found_in(database, *north, *south)
    assert (told.group_by, told.group, told.step, told.next_step) == (
        *("region", "south"),
        *("mql", WON),
    )
    assert (told.deals, told.went_on.share, told.of_rest) == (100, 0.1, 0.3)
    assert told.missing == pytest.approx(20)
    assert told.cost == pytest.approx(Decimal(10_000))
    assert told.currency == "USD"


def test_a_group_that_takes_longer_is_told_with_its_days(database: Database) -> None:
    north = [lead(number, "north", wins=True, days=10) for number in range(40)]
    south = [lead(number, "south", wins=True, days=30) for number in range(40)]
    (told,) = found_in(database, *north, *south)
    assert (told.group, told.missing, told.cost) == ("south", None, None)
    assert (told.days, told.days_of_rest) == (30, 10)


def test_a_segment_that_only_lost_deals_have_is_not_held_against_them(database: Database) -> None:
    won = [lead(number, "", wins=True) for number in range(60)]
    lost = [lead(number, "price", wins=False) for number in range(60)]
    too_late = [lead(number, "timing", wins=False) for number in range(60)]
    assert found_in(database, *won, *lost, *too_late) == []


def test_a_segment_that_most_deals_have_is_compared_though_one_group_never_sells(
    database: Database,
) -> None:
    won = [lead(number, "north", wins=True) for number in range(60)]
    lost = [lead(number, "south", wins=False) for number in range(60)]
    (told,) = found_in(database, *won, *lost)
    assert (told.group, told.went_on.share, told.of_rest) == ("south", 0, 1)


def test_of_few_deals_nothing_is_said(database: Database) -> None:
    north = [lead(number, "north", wins=True) for number in range(100)]
    south = [lead(number, "south", wins=False) for number in range(19)]
    assert found_in(database, *north, *south) == []


def test_deals_that_may_yet_go_on_are_not_held_against_their_group(database: Database) -> None:
    ended = [lead(number, "east", wins=True, days=20) for number in range(50)]
    still = [lead(number, "south", wins=False, ends=False) for number in range(50)]
    young = [
        a_deal(f"young-{number}", created_at=NOW, milestones=(a_milestone("mql", NOW),))
        for number in range(50)
    ]
    found = found_in(database, *ended, *still, *young)
    assert [(one.group, one.deals, one.went_on.share) for one in found] == [("south", 50, 0)]


def test_of_groups_that_do_not_differ_hardly_one_is_told(database: Database) -> None:
    rng = Random(7)
    alike = [
        lead(number, f"region {rng.randrange(12)}", wins=rng.random() < 0.2, days=rng.randrange(60))
        for number in range(1_500)
    ]
    assert len(found_in(database, *alike)) <= 1


def test_a_share_of_few_has_a_wide_interval() -> None:
    assert share_of(1, 10) == pytest.approx((0.1, 0.0226, 0.3477), abs=1e-4)
    assert share_of(100, 1000) == pytest.approx((0.1, 0.0855, 0.1167), abs=1e-4)
    assert share_of(0, 0) == (0, 0, 1)


def test_the_one_in_the_middle_is_one_of_them() -> None:
    assert place_among({3: 1, 1: 1, 9: 1}, 5) == 3
    assert place_among({1: 9, 7: 1}, 9) == 7
    with pytest.raises(ValueError, match="empty"):
        place_among({}, 5)
