"""Values learned in many of the sandbox's worlds, held against the truth, which is known there.

It prints for each group of leads at each milestone what was learned as a share of the truth, and in
how many worlds the interval of nine in ten holds it. It ends with 1 where a promise of
docs/values.md is broken.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from convsync.cli import output
from convsync.cli.options import Format
from convsync.model.expected import Cell, Measured
from convsync.sandbox.world import World
from convsync.sandbox.world_chances import share_that_reaches, true_amount, true_chance
from convsync.sandbox.world_figures import LEADS_BY_ORIGIN
from convsync.values.chances import WHOLE, Group
from convsync.values.fitting import learn
from convsync.values.leads import Lead, days_at
from scripts.backtest_values import WORLD_TERMS, as_lead

ENDS_AT = datetime(2026, 3, 1, tzinfo=UTC)
LEADS = 8_300
DAYS = 900
FILLING = 360
"""Days at the beginning of a world in which only the quick leads have come to a milestone yet: what
happened in them is left out, as the truth is that of a company which has been there for longer. The
slowest opportunity comes on its lead's 351st day."""
WORLDS = 200
LARGE = 300
"""Leads from which on a group's chance has to be within a tenth of the truth."""
HELD = (0.87, 0.93)
"""Of so many worlds intervals of nine in ten are to hold the truth."""
SIZES = {LARGE: "groups of 300 leads or more", 60: "groups of 60 to 299", 0: "groups of 20 to 59"}
COLUMNS = (
    *("milestone", "group", "leads", "learned of the truth", "chance held", "value held", "worlds"),
)

Place = tuple[str, Group]


@dataclass(slots=True)
class Held:
    """What was learned of a group at a milestone, world by world.

    `held` is in how many of them the intervals of its chance and of its value hold the truth.
    """

    leads: list[int] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)

    def add(self, cell: Cell, true: float) -> None:
        """Count in a world in which the chance of the group is `true`."""
        self.leads.append(cell.leads)
        self.ratios.append(cell.chance.value / true)
        self.held["chance"] += _holds(cell.chance, true)
        self.held["value"] += _holds(cell.value, true * true_amount())

    @property
    def worlds(self) -> int:
        """In how many worlds it had leads enough to have a chance of its own."""
        return len(self.ratios)

    @property
    def mean_leads(self) -> float:
        """How many leads it had."""
        return sum(self.leads) / self.worlds

    @property
    def ratio(self) -> float:
        """What was learned, as a share of the truth."""
        return sum(self.ratios) / self.worlds


def main() -> int:
    """Learn in many worlds, print, and say what does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=WORLDS, metavar="N")
    parser.add_argument("--leads", type=int, default=LEADS, metavar="N", help="in each world")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the first world")
    asked = parser.parse_args()
    found = held(asked.worlds, asked.leads, first=asked.first)
    output.show([_line(*one) for one in found.items()], COLUMNS, Format.TABLE)
    print()
    for size, some in by_size(found).items():
        shares = ", ".join(f"{what} {share_held(some, what):.1%}" for what in ("chance", "value"))
        print(f"{size}: intervals that hold the truth: {shares}")
    broken = list(broken_promises(found))
    print(*broken or ["All is as promised."], sep="\n")
    return 1 if broken else 0


def held(worlds: int, leads: int, *, first: int = 0) -> Mapping[Place, Held]:
    """Return by milestone and group what was learned in so many worlds of so many leads."""
    truth = truths()
    found = {place: Held() for place in truth}
    for seed in range(first, first + worlds):
        world = World(seed=seed, deals=leads, ends_at=ENDS_AT, days=DAYS)
        history = [_once_filled(as_lead(world.deal(index))) for index in range(world.deals)]
        table = learn(history, WORLD_TERMS, days_at(ENDS_AT))
        assert table is not None, "some of these leads were won"
        for cell in table.listed():
            if cell.is_known:
                place = cell.milestone, cell.group
                found[place].add(cell, truth[place])
    return {place: one for place, one in found.items() if one.worlds}


def _once_filled(lead: Lead) -> Lead:
    since = days_at(ENDS_AT) - DAYS + FILLING
    reached = {name: spell for name, spell in lead.reached.items() if spell.since >= since}
    return lead._replace(reached=reached)


def truths() -> Mapping[Place, float]:
    """Return the chance of a sale within the window, of all leads and by origin."""
    found: dict[Place, float] = {}
    for milestone in WORLD_TERMS.milestones:
        there = {
            origin: leads * share_that_reaches(origin, milestone)
            for origin, leads in LEADS_BY_ORIGIN.items()
        }
        chances = {
            origin: true_chance(origin, milestone, WORLD_TERMS.window_days) for origin in there
        }
        won = sum(there[origin] * chances[origin] for origin in there)
        found[milestone, WHOLE] = won / sum(there.values())
        found |= {(milestone, (origin,)): chance for origin, chance in chances.items()}
    return found


def broken_promises(found: Mapping[Place, Held]) -> Iterator[str]:
    """Yield what of docs/values.md does not hold."""
    for (milestone, group), one in found.items():
        allowed = 0.1 if group else 0.05
        if one.mean_leads >= LARGE and abs(one.ratio - 1) > allowed:
            yield f"{milestone} {group or 'all'}: what is learned is {one.ratio:.3f} of the truth"
    for size, some in by_size(found).items():
        for what in ("chance", "value"):
            share = share_held(some, what)
            if not HELD[0] <= share <= HELD[1]:
                yield f"{what}, {size}: intervals hold the truth in {share:.1%}"


def by_size(found: Mapping[Place, Held]) -> Mapping[str, Sequence[Held]]:
    """Return the whole at each milestone, and its groups by how many leads they have."""
    sizes: dict[str, list[Held]] = {}
    for (_, group), one in found.items():
        size = (
            "all leads"
            if not group
            else next(name for least, name in SIZES.items() if one.mean_leads >= least)
        )
        sizes.setdefault(size, []).append(one)
    return sizes


def share_held(some: Sequence[Held], what: str) -> float:
    """Return in what share of their worlds the intervals of some groups hold the truth."""
    return sum(one.held[what] for one in some) / sum(one.worlds for one in some)


def _holds(found: Measured | None, true: float) -> bool:
    return found is not None and found.low <= true <= found.high


def _line(place: Place, one: Held) -> Mapping[str, str]:
    milestone, group = place
    return {
        "milestone": milestone,
        "group": " · ".join(group) or "all",
        "leads": f"{one.mean_leads:,.0f}",
        "learned of the truth": f"{one.ratio:.3f}",
        "chance held": f"{share_held([one], 'chance'):.1%}",
        "value held": f"{share_held([one], 'value'):.1%}",
        "worlds": f"{one.worlds}",
    }


if __name__ == "__main__":
    sys.exit(main())
