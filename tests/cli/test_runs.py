"""`run`, `plan`, `backfill` and `retry` as they are typed: what goes out, and the exit code."""

import json
from contextlib import closing

import pytest

from convsync.clock import system_clock
from convsync.sandbox.faults import PlannedFault
from convsync.settings import load_settings
from convsync.store import runs
from convsync.wiring import database_of
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of, run

FORMATS = ("table", "json", "csv")
LATE_WINTER = ("--from", "2026-02-01", "--to", "2026-03-02")


# --- run -----------------------------------------------------------------------------------------


def test_a_run_reports_what_was_reached_and_ends_with_0(office: Office) -> None:
    office.deal()
    said = office.night()
    assert said.code == 0
    assert "accepted 2" in said.out
    assert "extracted 2 = sent 2 + waiting 0 + not sent 0" in said.out
    assert office.values("111") == [20]
    assert office.values("333") == [1000]


def test_a_second_run_sends_nothing(office: Office) -> None:
    office.deal()
    office.night()
    said = office.night(NIGHT)
    assert (said.code, "nothing to send" in said.out) == (0, True)
    assert {conversion["sent"] for conversion in office.counted("333").values()} == {1}


def test_waiting_for_a_date_is_well(office: Office) -> None:
    office.deal(clicked_at="2026-03-02T23:00:00Z", mql_date="", won_date="2026-03-03")
    said = office.night()
    assert (said.code, office.values("333")) == (0, [])
    assert "1  The click is too recent for the platform to know it." in said.out


def test_a_changed_amount_is_restated_and_a_lost_sale_taken_back(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="500")
    office.night()
    office.deal(amount="1200", last_modified="2026-03-03 12:00:00")
    office.deal("D-2", amount="500", lost_date="2026-03-03", last_modified="2026-03-03 12:00:00")
    said = office.night(NEXT_NIGHT)
    assert said.code == 0
    assert office.values("333") == [0, 1200]
    assert office.values("111") == [20, 20]


def test_a_row_the_platform_rejects_ends_with_1_until_it_has_been_told(office: Office) -> None:
    office.deal()
    office.deal("D-2")
    reason = "PROCESSING_ERROR_REASON_INVALID_GCLID"
    office.sandbox.platform.verdicts = {"click-of-D-2": reason}
    codes = [office.night(at).code for at in (NIGHT, NEXT_NIGHT, THIRD_NIGHT)]
    assert codes == [0, 1, 0]
    assert reason in office.types("status").out
    assert reason in office.types("explain", "D-2").out


@pytest.mark.parametrize("kind", ["unavailable_before", "unavailable_after", "internal"])
def test_a_platform_that_is_away_leaves_the_rest_to_the_next_run(office: Office, kind: str) -> None:
    office.deal()
    office.sandbox.platform.faults.add(PlannedFault(on="ingest", request=1, kind=kind))
    said = office.night()
    assert said.code == 1
    assert "It is sent again by the next run." in said.err
    assert office.night(NEXT_NIGHT).code == 0
    assert (office.values("111"), office.values("333")) == ([20], [1000])


def test_an_unsafe_plan_sends_nothing_until_it_is_forced(office: Office) -> None:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    office.deal("D-2", currency="CHF", mql_date="", last_modified="2026-03-04 12:00:00")
    said = office.night(THIRD_NIGHT)
    assert said.code == 3
    assert "a currency never sent before: CHF" in said.err
    assert "--force" in said.err
    assert office.values("333") == [1000]
    assert office.night(THIRD_NIGHT, "--force").code == 0
    assert office.values("333") == [1000, 1000]


def test_retry_is_no_way_around_an_unsafe_plan(office: Office) -> None:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    office.deal("D-2", currency="CHF", mql_date="", last_modified="2026-03-04 12:00:00")
    office.night(THIRD_NIGHT)
    assert office.types("retry", "--as-of", THIRD_NIGHT).code == 3
    assert office.values("333") == [1000]
    assert office.types("retry", "--as-of", THIRD_NIGHT, "--force").code == 0
    assert office.values("333") == [1000, 1000]


def test_a_run_beside_another_one_ends_with_4_and_says_who_holds_the_lock(office: Office) -> None:
    now, me = system_clock(), runs.this_process()
    with (
        closing(database_of(load_settings(office.config))) as database,
        database.transaction("open") as connection,
    ):
        runs.open_run(connection, "run", as_of=now, real_now=now, holder=me)
    for said in (
        office.night(),
        office.types("retry"),
        office.types("backfill", *LATE_WINTER, "--yes"),
    ):
        assert said.code == 4
        assert f"Run 1 (run) holds the lock: process {me.pid} on {me.host}, since" in said.err


