"""Nights at platforms that take nothing back: what is final is right, and nothing counts twice."""

import json
from datetime import datetime, timedelta
from functools import partial

import pytest

from convsync.clock import system_clock
from convsync.model.identifiers import hashed
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.store.runs import LEASE
from tests.nights.company import Company, instant, small_batches
from tests.nights.kills import night_killed_at
from tests.nights.social import META, SOCIAL, Social

FIRST, NEXT, THIRD, LATER = (f"2026-03-{day:02}T02:00Z" for day in (3, 4, 5, 8))
TRIES = 4

everywhere = pytest.mark.parametrize("at", SOCIAL, ids=str)


def won(company: Company, deal_id: str, **cells: object) -> None:
    click = {"gclid": f"click-{deal_id}", "clicked": "2026-02-20T10:00Z"}
    company.has(deal_id, **{"won": "2026-03-02T15:00Z", "amount": 100, **click, **cells})


def lose_answers(sandbox: Sandbox, at: Social, tries: int = TRIES) -> None:
    for request in range(1, tries + 1):
        sandbox.platform.faults.add(
            PlannedFault(on=at.call, request=request, kind="unavailable_after")
        )


@everywhere
def test_a_sale_is_counted_once_and_stays_what_it_was(company: Company, at: Social) -> None:
    at.configure(company)
    won(company, "D-1")
    company.night(FIRST)
    won(company, "D-1", amount=500)
    company.night(NEXT)
    won(company, "D-1", lost="2026-03-04T10:00Z")
    company.night(THIRD)
    entry = company.entry("D-1")
    assert entry.told == 100
    assert (entry.reason, entry.code) == ("platform_cannot", "OPERATION_NOT_TAKEN")
    assert at.times(company, "D-1") == 1
    assert company.audit_is_sound()


@everywhere
def test_a_milestone_that_is_held_goes_out_with_the_amount_it_has_come_to(
    company: Company, at: Social
) -> None:
    at.configure(company, ("action_id = 222", "action_id = 222\nhold_days = 3"))
    won(company, "D-1")
    company.night(FIRST)
    assert company.entry("D-1").reason == "milestone_settling"
    won(company, "D-1", amount=500)
    company.night(NEXT)
    company.night("2026-03-06T02:00Z")
    assert company.entry("D-1").told == 500
    assert at.times(company, "D-1") == 1


@everywhere
def test_a_refused_row_costs_nobody_else(company: Company, sandbox: Sandbox, at: Social) -> None:
    at.configure(company)
    for number in range(9):
        won(company, f"D-{number}")
    at.refuse(sandbox, {"click-D-4": at.code})
    company.night(FIRST)
    states = {deal: entry.state for (deal, _), entry in company.entries().items()}
    assert states == {f"D-{n}": "rejected" if n == 4 else "confirmed" for n in range(9)}
    assert [at.times(company, f"D-{n}") for n in range(9)] == [1, 1, 1, 1, 0, 1, 1, 1, 1]


@everywhere
def test_an_answer_that_was_lost_counts_once_and_is_never_confirmed_by_guessing(
    company: Company, sandbox: Sandbox, at: Social
) -> None:
    at.configure(company)
    won(company, "D-1")
    lose_answers(sandbox, at)
    company.night(FIRST)
    company.night(NEXT)
    entry = company.entry("D-1")
    assert entry.state == ("confirmed" if at.knows_repeats else "not_sent")
    assert (("D-1", "won") in company.unsure()) != at.knows_repeats
    assert at.times(company, "D-1") == 1
    assert company.audit_is_sound()


@everywhere
def test_a_conversion_whose_answer_is_lost_for_days_stays_unsure(
    company: Company, sandbox: Sandbox, at: Social
) -> None:
    at.configure(company)
    won(company, "D-1")
    lose_answers(sandbox, at, tries=2 * TRIES)
    company.night(FIRST)
    company.night(LATER)
    company.night("2026-03-09T02:00Z")
    entry = company.entry("D-1")
    assert (entry.state, entry.reason) == ("not_sent", "answer_lost")
    assert entry.told is None
    assert ("D-1", "won") in company.unsure()
    assert at.times(company, "D-1") == 1


def test_a_milestone_that_is_found_after_a_week_is_a_recorded_reason(company: Company) -> None:
    META.configure(company)
    won(company, "D-1", won="2026-02-23T15:00Z")
    company.night(FIRST)
    entry = company.entry("D-1")
    assert (entry.state, entry.reason) == ("not_sent", "platform_cannot")
    assert entry.code == "TOO_OLD_TO_COUNT"
    assert META.times(company, "D-1") == 0


@everywhere
def test_a_person_is_told_apart_by_the_platforms_own_rule_and_never_by_name(
    company: Company, sandbox: Sandbox, at: Social
) -> None:
    at.configure(company)
    won(company, "D-1", gclid="", clicked="", email=" A.da+ads@GMail.com")
    company.night(FIRST)
    assert company.entry("D-1").state == "confirmed"
    books = json.dumps(at.room(sandbox).books.as_json())
    assert hashed("a.da+ads@gmail.com") in books
    assert hashed("ada@gmail.com") not in books, "Google's rule is another"
    assert "gmail" not in books.lower()


@everywhere
@pytest.mark.parametrize(
    "every",
    [pytest.param(5, marks=pytest.mark.long), pytest.param(1, marks=pytest.mark.slow)],
)
def test_a_night_killed_at_any_step_loses_nothing_and_counts_nothing_twice(
    company: Company, at: Social, every: int
) -> None:
    at.configure(company, ("complete = true", "complete = false"))
    company.through = small_batches(2)
    day, killed_at = 0, "before the first"
    while killed_at:
        day += 1
        night = instant(FIRST) + timedelta(days=day)
        company.deals.clear()
        for number in range(3):
            clicked, reached = (night - timedelta(days=days) for days in (9, 1))
            won(company, f"D-{day}-{number}", won=reached.isoformat(), clicked=clicked.isoformat())
        killed_at = night_killed_at(company, day * every, night)
        company.real_clock = partial(_later_by, day * 2 * LEASE)
        company.night(night + timedelta(hours=1), force=True)
        for number in range(3):
            _is_told_right(company, at, f"D-{day}-{number}", killed_at)
    assert day * every > 40, "a night has as many steps"
    assert company.audit_is_sound()


def _later_by(span: timedelta) -> datetime:
    return system_clock() + span


def _is_told_right(company: Company, at: Social, deal_id: str, killed_at: str) -> None:
    entry, times = company.entry(deal_id), at.times(company, deal_id)
    if entry.state == "confirmed":
        assert times == 1, (deal_id, killed_at)
        return
    assert not at.knows_repeats, (deal_id, killed_at, entry)
    assert (entry.state, entry.reason) == ("not_sent", "answer_lost"), (deal_id, killed_at)
    assert times <= 1, (deal_id, killed_at)
    assert (deal_id, "won") in company.unsure()
