"""The first nights of the month that `make night` plays, on SQLite."""

import pytest

from convsync.sandbox.server import Sandbox
from tests.month.play import Month
from tests.month.script import script_of
from tests.nights.company import A_FILE, folder_in_memory

SEED, NIGHTS = 1, 2


@pytest.mark.long
def test_nights_in_which_everything_goes_wrong_end_right(sandbox: Sandbox) -> None:
    script = script_of(SEED, NIGHTS)
    with (
        folder_in_memory() as folder,
        Month.begun(folder, sandbox, A_FILE, script[0]) as month,
    ):
        for night in script:
            month.plays(night)
        month.ends()
    assert month.wrong == []
    assert len(month.mornings) == NIGHTS


def test_a_month_is_the_same_for_the_same_seed() -> None:
    assert script_of(7, 30) == script_of(7, 30)
    assert script_of(7, 30) != script_of(8, 30)
