"""Campaigns and weeks, counted alike on both databases."""

from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, CostView
from convsync.model.deal import LOST, WON, Deal
from convsync.model.outcome import Confirmed
from convsync.report.campaigns import campaigns_of
from convsync.report.counted import counted_beside_sent
from convsync.report.exchange import Exchange
from convsync.report.trend import trend_of
from convsync.store import ad_clicks, ad_costs, notes
from convsync.store.database import Database
from tests.builders import (
    CLICKED_AT,
    NOW,
    a_candidate,
    a_click,
    a_deal,
    a_match,
    a_milestone,
    usd,
)
from tests.store.rows import (
    a_conversion_of,
    a_run,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

ACCOUNT = "1234567890"
ORDER = ("mql", WON, LOST)
LEAD_AT = CLICKED_AT + timedelta(hours=1)
DAY = CLICKED_AT.date()
MONTH = (DAY - timedelta(days=3), DAY + timedelta(days=27))


def lead(name: str, gclid: str | None, *, wins: bool) -> Deal:
    end = a_milestone(WON if wins else LOST, LEAD_AT + timedelta(days=8))
    return a_deal(
        name,
        created_at=LEAD_AT,
        milestones=(a_milestone("mql", LEAD_AT), end),
        amount=Decimal("99.50"),
        clicks=(a_candidate(a_click(gclid)),) if gclid else (),
    )


@pytest.fixture
def advertiser(database: Database) -> Database:
    """Two leads of a campaign, of which one is sold and was sent, and one of nobody's."""
    save(
        database,
        lead("D-1", "one", wins=True),
        lead("D-2", "two", wins=False),
        lead("D-3", None, wins=True),
    )
    told = [
        AdClick(gclid=one, clicked_on=DAY, campaign_id="17", campaign="Brand")
        for one in ("one", "two")
    ]
    cost = AdCost(
        view=CostView.CAMPAIGN,
        day=DAY,
        campaign_id="17",
        campaign="Brand",
        cost=Decimal("19.90"),
        clicks=10,
        impressions=99,
    )
    days = [MONTH[0] + timedelta(days=age) for age in range(31)]
    with database.transaction("costs") as connection:
        ad_clicks.save(connection, ACCOUNT, DAY, told, NOW)
        ad_costs.save(connection, ACCOUNT, "USD", days, [cost], [], now=NOW)
        run = a_run(connection)
        sold = a_conversion_of("D-1", value=usd("99.50"), matched=a_match(a_click("one")))
        plan(connection, run, {"D-1": sold})
        batch = put_batch(connection, run)
        moved(connection, 1, reserve_step(batch), settle_step(Confirmed()))
    return database


def test_a_campaign_is_its_costs_and_what_became_of_its_leads(advertiser: Database) -> None:
    found = campaigns_of(
        advertiser, ORDER, "campaign", MONTH, zone=UTC, now=NOW, exchange=Exchange()
    )
    brand, unknown = found.lines
    assert (brand.name, brand.leads, brand.came, brand.sold) == ("Brand", 2, [2, 1], 1)
    assert (brand.cost, brand.value) == ({"USD": Decimal("19.90")}, {"USD": Decimal("99.50")})
    assert brand.return_on(brand.value) == 5
    assert (unknown.leads, unknown.sold, unknown.cost) == (1, 1, {})
    assert (found.whole.leads, found.whole.sold, found.days_known) == (3, 2, 31)
    (beside,) = counted_beside_sent(advertiser, {}, *MONTH, UTC)
    assert (beside.campaign, beside.sent, beside.sent_value) == (
        *("Brand", 1),
        {"USD": Decimal("99.50")},
    )


def test_a_week_is_what_happened_in_it(advertiser: Database) -> None:
    with advertiser.transaction("note") as connection:
        notes.add(connection, DAY, "new landing page", "anna", now=NOW)
    weeks = trend_of(advertiser, ORDER, MONTH, against=4, zone=UTC, now=NOW, exchange=Exchange())
    assert sum(week.leads for week in weeks) == 3
    assert sum(week.sales for week in weeks) == 2
    (with_lead,) = [week for week in weeks if week.leads]
    assert with_lead.monday == DAY - timedelta(days=DAY.weekday())
    assert [one.text for one in with_lead.notes] == ["new landing page"]
    assert with_lead.cost == {"USD": Decimal("19.90")}
    (sent,) = [week for week in weeks if week.sent]
    assert sent.sent_value == {"USD": Decimal("99.50")}
    (with_sales,) = [week for week in weeks if week.sales]
    assert with_sales.value["USD"].amount == 199
    assert with_sales.from_ads["USD"].amount == Decimal("99.50")
