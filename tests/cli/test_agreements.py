"""What marketing and sales agreed on, as `explain` and `status` show it."""

import json

import pytest

from tests.cli.office import NIGHT, Office, rows_of

LATER = "2026-03-25T02:00+01:00"
DEFINITION = "A contact from one of our markets filled in a form and fits our target group."


@pytest.fixture
def read(office: Office) -> Office:
    """One deal that was won, one that has stopped as an MQL since 20 February."""
    office.deal("D-1", gclid="")
    office.deal("D-2", gclid="", won_date="")
    office.night()
    return office


def test_a_milestone_is_explained_by_its_definition_its_owner_and_what_should_follow(
    read: Office,
) -> None:
    said = read.types("explain", "D-2")
    assert f"agreed: {DEFINITION} (marketing)" in said.out
    assert "opportunity or sql or won should follow by 2026-03-06 10:00:00+01:00" in said.out
    assert "should follow" not in read.types("explain", "D-1").out


def test_an_explanation_as_json_holds_the_agreement(read: Office) -> None:
    rows = json.loads(read.types("explain", "D-2", "--format", "json").out)
    (row,) = (row for row in rows if row["milestone"] == "mql")
    assert (row["definition"], row["owner"]) == (DEFINITION, "marketing")
    assert row["next_due_at"] == "2026-03-06T09:00:00+00:00"


def test_status_shows_each_agreement_and_how_often_it_is_breached(read: Office) -> None:
    early = read.types("status", "--as-of", NIGHT).out
    assert f"mql, owned by marketing: {DEFINITION}" in early
    assert "0 deals stayed there for longer than the 14 days agreed on" in early
    late = read.types("status", "--as-of", LATER).out
    assert "1 deal stayed there for longer than the 14 days agreed on; `convsync status" in late
    found = json.loads(read.types("status", "--as-of", LATER, "--format", "json").out)
    breaches = {row["milestone"]: row["breaches"] for row in found["agreements"]}
    assert breaches == {"mql": 1, "sql": 0, "opportunity": 0, "won": None}


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_breaches_are_listed_with_the_owner_and_how_late_they_are(read: Office, form: str) -> None:
    said = read.types("status", "--breaches", "--as-of", LATER, "--format", form)
    assert said.code == 0
    assert "D-2" in said.out
    assert "D-1" not in said.out


def test_a_breach_is_counted_in_days_after_it_was_due(read: Office) -> None:
    said = read.types("status", "--breaches", "--as-of", LATER, "--format", "csv")
    (row,) = rows_of(said.out)
    assert row == {
        "milestone": "mql",
        "owner": "marketing",
        "source": "crm",
        "deal_id": "D-2",
        "reached_at": "2026-02-20T09:00:00+00:00",
        "due_at": "2026-03-06T09:00:00+00:00",
        "days_late": "18",
    }


def test_breaches_of_a_period_are_those_of_milestones_reached_in_it(read: Office) -> None:
    words = ("status", "--breaches", "--as-of", LATER, "--format", "json", "--from")
    assert len(json.loads(read.types(*words, "2026-02-20").out)) == 1
    assert json.loads(read.types(*words, "2026-02-21").out) == []


def test_breaches_and_the_platforms_figures_are_two_listings(read: Office) -> None:
    said = read.types("status", "--breaches", "--platform")
    assert said.code == 2
    assert "one at a time" in said.err
