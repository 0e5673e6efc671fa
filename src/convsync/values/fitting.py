"""A table of values from a history, as known on a day.

A value is the chance of a sale within the window times what one brings. Its interval puts those of
both together: as they are independent, distances on the scale of ratios add up by their squares.
"""

from collections.abc import Mapping, Sequence
from math import exp, hypot, inf, log

from convsync.model.expected import Cell, ExpectedTable, Measured, key_of
from convsync.values.amounts import Amount, Amounts, amounts
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
from convsync.values.outlook import wilson
from convsync.values.pooling import Drawn


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
    by_milestone: Mapping[str, Mapping[Group, Drawn]],
) -> Mapping[str, Mapping[Group, Drawn]]:
    """Return chances that grow along the milestones, group by group.

    A group that is too small at a later milestone has there what the group above it has, but no
    less than it has itself at an earlier one.
    """
    groups = sorted({group for found in by_milestone.values() for group in found})
    grown: dict[str, dict[Group, Drawn]] = {name: {} for name in by_milestone}
    for group in groups:
        along = [_narrowest(found, group) for found in by_milestone.values()]
        for name, known in zip(by_milestone, growing(along), strict=True):
            grown[name][group] = known
    return grown


def _narrowest(known: Mapping[Group, Drawn], group: Group) -> Drawn:
    return next(
        known[group[:depth]] for depth in range(len(group), -1, -1) if group[:depth] in known
    )


def _cells(
    milestone: str, tallies: Tallies, of_groups: Mapping[Group, Drawn], sales: Amounts | None
) -> dict[str, Cell]:
    nothing = Tally()
    return {
        key_of(group): _cell(milestone, group, tallies.get(group, nothing), chance, sales)
        for group, chance in of_groups.items()
    }


def _cell(milestone: str, group: Group, tally: Tally, chance: Drawn, sales: Amounts | None) -> Cell:
    of_chance = _chance(chance)
    amount = None if sales is None else sales.of(group)
    return Cell(
        milestone=milestone,
        group=group,
        leads=tally.leads,
        won=tally.won,
        young=tally.young,
        chance=of_chance,
        amount=None if amount is None else _amount(amount),
        value=None if amount is None else _value(chance, of_chance, amount),
    )


def _chance(chance: Drawn) -> Measured:
    return _around(chance.mean, *wilson(chance.own.mean, chance.own.leads), chance.own.leads)


def _amount(amount: Amount) -> Measured:
    return _around(amount.mean, amount.own / amount.ratio, amount.own * amount.ratio, amount.sales)


def _value(chance: Drawn, of_chance: Measured, amount: Amount) -> Measured:
    value, own = chance.mean * amount.mean, chance.own.mean * amount.own
    if not own:
        return _around(value, 0.0, of_chance.high * amount.own * amount.ratio, of_chance.count)
    down = hypot(_ratio(of_chance.low, chance.own.mean), log(amount.ratio))
    up = hypot(_ratio(of_chance.high, chance.own.mean), log(amount.ratio))
    return _around(value, own * exp(-down), own * exp(up), of_chance.count)


def _around(value: float, low: float, high: float, count: float) -> Measured:
    """Return a figure with its interval, which never leaves it out."""
    return Measured(value, min(low, value), max(high, value), count)


def _ratio(bound: float, middle: float) -> float:
    return log(bound / middle) if bound else inf
