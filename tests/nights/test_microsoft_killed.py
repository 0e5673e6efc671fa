"""Nights at Microsoft that are killed at any step: nothing is lost, counted twice, or left wrong.

Every night has a new sale, a sale of the night before whose amount has changed, and one of two
nights before that was lost. What is asked is the platform's books.
"""

from datetime import datetime, timedelta
from functools import partial

import pytest

from convsync.clock import system_clock
from convsync.sandbox.microsoft.room import MicrosoftRoom
from convsync.store.runs import LEASE
from tests.nights.company import Company, instant, small_batches
from tests.nights.kills import night_killed_at
from tests.nights.test_two_platforms import booked, both, msclkid, room, won

__all__ = ["both", "room"]  # fixtures

FIRST = "2026-03-03T02:00Z"


@pytest.mark.parametrize(
    "every",
    [pytest.param(9, marks=pytest.mark.long), pytest.param(1, marks=pytest.mark.slow)],
)
def test_a_night_killed_at_any_step_leaves_every_deal_right_in_the_books(
    both: Company, room: MicrosoftRoom, every: int
) -> None:
    both.through = small_batches(2)
    day, killed_at = 0, "before the first"
    while killed_at:
        day += 1
        night = instant(FIRST) + timedelta(days=day)
        _happen(both, day)
        killed_at = night_killed_at(both, day * every, night)
        both.real_clock = partial(_later_by, day * 2 * LEASE)
        both.night(night + timedelta(hours=1), force=True)
        both.night(night + timedelta(hours=9), force=True)
        assert _values(room) == _wanted(day), killed_at
    assert day * every > 40, "a night has as many steps"
    assert both.audit_is_sound()


def _happen(company: Company, day: int) -> None:
    """Let the CRM show a new sale, one that is worth another sum now, and one that was lost."""
    reached = instant(FIRST) + timedelta(days=day - 1)
    clicked = (reached - timedelta(days=9)).isoformat()
    won(company, f"D-{day}", won=reached.isoformat(), clicked=clicked, gclid="")
    if day > 1:
        company.has(f"D-{day - 1}", amount=70)
    if day > 2:
        company.has(f"D-{day - 2}", lost=(reached + timedelta(hours=3)).isoformat())


def _wanted(day: int) -> dict[str, tuple[int, float]]:
    """Return how often each click should count by now, and for how much."""
    wanted = {msclkid(f"D-{one}"): (0, 0.0) for one in range(1, day - 1)}
    wanted |= {msclkid(f"D-{day - 1}"): (1, 70.0)} if day > 1 else {}
    return wanted | {msclkid(f"D-{day}"): (1, 100.0)}


def _values(room: MicrosoftRoom) -> dict[str, tuple[int, float | None]]:
    found = {one.first["MicrosoftClickId"]: (one.count, one.value) for one in booked(room)}
    assert len(found) == len(booked(room)), "a click counts at one second alone"
    return found


def _later_by(span: timedelta) -> datetime:
    return system_clock() + span
