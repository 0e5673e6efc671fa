"""What a sale brings, group by group, shrunk towards the whole (see `pooling`).

Sales of which the amount is not known are left out. The mean is what a bidder needs: the amount in
the middle would leave out the few large deals that pay for the rest.

Amounts scatter in proportion to the mean of their group, in one group as in the others: a group of
few sales cannot say itself how far they may lie apart, since the rare large one is mostly not among
them. Its interval is one of ratios, as no amount is below zero. Where a group has too few sales to
have an amount of its own, that of the group above it stands for it, and the interval is wider by
how far groups lie apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, sqrt
from typing import NamedTuple

from convsync.values.chances import WHOLE, Group
from convsync.values.leads import Lead, Terms
from convsync.values.outlook import nine_in_ten
from convsync.values.pooling import Drawn, Family, Known, drawn_together

FEWEST_SALES = 5
"""Sales that a group has to have for its own amount to be asked for."""


@dataclass(slots=True)
class _Sold:
    """Amounts of one group, by weight."""

    sales: int = 0
    weight: float = 0.0
    weight_twice: float = 0.0
    amount: float = 0.0
    squared: float = 0.0

    def add(self, amount: float, weight: float) -> None:
        self.sales += 1
        self.weight += weight
        self.weight_twice += weight**2
        self.amount += weight * amount
        self.squared += weight * amount**2

    @property
    def mean(self) -> float:
        return self.amount / self.weight

    @property
    def spread(self) -> float:
        """The variance of a single sale, as a sample gives it."""
        around = max(0.0, self.squared / self.weight - self.mean**2)
        return around * self.count / (self.count - 1) if self.count > 1 else self.mean**2

    @property
    def count(self) -> float:
        return self.weight**2 / self.weight_twice


class Amount(NamedTuple):
    """What a sale brings, drawn towards the whole; what the group's own bring, and how surely.

    The interval of nine in ten goes from `own / ratio` to `own * ratio`.
    """

    mean: float
    own: float
    ratio: float
    sales: float


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a sale brings, of the whole and of each group with enough sales.

    `apart` is for each segment the variance between its groups, as a ratio to their mean.
    """

    known: Mapping[Group, Drawn]
    apart: Sequence[float]

    def of(self, group: Group) -> Amount:
        """Return what a sale of a group brings."""
        depth = next(depth for depth in range(len(group), -1, -1) if group[:depth] in self.known)
        found = self.known[group[:depth]]
        of_groups = sum(self.apart[depth : len(group)])
        variance = found.own.variance / found.own.mean**2 + of_groups
        reach = nine_in_ten(self.known[WHOLE].own.leads) * sqrt(variance)
        return Amount(found.mean, found.own.mean, exp(reach), found.own.leads)


def amounts(leads: Iterable[Lead], terms: Terms, day: float) -> Amounts | None:
    """Return what a sale brings as known on a day; None where no amount is known."""
    sold = _sold(leads, terms, day)
    if WHOLE not in sold:
        return None
    whole = Known(sold[WHOLE].mean, sold[WHOLE].spread, sold[WHOLE].count)
    known = {WHOLE: Drawn(whole.mean, whole)}
    apart = []
    for depth in range(1, len(terms.by) + 1):
        asked = {
            group: of
            for group, of in sold.items()
            if len(group) == depth and of.sales >= FEWEST_SALES and group[:-1] in known
        }
        families: defaultdict[Group, dict[Group, Known]] = defaultdict(dict)
        for group, of in asked.items():
            families[group[:-1]][group] = Known(of.mean, 0.0, of.count)
        pool = drawn_together(
            [Family(known[above].mean, groups) for above, groups in families.items()],
            partial(_spread_at, _in_proportion(asked.values())),
        )
        known |= pool.groups
        apart.append(pool.between / whole.mean**2)
    return Amounts(known, apart)


def _sold(leads: Iterable[Lead], terms: Terms, day: float) -> Mapping[Group, _Sold]:
    sold: defaultdict[Group, _Sold] = defaultdict(_Sold)
    for lead in leads:
        won_at = lead.won_by(day)
        if won_at is None or lead.amount is None:
            continue
        for depth in range(len(terms.by) + 1):
            sold[lead.group[:depth]].add(lead.amount, terms.weight(day - won_at))
    return sold


def _in_proportion(groups: Iterable[_Sold]) -> float:
    """Return the variance of a single sale around the mean of its group, as a share of its square.

    All groups say it together, each as far as it can.
    """
    scatter = freedom = 0.0
    for of in groups:
        scatter += (of.count - 1) * of.spread / of.mean**2
        freedom += of.count - 1
    return scatter / freedom if freedom else 0.0


def _spread_at(in_proportion: float, mean: float) -> float:
    return in_proportion * mean**2
