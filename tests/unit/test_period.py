from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from convsync.model.period import Period, day_ends_at, day_starts_at

BERLIN = ZoneInfo("Europe/Berlin")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


A_DAY = Period(since=at("2026-03-02"), until=at("2026-03-03"))


@pytest.mark.parametrize(
    ("instant", "is_inside"),
    [
        pytest.param("2026-03-01T23:59:59.999999", False, id="just before"),
        pytest.param("2026-03-02T00:00:00", True, id="its start"),
        pytest.param("2026-03-02T23:59:59.999999", True, id="just before its end"),
        pytest.param("2026-03-03T00:00:00", False, id="its end"),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(instant: str, is_inside: bool) -> None:
    assert (at(instant) in A_DAY) is is_inside


def test_an_empty_period_holds_nothing() -> None:
    assert A_DAY.since not in Period(since=A_DAY.since, until=A_DAY.since)


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Period(since=A_DAY.until, until=A_DAY.since)


@pytest.mark.parametrize(
    ("zone", "day", "starts", "hours"),
    [
        pytest.param(UTC, "2026-03-02", "2026-03-02T00:00", 24, id="UTC"),
        pytest.param(BERLIN, "2026-03-02", "2026-03-01T23:00", 24, id="Berlin, winter"),
        pytest.param(BERLIN, "2026-03-29", "2026-03-28T23:00", 23, id="Berlin, clocks go forward"),
        pytest.param(BERLIN, "2026-10-25", "2026-10-24T22:00", 25, id="Berlin, clocks go back"),
        pytest.param(SAO_PAULO, "2018-02-17", "2018-02-17T02:00", 25, id="midnight comes twice"),
        pytest.param(SAO_PAULO, "2018-11-04", "2018-11-04T03:00", 23, id="midnight is skipped"),
        pytest.param(
            ZoneInfo("Asia/Kathmandu"), "2026-03-02", "2026-03-01T18:15", 24, id="quarter hours"
        ),
    ],
)
def test_a_day_is_as_long_as_its_calendar_says(
    zone: ZoneInfo, day: str, starts: str, hours: int
) -> None:
    the_day = date.fromisoformat(day)
    assert day_starts_at(the_day, zone) == at(starts)
    length = timedelta(hours=hours) - timedelta(seconds=1)
    assert day_ends_at(the_day, zone) == at(starts) + length


def test_days_follow_each_other_without_gap_or_overlap_in_any_year() -> None:
    day = date(2018, 1, 1)
    while day < date(2019, 1, 1):
        next_day = day + timedelta(days=1)
        assert day_ends_at(day, SAO_PAULO) + timedelta(seconds=1) == day_starts_at(
            next_day, SAO_PAULO
        )
        day = next_day


def test_a_period_of_days_includes_both_its_days() -> None:
    period = Period.of_days(date(2026, 3, 28), date(2026, 3, 29), BERLIN)
    assert period == Period(since=at("2026-03-27T23:00"), until=at("2026-03-29T22:00"))


def test_a_period_of_days_yields_exactly_those_days() -> None:
    first, last = date(2018, 11, 3), date(2018, 11, 5)
    period = Period.of_days(first, last, SAO_PAULO)
    assert list(period.days(SAO_PAULO)) == [first, date(2018, 11, 4), last]


def test_a_day_that_a_period_only_touches_is_yielded() -> None:
    period = Period(since=at("2026-03-02T22:59:59"), until=at("2026-03-02T23:00:01"))
    assert list(period.days(BERLIN)) == [date(2026, 3, 2), date(2026, 3, 3)]
