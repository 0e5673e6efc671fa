"""Small groups shrunk towards the whole: how far, the groups themselves say.

The rule is Bühlmann and Straub's (1970), the oldest of empirical Bayes: a group keeps the share
`between / (between + own)` of its own mean, and takes the rest from what stands above it. `own` is
the variance of its mean, `between` the variance between groups, estimated from how much further
they lie apart than chance alone would put them. Where they lie no further apart, all are alike,
and each has the mean of the whole. The variance of a single lead depends on the mean: it is taken
at the size that a first round of the same rule gives.

A group that lies further away than one and a half of its own standard errors is hardly like what it
is drawn towards, and is drawn the less the surer that is, by the square: as under a distribution of
groups with heavy tails. Else a large group that hardly ever sells would be given the sales of the
others. So no group is drawn further than one and a half of its standard errors (Efron and Morris
1972 limit it alike).

How sure a mean is, a group says by its own leads alone. An interval that borrows from the others is
shorter, and right for groups on average; for the one that is unlike the others it is wrong most
of the time, and that is the group somebody looks at (Armstrong, Kolesár and Plagborg-Møller 2022).
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


class Drawn(NamedTuple):
    """The mean of a group, drawn towards what stands above it, and what its own leads say."""

    mean: float
    own: Known


@dataclass(frozen=True, slots=True)
class Family(Generic[Name]):
    """Groups that are drawn towards the same mean; each is known by its own leads alone."""

    above: float
    groups: Mapping[Name, Known]


@dataclass(frozen=True, slots=True)
class Pool(Generic[Name]):
    """Groups drawn towards the means above them, and the variance between groups of a family."""

    groups: Mapping[Name, Drawn]
    between: float


def drawn_together(families: Sequence[Family[Name]], spread_at: SpreadAt) -> Pool[Name]:
    """Return each group drawn towards the mean above it; one of no leads is left out."""
    first = _drawn(families, lambda _, above: spread_at(above))
    return _drawn(families, lambda name, _: spread_at(first.groups[name].mean))


def _drawn(
    families: Sequence[Family[Name]], spread_of: Callable[[Name, float], float]
) -> Pool[Name]:
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
    drawn = {
        name: Drawn(_moved(one, above, between), one)
        for above, groups in with_spreads
        for name, one in groups.items()
    }
    return Pool(drawn, between)


def _between(families: Sequence[Sequence[Known]]) -> float:
    """Estimate by moments, from how far the groups of each family lie around their own mean."""
    apart = by_chance = weight = 0.0
    for groups in families:
        total = sum(one.leads for one in groups)
        if len(groups) > 1:
            mean = sum(one.leads * one.mean for one in groups) / total
            apart += sum(one.leads * (one.mean - mean) ** 2 for one in groups)
            by_chance += sum(one.spread * (1 - one.leads / total) for one in groups)
            weight += total - sum(one.leads**2 for one in groups) / total
    return max(0.0, (apart - by_chance) / weight) if weight else 0.0


def _moved(own: Known, above: float, between: float) -> float:
    both = between + own.variance
    if not both:
        return own.mean
    away = own.mean - above
    kept = between / both
    errors_away = abs(away) / sqrt(own.variance) if own.variance else 0.0
    if errors_away > _FAR:
        kept = 1 - (1 - kept) * (_FAR / errors_away) ** 2
    return above + kept * away
