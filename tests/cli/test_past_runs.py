"""`runs`: a month of nights on a page, and one night in full."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from convsync.cli.past_runs import short, spark_line
from convsync.report.sentences import duration
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of


def three_nights(office: Office) -> None:
    """Two deals are new; then one has another amount and one is no longer readable; then quiet."""
    office.deal()
    office.deal("D-2", mql_date="")
    office.night(NIGHT)
    office.deal("D-1", amount="1200", last_modified="2026-03-03 18:00:00")
    office.deal("D-2", amount="a lot", mql_date="")
    office.night(NEXT_NIGHT)
    office.night(THIRD_NIGHT)


@pytest.mark.long
def test_each_night_is_a_line_that_says_what_it_did(office: Office) -> None:
    three_nights(office)
    first, second, third = json.loads(office.types("runs", "--format", "json").out)
    assert (first["run"], first["state"], first["exit_code"]) == (1, "OK", 0)
    assert (first["read"], first["new"], first["sent"]) == (2, 3, 3)
    assert first["value"] == {"EUR": "2020.00"}
    assert (second["state"], second["restated"], second["unreadable"]) == ("LOOK", 1, 1)
    assert (third["new"], third["restated"], third["unreadable"]) == (0, 0, 0)
    assert first["head"].startswith(f"{office.sql('SELECT audit_number FROM runs')[0][0]}:")
    assert first["seconds"] >= 0


@pytest.mark.long
def test_the_table_of_nights_fits_80_columns_and_draws_uploads_and_value(office: Office) -> None:
    three_nights(office)
    lines = office.types("runs").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:4] == ["1", "03-03", "02:00", "OK"], "in the company's zone"
    assert "~ restated" in lines[4]
    assert lines[5].startswith("uploads  █")
    assert lines[6].startswith("EUR      █")


@pytest.mark.long
def test_only_the_last_are_shown(office: Office) -> None:
    three_nights(office)
    rows = list(rows_of(office.types("runs", "--last", "2", "--format", "csv").out))
    assert [row["run"] for row in rows] == ["2", "3"]


def test_a_night_that_was_stopped_is_one_that_failed(office: Office) -> None:
    office.deal()
    office.configure('deal_id = "Deal ID"', 'deal_id = "DealId"')
    office.night()
    (run,) = json.loads(office.types("runs", "--format", "json").out)
    assert (run["state"], run["exit_code"]) == ("FAILED", 2)
    assert "column 'DealId' is missing" in run["message"]


def test_one_run_is_shown_in_full(office: Office) -> None:
    office.sandbox.platform.faults.add(
        PlannedFault(on="ingest", request=1, kind="unavailable_before")
    )
    office.deal()
    office.deal("D-2", gclid="")
    office.night()
    shown = office.types("runs", "show", "1")
    assert shown.code == 0
    assert "run 1 (run): LOOK, took" in shown.out
    assert "as of 2026-03-03T02:00:00+01:00" in shown.out
    assert "waiting: 2 waiting for click" in shown.out
    assert "`convsync audit list --run 1`" in shown.out
    found = json.loads(office.types("runs", "show", "1", "--format", "json").out)
    assert found["run"]["new"] == 2
    assert found["plan"]["new"] == 2
    assert {request["action"] for request in found["requests"]} == {"111", "333"}
    assert found["events"][0] == 1


def test_a_run_that_never_was_is_a_mistake(office: Office) -> None:
    said = office.types("runs", "show", "7")
    assert said.code == 2
    assert "There was no run 7" in said.err


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9_876, "9,876"), (123_456, "123k"), (Decimal("4600000.5"), "4.6M"), (2e9, "2.0G")],
)
def test_a_large_number_is_shortened(number: int | Decimal, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4s"), (12.3, "12s"), (185, "3m05s"), (3_720, "1h02m")]
)
def test_a_duration_is_shown_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_the_largest_number_is_the_highest_bar_and_zero_has_no_bar() -> None:
    assert spark_line([0, 1, 50, 100]) == " ▁▄█"
    assert spark_line([0, 0]) == "  "
    assert spark_line([]) == ""