@pytest.mark.parametrize(
    ("option", "is_due"),
    [
        pytest.param("2026-03-03T00:30", False, id="the company's zone"),
        pytest.param("2026-03-03T00:30+00:00", True, id="an offset"),
        pytest.param("2026-03-03T00:30Z", True, id="Z"),
        pytest.param("2026-03-03", False, id="a day begins at midnight"),
    ],
)
def test_as_of_is_the_companys_time_unless_it_says_otherwise(
    office: Office, option: str, is_due: bool
) -> None:
    """The click of 18:00 UTC is known to the platform six hours later, at 01:00 in Berlin."""
    office.deal(clicked_at="2026-03-02T18:00:00Z", mql_date="", won_date="2026-03-02 22:00:00")
    office.write_files()
    said = office.types("plan", "--as-of", option, "--format", "json")
    assert json.loads(said.out)["plan"]["steps"]["new"] == int(is_due)


def test_retry_sends_what_was_left_without_reading_a_source(office: Office) -> None:
    office.deal()
    fault = PlannedFault(on="ingest", request=1, kind="unavailable_before")
    office.sandbox.platform.faults.add(fault)
    office.night()
    (office.folder / "deals.csv").unlink()
    assert office.types("retry", "--as-of", NIGHT).code == 0
    assert office.values("333") == [1000]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", ["run", "plan", "retry", "backfill"])
def test_what_was_planned_comes_in_every_format(office: Office, command: str, form: str) -> None:
    office.deal()
    office.deal("D-2", amount="")
    office.write_files()
    options = (*LATE_WINTER, "--yes") if command == "backfill" else ()
    said = office.types(command, *options, "--as-of", NIGHT, "--format", form)
    assert said.code == 0
    new = {"retry": 0}.get(command, 3)
    match form:
        case "json":
            found = json.loads(said.out)
            assert (found["exit_code"], found["plan"]["steps"]["new"]) == (0, new)
        case "csv":
            steps = {row["step"]: int(row["count"]) for row in rows_of(said.out)}
            assert list(steps) == [
                "new",
                "restated",
                "retracted",
                "unchanged",
                "waiting",
                "not_sent",
                "platform_cannot",
            ]
            assert steps["new"] == new
        case _:
            assert f"new  {new:>9}" in said.out


# --- plan and dry run ----------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("plan",), id="plan"),
        pytest.param(("run", "--dry-run"), id="run --dry-run"),
        pytest.param(("backfill", *LATE_WINTER, "--dry-run"), id="backfill --dry-run"),
        pytest.param(("backfill", *LATE_WINTER), id="backfill, and nobody to ask"),
    ],
)
def test_a_plan_writes_and_sends_nothing(office: Office, words: tuple[str, ...]) -> None:
    office.deal()
    office.night()
    office.deal("D-2", amount="x")
    office.deal("D-3")
    office.deal("D-4", amount="0")
    office.write_files()
    before, requests = office.tables(), len(office.sandbox.books.as_json()["requests"])
    said = office.types(*words, "--as-of", NEXT_NIGHT)
    assert "new          3" in said.out + said.err
    assert office.tables() == before
    assert len(office.sandbox.books.as_json()["requests"]) == requests


def test_a_plan_says_what_the_run_then_does(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="0", gclid="")
    office.write_files()
    plan = json.loads(office.types("plan", "--as-of", NIGHT, "--format", "json").out)
    done = json.loads(office.night(NIGHT, "--format", "json").out)
    assert plan["plan"] == done["plan"]
    assert done["outcomes"] == {"accepted": plan["plan"]["steps"]["new"]}


# --- backfill ------------------------------------------------------------------------------------


def test_a_backfill_sends_what_was_reached_in_its_days_and_nothing_else(office: Office) -> None:
    office.deal()
    office.write_files()
    words = ("backfill", "--from", "2026-03-02", "--to", "2026-03-02", "--yes", "--as-of", NIGHT)
    assert office.types(*words).code == 0
    assert (office.values("111"), office.values("333")) == ([], [1000])
    assert office.types(*words).code == 0
    assert {conversion["sent"] for conversion in office.counted("333").values()} == {1}


def test_a_backfill_that_can_ask_nobody_sends_nothing_and_is_no_success(office: Office) -> None:
    office.deal()
    office.write_files()
    said = office.types("backfill", *LATE_WINTER, "--as-of", NIGHT, "--format", "json")
    assert (said.code, json.loads(said.out)["closing"]["ending"]) == (2, "FAILED")
    assert "new          2" in said.err
    assert "pass --yes" in said.err
    assert office.values("333") == []


def test_an_unasked_backfill_of_unusual_size_is_refused(office: Office) -> None:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    office.deal("D-2", currency="CHF", mql_date="")
    office.write_files()
    words = ("backfill", *LATE_WINTER, "--yes", "--as-of", NEXT_NIGHT)
    assert office.types(*words).code == 3
    assert office.types(*words, "--force").code == 0


# --- the rest of the command line ----------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [(), ("audit",), ("clicks",), ("db",)], ids=lambda words: " ".join(words) or "none"
)
def test_a_command_that_is_not_finished_shows_what_there_is(words: tuple[str, ...]) -> None:
    said = run(*words)
    assert said.code == 2
    assert "Usage: convsync" in said.err


def test_the_version_is_shown() -> None:
    assert run("--version").out.startswith("convsync 0.")
