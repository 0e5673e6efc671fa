"""A forecast of how many open deals will get there, from how long the others took.

A deal that is open is not lost: it says that it took at least so long. The share that arrives by an
age is therefore the Aalen-Johansen estimate of the cumulative incidence, with loss as the competing
outcome (Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, section 8.2). It
is not carried on past the age at which fewer than ten deals are left to watch, unless somebody asks
for less: what comes later than that is unknown, and a projection is of what comes by then.

Deals may count by weight, older ones less, say; ten are then ten of full weight.

The interval around a projection has two parts: what chance does among the open deals of a group,
and how well the chance itself is known, which all of them share.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from math import sqrt
from typing import NamedTuple

WATCHED_AT_LEAST = 10
"""Deals that must be left to watch for the estimate to go on, and arrivals for there to be one."""
BEFORE = -1
"""The age of a deal of which nothing has happened yet, not even on its first day."""
NINE_IN_TEN = 1.6449
"""Standard deviations on each side that hold nine in ten of a normal distribution."""


class Fate(Enum):
    """What a deal has come to."""

    ARRIVED = "arrived"
    LOST = "lost"
    OPEN = "open"


class Course(NamedTuple):
    """What a deal has come to, and after how many days; an open one is so many days old."""

    days: int
    fate: Fate


class Chance(NamedTuple):
    """The chance to arrive yet, and from how many deals it is known."""

    share: float
    known_from: float


@dataclass(frozen=True, slots=True)
class Projection:
    """How many are expected to have arrived in the end, and the interval of nine in ten."""

    expected: float
    low: float
    high: float


class Outlook:
    """What the courses of many deals say of those that are still open."""

    def __init__(
        self, courses: Mapping[Course, float], *, watched_at_least: float = WATCHED_AT_LEAST
    ) -> None:
        """Take courses, and how many deals took each."""
        self._at_least = watched_at_least
        self.arrivals = sum(deals for one, deals in courses.items() if one.fate is Fate.ARRIVED)
        self._days = [BEFORE]
        self._arrived = [0.0]
        self._open = [1.0]
        self._watched: list[float] = [sum(courses.values())]
        for days, fates in groupby(sorted(courses, key=_days_of), key=_days_of):
            self._follow(days, {one.fate: courses[one] for one in fates})

    @property
    def is_known(self) -> bool:
        """True where enough deals have arrived to project from."""
        return self.arrivals >= WATCHED_AT_LEAST

    @property
    def followed_until(self) -> int:
        """The age in days up to which enough deals were watched; BEFORE where there never were."""
        return self._days[-1]

    @property
    def open_at_last(self) -> float:
        """The share of deals that are still open at the last age that was watched."""
        return self._open[-1]

    def arrived_by(self, days: int) -> float:
        """Return the share of deals that have arrived by an age, as far as it was watched."""
        return self._arrived[bisect_right(self._days, days) - 1]

    def chance(self, days: int) -> Chance:
        """Return the chance of a deal that is open at this age to arrive yet."""
        place = bisect_right(self._days, days) - 1
        left = self._open[place]
        coming = self._arrived[-1] - self._arrived[place]
        return Chance(coming / left if left else 0.0, self._watched[place])

    def decided(self, days: int) -> Mapping[int, float]:
        """Return by age how much is decided at it of whether a deal arrives within so many days.

        It is the variance that a deal's fate at that age takes away; all of it together is that of
        the share that arrives. The estimate of Aalen and Johansen has the variance of these parts,
        each by as many deals as were watched then.
        """
        in_all = self.arrived_by(days)
        parts: dict[int, float] = {}
        for place in range(1, bisect_right(self._days, days)):
            before, left = self._open[place - 1], self._open[place]
            arrived = self._arrived[place] - self._arrived[place - 1]
            lost = before - left - arrived
            yet = (in_all - self._arrived[place]) / left if left > 0 else 0.0
            moved = (1 - yet) * arrived - yet * lost
            spread = (1 - yet) ** 2 * arrived + yet**2 * lost
            parts[self._days[place]] = spread - (moved**2 / before if before > 0 else 0.0)
        return parts

    def project(self, courses: Mapping[Course, int]) -> Projection:
        """Return how many of a group are expected to arrive, those that have included."""
        arrived = is_open = 0
        coming = of_luck = of_knowledge = 0.0
        for course, deals in courses.items():
            if course.fate is Fate.ARRIVED:
                arrived += deals
            elif course.fate is Fate.OPEN:
                share, known_from = self.chance(course.days)
                variance = share * (1 - share)
                is_open += deals
                coming += deals * share
                of_luck += deals * variance
                of_knowledge += deals * sqrt(variance / max(known_from, 1))
        reach = NINE_IN_TEN * sqrt(of_luck + of_knowledge**2)
        return Projection(
            expected=arrived + coming,
            low=arrived + max(0.0, coming - reach),
            high=arrived + min(float(is_open), coming + reach),
        )

    def _follow(self, days: int, fates: Mapping[Fate, float]) -> None:
        watched = self._watched[-1]
        if watched < self._at_least:
            return
        arrived, lost = fates.get(Fate.ARRIVED, 0), fates.get(Fate.LOST, 0)
        left = self._open[-1]
        self._days.append(days)
        self._arrived.append(self._arrived[-1] + left * arrived / watched)
        self._open.append(left * (watched - arrived - lost) / watched)
        self._watched.append(watched - sum(fates.values()))


def nine_in_ten(count: float) -> float:
    """Return the standard errors on each side that hold nine in ten means of so many.

    They are those of Student's distribution where the variance is estimated from as many: its
    expansion about the normal one (Abramowitz and Stegun 26.7.5), right to a hundredth from five.
    """
    z, freedom = NINE_IN_TEN, max(count - 1, 1.0)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2


def wilson(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's interval of nine in ten around a share of so many; of none: 0 to 1.

    It holds for small numbers, too. Brown, Cai and DasGupta 2001, section 3.1.1.
    """
    if not count:
        return 0.0, 1.0
    z2 = NINE_IN_TEN**2
    middle = (share * count + z2 / 2) / (count + z2)
    reach = NINE_IN_TEN * sqrt(share * (1 - share) * count + z2 / 4) / (count + z2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _days_of(course: Course) -> int:
    return course.days
