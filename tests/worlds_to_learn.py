"""Leads whose true chances are known: of the sandbox's world, and made up in a line."""

from collections.abc import Sequence
from random import Random

from convsync.sandbox.world import World
from convsync.values.leads import Lead, Spell, Terms
from scripts.backtest_values import as_lead

TERMS = Terms(
    milestones=("mql", "sql", "opportunity"),
    by=("origin",),
    window_days=90,
    half_life_days=365,
    currency="EUR",
)


def leads_of(world: World) -> Sequence[Lead]:
    """Return the leads of a world with their whole life: learning sees what was known on a day."""
    return [as_lead(world.deal(index)) for index in range(world.deals)]


def made_up(
    rng: Random,
    leads: int,
    chance_of: dict[str, float],
    *,
    days: float = 500,
    pace: float = 30,
    loses: float = 0.9,
) -> list[Lead]:
    """Return leads that come evenly over so many days, and are won or lost at the same pace.

    Each is of one of the groups, as likely of each; the others stay open.
    """
    found = []
    for _ in range(leads):
        name = rng.choice(list(chance_of))
        since = rng.random() * days
        ends = Spell(since + rng.expovariate(1 / pace))
        is_won = rng.random() < chance_of[name]
        is_lost = not is_won and rng.random() < loses
        found.append(
            Lead(
                (name,),
                {"mql": Spell(since)},
                won=ends if is_won else None,
                lost=ends if is_lost else None,
                amount=1_000.0 if is_won else None,
            )
        )
    return found


def history(leads: int, chance_of: dict[str, float], seed: int = 0) -> list[Lead]:
    """Return leads made up from a seed."""
    return made_up(Random(seed), leads, chance_of)
