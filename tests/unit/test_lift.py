"""A week against the weeks before: what the intervals hold, and what nothing says."""

from decimal import Decimal
from math import exp, floor, log
from random import Random

import pytest

from convsync.report.lift import Lift, Total, lift_of_counts, lift_of_sums

WORLDS = 1_000
BEFORE = 4


def drawn(random: Random, rate: float) -> int:
    """Return how many events come by chance where so many do on average (Knuth's way)."""
    events, left = -1, 1.0
    while left > exp(-rate):
        left *= random.random()
        events += 1
    return events


def total(random: Random, rate: float) -> Total:
    found = Total()
    for _ in range(drawn(random, rate)):
        found = found.plus(Decimal(floor(1_000 * -log(1 - random.random())) + 100))
    return found


def holds(lift: Lift, truth: float) -> bool:
    return lift.low <= truth and (lift.high is None or truth <= lift.high)


@pytest.mark.parametrize("truth", [0.0, 0.5, -0.4])
@pytest.mark.parametrize("usual", [5, 40])
def test_nine_in_ten_intervals_hold_the_true_lift_of_counts(usual: int, truth: float) -> None:
    random = Random(7)
    held = 0
    for _ in range(WORLDS):
        before = [drawn(random, usual) for _ in range(BEFORE)]
        lift = lift_of_counts(drawn(random, usual * (1 + truth)), before)
        held += lift is not None and holds(lift, truth)
    assert 0.87 <= held / WORLDS <= 0.94


@pytest.mark.parametrize("truth", [0.0, 0.5])
def test_nine_in_ten_intervals_hold_the_true_lift_of_sums(truth: float) -> None:
    random = Random(7)
    held = 0
    for _ in range(WORLDS):
        before = [total(random, 25) for _ in range(BEFORE)]
        lift = lift_of_sums(total(random, 25 * (1 + truth)), before)
        held += lift is not None and holds(lift, truth)
    assert 0.86 <= held / WORLDS <= 0.94


def test_a_week_like_the_average_of_those_before_has_no_lift() -> None:
    lift = lift_of_counts(10, [8, 12])
    assert lift is not None
    assert lift.share == 0
    assert lift.low < 0 < (lift.high or 0)


def test_after_weeks_of_nothing_a_lift_has_no_number_and_no_upper_end() -> None:
    lift = lift_of_counts(5, [0, 0, 0])
    assert lift is not None
    assert (lift.share, lift.high) == (None, None)
    assert lift.low > 0


def test_of_nothing_nothing_is_said() -> None:
    assert lift_of_counts(0, [0, 0]) is None
    assert lift_of_counts(5, []) is None
    assert lift_of_sums(Total(), [Total().plus(Decimal(5))]) is None
    assert lift_of_sums(Total().plus(Decimal(5)), [Total()]) is None
