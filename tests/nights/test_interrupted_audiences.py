"""An audience's night killed at each of its commits and calls, and run again: the lists are right.

Every night somebody withdraws and somebody else agrees again, so each has a verdict, a removal and
an addition; the night after the last step is one that nothing interrupted.
"""

from datetime import timedelta

import pytest

from convsync.sandbox.server import Sandbox
from tests.nights.audiences import keep_audiences, mail_of, on_list
from tests.nights.company import Company
from tests.nights.test_audiences import lose, night

FEWEST_STEPS = 15


class KilledError(BaseException):
    """Stands for a process that is killed: nothing of convsync catches it."""


@pytest.mark.long
def test_a_night_killed_at_any_step_of_its_audiences_is_finished_by_the_next(
    company: Company, sandbox: Sandbox
) -> None:
    keep_audiences(company)
    for name in ("stays", "first", "second"):
        lose(company, name)
    company.has("second", consent="no")
    company.night(night(0))
    day, step = 0, ""
    while step or day == 0:
        day += 1
        agreed, refused = ("second", "first") if day % 2 else ("first", "second")
        company.has(agreed, consent="yes")
        company.has(refused, consent="no")
        step = _night_killed_at(company, sandbox, day)
        company.night(night(day) + timedelta(hours=1), force=True)
        assert on_list(sandbox, "lost") == {mail_of("stays"), mail_of(agreed)}, (day, step)
    assert day > FEWEST_STEPS, "a night has as many steps about audiences"


def _night_killed_at(company: Company, sandbox: Sandbox, which: int) -> str:
    """Let a night be killed at one of its steps about audiences; return it, "" for none."""
    steps: list[str] = []

    def on_step(step: str) -> None:
        if "audience" in step:
            steps.append(step)
            if len(steps) == which:
                raise KilledError

    company.on_step = on_step
    company.close_ledger()
    killed_at = ""
    try:
        company.night(night(which), force=True)
    except KilledError:
        killed_at = steps[which - 1]
    company.on_step = lambda _: None
    company.close_ledger()
    return killed_at
