"""Nights over CRMs with purged histories: what was counted stays so, unless a deal goes back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.sandbox.crm.book import Deal, Telling
from convsync.sandbox.crm.vendors import SERVERS, CrmOfVendor
from tests.nights.company import Company

BEGINS = datetime(2026, 3, 2, 2, tzinfo=UTC)
CREATED = BEGINS - timedelta(days=20)
SQL_RULE = """
[rules.sql]
milestone = "sql"
action_id = 333
value = { kind = "fixed", amount = 150, currency = "EUR" }
"""


def put(crm: CrmOfVendor, *stages: str) -> str:
    """Put a deal that came into these stages day by day, and return its ID."""
    entered = [(stage, CREATED + timedelta(days=day)) for day, stage in enumerate(stages)]
    deal = Deal(
        deal_id=crm.server.record_id("deal", 1),
        created_at=CREATED,
        modified_at=BEGINS - timedelta(hours=9),
        entered=tuple(entered),
        amount=Decimal(700),
        currency="EUR",
        fields={"gclid": "EAIaIQ1xYz_BwE"},
    )
    return crm.book.put(deal).deal_id


def settled(company: Company, deal_id: str, night: datetime) -> dict[str, Decimal | None]:
    """Let a night and its verdicts pass; return what the platform was told under each rule."""
    company.night(night, force=True)
    company.night(night + timedelta(hours=12), force=True)
    entries = company.entries()
    return {rule: entry.told for (deal, rule), entry in entries.items() if deal == deal_id}


@pytest.mark.long
@pytest.mark.parametrize("vendor", SERVERS)
def test_a_purged_history_takes_nothing_back(company: Company, vendor: str) -> None:
    crm = company.moves_to(vendor)
    company.configure(more=SQL_RULE)
    deal_id = put(crm, "mql", "sql", "won")
    told = settled(company, deal_id, BEGINS)
    assert told == {"mql": 20, "sql": 150, "won": 700}
    for day, telling in ((1, Telling.PURGED), (3, Telling.NOTHING)):
        crm.book.telling = telling
        crm.book.edit(deal_id, BEGINS + timedelta(days=day, hours=9))
        assert settled(company, deal_id, BEGINS + timedelta(days=day + 1)) == told


@pytest.mark.long
def test_a_deal_that_goes_back_after_its_history_was_purged_has_gone_back(
    company: Company,
) -> None:
    crm = company.moves_to("hubspot")
    company.configure(more=SQL_RULE)
    deal_id = put(crm, "mql", "sql", "won")
    settled(company, deal_id, BEGINS)
    crm.book.telling = Telling.PURGED
    crm.book.move(deal_id, "mql", BEGINS + timedelta(days=1, hours=9))
    told = settled(company, deal_id, BEGINS + timedelta(days=2))
    assert told == {"mql": 20, "sql": 0, "won": 0}
