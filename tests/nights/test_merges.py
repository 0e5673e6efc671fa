"""Nights over CRMs that merge deals without saying so: the sale stays where it was counted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.vendors import CrmOfVendor
from tests.nights.company import Company

CREATED = datetime(2026, 2, 1, 8, tzinfo=UTC)
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
NIGHTS = [datetime(2026, 3, day, 2, tzinfo=UTC) for day in range(3, 9)]
NOON = timedelta(hours=10)
UNNAMED = ["odoo", "pipedrive", "zoho"]


def put(office: CrmOfVendor, number: int, *stages: tuple[str, datetime], contact: int = 1) -> str:
    """Put a deal of a contact into the CRM, and return its ID."""
    person = office.server.record_id("contact", contact)
    if office.book.person(person) is None:
        office.book.put_person(
            crm.Person(person_id=person, created_at=CREATED, modified_at=CREATED)
        )
    deal_id = office.server.record_id("deal", number)
    office.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=stages[0][1],
            modified_at=stages[-1][1],
            entered=stages,
            amount=Decimal(100),
            currency="EUR",
            fields={"gclid": f"G-{number}"},
            people=(person,),
        )
    )
    return deal_id


def gone(company: Company) -> dict[str, str]:
    found = company.query("SELECT deal_id, gone FROM deals WHERE gone IS NOT NULL")
    return {row["deal_id"]: row["gone"] for row in found}


@pytest.mark.long
@pytest.mark.parametrize("vendor", UNNAMED)
def test_a_sale_that_is_merged_into_a_duplicate_stays_counted_for_what_it_became(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    sale = put(office, 1, ("mql", CREATED), ("won", WON_AT))
    company.night(NIGHTS[0])
    duplicate = put(office, 2, ("mql", NIGHTS[0] + timedelta(hours=1)))
    company.night(NIGHTS[1])
    office.book.merge(sale, duplicate, NIGHTS[1] + NOON)
    merged = company.night(NIGHTS[2], force=True)
    assert merged.problems == []
    assert gone(company) == {sale: "merged"}
    known = company.query("SELECT deal_id, survivor FROM survivors")
    assert [tuple(row) for row in known] == [(sale, duplicate)], "for what is paid for it later"
    assert company.value(sale) == 100, "under the order ID it went out with"
    office.book.edit(duplicate, NIGHTS[2] + NOON, amount=Decimal(250))
    company.night(NIGHTS[3], force=True)
    assert company.value(sale) == 250, "and it is corrected under it"
    office.book.delete(duplicate, NIGHTS[3] + NOON)
    company.night(NIGHTS[4], force=True)
    assert company.value(sale) == 0
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.long
@pytest.mark.parametrize("vendor", UNNAMED)
def test_two_that_are_merged_into_a_third_keep_what_was_counted_for_each(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    survivor = put(office, 1, ("mql", CREATED))
    sale = put(office, 2, ("mql", CREATED), ("won", WON_AT))
    lead = put(office, 3, ("mql", CREATED), ("sql", WON_AT - timedelta(days=1)))
    company.night(NIGHTS[0])
    for loser in (sale, lead):
        office.book.merge(loser, survivor, NIGHTS[0] + NOON)
    company.night(NIGHTS[1], force=True)
    assert gone(company) == {sale: "merged", lead: "merged"}
    assert company.value(sale) == 100
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.long
@pytest.mark.parametrize("vendor", UNNAMED)
@pytest.mark.parametrize("contact", [1, 2], ids=["of the same contact", "of another"])
def test_a_sale_that_was_deleted_is_taken_back_and_reported_where_it_looks_like_a_merge(
    company: Company, vendor: str, contact: int
) -> None:
    office = company.moves_to(vendor)
    sale = put(office, 1, ("mql", CREATED), ("won", WON_AT))
    other = put(office, 2, ("mql", CREATED), contact=contact)
    company.night(NIGHTS[0])
    office.book.edit(other, NIGHTS[0] + NOON + timedelta(hours=1))
    office.book.delete(sale, NIGHTS[0] + NOON)
    night = company.night(NIGHTS[1], force=True)
    assert gone(company) == {sale: "deleted"}
    assert company.value(sale) == 0
    assert [other in one and "looks like a merge" in one for one in night.problems] == (
        [True] if contact == 1 else []
    )


@pytest.mark.parametrize("vendor", ["pipedrive", "zoho"])
def test_with_two_changes_at_a_deletion_the_surviving_deal_is_unknown(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    sale = put(office, 1, ("mql", CREATED), ("won", WON_AT))
    others = [put(office, number, ("mql", CREATED)) for number in (2, 3)]
    company.night(NIGHTS[0])
    for one in others:
        office.book.edit(one, NIGHTS[0] + NOON)
    office.book.delete(sale, NIGHTS[0] + NOON)
    (problem,) = company.night(NIGHTS[1], force=True).problems
    assert all(one in problem for one in others)
    assert gone(company) == {sale: "deleted"}


@pytest.mark.long
def test_what_was_merged_into_a_deal_that_cannot_be_read_stays_counted_until_it_can(
    company: Company,
) -> None:
    office = company.moves_to("hubspot")
    sale = put(office, 1, ("mql", CREATED), ("won", WON_AT))
    duplicate = put(office, 2, ("mql", CREATED))
    company.night(NIGHTS[0])
    merged = office.merge(duplicate, sale, NIGHTS[0] + NOON).deal_id
    office.book.edit(merged, NIGHTS[0] + NOON, currency="none of ISO's")
    for night in NIGHTS[1:3]:
        problems = company.night(night).problems
        assert any(sale in one and merged in one for one in problems), problems
        assert company.value(sale) == 100
    office.book.edit(merged, NIGHTS[2] + NOON, currency="EUR", amount=Decimal(250))
    assert company.night(NIGHTS[3]).problems == []
    assert [company.value(one) for one in (sale, merged)] == [250, None]
    assert gone(company) == {sale: "merged", duplicate: "merged"}
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.parametrize("vendor", UNNAMED)
def test_a_deletion_is_said_to_look_like_a_merge_although_the_survivor_cannot_be_read(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    sale = put(office, 1, ("mql", CREATED), ("won", WON_AT))
    survivor = put(office, 2, ("mql", CREATED))
    company.night(NIGHTS[0])
    office.book.merge(sale, survivor, NIGHTS[0] + NOON)
    office.book.edit(survivor, NIGHTS[0] + NOON, currency="none of ISO's")
    problems = company.night(NIGHTS[1], force=True).problems
    assert any("looks like a merge" in one and survivor in one for one in problems), problems
