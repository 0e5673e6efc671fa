"""A lead's score: its chance, and the facts that moved it there."""

from math import prod

import pytest

from convsync.model.expected import ExpectedTable, at_age
from convsync.values.chances import WHOLE
from convsync.values.fitting import learn
from convsync.values.leads import Lead, Spell
from convsync.values.score import FACTS, Score, score
from tests.worlds_to_learn import TERMS, history

TWO_STEPS = TERMS._replace(milestones=("mql", "sql"))


@pytest.fixture(scope="module")
def table() -> ExpectedTable:
    """All that were won, and some that were not, became an SQL on their first day."""
    leads = [_with_sql(lead) for lead in history(2_000, {"good": 0.4, "bad": 0.05})]
    found = learn(leads, TWO_STEPS, 500.0)
    assert found is not None
    return found


def _with_sql(lead: Lead) -> Lead:
    since = lead.reached["mql"].since
    is_sql = lead.won is not None or int(since * 1000) % 4 == 0
    return lead._replace(reached={**lead.reached, "sql": Spell(since)}) if is_sql else lead


def scored(table: ExpectedTable, milestone: str, name: str, days: int) -> Score:
    found = score(table, milestone, (name,), days)
    assert found is not None
    return found


@pytest.mark.parametrize("days", [0, 3, 40])
@pytest.mark.parametrize("milestone", ["mql", "sql"])
@pytest.mark.parametrize("name", ["good", "bad", "unheard of"])
def test_the_facts_multiply_to_the_chance(
    table: ExpectedTable, milestone: str, name: str, days: int
) -> None:
    found = scored(table, milestone, name, days)
    start = table.chance_of("mql", WHOLE)
    assert start is not None
    moved = prod(fact.factor for fact in found.facts)
    assert start.value * moved == pytest.approx(found.chance, rel=0.02)
    assert len(found.facts) <= FACTS


def test_what_moved_a_chance_most_is_said_first(table: ExpectedTable) -> None:
    bad = scored(table, "mql", "bad", 10)
    assert bad.facts[0].what == "origin: bad"
    assert bad.facts[0].factor < 0.4
    assert {fact.what for fact in bad.facts} == {"origin: bad", "open for 10 days"}
    assert scored(table, "sql", "good", 0).facts[0].what == "reached sql"


def test_on_its_first_day_a_lead_has_the_chance_that_its_value_is_made_of(
    table: ExpectedTable,
) -> None:
    found = scored(table, "sql", "good", 0)
    assert found.chance == found.cell.chance.value


def test_a_lead_that_is_open_when_the_window_ends_has_no_chance_left(table: ExpectedTable) -> None:
    assert scored(table, "mql", "good", 90).chance == 0
    assert at_age(table.timings["mql"].left, 5_000) == 0


def test_a_milestone_that_nobody_has_reached_has_no_score(table: ExpectedTable) -> None:
    assert score(table, "opportunity", ("good",), 0) is None
