"""A table of values from a history, as known on a day.

A value is the chance of a sale within the window times what one brings. Its interval puts those of
both together: as they are independent, distances on the scale of ratios add up by their squares.
"""

from collections.abc import Mapping, Sequence
from math import exp, hypot, inf, log, sqrt

from convsync.model.expected import Cell, ExpectedTable, Measured, key_of
from convsync.values.amounts import amounts
from convsync.values.chances import (
    WHOLE,
    Group,
    Tallies,
    Tally,
    Watch,
    chances,
    growing,
    tallied,
)
from convsync.values.leads import Lead, Terms
from convsync.values.outlook import NINE_IN_TEN, wilson
from convsync.values.pooling import Known


def learn(leads: Sequence[Lead], terms: Terms, day: float) -> ExpectedTable | None:
    """Return the table as of a day; None where no lead is known to have been won within the window.

    A milestone that no lead had reached is not in it.
    """
    by_milestone = {name: tallied(leads, name, terms, day) for name in terms.milestones}
    known = {name: found for name, found in by_milestone.items() if WHOLE in found}
    if not any(found[WHOLE].won for found in known.values()):
        return None
    watches = {name: Watch(found[WHOLE], terms) for name, found in known.items()}
    found_chances = _along_milestones(
        {name: chances(found, watches[name], terms) for name, found in known.items()}
    )
    of_sales = amounts(leads, terms, day)
    return ExpectedTable(
        by=tuple(terms.by),
        milestones=tuple(known),
        window_days=terms.window_days,
        currency=terms.currency,
        cells={
            name: _cells(name, known[name], of_groups, of_sales)
            for name, of_groups in found_chances.items()
        },
        timings={name: watch.timing for name, watch in watches.items()},
    )


def _along_milestones(
    by_milestone: Mapping[str, Mapping[Group, Known]],
) -> Mapping[str, Mapping[Group, Known]]:
    """Return chances that grow along the milestones, group by group.

    A group that is too small at a later milestone has there what the group above it has, but no
    less than it has itself at an earlier one.
    """
    groups = sorted({group for found in by_milestone.values() for group in found})
    grown: dict[str, dict[Group, Known]] = {name: {} for name in by_milestone}
    for group in groups:
        along = [_narrowest(found, group) for found in by_milestone.values()]
        for name, known in zip(by_milestone, growing(along), strict=True):
            grown[name][group] = known
    return grown


def _narrowest(known: Mapping[Group, Known], group: Group) -> Known:
    return next(
        known[group[:depth]] for depth in range(len(group), -1, -1) if group[:depth] in known
    )


def _cells(
    milestone: str, tallies: Tallies, of_groups: Mapping[Group, Known], sales: Mapping[Group, Known]
) -> dict[str, Cell]:
    nothing = Tally()
    return {
        key_of(group): _cell(milestone, group, tallies.get(group, nothing), chance, sales)
        for group, chance in of_groups.items()
    }


def _cell(
    milestone: str, group: Group, tally: Tally, chance: Known, sales: Mapping[Group, Known]
) -> Cell:
    of_chance = Measured(chance.mean, *wilson(chance.mean, chance.leads), chance.leads)
    amount = _as_amount(_narrowest(sales, group)) if sales else None
    return Cell(
        milestone=milestone,
        group=group,
        leads=tally.leads,
        won=tally.won,
        young=tally.young,
        chance=of_chance,
        amount=amount,
        value=_multiplied(of_chance, amount) if amount else None,
    )


def _as_amount(known: Known) -> Measured:
    """Return an amount with its interval, which is one of ratios: no amount is below zero."""
    reach = NINE_IN_TEN * sqrt(known.variance) / known.mean if known.mean else 0.0
    return Measured(known.mean, known.mean * exp(-reach), known.mean * exp(reach), known.leads)


def _multiplied(chance: Measured, amount: Measured) -> Measured:
    value = chance.value * amount.value
    if not value:
        return Measured(value, 0.0, chance.high * amount.high, chance.count)
    down = hypot(_ratio(chance.low, chance.value), _ratio(amount.low, amount.value))
    up = hypot(_ratio(chance.high, chance.value), _ratio(amount.high, amount.value))
    return Measured(value, value * exp(-down), value * exp(up), chance.count)


def _ratio(bound: float, middle: float) -> float:
    return log(bound / middle) if bound else inf
