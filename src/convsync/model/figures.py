"""A night in figures: what it was about to send under each rule, and how much had no click.

They are kept with each run, so that later nights know what is usual. Beside sums they hold some of
the single values: enough to tell how values of a rule usually lie, whatever their number.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import reduce

from msgspec import Struct, field, structs

SOME = 50
"""So many values of a rule and currency a night keeps at most, spread evenly over all."""


class OfRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes out under one rule: how many of each kind, and worth what, by currency.

    `value` adds up what is counted or restated, `highest` is the largest of it, and `some` are
    values of newly counted conversions. `shifted` are restated to a power of ten of what they were.
    """

    new: int = 0
    restated: int = 0
    retracted: int = 0
    shifted: int = 0
    value: Mapping[str, Decimal] = field(default_factory=dict)
    highest: Mapping[str, Decimal] = field(default_factory=dict)
    some: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)

    def plus(self, other: "OfRule") -> "OfRule":
        """Return both together."""
        return OfRule(
            new=self.new + other.new,
            restated=self.restated + other.restated,
            retracted=self.retracted + other.retracted,
            shifted=self.shifted + other.shifted,
            value=_added(self.value, other.value),
            highest=_highest(self.highest, other.highest),
            some={
                currency: (*self.some.get(currency, ()), *other.some.get(currency, ()))
                for currency in {*self.some, *other.some}
            },
        )


class Figures(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes out under each rule; of the milestones newly `looked_at`, how many had no click."""

    rules: Mapping[str, OfRule] = field(default_factory=dict)
    looked_at: int = 0
    unmatched: int = 0

    @property
    def total(self) -> int:
        """Return how many rows go out."""
        return sum(one.new + one.restated + one.retracted for one in self.rules.values())

    @property
    def retracted(self) -> int:
        """Return how many conversions are taken back."""
        return sum(one.retracted for one in self.rules.values())

    @property
    def value(self) -> Mapping[str, Decimal]:
        """Return what goes out is worth, by currency."""
        return reduce(_added, (one.value for one in self.rules.values()), {})

    def of(self, rule: str) -> OfRule:
        """Return the figures of one rule."""
        return self.rules.get(rule, _NOTHING)

    def plus(self, other: "Figures") -> "Figures":
        """Return both together."""
        names = {*self.rules, *other.rules}
        return structs.replace(
            self,
            rules={name: self.of(name).plus(other.of(name)) for name in names},
            looked_at=self.looked_at + other.looked_at,
            unmatched=self.unmatched + other.unmatched,
        )


_NOTHING = OfRule()


def _added(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    nothing = Decimal(0)
    return {
        currency: one.get(currency, nothing) + other.get(currency, nothing)
        for currency in {*one, *other}
    }


def _highest(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    return {
        currency: max(side[currency] for side in (one, other) if currency in side)
        for currency in {*one, *other}
    }
