"""What a plan would send is shown deal by deal, and can be kept so that exactly that is sent."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, Office, rows_of


def a_changed_company(office: Office) -> None:
    """Two deals were counted and confirmed; one grew, one was lost, and a third was won."""
    office.deal(mql_date="")
    office.deal("D-2", amount="500", mql_date="")
    office.night()
    later = {"mql_date": "", "last_modified": "2026-03-03 12:00:00"}
    office.deal(amount="1200", **later)
    office.deal("D-2", amount="500", lost_date="2026-03-03", **later)
    office.deal("D-3", **later)
    at = "2026-03-03T12:00+01:00"
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    office.types("retry", "--as-of", at)


def shown(office: Office, *options: str) -> str:
    office.write_files()
    said = office.types("plan", "--deals", "--as-of", NEXT_NIGHT, *options)
    assert said.code == 0, said.err
    return said.out


@pytest.mark.long
def test_each_conversion_is_a_line_with_its_sign_and_its_money(office: Office) -> None:
    a_changed_company(office)
    said = shown(office)
    assert "+ won D-3 1,000.00 EUR gclid, 10 days before\n" in said
    assert "~ won D-1 1,000.00 → 1,200.00 EUR\n" in said
    assert "- won D-2 500.00 EUR deal lost\n" in said


@pytest.mark.long
def test_the_first_twenty_are_shown_and_how_many_more_there_are(office: Office) -> None:
    for number in range(25):
        office.deal(f"D-{number}", mql_date="")
    said = shown(office)
    assert said.count("\n+ won D-") == 20
    assert "and 5 more; --format csv lists all" in said
    assert len(list(rows_of(shown(office, "--format", "csv")))) == 25
    assert len(json.loads(shown(office, "--format", "json"))) == 25


def test_a_plan_of_nothing_is_an_empty_list(office: Office) -> None:
    assert json.loads(shown(office, "--format", "json")) == []
    assert list(rows_of(shown(office, "--format", "csv"))) == []


def test_a_row_says_who_is_named_by_kind_and_never_by_value(office: Office) -> None:
    office.deal(mql_date="")
    (row,) = csv.DictReader(shown(office, "--format", "csv").splitlines())
    assert row["identifiers"].startswith("gclid")
    assert "click-of-D-1" not in "".join(row.values())
    assert (row["operation"], row["value"], row["currency"]) == ("count", "1000.00", "EUR")
    assert (row["days_before"], row["is_click_estimated"]) == ("10", "False")


def test_the_preview_of_a_backfill_lists_its_own_days_and_nothing_else(office: Office) -> None:
    office.deal()
    office.deal("D-2", won_date="2026-03-01", mql_date="")
    office.write_files()
    days = ("--from", "2026-03-02", "--to", "2026-03-02")
    words = ("backfill", *days, "--dry-run", "--deals", "--format", "json", "--as-of", NIGHT)
    listed = json.loads(office.types(*words).out)
    assert [(row["rule"], row["deal_id"]) for row in listed] == [("won", "D-1")]


# --- a plan in a file ----------------------------------------------------------------------------


@pytest.fixture
def plan_file(office: Office) -> Path:
    """The plan of a night on which two deals had been won, kept in a file."""
    office.deal(mql_date="")
    office.deal("D-2", amount="500", mql_date="")
    office.write_files()
    path = office.folder / "tonight.plan"
    said = office.types("plan", "--out", str(path), "--as-of", NIGHT)
    assert said.code == 0
    assert f"{path} keeps 2 conversions." in said.err
    return path


def test_a_previewed_plan_is_sent_exactly(office: Office, plan_file: Path) -> None:
    said = office.night(NIGHT, "--plan", str(plan_file))
    assert (said.code, office.values("333")) == (0, [500, 1000])
    assert office.sql("SELECT * FROM kept_plans") == []


def test_conversions_that_no_longer_agree_with_the_plan_are_reported_and_not_sent(
    office: Office, plan_file: Path
) -> None:
    office.deal(amount="9000", mql_date="", last_modified="2026-03-02 19:00:00")
    said = office.night(NIGHT, "--plan", str(plan_file))
    assert said.code == 1
    assert (
        "1 of the plan's 2 conversions no longer agree with it and were not sent: won of D-1 would"
        " say something else by now."
    ) in said.err
    assert office.values("333") == [500]


def test_nothing_beyond_the_file_goes_and_the_next_run_sends_it(
    office: Office, plan_file: Path
) -> None:
    office.deal("D-3", amount="70", mql_date="")
    office.night(NIGHT, "--plan", str(plan_file))
    assert office.values("333") == [500, 1000]
    office.night(NEXT_NIGHT)
    assert office.values("333") == [70, 500, 1000]


def test_a_plan_that_has_gone_out_goes_no_second_time(office: Office, plan_file: Path) -> None:
    office.night(NIGHT, "--plan", str(plan_file))
    said = office.night(NEXT_NIGHT, "--plan", str(plan_file))
    assert "won of D-1 has gone out already" in said.err
    assert {conversion["sent"] for conversion in office.counted("333").values()} == {1}


def test_a_plan_file_is_its_owners_alone_and_names_nobody(office: Office, plan_file: Path) -> None:
    assert plan_file.stat().st_mode & 0o077 == 0
    assert "click-of-D-1" not in plan_file.read_text()


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        pytest.param(lambda lines: lines[:-1], "is cut off", id="cut off"),
        pytest.param(lambda lines: lines[:1] + lines[2:], "lines of it are missing", id="gap"),
        pytest.param(lambda lines: [*lines[:1], "{}", *lines[2:]], ", line 2: ", id="odd line"),
        pytest.param(lambda _: ["order_id,value"], "line 1: this is no plan", id="a CSV file"),
        pytest.param(lambda _: [], "is cut off", id="empty"),
    ],
)
def test_a_plan_file_that_is_damaged_sends_nothing(
    office: Office, plan_file: Path, spoilt: object, said: str
) -> None:
    assert callable(spoilt)
    plan_file.write_text("\n".join(spoilt(plan_file.read_text().splitlines())))
    ended = office.night(NIGHT, "--plan", str(plan_file))
    assert (ended.code, office.values("333")) == (2, [])
    assert said in ended.err


def test_a_plan_file_that_is_not_there_is_named(office: Office) -> None:
    said = office.night(NIGHT, "--plan", "missing.plan")
    assert said.code == 2
    assert "--plan missing.plan cannot be read: No such file or directory." in said.err


def test_a_plan_cannot_be_kept_where_there_is_no_folder(office: Office) -> None:
    said = office.types("plan", "--out", str(office.folder / "no" / "such.plan"), "--as-of", NIGHT)
    assert said.code == 2
    assert "cannot be written: No such file or directory" in said.err
