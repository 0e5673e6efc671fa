"""Small groups drawn towards the whole: how far, the groups themselves say.

The rule is Bühlmann and Straub's (1970), the oldest of empirical Bayes: a group keeps the share
`between / (between + own)` of its own mean, and takes the rest from what stands above it. `own` is
the variance of its mean, `between` the variance between groups, estimated from how much further
they lie apart than chance alone would put them. Where they lie no further apart, all are alike,
and each has the mean of the whole. The variance of a chance depends on its size: it is taken at the
size that a first round of the same rule gives.

A group that lies further away than one and a half of its own standard errors is hardly like what it
is drawn towards, and is drawn the less the surer that is, by the square: as under a distribution of
groups with heavy tails. Else a large group that hardly ever sells would be given the sales of the
others.

What is said of a group is as sure as three things together: its own leads, the mean that it is
drawn towards, and the estimate of `between` (Morris 1983); but never less sure than by its leads
alone.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Generic, NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)
SpreadAt = Callable[[float], float]
"""The variance of a single lead around a mean of that size."""
_FAR = 1.5
"""Standard errors of its own mean beyond which a group is hardly like the others."""


class Known(NamedTuple):
    """A mean, the variance of a single lead around it, and from how many leads it is known."""

    mean: float
    spread: float
    leads: float

    @property
    def variance(self) -> float:
        """The variance of the mean."""
        return self.spread / self.leads if self.leads else 0.0


@dataclass(frozen=True, slots=True)
class Family(Generic[Name]):
    """Groups that are drawn towards the same mean; each is known by its own leads alone."""

    above: Known
    groups: Mapping[Name, Known]


class _Between(NamedTuple):
    """The variance between groups, and how uncertain it is, as the variance of that estimate."""

    variance: float
    uncertainty: float


def drawn_together(families: Sequence[Family[Name]], spread_at: SpreadAt) -> Mapping[Name, Known]:
    """Return what is known of each group once it is drawn towards the mean above it."""
    first = _drawn(families, lambda _, above: above.spread)
    return _drawn(families, lambda name, _: spread_at(first[name].mean))


def _drawn(
    families: Sequence[Family[Name]], spread_of: Callable[[Name, Known], float]
) -> Mapping[Name, Known]:
    with_spreads = [
        (
            family.above,
            {
                name: one._replace(spread=spread_of(name, family.above))
                for name, one in family.groups.items()
                if one.leads > 0
            },
        )
        for family in families
    ]
    between = _between([[*groups.values()] for _, groups in with_spreads])
    return {
        name: _moved(one, above, between)
        for above, groups in with_spreads
        for name, one in groups.items()
    }


def _between(families: Sequence[Sequence[Known]]) -> _Between:
    """Estimate by moments, from how far the groups of each family lie around their own mean."""
    apart = by_chance = weight = 0.0
    for groups in families:
        total = sum(one.leads for one in groups)
        if len(groups) > 1:
            mean = sum(one.leads * one.mean for one in groups) / total
            apart += sum(one.leads * (one.mean - mean) ** 2 for one in groups)
            by_chance += sum(one.spread * (1 - one.leads / total) for one in groups)
            weight += total - sum(one.leads**2 for one in groups) / total
    if not weight:
        return _Between(0.0, 0.0)
    variance = max(0.0, (apart - by_chance) / weight)
    of_each = (one.spread + one.leads * variance for groups in families for one in groups)
    return _Between(variance, 2 * sum(term**2 for term in of_each) / weight**2)


def _moved(own: Known, above: Known, between: _Between) -> Known:
    both = between.variance + own.variance
    if not both:
        return own
    away = own.mean - above.mean
    kept = between.variance / both
    errors_away = abs(away) / sqrt(own.variance) if own.variance else 0.0
    if errors_away > _FAR:
        kept = 1 - (1 - kept) * (_FAR / errors_away) ** 2
    slope = own.variance / both**2
    variance = (
        kept * own.variance
        + (1 - kept) ** 2 * above.variance
        + (away * slope) ** 2 * between.uncertainty
    )
    mean = above.mean + kept * away
    return Known(mean, own.spread, own.spread / min(variance, own.variance) if variance else 0.0)
