"""Shares with their intervals, and the one in the middle: alike in every report."""

from collections.abc import Mapping
from typing import NamedTuple

from convsync.values.outlook import wilson


class Interval(NamedTuple):
    """A share, and the interval of nine in ten around it."""

    share: float
    low: float
    high: float


def share_of(part: int, whole: int) -> Interval:
    """Return a share with Wilson's interval (see `values.outlook`); of nothing: 0 to 1."""
    share = part / whole if whole else 0.0
    return Interval(share, *wilson(share, whole))


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
