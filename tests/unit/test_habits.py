"""A source that has dried up, and one that rests on Sundays."""

import pytest

from convsync.reading.habits import Habit


@pytest.mark.parametrize(
    ("reads", "is_news"),
    [
        pytest.param("xxxxx0", True, id="always gave something"),
        pytest.param("xxxxx00", True, id="for as long as it gives nothing"),
        pytest.param("xxxxx0x", False, id="gives again"),
        pytest.param("xxxxx0x0", False, id="rests at times"),
        pytest.param("xxxx0", False, id="too few to know"),
        pytest.param("x0xxxxxx0", False, id="rested before"),
        pytest.param("0", False, id="never gave anything"),
    ],
)
def test_a_source_is_dried_up_where_it_always_gave_something(reads: str, *, is_news: bool) -> None:
    habit = Habit()
    for read in reads:
        habit = habit.after(7 if read == "x" else 0, needed=5)
    assert habit.has_dried_up is is_news
