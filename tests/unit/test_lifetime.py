"""What sales will yet bring: from how others went on, with an interval that holds nine in ten."""

from random import Random

import pytest

from convsync.report.lifetime import Course, Going, Growth, walked_forward

OLDEST, HORIZON = 24, 11


def a_world(seed: int, sales: int = 400) -> tuple[list[Course], list[Course]]:
    """Return sales of all ages as known now, and as they will have gone by the horizon.

    Every second one pays; the sums are skewed, and fade from month to month.
    """
    chance = Random(seed)
    whole = []
    for number in range(sales):
        pays = chance.random() < 0.5
        size = chance.lognormvariate(4, 1) if pays else 0.0
        brought = {month: size * 0.8**month for month in range(OLDEST + HORIZON) if pays}
        whole.append(Course(number % OLDEST, brought))
    return [one.until(one.age) for one in whole], whole


@pytest.mark.long
def test_the_interval_holds_what_comes_in_nine_of_ten_worlds() -> None:
    held = []
    for seed in range(200):
        known, whole = a_world(seed)
        growth = Growth(known)
        young = [one for one in whole if one.age < HORIZON]
        projection = growth.project(Going(1, one.age, HORIZON) for one in young)
        came = sum(
            sum_ for one in young for at, sum_ in one.brought.items() if one.age < at <= HORIZON
        )
        held.append(projection.low <= came <= projection.high)
    assert 0.83 <= sum(held) / len(held) <= 0.97


def test_what_a_sale_brings_counts_young_sales_as_far_as_they_are_known() -> None:
    old = [Course(2, {0: 10.0, 1: 5.0, 2: 1.0}) for _ in range(10)]
    young = [Course(0, {0: 30.0}) for _ in range(10)]
    growth = Growth([*old, *young])
    assert growth.reach == 2
    assert growth.per_sale(0).expected == 20
    assert growth.per_sale(2).expected == 26
    assert growth.project([Going(4, 0, 2)]).expected == 4 * 6
    assert growth.project([Going(4, 0, 9)]).expected == 4 * 6, "no further than is known"
    assert growth.project([Going(4, 2, 2)]).expected == 0


@pytest.mark.parametrize("ages", [[], [-1] * 50, [3] * 9], ids=["none", "too young", "too few"])
def test_of_too_few_nothing_is_known(ages: list[int]) -> None:
    growth = Growth([Course(age, {0: 1.0}) for age in ages])
    assert growth.reach == -1
    assert growth.project([Going(5, -1, 11)]).expected == 0


def test_a_trial_uses_nothing_that_came_later() -> None:
    known, _ = a_world(1)
    spoilt = [
        Course(age, {at: sum_ * (1000 if at > age - 3 else 1) for at, sum_ in brought.items()})
        for age, brought in known
    ]
    first, later = (walked_forward(one, ahead=3, months=1) for one in (known, spoilt))
    assert [one.expected for one in first] == [one.expected for one in later]
    assert later[0].came > first[0].came


def test_trials_are_of_the_last_months_whose_outcome_is_known() -> None:
    known, _ = a_world(2)
    trials = walked_forward(known, ahead=3, months=6)
    assert [one.month for one in trials] == [8, 7, 6, 5, 4, 3]
    assert sum(one.holds for one in trials) >= 4
    assert all(one.as_before > 0 for one in trials)
