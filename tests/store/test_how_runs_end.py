"""A run always closes, whatever stops it, and says what is amiss, on either database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from convsync.errors import UnsafePlanError
from convsync.extract.source import Quarantined
from convsync.model.terms import RunLimits
from convsync.pipeline import run
from convsync.reading.habits import READS_NEEDED
from convsync.report.closing import Ending
from convsync.store import audit_log, runs
from convsync.store.database import Database
from tests.store.machine import Machine

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = datetime(2026, 3, 3, 2, tzinfo=UTC)
NINTH = FIRST + READS_NEEDED * DAY
BAD = Quarantined(place="deals.csv:7", problem="column 'Amount' is no number", deal_id="D-7")
UNNAMED = Quarantined(place="deals.csv:9", problem="column 'ID' is empty")


@pytest.fixture
def machine(database: Database) -> Machine:
    return Machine(database)


@pytest.mark.long
@pytest.mark.parametrize(
    "raised", [KeyboardInterrupt(), SystemExit(7), MemoryError(), ValueError("jane@example.com")]
)
def test_after_any_error_the_run_is_ended_and_its_lock_released(
    machine: Machine, raised: BaseException
) -> None:
    def fail() -> None:
        raise raised

    machine.crm.before = fail
    with pytest.raises(type(raised)):
        machine.night(FIRST)
    with machine.database.transaction("look") as connection:
        (row,) = runs.latest(connection, 9)
        number, digest = audit_log.head(connection)
    name = type(raised).__name__
    assert (row["exit_code"], row["message"]) == (1, f"stopped by {name}")
    assert (row["finished_at"], row["lock"]) == (FIRST, None)
    (closing,) = machine.closings
    assert closing.ending is Ending.FAILED
    assert closing.head is not None
    assert (closing.head.number, closing.head.digest) == (number, digest)
    machine.crm.before = lambda: None
    assert machine.night(FIRST + DAY).exit_code == 0, "and the next one finds the lock free"


def test_a_record_that_can_be_read_no_more_ends_one_run_with_exit_code_1(
    machine: Machine,
) -> None:
    assert machine.night(FIRST).exit_code == 0
    machine.crm.extra = [BAD]
    first = machine.night(FIRST + DAY)
    assert first.exit_code == 1
    assert any("1 record could not be read" in problem for problem in first.problems)
    assert machine.closings[-1].ending is Ending.LOOK
    machine.crm.extra = [replace(BAD, place="deals.csv:8")]
    assert machine.night(FIRST + 2 * DAY).exit_code == 0, "the same one, a line further down"
    machine.crm.extra = [BAD, replace(BAD, place="deals.csv:9", deal_id="D-8")]
    assert machine.night(FIRST + 3 * DAY).exit_code == 1


def test_unreadable_records_up_to_the_limit_are_tolerated(machine: Machine) -> None:
    machine.crm.extra = [BAD]
    services = replace(machine.services(FIRST, FIRST), run_limits=RunLimits(unreadable=1))
    assert run(services).exit_code == 0


def test_a_run_says_if_it_does_not_know_what_is_missing(machine: Machine) -> None:
    machine.crm.is_complete = True
    machine.changes("D-1", FIRST - HOUR)
    machine.changes("D-2", FIRST - HOUR)
    machine.changes("D-3", FIRST - HOUR)
    machine.night(FIRST)
    gone = machine.crm.deals.pop()
    machine.crm.deals = [structs.replace(deal, modified_at=None) for deal in machine.crm.deals]
    machine.crm.extra = [UNNAMED]
    machine.night(FIRST + DAY)
    night = machine.night(FIRST + 2 * DAY)
    assert night.exit_code == 1, "for as long as it stands, though it is not new"
    assert any("no deal was taken for missing" in problem for problem in night.problems)
    with machine.database.reading() as connection:
        marked = connection.exec_driver_sql("SELECT deal_id FROM deals WHERE gone IS NOT NULL")
        assert marked.all() == []
    machine.crm.extra = []
    assert machine.night(FIRST + 3 * DAY).problems == []
    with machine.database.reading() as connection:
        marked = connection.exec_driver_sql("SELECT deal_id FROM deals WHERE gone IS NOT NULL")
        assert [deal_id for (deal_id,) in marked] == [gone.deal_id]


@pytest.fixture
def silent(machine: Machine) -> Machine:
    """A machine whose source gave something in eight nights, and is refused in the ninth."""
    for night in range(READS_NEEDED):
        machine.changes(f"D-{night}", FIRST + night * DAY - HOUR)
        assert machine.night(FIRST + night * DAY).exit_code == 0
    with pytest.raises(UnsafePlanError, match="'crm' returned nothing, although it always had"):
        machine.night(NINTH)
    return machine


@pytest.mark.long
def test_a_source_that_gives_nothing_where_it_always_did_stops_a_night_until_it_gives_again(
    silent: Machine,
) -> None:
    with pytest.raises(UnsafePlanError):
        silent.night(NINTH + DAY)
    silent.changes("D-9", NINTH + 2 * DAY - HOUR)
    assert silent.night(NINTH + 2 * DAY).exit_code == 0
    assert silent.night(NINTH + 3 * DAY).exit_code == 0, "by now it is known to rest"


@pytest.mark.long
def test_a_source_that_gives_nothing_is_known_to_rest_once_a_person_has_said_so(
    silent: Machine,
) -> None:
    services = silent.services(NINTH + DAY, NINTH + DAY)
    assert "gave nothing" in run(services, force=True).problems[0]
    assert silent.night(NINTH + 2 * DAY).exit_code == 0
