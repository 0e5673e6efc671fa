"""What sales bring over time, and what they will yet bring, from how others went on before.

Each sale has an age in whole months, and what it brought in each of them. What a sale brings in its
k-th month is the mean over all sales that are that old, so that young ones count as far as they are
known: the additive method of claims reserving, with sales as the exposure (Schmidt 2006, Methods
and models of loss reserving based on run-off triangles). It goes as far as ten sales are old.

The interval holds nine in ten. It has two parts: what chance does among the sales of a group, and
how well the mean itself is known, which they share. Money is skewed, a few sales bring most of it,
and the interval with it (Cornish and Fisher 1938).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import NamedTuple

from convsync.values.outlook import NINE_IN_TEN, WATCHED_AT_LEAST, Projection

_MOST_SKEW = 1.5
"""Beyond this the correction for skew is no longer monotone in the quantile."""


class Course(NamedTuple):
    """A sale that is so many whole months old, -1 in its first, and what it brought by month."""

    age: int
    brought: Mapping[int, float]

    def until(self, age: int) -> "Course":
        """Return the sale as it was at an earlier age."""
        return Course(age, {month: sum_ for month, sum_ in self.brought.items() if month <= age})


class Going(NamedTuple):
    """Sales of one age, that are followed up to another, included."""

    sales: int
    age: int
    upto: int


@dataclass(frozen=True, slots=True)
class _Moments:
    """What a sale brings over some months: mean, variance and third moment; and from how many.

    Over several months these are those of sales that are old enough for all of them, or where that
    is more, of the months apart: a sum that only younger sales have seen must not be forgotten.
    """

    mean: float
    variance: float
    third: float
    known_from: int


class Growth:
    """How sales went on. `reach` is the last month that is known, -1 where none is."""

    def __init__(self, courses: Sequence[Course]) -> None:
        self._courses = courses
        ages = Counter(one.age for one in courses)
        powers: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for one in courses:
            for month, sum_ in one.brought.items():
                for place in range(3):
                    powers[month][place] += sum_ ** (place + 1)
        self._months: list[_Moments] = []
        watched = len(courses) - ages[-1]
        while watched >= WATCHED_AT_LEAST:
            month = len(self._months)
            self._months.append(_moments_of(watched, *powers[month]))
            watched -= ages[month]
        self.reach = len(self._months) - 1
        self._moments = cache(self._counted)

    def per_sale(self, upto: int) -> Projection:
        """Return what a sale has brought by the end of a month, on average."""
        moments = self._moments(-1, upto)
        reach = NINE_IN_TEN * sqrt(moments.variance / max(moments.known_from, 1))
        return Projection(moments.mean, max(0.0, moments.mean - reach), moments.mean + reach)

    def project(self, going: Iterable[Going]) -> Projection:
        """Return what sales will bring from their age on up to others; none beyond `reach`."""
        expected = luck = knowledge = third = 0.0
        for sales, age, upto in going:
            moments = self._moments(age, min(upto, self.reach))
            expected += sales * moments.mean
            luck += sales * moments.variance
            knowledge += sales * sqrt(moments.variance / max(moments.known_from, 1))
            third += sales * moments.third
        spread = sqrt(luck + knowledge**2)
        skew = min(third / luck**1.5, _MOST_SKEW) if luck else 0.0
        lean = (NINE_IN_TEN**2 - 1) / 6 * skew
        low = expected + spread * (lean - NINE_IN_TEN)
        return Projection(expected, max(0.0, low), expected + spread * (lean + NINE_IN_TEN))

    def _counted(self, age: int, upto: int) -> _Moments:
        months = range(age + 1, upto + 1)
        if not months:
            return _Moments(0.0, 0.0, 0.0, len(self._courses))
        sums = [_brought(one, age, upto) for one in self._courses if one.age >= upto]
        whole = _moments_of(len(sums), *(sum(one**power for one in sums) for power in (1, 2, 3)))
        apart = [self._months[month] for month in months]
        return _Moments(
            mean=sum(one.mean for one in apart),
            variance=max(whole.variance, sum(one.variance for one in apart)),
            third=max(whole.third, sum(one.third for one in apart)),
            known_from=len(sums),
        )


def _moments_of(many: int, first: float, second: float, third: float) -> _Moments:
    """Return the moments of so many numbers, from the sums of their powers."""
    mean = first / many
    return _Moments(
        mean=mean,
        variance=max(second - many * mean**2, 0.0) / max(many - 1, 1),
        third=(third - 3 * mean * second + 2 * many * mean**3) / many,
        known_from=many,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was expected at the end of a month of the months `ahead`, and what then came.

    `as_before` is what the same sales had brought in as many months before.
    """

    month: int
    ahead: int
    expected: Projection
    came: float
    as_before: float

    @property
    def holds(self) -> bool:
        """True where the interval held what came."""
        return self.expected.low <= self.came <= self.expected.high


def walked_forward(courses: Sequence[Course], *, ahead: int, months: int) -> Sequence[Trial]:
    """Return a trial for each of the last months whose outcome is known by now.

    At each, nothing is used but what had come by then. `month` counts backwards from the last whole
    month, 0. Sales too old for anything to be known of what follows are in neither side.
    """
    trials = []
    for back in range(months + ahead - 1, ahead - 1, -1):
        then = [(one, one.until(one.age - back)) for one in courses if one.age >= back]
        growth = Growth([seen for _, seen in then])
        followed = [(one, seen) for one, seen in then if seen.age + ahead <= growth.reach]
        if not followed:
            continue
        ages = Counter(seen.age for _, seen in followed)
        going = [Going(sales, age, age + ahead) for age, sales in ages.items()]
        trials.append(
            Trial(
                month=back,
                ahead=ahead,
                expected=growth.project(going),
                came=sum(_brought(one, seen.age, seen.age + ahead) for one, seen in followed),
                as_before=sum(_brought(one, seen.age - ahead, seen.age) for one, seen in followed),
            )
        )
    return trials


def _brought(course: Course, age: int, upto: int) -> float:
    """Return what a sale brought after an age, up to another."""
    return sum(sum_ for month, sum_ in course.brought.items() if age < month <= upto)
