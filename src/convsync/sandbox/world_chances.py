"""The true chances of a generated world, which nobody in it knows: what learning is held against.

They follow from how `world_deal` makes a deal up, by adding up over its two draws of pace. What
people do to deals overnight is not in them.
"""

from collections.abc import Callable
from statistics import fmean
from typing import Final

from convsync.sandbox.world_figures import (
    AMOUNT,
    AS_MEASURED,
    PACE_DAYS,
    REACHES_OPPORTUNITY,
    REACHES_SQL,
    WIN_RATE,
)

_STEPS: Final = [(step + 0.5) / 20 for step in range(20)]


def true_chance(origin: str, milestone: str, within_days: int) -> float:
    """Return the chance that a lead of an origin is won within so many days of a milestone.

    `milestone` is "mql", "sql" or "opportunity". Days are whole ones, the last counts.
    """
    limit = within_days + 1
    in_order = _won_in_order(origin)
    if milestone == "mql":
        return in_order * PACE_DAYS.share_below(limit) + (WIN_RATE[origin] - in_order)
    return in_order * _LEFT[milestone](limit) / share_that_reaches(origin, milestone)


def share_that_reaches(origin: str, milestone: str) -> float:
    """Return the share of an origin's leads that come to a milestone before any sale."""
    if milestone == "mql":
        return 1.0
    reaches = REACHES_SQL if milestone == "sql" else REACHES_SQL * REACHES_OPPORTUNITY
    return _won_in_order(origin) + (1 - WIN_RATE[origin]) * reaches


def true_amount() -> float:
    """Return what a sale of any origin brings on average; amounts nobody would believe left out."""
    return AMOUNT.mean


def _won_in_order(origin: str) -> float:
    return WIN_RATE[origin] * (1 - AS_MEASURED.won_before_contact)


def _after_sql(limit: float) -> float:
    """Return the share of sales that come within so many days of the SQL."""
    return fmean(PACE_DAYS.share_below(limit / (0.95 - 0.35 * u)) for u in _STEPS)


def _after_opportunity(limit: float) -> float:
    return fmean(
        PACE_DAYS.share_below(limit / (0.95 - 0.35 * u) / (0.9 - 0.6 * v))
        for u in _STEPS
        for v in _STEPS
    )


_LEFT: Final[dict[str, Callable[[float], float]]] = {
    "sql": _after_sql,
    "opportunity": _after_opportunity,
}
