"""What a lead is worth at each milestone, as it was learned from earlier ones, and then frozen.

A table has cells: a milestone, and a group of leads that are alike in the segments that it was
learned by, the first of them, the first two and so on. A lead has the value of the narrowest group
that is known of it; the whole is always known. The table is all that is needed to value a lead.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from convsync.model.ad_spending import AD_SEGMENTS
from convsync.model.money import Money

SOURCE = "source"
"""Stands among segments for the source that a deal was read from."""
FEWEST_LEADS = 20
"""Leads that a group has to have at a milestone to have a chance of its own there."""
_BEFORE_EACH = "\x1f"
_CENT = Decimal("0.01")


class Measured(Struct, frozen=True):
    """A figure, the interval that nine in ten times holds the truth, and from how many leads.

    The figure of a group is drawn towards the whole; its interval is by its own leads alone.
    """

    value: float
    low: float
    high: float
    count: float


class Cell(Struct, frozen=True, kw_only=True):
    """A group of leads at a milestone.

    Of `leads`, `won` were won within the window by the time it was learned, and `young` were open
    and may still be. `chance` is of a sale within the window, `amount` what one brings, and `value`
    both together; None where no sale's amount was known.
    """

    milestone: str
    group: tuple[str, ...]
    leads: int
    won: int
    young: int
    chance: Measured
    amount: Measured | None
    value: Measured | None

    @property
    def is_known(self) -> bool:
        """False for a group of too few leads: it has the chance of the one above, and no more."""
        return not self.group or self.leads >= FEWEST_LEADS


class Timing(Struct, frozen=True):
    """How sales come in with age, from day 0 to the window's end.

    `come` is the share of them that has come by a day, `left` what is left of the chance of a lead
    that is still open then.
    """

    come: tuple[float, ...]
    left: tuple[float, ...]


class ExpectedTable(Struct, frozen=True, kw_only=True):
    """A frozen table of values.

    `by` are segments, each within the one before; `milestones` those before the sale, in order.
    `cells` are by milestone and by group, `timings` by milestone.
    """

    by: tuple[str, ...]
    milestones: tuple[str, ...]
    window_days: int
    currency: str
    cells: Mapping[str, Mapping[str, Cell]]
    timings: Mapping[str, Timing]

    @property
    def needs_origins(self) -> bool:
        """True where it has to be known of a deal where in the ad account it began."""
        return needs_origins(self.by)

    def group_of(self, source: str, segments: Mapping[str, str]) -> tuple[str, ...]:
        """Return what a deal has in each of the segments; "" where it has nothing."""
        return group_in(self.by, source, segments)

    def path(self, milestone: str, group: Sequence[str]) -> Sequence[Cell]:
        """Return the cells that a lead lies in, from the whole to the narrowest that is known.

        Empty where the table does not know the milestone.
        """
        of_milestone = self.cells.get(milestone, {})
        depths = (of_milestone.get(key_of(group[:depth])) for depth in range(len(group) + 1))
        return [cell for cell in depths if cell is not None]

    def value_of(self, milestone: str, group: Sequence[str]) -> Money | None:
        """Return what a lead is worth at a milestone, to the cent; None where that is not known."""
        path = self.path(milestone, group)
        value = path[-1].value if path else None
        if value is None:
            return None
        amount = Decimal(str(value.value)).quantize(_CENT, ROUND_HALF_UP)
        return Money(amount=amount, currency=self.currency)

    def chance_of(self, milestone: str, group: Sequence[str]) -> Measured | None:
        """Return the chance of a lead that has just come to a milestone; None: nothing is known."""
        path = self.path(milestone, group)
        return path[-1].chance if path else None

    def listed(self) -> Iterator[Cell]:
        """Yield all cells: milestone by milestone, the whole before its groups."""
        for milestone in self.milestones:
            yield from sorted(self.cells[milestone].values(), key=_group_of)


class Forecast(Struct, frozen=True, kw_only=True):
    """The leads of a month at a milestone: how many were foretold to be won, and how many were.

    A month `is_closed` once the window of its last lead is over. The log losses are per lead.
    """

    month: str
    milestone: str
    is_closed: bool
    leads: int
    won: int
    expected: Measured
    has_drifted: bool
    log_loss: float
    of_one_rate: float


class AcceptedValues(Struct, frozen=True, kw_only=True):
    """The version of values that rules use; it may also restate what is counted already."""

    version: int
    table: ExpectedTable
    restates: bool


def needs_origins(by: Sequence[str]) -> bool:
    """True where some of these segments say where in the ad account a deal began."""
    return not set(AD_SEGMENTS).isdisjoint(by)


def group_in(by: Sequence[str], source: str, segments: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a deal has in each of some segments; "" where it has nothing."""
    return tuple(source if name == SOURCE else segments.get(name, "") for name in by)


def key_of(group: Sequence[str]) -> str:
    """Return the key of a group among the cells of a milestone; "" is the whole's alone."""
    return "".join(_BEFORE_EACH + name for name in group)


def _group_of(cell: Cell) -> tuple[str, ...]:
    return cell.group


def at_age(by_day: Sequence[float], days: int) -> float:
    """Return what a timing says of an age in days; beyond the window: what it says of its end."""
    return by_day[min(max(days, 0), len(by_day) - 1)]
