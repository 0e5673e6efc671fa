"""Values learned in two hundred of the sandbox's worlds, held against their true chances."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from convsync.sandbox.world import World
from convsync.sandbox.world_chances import true_chance
from convsync.sandbox.world_figures import LEADS_BY_ORIGIN
from convsync.values.chances import WHOLE
from convsync.values.fitting import learn
from convsync.values.leads import days_at
from tests.worlds_to_learn import TERMS, leads_of

ENDS_AT = datetime(2026, 3, 1, tzinfo=UTC)
LEADS = 5_000
WORLDS = 200
LARGE = 300


def truths() -> dict[tuple[str, ...], float]:
    """Return the chance of a sale within the window, of all leads and by origin."""
    by_origin = {name: true_chance(name, "mql", TERMS.window_days) for name in LEADS_BY_ORIGIN}
    all_leads = sum(LEADS_BY_ORIGIN.values())
    whole = sum(by_origin[name] * leads / all_leads for name, leads in LEADS_BY_ORIGIN.items())
    return {WHOLE: whole, **{(name,): chance for name, chance in by_origin.items()}}


def is_large(group: tuple[str, ...]) -> bool:
    """True of all leads, and of groups that have three hundred of them or more."""
    share = LEADS_BY_ORIGIN[group[0]] / sum(LEADS_BY_ORIGIN.values()) if group else 1.0
    return share * LEADS >= LARGE


@pytest.mark.slow
def test_learned_chances_are_true_and_their_intervals_honest() -> None:
    truth = truths()
    held: Counter[tuple[str, ...]] = Counter()
    ratios: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for seed in range(WORLDS):
        leads = leads_of(World(seed=seed, deals=LEADS, ends_at=ENDS_AT))
        table = learn(leads, TERMS, days_at(ENDS_AT))
        assert table is not None
        for cell in table.cells["mql"].values():
            ratios[cell.group].append(cell.chance.value / truth[cell.group])
            held[cell.group] += cell.chance.low <= truth[cell.group] <= cell.chance.high
    large = [group for group in truth if is_large(group)]
    assert len(large) == 7
    assert {len(ratios[group]) for group in large} == {WORLDS}
    assert 0.87 <= held[WHOLE] / WORLDS <= 0.93
    assert 0.87 <= sum(held[group] for group in large) / WORLDS / len(large) <= 0.93
    assert held.total() > 0.85 * sum(map(len, ratios.values())), "small groups included"
    for group in large:
        mean = sum(ratios[group]) / WORLDS
        assert mean == pytest.approx(1, abs=0.05 if group == WHOLE else 0.1), group
