"""The chance of one lead, and what moved it there from the chance of any lead.

Each fact is a factor: to have come to a later milestone, to be of a group, to have been open for so
many days. Together they are the chance of the lead divided by that of any lead at its start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf, log
from typing import NamedTuple

from convsync.model.expected import Cell, ExpectedTable, at_age
from convsync.values.chances import WHOLE

_DAY = timedelta(days=1)
FACTS = 3
"""The facts that are told: those that moved a chance most."""


class Fact(NamedTuple):
    """Something known of a lead, and by how much it multiplies the chance."""

    what: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The chance of a lead that stands at a milestone to be won within what is left of the window.

    `cell` is the narrowest that is known of it, with the chance and the value on its first day.
    """

    cell: Cell
    chance: float
    facts: Sequence[Fact]


def score(table: ExpectedTable, milestone: str, group: Sequence[str], days: int) -> Score | None:
    """Return the score of a lead that came to a milestone so many days ago, and is still open.

    None where the table does not know the milestone.
    """
    path = table.path(milestone, group)
    at_start = table.chance_of(table.milestones[0], WHOLE)
    if not path or at_start is None:
        return None
    left = at_age(table.timings[milestone].left, days) if days > 0 else 1.0
    facts = [Fact(f"reached {milestone}", path[0].chance.value / at_start.value)]
    for above, cell in pairwise(path):
        segment, name = table.by[len(cell.group) - 1], cell.group[-1]
        facts.append(
            Fact(f"{segment}: {name or 'nothing'}", cell.chance.value / above.chance.value)
        )
    facts.append(Fact(f"open for {days} days", left))
    moved = [fact for fact in facts if abs(fact.factor - 1) >= 0.005]
    return Score(
        cell=path[-1],
        chance=path[-1].chance.value * left,
        facts=sorted(moved, key=_weight, reverse=True)[:FACTS],
    )


def score_of_open(
    table: ExpectedTable, reached: Mapping[str, datetime], group: Sequence[str], now: datetime
) -> tuple[str, Score] | None:
    """Return the score of an open deal by the furthest milestone it has reached, and that.

    None where it has reached none that the table knows.
    """
    known = [name for name in table.milestones if name in reached]
    if not known:
        return None
    found = score(table, known[-1], group, (now - reached[known[-1]]) // _DAY)
    return None if found is None else (known[-1], found)


def _weight(fact: Fact) -> float:
    return abs(log(fact.factor)) if fact.factor > 0 else inf
