"""Clocks that jump: time cannot eat deals, on either database. Nothing here waits or is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from convsync.errors import OperatorError
from convsync.model.period import Period
from convsync.pipeline import run
from convsync.store import runs
from convsync.store.database import Database
from tests.store.machine import Machine

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST = datetime(2026, 3, 3, 2, tzinfo=UTC)


@pytest.fixture
def machine(database: Database) -> Machine:
    return Machine(database)


def test_a_night_three_days_ahead_loses_none_of_the_deals_that_change_in_between(
    machine: Machine,
) -> None:
    machine.changes("before", FIRST - HOUR)
    assert machine.night(FIRST).exit_code == 0
    machine.night(FIRST + 4 * DAY)  # while it is the second day
    machine.changes("in between", FIRST + DAY + HOUR)
    healed = machine.night(FIRST + 2 * DAY)
    assert machine.known == {"before", "in between"}
    assert healed.exit_code == 1
    (said,) = healed.problems
    assert "'crm'" in said
    assert "2026-03-03 02:00" in said
    assert machine.watermark == FIRST + 2 * DAY
    machine.changes("later", FIRST + 2 * DAY + HOUR)
    assert machine.night(FIRST + 3 * DAY).problems == []
    assert machine.known == {"before", "in between", "later"}


def test_where_no_earlier_night_is_believed_everything_is_read_again(machine: Machine) -> None:
    machine.changes("old", FIRST - 30 * DAY)
    machine.night(FIRST + 3 * DAY)
    machine.changes("in between", FIRST - 20 * DAY)
    machine.night(FIRST)
    assert machine.known == {"old", "in between"}
    assert machine.watermark == FIRST


def test_a_night_after_a_wrong_one_that_read_nothing_is_not_believed(machine: Machine) -> None:
    machine.night(FIRST)
    machine.night(FIRST + 9 * DAY)
    machine.changes("in between", FIRST + HOUR)
    with machine.database.transaction("forget that it was healed") as connection:
        wrong = runs.future_watermark(connection, "crm", FIRST + DAY)
        assert wrong is not None
        assert runs.last_believable(connection, FIRST + DAY, wrong) == FIRST
    machine.night(FIRST + 2 * DAY)
    assert machine.known == {"in between"}


def test_a_night_three_days_behind_loses_nothing(machine: Machine) -> None:
    machine.night(FIRST)
    machine.changes("in between", FIRST + HOUR)
    machine.night(FIRST - 3 * DAY)
    machine.night(FIRST + DAY)
    assert machine.known == {"in between"}
    assert machine.watermark == FIRST + DAY


def test_a_clock_put_back_by_seconds_is_nothing_to_report(machine: Machine) -> None:
    machine.night(FIRST)
    machine.changes("in between", FIRST - 5 * MINUTE)
    assert machine.night(FIRST - MINUTE).exit_code == 0
    assert machine.watermark == FIRST, "it does not turn back for that"
    assert machine.known == {"in between"}


def test_a_window_that_ends_in_the_future_is_not_read_on_in(machine: Machine) -> None:
    machine.night(FIRST)
    with machine.database.transaction("be stopped in the middle") as connection:
        window = Period(since=FIRST, until=FIRST + 5 * DAY)
        runs.place_bookmark(connection, "crm", window, "D-9", 1)
    machine.night(FIRST + DAY)
    assert machine.watermark == FIRST + DAY


def test_a_present_that_has_not_come_yet_is_refused(machine: Machine) -> None:
    with pytest.raises(OperatorError, match=r"2026-03-04T02:00:00Z has not come yet") as stopped:
        machine.night(FIRST, as_of=FIRST + DAY)
    assert stopped.value.exit_code == 2
    assert machine.watermark is None


@pytest.mark.parametrize("apart", [3 * DAY, -3 * DAY, 12 * MINUTE], ids=str)
def test_a_server_that_says_another_time_stops_the_run_before_it_reads(
    machine: Machine, apart: timedelta
) -> None:
    machine.night(FIRST)
    machine.changes("in between", FIRST + HOUR)
    wrong = FIRST + DAY
    machine.ask = lambda: machine.server_says(wrong - apart, wrong)
    with pytest.raises(OperatorError, match=r"crm\.example says") as stopped:
        machine.night(wrong)
    assert f"{wrong:%Y-%m-%d %H:%M:%S}" in str(stopped.value)
    assert f"{wrong - apart:%Y-%m-%d %H:%M:%S}" in str(stopped.value)
    assert (machine.watermark, machine.known) == (FIRST, set())
    machine.ask = lambda: None
    machine.night(FIRST + DAY)
    assert machine.known == {"in between"}, "and what it heard is forgotten by the next run"


def test_a_crm_that_says_another_time_while_it_is_read_holds_the_watermark(
    machine: Machine,
) -> None:
    machine.night(FIRST)
    machine.changes("in between", FIRST + HOUR)
    wrong = FIRST + 4 * DAY
    machine.crm.before = lambda: machine.server_says(FIRST + DAY, wrong)
    with pytest.raises(OperatorError, match="Set the clock"):
        machine.night(wrong)
    assert machine.watermark == FIRST


def test_a_server_nine_minutes_off_is_borne_and_the_limit_can_be_moved(machine: Machine) -> None:
    machine.ask = lambda: machine.server_says(FIRST + 9 * MINUTE, FIRST)
    machine.night(FIRST)
    services = machine.services(FIRST, FIRST)
    narrow = replace(services.run_limits, clock_tolerance=5 * MINUTE)
    with pytest.raises(OperatorError, match=r"may be off \(5\)"):
        run(replace(services, run_limits=narrow))
