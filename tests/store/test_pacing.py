"""Two programs that call for one project: together they keep to its quota, by the one database."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from convsync.errors import TransientError
from convsync.retrying import RetryPolicy
from convsync.sending.calls import Attempt, PacedCalls
from convsync.store.database import Database
from convsync.upload.destination import Quota
from tests.builders import NOW

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(slots=True)
class Program:
    """One process: its own database connection and its own clock, which only waiting moves."""

    database: Database
    now: datetime = NOW
    called_at: list[datetime] = field(default_factory=list)

    def calls(self, quota: Quota) -> Attempt[None]:
        return self._paced.attempt(quota, lambda: self.called_at.append(self.now))

    def calls_as_it_writes(self, quota: Quota) -> bool:
        """Note a call with what else is written, then make it; return whether it was noted."""
        with self.database.transaction("reserve") as connection:
            is_noted = self._paced.note(connection, quota)
        self._paced.attempt(quota, lambda: self.called_at.append(self.now), is_noted=is_noted)
        return is_noted

    @property
    def _paced(self) -> PacedCalls:
        policy = RetryPolicy(sleep=self._sleep, longest_asked_s=300)
        return PacedCalls(self.database, policy, real_clock=lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def programs(database: Database, another: Database) -> tuple[Program, Program]:
    return Program(database), Program(another)


def most_within(window: timedelta, times: list[datetime]) -> int:
    """Return the most calls that lie in any such window."""
    return max(sum(at <= other < at + window for other in times) for at in times)


def test_two_programs_wait_for_the_next_minute_of_their_projects_quota(
    programs: tuple[Program, Program],
) -> None:
    quota = Quota(project="p-1", per_minute=5)
    for number in range(24):
        programs[number % 2].calls(quota)
    times = programs[0].called_at + programs[1].called_at
    assert len(times) == 24
    assert most_within(MINUTE, times) == 5
    assert max(times) <= NOW + 5 * MINUTE


def test_a_call_that_was_noted_before_it_left_counts_once(
    programs: tuple[Program, Program],
) -> None:
    quota = Quota(project="p-1", per_minute=2)
    noted = [programs[0].calls_as_it_writes(quota) for _ in range(5)]
    assert noted == [True, True, False, True, False]
    assert programs[0].called_at == [NOW] * 2 + [NOW + MINUTE] * 2 + [NOW + 2 * MINUTE]


def test_a_days_quota_that_is_spent_is_not_waited_for_by_either(
    programs: tuple[Program, Program],
) -> None:
    quota = Quota(project="p-1", per_minute=None, per_day=3)
    attempts = [programs[number % 2].calls(quota) for number in range(5)]
    assert [attempt.error is None for attempt in attempts] == [True] * 3 + [False] * 2
    for attempt in attempts[3:]:
        assert isinstance(attempt.error, TransientError)
        assert attempt.was_surely_not_taken
        assert "3 requests for 24 hours" in str(attempt.error)
    assert programs[0].now == programs[1].now == NOW
    programs[1].now += DAY
    assert programs[1].calls(quota).error is None


def test_another_project_is_not_kept_waiting(programs: tuple[Program, Program]) -> None:
    for project, program in zip(("p-1", "p-2"), programs, strict=True):
        for _ in range(5):
            program.calls(Quota(project=project, per_minute=5))
    assert programs[0].now == programs[1].now == NOW
