"""The views for BI tools: their columns and types stay, and their figures are the commands'."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.model.click import ClickIdKind
from convsync.model.deal import LOST, WON, Deal
from convsync.model.key import Key, KeyKind
from convsync.model.ledger import Side
from convsync.model.outcome import Confirmed, Reason
from convsync.model.rule import Agreement
from convsync.report.campaigns import campaigns_of
from convsync.report.exchange import Exchange
from convsync.report.funnel import funnel_of
from convsync.store import ad_clicks, ad_costs, funnel_steps, selection
from convsync.store.database import Database
from convsync.store.selection import Selection
from tests.builders import CLICK_ID, NOW, WON_AT, a_deal, a_milestone, usd
from tests.store.rows import (
    a_conversion_of,
    a_run,
    give_up,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

ORDER = ("mql", "sql", WON, LOST)
TYPES = {
    "text": "text",
    "instant": "timestamp with time zone",
    "day": "date",
    "money": "numeric",
    "number": "double precision",
    "count": "bigint",
}
AS_SQLITE_KEEPS = {"instant": "text", "day": "text", "money": "real", "number": "real"}
COLUMNS = {
    "ledger_v1": (
        "source text, deal_id text, rule text, milestone text, milestone_at instant, side text,"
        " state text, operation text, reason text, code text, due_at instant, order_id text,"
        " destination text, action_id text, value money, currency text, told_value money,"
        " told_currency text, click_kind text, click_id text, clicked_at instant,"
        " days_to_close number, values_version count"
    ),
    "funnel_v1": (
        "source text, deal_id text, lead_at instant, position count, milestone text,"
        " definition text, owner text, next_within_days number, came count, reached_at instant,"
        " is_estimated count, is_last_step count, is_lost count, amount money, currency text,"
        " segments text, campaign_id text, campaign text, ad_group text, keyword text, device text"
    ),
    "campaigns_v1": (
        "day day, campaign_id text, campaign text, currency text, cost money, clicks count,"
        " impressions count, platform_conversions number, platform_value money"
    ),
}


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def a_lead(deal_id: str, *reached: str, click: str = "") -> Deal:
    at = NOW - timedelta(days=40)
    milestones = [
        a_milestone(name, at + timedelta(days=place)) for place, name in enumerate(reached)
    ]
    keys = (Key(KeyKind.CLICK, f"{ClickIdKind.GCLID}:{click}"),) if click else ()
    return a_deal(deal_id, created_at=at, milestones=tuple(milestones), keys=keys)


@pytest.fixture
def leads(database: Database) -> Database:
    """Seven leads, of two campaigns and of none, and what these cost."""
    save(
        database,
        a_lead("D-1", "mql", "sql", WON, click="one"),
        a_lead("D-2", "mql", LOST, click="one"),
        a_lead("D-3", "mql", click="two"),
        a_lead("D-4", "sql"),
        a_lead("D-5"),
        a_lead("D-6", "mql", WON, LOST),
        a_lead("D-7", LOST, "mql", WON, click="two"),
    )
    agreements = {"mql": Agreement(milestone="mql", definition="Fits; 'really'.", owner="us")}
    day = NOW.date() - timedelta(days=40)
    clicks = [
        AdClick(gclid="one", clicked_on=day, campaign_id="1", campaign="Alpha"),
        AdClick(gclid="two", clicked_on=day, campaign_id="2", campaign="Beta"),
    ]
    with database.transaction("arrange") as connection:
        run = a_run(connection)
        plan(connection, run, {"D-1": a_conversion_of("D-1", value=usd(100))})
        batch = put_batch(connection, run)
        moved(connection, 1, reserve_step(batch), settle_step(Confirmed()))
        give_up(connection, run, "D-2", Reason.NO_CLICK)
        funnel_steps.keep(connection, ORDER, agreements)
        ad_clicks.save(connection, "123", day, clicks, NOW)
        costs = [a_cost(day, "1", "Alpha", "12.50", 4), a_cost(day, "2", "Beta", "3", 1)]
        results = [
            AdResult(
                day=day,
                campaign_id="1",
                campaign="Alpha",
                action_id="9",
                action="Sale",
                conversions=1.5,
                value=Decimal(70),
            )
        ]
        ad_costs.save(connection, "123", "EUR", [day], costs, results, now=NOW)
    return database


def a_cost(day: date, campaign_id: str, campaign: str, cost: str, clicks: int) -> AdCost:
    return AdCost(
        view=CostView.CAMPAIGN,
        day=day,
        campaign_id=campaign_id,
        campaign=campaign,
        cost=Decimal(cost),
        clicks=clicks,
        impressions=100,
    )


def test_the_funnels_figures_are_those_of_the_command(leads: Database) -> None:
    (cohort,) = funnel_of(leads, ORDER, lambda *_: "", now=NOW, exchange=Exchange())
    found = rows(
        leads,
        "SELECT milestone, sum(came), sum(is_last_step * (1 - is_lost)),"
        " sum(is_last_step * is_lost), count(reached_at) FROM funnel_v1"
        " GROUP BY milestone, position ORDER BY position",
    )
    expected = [
        (one.milestone, one.came, one.open, one.lost, one.reached) for one in cohort.steps[:-1]
    ]
    assert found[:-1] == expected
    last = cohort.steps[-1]
    assert found[-1][:2] == (WON, last.came)
    assert found[-1][3:] == (last.lost, last.reached)
    assert rows(leads, "SELECT count(DISTINCT deal_id) FROM funnel_v1") == [(cohort.leads,)]


def test_definitions_stand_in_the_view_word_for_word(leads: Database) -> None:
    found = rows(leads, "SELECT DISTINCT milestone, definition, owner FROM funnel_v1 ORDER BY 1")
    assert ("mql", "Fits; 'really'.", "us") in found
    with leads.transaction("agree anew") as connection:
        funnel_steps.keep(connection, ("mql", WON), {})
    assert rows(leads, "SELECT DISTINCT milestone, definition FROM funnel_v1 ORDER BY 1") == [
        ("mql", ""),
        (WON, ""),
    ]


def test_the_campaigns_figures_are_those_of_the_command(leads: Database) -> None:
    period = (NOW.date() - timedelta(days=90), NOW.date())
    report = campaigns_of(leads, ORDER, "campaign", period, zone=UTC, now=NOW, exchange=Exchange())
    costs = {
        name: (Decimal(str(cost)), clicks)
        for name, cost, clicks in rows(
            leads, "SELECT campaign, sum(cost), sum(clicks) FROM campaigns_v1 GROUP BY campaign"
        )
    }
    came = dict(
        rows(
            leads,
            "SELECT campaign, count(*) FROM funnel_v1 WHERE position = 1 GROUP BY campaign",
        )
    )
    for line in report.lines:
        name = line.name if line.key else None
        assert came[name] == line.leads
        if line.key:
            assert costs[line.name] == (line.cost["EUR"], line.clicks)
    assert {line.name for line in report.lines if line.key} == {"Alpha", "Beta"}
    counted = (
        "SELECT platform_conversions, platform_value FROM campaigns_v1 WHERE campaign_id = '1'"
    )
    assert [(one, Decimal(str(value))) for one, value in rows(leads, counted)] == [
        (1.5, Decimal(70))
    ]


@pytest.mark.parametrize("view", COLUMNS)
def test_the_columns_of_a_view_and_their_types_stay(leads: Database, view: str) -> None:
    promised = [tuple(column.split()) for column in COLUMNS[view].split(", ")]
    with leads.reading() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        found = rows(
            leads,
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_name = '{view}' ORDER BY ordinal_position",
        )
        assert found == [(name, TYPES[kind]) for name, kind in promised]
        return
    names = rows(leads, f"SELECT name FROM pragma_table_info('{view}')")
    assert [name for (name,) in names] == [name for name, _ in promised]
    for name, kind in promised:
        stored = rows(leads, f"SELECT DISTINCT typeof({name}) FROM {view} WHERE {name} IS NOT NULL")
        expected = {"count": "integer"}.get(kind, AS_SQLITE_KEEPS.get(kind, kind))
        assert {word for (word,) in stored} <= {expected}, name


def test_the_ledger_shows_each_conversion_as_the_commands_do(leads: Database) -> None:
    with leads.reading() as connection:
        listed = {one.deal_id: one for one in selection.listed(connection, Selection())}
        on_side = {
            side.value: sum(
                one.conversions for one in selection.added_up(connection, Selection(state=side))
            )
            for side in Side
        }
    names = ("deal_id", "source", "rule", "milestone", "state", "reason", "order_id")
    found = rows(leads, f"SELECT {', '.join(names)} FROM ledger_v1")
    assert {row[0] for row in found} == {"D-1", "D-2"} == set(listed)
    for row in found:
        assert row == tuple(getattr(listed[row[0]], name) for name in names)
    sides: dict[str, int] = dict.fromkeys(on_side, 0)
    sides.update({row[0]: row[1] for row in rows(leads, _BY_SIDE)})
    assert sides == on_side
    ((told, click),) = rows(leads, "SELECT sum(told_value), max(click_id) FROM ledger_v1")
    assert (Decimal(str(told)), click) == (Decimal(100), CLICK_ID.value)


_BY_SIDE = "SELECT side, count(*) FROM ledger_v1 GROUP BY side"


def test_instants_are_in_utc(leads: Database) -> None:
    ((reached,),) = rows(leads, "SELECT milestone_at FROM ledger_v1 WHERE deal_id = 'D-1'")
    at = reached if isinstance(reached, datetime) else datetime.fromisoformat(reached)
    assert at == WON_AT
