"""What a sale brings, group by group, drawn towards the whole (see `pooling`).

Sales of which the amount is not known are left out. The mean is what a bidder needs: the amount in
the middle would leave out the few large deals that pay for the rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from convsync.values.chances import WHOLE, Group
from convsync.values.leads import Lead, Terms
from convsync.values.pooling import Family, Known, drawn_together

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


def amounts(leads: Iterable[Lead], terms: Terms, day: float) -> Mapping[Group, Known]:
    """Return what a sale brings as known on a day, of the whole and of each group with enough.

    Empty where no amount is known.
    """
    sold: defaultdict[Group, _Sold] = defaultdict(_Sold)
    for lead in leads:
        won_at = lead.won_by(day)
        if won_at is None or lead.amount is None:
            continue
        for depth in range(len(terms.by) + 1):
            sold[lead.group[:depth]].add(lead.amount, terms.weight(day - won_at))
    if WHOLE not in sold:
        return {}
    spread = sold[WHOLE].spread
    known = {WHOLE: Known(sold[WHOLE].mean, spread, sold[WHOLE].count)}
    for depth in range(1, len(terms.by) + 1):
        families: defaultdict[Group, dict[Group, Known]] = defaultdict(dict)
        for group, of in sold.items():
            if len(group) == depth and of.sales >= FEWEST_SALES and group[:-1] in known:
                families[group[:-1]][group] = Known(of.mean, spread, of.count)
        families_known = [Family(known[above], groups) for above, groups in families.items()]
        known |= drawn_together(families_known, lambda _: spread)
    return known
