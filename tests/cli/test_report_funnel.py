"""`report funnel`: a company by hand, and two real tables against DuckDB, which shares no code."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from convsync.sandbox.crm.book import Deal
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
{columns}

[deals.crm.milestones]
{milestones}

[deals.crm.segments]
{segments}

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
    said = leads.types("report", "funnel", *DAYS).out
    (line,) = [one for one in said.splitlines() if one.startswith("1 came back after it was lost")]
    command = line.partition("`convsync ")[2].rstrip("`").split()
    assert leads.types(*command, "--as-of", DAYS[-1]).out.splitlines()[-1].startswith("1 deal")


@pytest.mark.long
def test_absurd_amounts_are_worth_nothing(leads: Office) -> None:
    assert of(funnel(leads), "", "milestone", "worth", "currency")[0] == ("mql", "4000.00", "EUR")


def test_sent_values_are_shown_beside_the_crm_s(leads: Office) -> None:
    """The platform counts wins at their amount, and each MQL at the sum that its rule says."""
    found = {row[0]: row[1:] for row in of(funnel(leads), "", "milestone", "worth", "sent")}
    for name, action in (("mql", "111"), ("sql", "222"), ("won", "333")):
        assert float(found[name][1]) == sum(leads.values(action)), name
    assert found["won"] == ("2000.00", "2000.00")


def test_a_second_deal_of_a_customer_is_a_returning_one(office: Office) -> None:
    """Ada bought in February and again in March; Bob and Cleo bought once, Cleo just now."""
    office.deal("D-1", e_mail="ada@x.example", visitor_id="v-1", won_date="2026-02-21")
    office.deal("D-2", e_mail="ada@x.example", created="2026-02-22 10:00:00", gclid="")
    office.deals["D-2"] |= {"MQL date": "2026-02-22 11:00:00", "Amount": "250"}
    office.deal("D-3", e_mail="bob@x.example", visitor_id="v-3")
    office.deal("D-4", e_mail="cleo@x.example", won_date="", visitor_id="v-4")
    office.clicks["D-1"]["Visitor ID"] = "v-1"
    office.night()
    (found,) = funnel(office)["customers"]
    counts = {
        kind: (found[kind]["leads"], found[kind]["won"], found[kind]["worth"])
        for kind in ("new", "returning")
    }
    assert counts == {"new": (3, 2, {"EUR": "2000"}), "returning": (1, 1, {"EUR": "250"})}
    assert (found["first_sales"], found["bought_again"]) == (2, 1)
    assert found["median_days_to_next_sale"] == 9
    assert {one["customers"] for one in found["again_within"]} == {0}
    later = office.types("report", "funnel", *DAYS[:4], "--as-of", "2026-03-03T02:00+01:00")
    assert "1 of 2 new customers bought again, half of them within 9 d" in later.out


def test_who_came_back_is_not_guessed_where_nothing_joins_deals(leads: Office) -> None:
    assert funnel(leads)["customers"] is None
    assert "Who came back is not known" in leads.types("report", "funnel", *DAYS).out


def test_the_owner_of_a_crms_deals_needs_no_mapping(office: Office) -> None:
    crm = office.moves_to("hubspot")
    now = datetime.fromisoformat("2026-03-01T12:00+00:00")
    for number, owner in enumerate(("7", "7", "8"), 1):
        office_deal = Deal(
            deal_id=crm.server.record_id("deal", number),
            created_at=now,
            modified_at=now,
            entered=(("mql", now),),
            owner=owner,
        )
        crm.book.put(office_deal)
    office.night()
    by_owner = funnel(office, "--by", "owner")["funnel"]
    assert {row["cohort"]: row["leads"] for row in by_owner} == {"7": 2, "8": 1}
    said = office.types("report", "shortfalls", *DAYS)
    assert said.code == 0, said.err


def test_deals_of_a_crm_group_by_type_and_reason_of_their_loss(office: Office) -> None:
    crm = office.moves_to("salesforce")
    mapped = 'deal_type = "Type"\nlost_reason = "Loss_Reason__c"'
    office.configure("[deals.crm.segments]\n", f"[deals.crm.segments]\n{mapped}\n")
    now = datetime.fromisoformat("2026-03-01T12:00+00:00")
    for number, reason in enumerate(("price", "price", "timing"), 1):
        crm.book.put(
            Deal(
                deal_id=crm.server.record_id("deal", number),
                created_at=now,
                modified_at=now,
                entered=(("mql", now), ("lost", now)),
                lost_reason=reason,
                fields={"deal_type": "newbusiness"},
            )
        )
    said = office.night()
    assert said.code == 0, said.err
    for by, leads in (
        ("lost_reason", {"price": 2, "timing": 1}),
        ("deal_type", {"newbusiness": 3}),
    ):
        found = funnel(office, "--by", by)["funnel"]
        assert {row["cohort"]: row["leads"] for row in found} == leads


def test_cohorts_are_of_the_day_a_deal_became_a_lead(leads: Office) -> None:
    by_month = funnel(leads, "--by", "month")
    assert of(by_month, "2026-01", "milestone", "came")[0] == ("mql", 1)
    assert of(by_month, "2026-02", "milestone", "came")[0] == ("mql", 4)
    assert [row["unfinished"] for row in by_month["funnel"]][-1] is True
    table = leads.types("report", "funnel", *DAYS, "--by", "month").out.splitlines()
    assert table[1].split()[-1] == "unfinished"
    assert table[3].rstrip().endswith("too early to say")
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


MAVEN_GROUPS = {"product": 7, "owner": 30, "vertical": 11, "region": 3}
"""The groups of each segment of Maven's table."""


