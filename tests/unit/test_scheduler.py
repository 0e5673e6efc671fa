"""When `schedule` runs a night: at its time, at once after one that was missed, never twice."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from convsync.store.watching import Night
from convsync.watch.alerts import QuietHours
from convsync.watch.scheduler import Due, is_to_catch_up
from convsync.watch.timetable import Timetable

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = Timetable(zone=BERLIN, at=(time(2),))
TWO_O_CLOCK = datetime(2026, 3, 3, 1, tzinfo=UTC)


def a_night(as_of: datetime, *, exit_code: int = 0, is_at_its_end: bool = True) -> Night:
    return Night(
        run_id=1,
        as_of=as_of,
        started_at=as_of,
        finished_at=as_of,
        exit_code=exit_code,
        uploads=0,
        message="",
        is_at_its_end=is_at_its_end,
    )


YESTERDAY = TWO_O_CLOCK - timedelta(days=1)


@pytest.mark.parametrize(
    ("night", "now", "is_at_once"),
    [
        pytest.param(None, TWO_O_CLOCK, True, id="the first ever"),
        pytest.param(a_night(YESTERDAY), TWO_O_CLOCK - timedelta(seconds=1), False, id="not due"),
        pytest.param(a_night(YESTERDAY), TWO_O_CLOCK + timedelta(hours=5), True, id="missed"),
        pytest.param(a_night(TWO_O_CLOCK), TWO_O_CLOCK + timedelta(hours=5), False, id="done"),
        pytest.param(
            a_night(TWO_O_CLOCK, exit_code=1, is_at_its_end=False),
            TWO_O_CLOCK + timedelta(hours=5),
            True,
            id="stopped or killed",
        ),
        pytest.param(
            a_night(TWO_O_CLOCK, exit_code=3, is_at_its_end=False),
            TWO_O_CLOCK + timedelta(hours=5),
            False,
            id="a person must look",
        ),
        pytest.param(
            a_night(TWO_O_CLOCK, exit_code=1),
            TWO_O_CLOCK + timedelta(hours=5),
            False,
            id="finished with rows rejected",
        ),
    ],
)
def test_a_night_is_caught_up_at_the_start(
    night: Night | None, now: datetime, is_at_once: bool
) -> None:
    assert is_to_catch_up(night, NIGHTLY, now) is is_at_once


def test_the_scheduler_is_told_each_night_of_a_year_once_through_both_changes_of_the_clock() -> (
    None
):
    due, nights = Due(NIGHTLY), []
    at = due.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    while at.year == 2026:
        nights.append(at.astimezone(BERLIN))
        at = due.get_next_fire_time(at, at)
    assert len({night.date() for night in nights}) == len(nights) == 365
    assert {night.hour for night in nights} == {2, 3}, "three o'clock once, in March"


@pytest.mark.parametrize(
    ("since", "until", "quiet"),
    [
        (time(22), time(7), {"22:00": True, "06:59": True, "07:00": False, "21:59": False}),
        (time(1), time(5), {"00:59": False, "01:00": True, "05:00": False}),
    ],
)
def test_quiet_hours_may_go_over_midnight(since: time, until: time, quiet: dict[str, bool]) -> None:
    hours = QuietHours(since=since, until=until)
    for text, is_quiet in quiet.items():
        at = datetime.fromisoformat(f"2026-03-03T{text}+01:00")
        assert hours.has(at, BERLIN) is is_quiet


def test_alerts_delayed_by_quiet_hours_are_due_when_they_end() -> None:
    ends = QuietHours(since=time(22), until=time(7)).ends(BERLIN)
    assert ends.next_after(TWO_O_CLOCK) == TWO_O_CLOCK + timedelta(hours=5)
    assert ends.next_after(TWO_O_CLOCK + timedelta(hours=5)) == TWO_O_CLOCK + timedelta(hours=29)
