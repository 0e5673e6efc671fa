"""Shares with their intervals, and the one in the middle: alike in every report."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from convsync.values.outlook import wilson

N = TypeVar("N", int, float)


class Interval(NamedTuple):
    """A share, and the interval of nine in ten around it."""

    share: float
    low: float
    high: float


def share_of(part: int, whole: int) -> Interval:
    """Return a share with Wilson's interval (see `values.outlook`); of nothing: 0 to 1."""
    share = part / whole if whole else 0.0
    return Interval(share, *wilson(share, whole))


def middle_and_ninth(numbers: Iterable[N]) -> tuple[N, N]:
    """Return the one in the middle and the ninth in ten. IndexError where there are none."""
    in_order = sorted(numbers)
    return in_order[len(in_order) * 5 // 10], in_order[len(in_order) * 9 // 10]


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
