"""A plan that looks unsafe is kept: a person releases exactly it, or forces another."""

import json
from typing import Any

import pytest

from convsync import pipeline
from convsync.errors import OperatorError, UnsafePlanError
from convsync.running.services import Report
from tests.nights.company import Company

NIGHT = [f"2026-03-0{day}T02:00Z" for day in range(3, 9)]
CLICKED = "2026-02-20T10:00Z"


def won(company: Company, name: str, **cells: Any) -> None:
    click = {"gclid": f"G-{name}", "clicked": CLICKED}
    company.has(name, **{"won": "2026-03-02T15:00Z", "amount": 100, **click, **cells})


@pytest.fixture
def refused(company: Company) -> int:
    """A company after three usual nights and one with ten deals, refused; the number of its run."""
    company.configure(more="\n[limits]\nsmall = 3\nfactor = 2\n")
    for number, night in enumerate(NIGHT[:3]):
        won(company, f"D-{number}")
        company.night(night)
    for number in range(10):
        won(company, f"N-{number}", amount=100 + number)
    with pytest.raises(UnsafePlanError, match="10 uploads is 10× the usual 1") as said:
        company.night(NIGHT[3])
    assert said.value.heaviest[0] == "+ won N-9 109.00 EUR gclid, 10 days before"
    assert len(said.value.heaviest) == 10
    return last_run(company)


def last_run(company: Company) -> int:
    (row,) = company.query("SELECT max(id) AS id FROM runs")
    return int(row["id"])


def release(company: Company, run: int) -> Report:
    company.export()
    return company.at(NIGHT[4], lambda services: pipeline.release(services, run))


def said_by(company: Company, event: str) -> list[dict[str, Any]]:
    rows = company.query(f"SELECT detail FROM audit_events WHERE event = '{event}' ORDER BY number")
    return [json.loads(row["detail"]) for row in rows]


@pytest.mark.long
def test_release_sends_exactly_the_refused_plan(company: Company, refused: int) -> None:
    won(company, "LATER")
    won(company, "N-3", amount=150)
    report = release(company, refused)
    assert [company.value(f"N-{number}") for number in (0, 3, 9)] == [100.0, None, 109.0]
    assert company.value("LATER") is None
    (problem,) = report.problems
    assert "1 of the plan's 10 conversions no longer agree" in problem
    assert "won of N-3 would say something else by now" in problem
    company.night(NIGHT[5])
    assert [company.value(name) for name in ("N-3", "LATER")] == [150.0, 100.0]
    assert company.audit_is_sound()


def test_a_refusal_and_its_release_are_in_the_log_with_who_released_it(
    company: Company, refused: int
) -> None:
    release(company, refused)
    (no,) = said_by(company, "plan_refused")
    (yes,) = said_by(company, "plan_released")
    assert (no["rows"], no["because"][0]) == (10, "10 uploads is 10× the usual 1")
    assert (yes["refused_by_run"], yes["rows"]) == (refused, 10)
    assert yes["by"]


def test_a_plan_is_released_once(company: Company, refused: int) -> None:
    release(company, refused)
    with pytest.raises(OperatorError, match=f"Run {refused} has no kept plan"):
        release(company, refused)


def test_the_plan_of_a_run_that_refused_nothing_cannot_be_released(
    company: Company, refused: int
) -> None:
    with pytest.raises(OperatorError, match=f"Runs with a kept plan: {refused}"):
        release(company, refused - 1)


def test_force_sends_a_new_plan_and_drops_the_kept_one(company: Company, refused: int) -> None:
    won(company, "LATER")
    company.night(NIGHT[4], force=True)
    assert company.value("LATER") == 100.0
    (forced,) = said_by(company, "plan_forced")
    assert forced["because"][0] == "11 uploads is 11× the usual 1"
    assert forced["by"]
    with pytest.raises(OperatorError, match="has no kept plan"):
        release(company, refused)


def test_a_night_that_is_forced_without_need_leaves_no_such_word(company: Company) -> None:
    won(company, "D-1")
    company.night(NIGHT[0], force=True)
    assert said_by(company, "plan_forced") == []


@pytest.mark.long
def test_a_preview_says_what_a_run_would_refuse(company: Company, refused: int) -> None:
    preview = company.at(NIGHT[4], pipeline.plan)
    assert preview.problems[0] == "10 uploads is 10× the usual 1"
    assert preview.exit_code == 1


def test_a_released_night_counts_as_one_from_then_on(company: Company, refused: int) -> None:
    release(company, refused)
    kept = company.query("SELECT command, summary FROM runs WHERE exit_code <> 3 ORDER BY id")
    figures = json.loads(kept[-1]["summary"])["figures"]
    assert kept[-1]["command"] == "release"
    assert figures["rules"]["won"]["new"] == 10
