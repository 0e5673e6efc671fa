"""Learned values on Maven's opportunities, against DuckDB, which shares no code; else skipped."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from convsync.model.expected import ExpectedTable, key_of
from convsync.values.fitting import learn
from convsync.values.leads import Lead, Spell, Terms, days_at

PIPELINE = Path(__file__).parents[2].parent / "shared" / "data" / "maven_crm" / "sales_pipeline.csv"
LONG_AFTER = days_at(datetime(2019, 1, 1, tzinfo=UTC))
TERMS = Terms(
    milestones=("opportunity",),
    by=("sales_agent",),
    window_days=90,
    half_life_days=1e9,
    currency="USD",
)
BY_AGENT = f"""
SELECT sales_agent,
       count(*) AS leads,
       count(*) FILTER (deal_stage = 'Won' AND close_date - engage_date <= 90) AS won
FROM read_csv('{PIPELINE}', all_varchar = false)
WHERE engage_date IS NOT NULL
GROUP BY sales_agent
"""
A_SALE = f"SELECT avg(close_value) FROM read_csv('{PIPELINE}') WHERE deal_stage = 'Won'"

pytestmark = pytest.mark.skipif(not PIPELINE.is_file(), reason="Maven's data are not here")


def asked(query: str) -> list[Any]:
    return duckdb.connect().execute(query).fetchall()


@pytest.fixture(scope="module")
def table() -> ExpectedTable:
    with PIPELINE.open(encoding="utf-8", newline="") as file:
        leads = [_lead(row) for row in csv.DictReader(file) if row["engage_date"]]
    found = learn(leads, TERMS, LONG_AFTER)
    assert found is not None
    return found


def test_leads_and_sales_are_those_that_a_query_counts(table: ExpectedTable) -> None:
    counted = asked(BY_AGENT)
    assert len(counted) == 30
    for agent, leads, won in counted:
        cell = table.cells["opportunity"][key_of((agent,))]
        assert (cell.leads, cell.won) == (leads, won)


def test_each_chance_lies_between_the_agents_own_share_and_that_of_all(
    table: ExpectedTable,
) -> None:
    """Once all windows are over, nobody is censored: what is left is the drawing together."""
    counted = asked(BY_AGENT)
    of_all = sum(won for *_, won in counted) / sum(leads for _, leads, _ in counted)
    whole = table.chance_of("opportunity", ())
    assert whole is not None
    assert whole.value == pytest.approx(of_all, abs=0.001)
    for agent, leads, won in counted:
        chance = table.chance_of("opportunity", (agent,))
        assert chance is not None
        low, high = sorted((won / leads, whole.value))
        assert low - 0.001 <= chance.value <= high + 0.001


def test_a_sale_brings_what_the_average_one_brought(table: ExpectedTable) -> None:
    ((average,),) = asked(A_SALE)
    amount = table.path("opportunity", ())[0].amount
    assert amount is not None
    assert amount.value == pytest.approx(average, rel=0.001)


def _lead(row: dict[str, str]) -> Lead:
    ended = Spell(_day(row["close_date"])) if row["close_date"] else None
    is_won = row["deal_stage"] == "Won"
    return Lead(
        group=(row["sales_agent"],),
        reached={"opportunity": Spell(_day(row["engage_date"]))},
        won=ended if is_won else None,
        lost=None if is_won else ended,
        amount=float(row["close_value"]) if is_won else None,
    )


def _day(text: str) -> float:
    return days_at(datetime.fromisoformat(text).replace(tzinfo=UTC))
