"""When nights are due: once a day whatever the clocks do, and caught up where one was missed."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from convsync.watch.timetable import Timetable

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tokyo"]


def nightly(zone: str = "Europe/Berlin", *at: time) -> Timetable:
    return Timetable(zone=ZoneInfo(zone), at=at or (time(2, 30),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("of_day", [time(0, 0), time(0, 30), time(1, 45), time(2, 30), time(3, 0)])
def test_every_day_of_a_year_has_one_night(zone: str, of_day: time) -> None:
    timetable = nightly(zone, of_day)
    due, days = at("2026-01-01T12:00+00:00"), Counter[object]()
    for _ in range(365):
        due = timetable.next_after(due)
        days[due.astimezone(timetable.zone).date()] += 1
    assert set(days.values()) == {1}
    assert len(days) == 365


def test_a_day_of_the_week_comes_once_a_week_whatever_the_clocks_do() -> None:
    mondays = Timetable(zone=BERLIN, at=(time(2, 30),), weekday=0)
    due = at("2026-01-01T12:00+00:00")
    assert str(mondays) == "on Mondays at 02:30, Europe/Berlin"
    for _ in range(52):
        last, due = due, mondays.next_after(due)
        assert due.astimezone(BERLIN).weekday() == 0
        assert mondays.last_by(due) == due
        assert due - last <= timedelta(days=7, hours=1)
    assert due == at("2026-12-28T02:30+01:00")


def test_a_time_that_the_clock_jumps_over_is_due_an_hour_later_by_the_clock() -> None:
    due = nightly().next_after(at("2026-03-28T12:00+01:00"))
    assert due == at("2026-03-29T03:30+02:00")


def test_a_time_that_the_clock_shows_twice_is_due_the_first_time_only() -> None:
    first = nightly().next_after(at("2026-10-24T12:00+02:00"))
    assert first == at("2026-10-25T02:30+02:00")
    assert nightly().next_after(first) == at("2026-10-26T02:30+01:00")


def test_the_last_night_due_is_the_one_after_which_the_next_follows() -> None:
    timetable = nightly("Europe/Berlin", time(2, 0), time(14, 0))
    for text in ("2026-03-03T02:00+01:00", "2026-03-03T13:59+01:00", "2026-03-29T01:59+01:00"):
        last = timetable.last_by(at(text))
        assert last <= at(text) < timetable.next_after(last)


def test_every_so_often_keeps_its_grid_whenever_it_is_asked() -> None:
    timetable = Timetable(zone=BERLIN, every=timedelta(minutes=15))
    assert timetable.next_after(at("2026-03-03T02:07:31+01:00")) == at("2026-03-03T02:15+01:00")
    assert timetable.last_by(at("2026-03-03T02:15+01:00")) == at("2026-03-03T02:15+01:00")
    assert timetable.next_after(at("2026-03-03T02:15+01:00")) == at("2026-03-03T02:30+01:00")


@pytest.mark.parametrize(
    ("last_begun", "now", "is_missed"),
    [
        pytest.param(None, "2026-03-03T12:00+01:00", False, id="there never was one"),
        pytest.param("2026-03-02T02:30:05+01:00", "2026-03-03T02:30+01:00", False, id="due now"),
        pytest.param("2026-03-02T02:30:05+01:00", "2026-03-03T03:29+01:00", False, id="late"),
        pytest.param("2026-03-02T02:30:05+01:00", "2026-03-03T03:30+01:00", True, id="missed"),
        pytest.param("2026-03-03T02:30:05+01:00", "2026-03-03T23:00+01:00", False, id="was there"),
        pytest.param("2026-03-03T01:00+01:00", "2026-03-03T23:00+01:00", True, id="too early"),
    ],
)
def test_a_night_is_missed_an_hour_after_it_was_due(
    last_begun: str | None, now: str, is_missed: bool
) -> None:
    begun = None if last_begun is None else at(last_begun)
    assert nightly().is_missed(begun, at(now)) is is_missed


def test_a_run_every_few_minutes_is_missed_after_two_of_them() -> None:
    timetable = Timetable(zone=BERLIN, every=timedelta(minutes=15))
    begun = at("2026-03-03T02:00:01+01:00")
    assert not timetable.is_missed(begun, at("2026-03-03T02:44+01:00"))
    assert timetable.is_missed(begun, at("2026-03-03T02:46+01:00"))
