"""Shares with their intervals, and the one in the middle: alike in every report."""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from convsync.outlook import NINE_IN_TEN


class Interval(NamedTuple):
    """A share, and the interval of nine in ten around it."""

    share: float
    low: float
    high: float


def share_of(part: int, whole: int) -> Interval:
    """Return a share with Wilson's interval, which holds for small numbers too; of nothing: 0 to 1.

    Brown, Cai and DasGupta 2001, section 3.1.1.
    """
    if not whole:
        return Interval(0.0, 0.0, 1.0)
    z2 = NINE_IN_TEN**2
    share = part / whole
    middle = (part + z2 / 2) / (whole + z2)
    reach = NINE_IN_TEN * sqrt(share * (1 - share) * whole + z2 / 4) / (whole + z2)
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def place_among(days: Mapping[int, int], tenths: int) -> int:
    """Return what stands so many tenths along numbers in their order, each given with how often.

    Raises ValueError where there are none.
    """
    place = sum(days.values()) * tenths // 10
    for took in sorted(days):
        place -= days[took]
        if place < 0:
            return took
    return max(days)