def loaded(
    office: Office, found: str, at: str, *, more: str = "[rules.won]\n", **config: str
) -> None:
    """Let the company read what DuckDB finds in the shared data, and run one night."""
    config = {"segments": 'group = "grouped_by"', "columns": ""} | config
    config |= {"grpc": office.sandbox.grpc_address, "http": office.sandbox.http_url}
    tables = TABLES.format(**config).replace("[rules.won]\n", more.lstrip())
    office.config.write_text(tables, encoding="utf-8")
    duckdb.execute(f"COPY ({found}) TO '{office.folder}/deals.csv' (HEADER)")
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("run", "--as-of", at, "--force")
    assert said.code in {0, 1}, said.err


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="shared data not here")
def test_mavens_funnel_is_what_an_independent_computation_finds(office: Office) -> None:
    at = "2018-01-02T02:00+00:00"
    read = f"read_csv('{DATA}/maven_crm/sales_pipeline.csv', all_varchar = true)"
    teams, accounts = (
        f"(FROM read_csv('{DATA}/maven_crm/{name}.csv', all_varchar = true)) {name}"
        for name in ("sales_teams", "accounts")
    )
    engaged = (
        "SELECT opportunity_id AS deal_id, product, sales_agent AS owner, sector AS vertical,"
        " regional_office AS region, engage_date, close_date, deal_stage, close_value AS amount"
        f" FROM {read} deals LEFT JOIN {teams} USING (sales_agent)"
        f" LEFT JOIN {accounts} USING (account)"
        " WHERE engage_date IS NOT NULL"
    )
    ended = '{{ column = "close_date", when = {{ deal_stage = ["{}"] }} }}'
    milestones = (
        f'opportunity = "engage_date"\nwon = {ended.format("Won")}\nlost = {ended.format("Lost")}'
    )
    segments = "\n".join(f'{name} = "{name}"' for name in MAVEN_GROUPS)
    loaded(
        office, engaged, at, milestones=milestones, segments=segments, zone="UTC", currency="USD"
    )
    columns = ("came", "open", "lost", "median_days", "p90_days", "days_of", "worth")
    for by, groups in MAVEN_GROUPS.items():
        found = figures(office, at, by, *columns)
        expected = of_maven(engaged, by)
        assert len(expected) == groups
        for group, deals, is_open, lost, days, worth in expected:
            won = len(days)
            assert found[group, "opportunity"][:3] == (deals, is_open, lost)
            took = (days[won // 2], days[won * 9 // 10]) if days else (None, None)
            assert found[group, "won"] == (won, 0, 0, *took, won, f"{worth:.2f}")


def of_maven(engaged: str, by: str) -> list[tuple[Any, ...]]:
    """Return what DuckDB counts of each group: deals, open, lost, days of sales, their worth."""
    return duckdb.execute(
        f"SELECT coalesce({by}, '(not filled in)'), count(*),"
        " count(*) FILTER (deal_stage = 'Engaging'),"
        " count(*) FILTER (deal_stage = 'Lost'),"
        " list_sort(coalesce(list(date_diff('day', engage_date::DATE, close_date::DATE))"
        " FILTER (deal_stage = 'Won'), [])),"
        " coalesce(sum(amount::INT) FILTER (deal_stage = 'Won'), 0)"
        f" FROM ({engaged}) GROUP BY 1"
    ).fetchall()


CLICKS = """
[clicks.site]
kind = "csv"
path = "clicks.csv"

[clicks.site.columns]
clicked_at = "at"
gclid = "gclid"
visitor = "visitor"

[rules.won]
"""


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="shared data not here")
def test_mavens_returning_customers_are_what_an_independent_computation_finds(
    office: Office,
) -> None:
    """A customer is an account with its agent; a key of six deals joins nobody.

    A day without a time is its last second, so the last first sale 90 days ago is of 3 October.
    """
    at = "2018-01-02T02:00+00:00"
    won = (
        "SELECT opportunity_id AS deal_id, md5(account || sales_agent) AS customer,"
        " engage_date, close_date, deal_stage, close_value AS amount, '' AS grouped_by"
        f" FROM read_csv('{DATA}/maven_crm/sales_pipeline.csv', all_varchar = true)"
        " WHERE engage_date IS NOT NULL AND account IS NOT NULL"
    )
    (office.folder / "clicks.csv").write_text("at,gclid,visitor\n2016-10-01T00:00:00Z,x,v\n")
    milestones = (
        'opportunity = "engage_date"\n'
        'won = { column = "close_date", when = { deal_stage = ["Won"] } }'
    )
    config = {"milestones": milestones, "zone": "UTC", "currency": "USD", "more": CLICKS}
    loaded(office, won, at, columns='visitor = "customer"', **config)
    days = ("--from", "2016-01-01", "--to", at[:10], "--as-of", at)
    said = office.types("report", "funnel", *days, "--format", "json")
    (found,) = json.loads(said.out)["customers"]
    duckdb.execute(
        "CREATE OR REPLACE TEMP TABLE sold AS SELECT deal_id, engage_date::DATE AS lead,"
        " CASE deal_stage WHEN 'Won' THEN close_date::DATE END AS won, amount::INT AS amount,"
        " CASE WHEN count(*) OVER (PARTITION BY customer) > 5 THEN deal_id ELSE customer END AS who"
        f" FROM ({won})"
    )
    sides = duckdb.execute(
        "SELECT EXISTS (FROM sold o WHERE o.who = s.who AND o.deal_id <> s.deal_id"
        " AND o.won <= s.lead), count(*), count(won), sum(amount) FILTER (won IS NOT NULL)"
        " FROM sold s GROUP BY 1"
    ).fetchall()
    assert {
        (kind == "returning", found[kind]["leads"], found[kind]["won"], found[kind]["worth"]["USD"])
        for kind in ("new", "returning")
    } == {(came_back, leads, won, f"{worth}") for came_back, leads, won, worth in sides}
    again = duckdb.execute(
        "WITH sales AS (SELECT who, list_sort(list(won)) AS won FROM sold WHERE won IS NOT NULL"
        " GROUP BY who) SELECT count(*), count(*) FILTER (len(won) > 1), count(*) FILTER"
        " (won[1] <= DATE '2017-10-03'), count(*) FILTER (won[1] <= DATE '2017-10-03'"
        " AND won[2] - won[1] < 90) FROM sales"
    ).fetchone()
    within = found["again_within"][0]
    counted = (found["first_sales"], found["bought_again"])
    assert (*counted, within["customers"], within["bought_again"]) == again


def figures(office: Office, at: str, by: str, *columns: str) -> dict[tuple[str, str], Any]:
    days = ("--from", "2016-01-01", "--to", at[:10], "--as-of", at)
    said = office.types("report", "funnel", "--by", by, *days, "--format", "json")
    assert said.code == 0, said.err
    return {
        (row["cohort"], row["milestone"]): tuple(row[column] for column in columns)
        for row in json.loads(said.out)["funnel"]
    }
