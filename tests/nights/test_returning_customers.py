"""Nights in which customers come back: a contact keeps its click ID, its deals do not share it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.vendors import CrmOfVendor
from tests.nights.company import Company

CLICKED = datetime(2026, 2, 10, 9, tzinfo=UTC)
FIRST_WON = datetime(2026, 3, 2, 15, tzinfo=UTC)
CAME_BACK = datetime(2026, 3, 5, 10, tzinfo=UTC)
SECOND_WON = datetime(2026, 3, 9, 15, tzinfo=UTC)
NIGHTS = [datetime(2026, 3, day, 2, tzinfo=UTC) for day in range(10, 13)]
DAY = timedelta(days=1)


@pytest.fixture(params=["hubspot", "pipedrive"])
def office(company: Company, request: pytest.FixtureRequest) -> CrmOfVendor:
    """A CRM with one contact who came by an ad, and was sold to twice."""
    office = company.moves_to(request.param)
    put_contact(office, 1)
    put_deal(office, 1, CLICKED + DAY, FIRST_WON)
    put_deal(office, 2, CAME_BACK, SECOND_WON)
    return office


def put_contact(office: CrmOfVendor, number: int) -> str:
    contact = office.server.record_id("contact", number)
    fields = {"gclid": f"click-of-{number}", "email": f"{number}@x.example", "consent": "yes"}
    office.book.put_person(
        crm.Person(person_id=contact, created_at=CLICKED, modified_at=CLICKED, fields=fields)
    )
    return contact


def put_deal(office: CrmOfVendor, number: int, made_at: datetime, won_at: datetime) -> str:
    deal_id = office.server.record_id("deal", number)
    office.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=made_at,
            modified_at=won_at,
            entered=(("mql", made_at), ("won", won_at)),
            amount=Decimal(100 * number),
            currency="EUR",
            people=(office.server.record_id("contact", 1),),
        )
    )
    return deal_id


def clicks_sent(company: Company) -> dict[str, str | None]:
    """The click IDs that wins were reported with, by the deals' values; None for no click."""
    found = company.query(
        "SELECT deals.amount, ledger.click_id FROM ledger JOIN deals ON deals.id = ledger.deal"
        " WHERE ledger.rule = 'won'"
    )
    return {str(row["amount"]): row["click_id"] for row in found}


def test_the_second_deal_of_a_contact_does_not_take_the_click_of_the_first(
    company: Company, office: CrmOfVendor
) -> None:
    company.night(NIGHTS[0])
    assert clicks_sent(company) == {"100": "click-of-1", "200": None}
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


def test_a_new_click_of_the_contact_is_the_second_deals(company: Company) -> None:
    """HubSpot tells since when a contact has its click ID, so each deal has its own."""
    office = company.moves_to("hubspot")
    contact = put_contact(office, 1)
    put_deal(office, 1, CLICKED + DAY, FIRST_WON)
    put_deal(office, 2, CAME_BACK, SECOND_WON)
    office.book.edit_person(contact, CAME_BACK - timedelta(hours=1), gclid="click-of-2")
    company.night(NIGHTS[0])
    assert clicks_sent(company) == {"100": "click-of-1", "200": "click-of-2"}
