"""`report funnel`: a company by hand, and two real tables against DuckDB, which shares no code."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.cli.office import NIGHT, Office, rows_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"
DAYS = ("--from", "2026-01-01", "--to", "2026-03-31", "--as-of", NIGHT)

TABLES = """
[company]
time_zone = "{zone}"
currency = "{currency}"

[deals.crm]
kind = "csv"
path = "deals.csv"

[deals.crm.columns]
deal_id = "deal_id"
amount = "amount"

[deals.crm.milestones]
{milestones}

[deals.crm.segments]
group = "grouped_by"

[rules.won]
milestone = "won"
action_id = 333

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "{grpc}"
rest_endpoint = "{http}"
plaintext = true
"""


@pytest.fixture
def leads(office: Office) -> Office:
    """Five leads: won, lost, one that skipped a step, one that stands, one that came back."""
    office.deal("D-1", sql_date="2026-02-24 10:00:00", opportunity_date="2026-02-26 10:00:00")
    office.deal("D-2", won_date="", lost_date="2026-02-23", region="north")
    office.deal("D-3", region="north")
    office.deal("D-4", won_date="", created="2026-01-07", mql_date="2026-01-08 10:00:00")
    office.deal("D-5", won_date="", lost_date="2026-02-25", amount="60000000")
    office.night("2026-03-02T23:00+01:00")
    office.deal(
        "D-5", won_date="", lost_date="", last_modified="2026-03-02 23:00:00", amount="60000000"
    )
    office.night()
    return office


def funnel(office: Office, *words: str) -> dict[str, Any]:
    said = office.types("report", "funnel", *DAYS, *words, "--format", "json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def of(found: dict[str, Any], cohort: str, *columns: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row[column] for column in columns)
        for row in found["funnel"]
        if row["cohort"] == cohort
    ]


def test_every_lead_went_on_stands_or_was_lost_at_each_step(leads: Office) -> None:
    found = of(funnel(leads), "", "milestone", "came", "reached", "open", "lost")
    assert found == [
        ("mql", 5, 5, 2, 1),
        ("sql", 2, 1, 0, 0),
        ("opportunity", 2, 1, 0, 0),
        ("won", 2, 2, 0, 0),
    ]


def test_ratios_are_to_the_step_before_and_to_the_leads(leads: Office) -> None:
    found = of(funnel(leads), "", "milestone", "of_before", "of_leads")
    assert found == [("mql", 1, 1), ("sql", 0.4, 0.4), ("opportunity", 1, 0.4), ("won", 1, 0.4)]


def test_days_are_from_the_step_before_of_deals_that_reached_both(leads: Office) -> None:
    found = of(funnel(leads), "", "milestone", "median_days", "days_of")
    assert found == [("mql", None, 0), ("sql", 4.0, 1), ("opportunity", 2.0, 1), ("won", 4.6, 1)]


def test_a_deal_that_goes_round_is_counted_once_and_named_a_loop(leads: Office) -> None:
    assert funnel(leads)["loops"] == [
        {"cohort": "", "loop": "came back after it was lost", "deals": 1}
    ]


def test_absurd_amounts_are_worth_nothing(leads: Office) -> None:
    assert of(funnel(leads), "", "milestone", "worth", "currency")[0] == ("mql", "4000", "EUR")


def test_cohorts_are_of_the_day_a_deal_became_a_lead(leads: Office) -> None:
    by_month = funnel(leads, "--by", "month")
    assert of(by_month, "2026-01", "milestone", "came")[0] == ("mql", 1)
    assert of(by_month, "2026-02", "milestone", "came")[0] == ("mql", 4)
    assert [row["unfinished"] for row in by_month["funnel"]][-1] is True
    north = of(funnel(leads, "--by", "region"), "north", "milestone", "came", "lost")
    assert north[0] == ("mql", 2, 1)


def test_a_day_that_has_not_come_is_not_looked_into(leads: Office) -> None:
    early = leads.types("report", "funnel", *DAYS[:4], "--as-of", "2026-02-21", "--format", "csv")
    came = {row["milestone"]: row["came"] for row in rows_of(early.out)}
    assert came == {"mql": "5", "sql": "0", "opportunity": "0", "won": "0"}


def test_the_page_draws_the_steps_the_hand_over_and_the_agreement(leads: Office) -> None:
    said = leads.types("report", "funnel", *DAYS)
    assert "marketing → sales development" in said.out
    assert "█" * 20 in said.out
    assert "sql, owned by sales development: Sales has spoken to them: there is a need" in said.out
    assert "Unfinished; too few have ended to say what is to be expected." in said.out


def test_an_unknown_group_is_answered_with_those_there_are(leads: Office) -> None:
    said = leads.types("report", "funnel", "--by", "colour")
    assert said.code == 2
    assert "there are: week, month, source, region, vertical." in said.err


def loaded(office: Office, found: str, at: str, **config: str) -> None:
    """Let the company read what DuckDB finds in the shared data, and run one night."""
    config |= {"grpc": office.sandbox.grpc_address, "http": office.sandbox.http_url}
    office.config.write_text(TABLES.format(**config), encoding="utf-8")
    duckdb.execute(f"COPY ({found}) TO '{office.folder}/deals.csv' (HEADER)")
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("run", "--as-of", at, "--force")
    assert said.code in {0, 1}, said.err


@pytest.mark.skipif(not DATA.exists(), reason="shared data not here")
def test_olists_funnel_is_what_an_independent_computation_finds(office: Office) -> None:
    folder, at = DATA / "olist_funnel", "2018-04-02T02:00-03:00"
    joined = (
        "SELECT l.mql_id AS deal_id, l.origin AS grouped_by, '' AS amount,"
        " l.first_contact_date AS mql, w.won_date AS won"
        f" FROM read_csv('{folder}/leads.csv', all_varchar = true) l"
        f" LEFT JOIN read_csv('{folder}/won_deals.csv', all_varchar = true) w USING (mql_id)"
    )
    milestones = 'mql = "mql"\nwon = "won"'
    loaded(office, joined, at, milestones=milestones, zone="America/Sao_Paulo", currency="BRL")
    month = "strftime(least(mql::DATE, won::DATE), '%Y-%m')"
    for by, name in (("month", month), ("group", "coalesce(grouped_by, '(not filled in)')")):
        found = figures(office, at, by, "came", "open", "of_leads")
        expected = duckdb.execute(
            f"SELECT {name}, count(*), count(won) FROM ({joined}) GROUP BY 1"
        ).fetchall()
        assert len(expected) >= 10
        assert {one for one, _ in found} == {cohort for cohort, _, _ in expected}
        for cohort, leads, won in expected:
            assert found[cohort, "mql"] == (leads, leads - won, 1)
            assert found[cohort, "won"] == (won, 0, pytest.approx(won / leads, abs=1e-4))


@pytest.mark.skipif(not DATA.exists(), reason="shared data not here")
def test_mavens_funnel_is_what_an_independent_computation_finds(office: Office) -> None:
    at = "2018-01-02T02:00+00:00"
    read = f"read_csv('{DATA}/maven_crm/sales_pipeline.csv', all_varchar = true)"
    engaged = (
        "SELECT opportunity_id AS deal_id, product AS grouped_by, engage_date, close_date,"
        f" deal_stage, close_value AS amount FROM {read} WHERE engage_date IS NOT NULL"
    )
    ended = '{{ column = "close_date", when = {{ deal_stage = ["{}"] }} }}'
    milestones = (
        f'opportunity = "engage_date"\nwon = {ended.format("Won")}\nlost = {ended.format("Lost")}'
    )
    loaded(office, engaged, at, milestones=milestones, zone="UTC", currency="USD")
    columns = ("came", "open", "lost", "median_days", "p90_days", "days_of", "worth")
    found = figures(office, at, "group", *columns)
    expected = duckdb.execute(
        "SELECT grouped_by, count(*), count(*) FILTER (deal_stage = 'Engaging'),"
        " count(*) FILTER (deal_stage = 'Lost'),"
        " list_sort(list(date_diff('day', engage_date::DATE, close_date::DATE))"
        " FILTER (deal_stage = 'Won')), sum(amount::INT) FILTER (deal_stage = 'Won')"
        f" FROM ({engaged}) GROUP BY 1"
    ).fetchall()
    assert len(expected) == 7
    for product, deals, is_open, lost, days, worth in expected:
        won = len(days)
        assert found[product, "opportunity"][:3] == (deals, is_open, lost)
        median, p90 = days[won // 2], days[won * 9 // 10]
        assert found[product, "won"] == (won, 0, 0, median, p90, won, f"{worth}")


def figures(office: Office, at: str, by: str, *columns: str) -> dict[tuple[str, str], Any]:
    days = ("--from", "2016-01-01", "--to", at[:10], "--as-of", at)
    said = office.types("report", "funnel", "--by", by, *days, "--format", "json")
    assert said.code == 0, said.err
    return {
        (row["cohort"], row["milestone"]): tuple(row[column] for column in columns)
        for row in json.loads(said.out)["funnel"]
    }
