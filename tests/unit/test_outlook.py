"""How many open deals will arrive: known by hand, and held against worlds whose end is known."""

from collections import Counter
from random import Random

import pytest

from convsync.values.outlook import Chance, Course, Fate, Outlook

LATEST = 90


def courses_of(rng: Random, deals: int, age: int, *, wins: float, loses: float) -> list[Course]:
    """Return deals of an age: each will have been won or lost within 90 days, or stays open."""
    found = []
    for _ in range(deals):
        luck = rng.random()
        ends = rng.randrange(LATEST)
        if luck < wins + loses and ends <= age:
            found.append(Course(ends, Fate.ARRIVED if luck < wins else Fate.LOST))
        else:
            found.append(Course(age, Fate.OPEN))
    return found


def test_without_open_deals_the_chance_is_the_share_of_those_that_arrived() -> None:
    ended = {Course(10, Fate.ARRIVED): 30, Course(20, Fate.LOST): 50, Course(40, Fate.ARRIVED): 20}
    outlook = Outlook(ended)
    assert outlook.chance(0) == pytest.approx((0.5, 100))
    assert outlook.chance(10) == pytest.approx((20 / 70, 70))
    assert outlook.chance(20) == pytest.approx((1.0, 20))
    assert outlook.chance(40).share == 0


def test_an_open_deal_says_only_that_it_took_at_least_so_long() -> None:
    """Of a hundred, half are watched for five days only: of the others, ten arrive on day 9."""
    outlook = Outlook(
        {Course(5, Fate.OPEN): 50, Course(9, Fate.ARRIVED): 10, Course(30, Fate.OPEN): 40}
    )
    assert outlook.chance(0) == pytest.approx((0.2, 100))
    assert outlook.chance(5) == pytest.approx((0.2, 50))


def test_nothing_is_said_beyond_the_age_at_which_few_are_left_to_watch() -> None:
    outlook = Outlook({Course(5, Fate.ARRIVED): 91, Course(9, Fate.ARRIVED): 9})
    assert outlook.chance(5).share == 0
    assert outlook.project({Course(6, Fate.OPEN): 9}).high == 0


def test_few_arrivals_are_not_projected_from() -> None:
    assert not Outlook({Course(5, Fate.ARRIVED): 9, Course(9, Fate.LOST): 900}).is_known
    assert Outlook({Course(5, Fate.ARRIVED): 10}).is_known
    assert not Outlook({}).is_known
    assert Outlook({}).chance(3) == Chance(0.0, 0)


def test_of_two_hundred_worlds_nine_in_ten_end_within_their_interval() -> None:
    held = 0
    for seed in range(200):
        rng = Random(seed)
        older = [courses_of(rng, 60, age, wins=0.3, loses=0.5) for age in range(20, 140, 4)]
        outlook = Outlook(Counter(course for cohort in older for course in cohort))
        young = courses_of(rng, 80, 15, wins=0.3, loses=0.5)
        arrived = sum(course.fate is Fate.ARRIVED for course in young)
        is_open = sum(course.fate is Fate.OPEN for course in young)
        chance = 0.3 * (1 - 16 / LATEST) / (1 - 0.8 * 16 / LATEST)  # of one that is open on day 15
        came = arrived + sum(rng.random() < chance for _ in range(is_open))
        projected = outlook.project(Counter(young))
        held += projected.low <= came <= projected.high
    assert 174 <= held <= 192
