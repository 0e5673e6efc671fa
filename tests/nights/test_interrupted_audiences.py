"""An audience's night killed at each of its commits and calls, and run again: the lists are right.

Every night somebody withdraws and somebody else agrees again, so each has a verdict, a removal and
an addition; the night after the last step is one that nothing interrupted.
"""

from datetime import timedelta

import pytest

from convsync.sandbox.server import Sandbox
from tests.nights.audiences import keep_audiences, mail_of, on_list
from tests.nights.company import Company
from tests.nights.kills import night_killed_at
from tests.nights.test_audiences import lose, night

FEWEST_STEPS = 15


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
        step = night_killed_at(company, day, night(day), about="audience")
        company.night(night(day) + timedelta(hours=1), force=True)
        assert on_list(sandbox, "lost") == {mail_of("stays"), mail_of(agreed)}, (day, step)
    assert day > FEWEST_STEPS, "a night has as many steps about audiences"
