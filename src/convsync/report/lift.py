"""How a week compares with the weeks before it, and how sure that is: pure.

Events such as leads come by chance: of a week's and of the weeks' before it, the week's share is
binomial, and Wilson's interval of that share is one of the ratio (Krishnamoorthy and Thomson 2004
compare it with others). A sum, such as what sales are worth, varies with the number of its parts
and with their size: its variance is the sum of their squares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp, sqrt
from typing import NamedTuple

from convsync.report.shares import share_of
from convsync.values.outlook import NINE_IN_TEN


class Lift(NamedTuple):
    """By which share a week is above the average of the weeks before, and nine in ten around it.

    `high` is None where there is no upper end: there was nothing in the weeks before to say so.
    """

    share: float | None
    low: float
    high: float | None

    @property
    def is_sure(self) -> bool:
        """True where the interval is all above zero, or all below."""
        return self.low > 0 or (self.high is not None and self.high < 0)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of amounts, and the sum of their squares."""

    amount: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)

    def plus(self, amount: Decimal) -> "Total":
        """Return the total with one more amount in it."""
        return Total(self.amount + amount, self.squares + amount * amount)

    @property
    def reach(self) -> Decimal:
        """Return how far nine in ten lie around the sum, had chance drawn other parts."""
        return Decimal(str(NINE_IN_TEN)) * self.squares.sqrt()


def lift_of_counts(now: int, before: Sequence[int]) -> Lift | None:
    """Return a week's lift in events over the average of weeks before; None of nothing at all."""
    weeks, known = len(before), sum(before)
    if not weeks or not now + known:
        return None
    share = share_of(now, now + known)
    high = _ratio(share.high, weeks)
    return Lift(
        share=now * weeks / known - 1 if known else None,
        low=(_ratio(share.low, weeks) or 0.0) - 1,
        high=None if high is None else high - 1,
    )


def lift_of_sums(now: Total, before: Sequence[Total]) -> Lift | None:
    """Return a week's lift in worth; None where this week or the weeks before were worth nothing.

    The interval is of the logarithm of the ratio, to the first order.
    """
    weeks = len(before)
    known = Total(
        sum((one.amount for one in before), Decimal(0)),
        sum((one.squares for one in before), Decimal(0)),
    )
    if not now.amount > 0 or not known.amount > 0:
        return None
    ratio = float(now.amount * weeks / known.amount)
    spread = sqrt(sum(float(one.squares / (one.amount * one.amount)) for one in (now, known)))
    factor = exp(NINE_IN_TEN * spread)
    return Lift(share=ratio - 1, low=ratio / factor - 1, high=ratio * factor - 1)


def _ratio(share: float, weeks: int) -> float | None:
    """Return which ratio of a week to the average of so many gives it this share of all."""
    return None if share >= 1 else weeks * share / (1 - share)
