"""What every source of deals promises, whatever is behind it: all eight inherit DealSourceContract.

A source's tests supply an office: a company whose CRM, or its export, is behind the source. Records
are put into the office's book, and what the source makes of them is looked at.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, cast

import pytest

from convsync.extract.source import DealSource, Departed, KeepsNoTrace, Quarantined
from convsync.model.click import ClickIdKind
from convsync.model.consent import ConsentStatus
from convsync.model.deal import Deal, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, hashed
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.book import CrmBook

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Period(since=SINCE, until=UNTIL)
CREATED = datetime(2026, 2, 1, 8, tzinfo=UTC)
SQL_AT = datetime(2026, 2, 10, 9, 30, tzinfo=UTC)
WON_AT = datetime(2026, 2, 28, 10, tzinfo=UTC)
TOUCHED = datetime(2026, 3, 1, 12, tzinfo=UTC)
WON_DEAL = (("mql", CREATED), ("sql", SQL_AT), ("won", WON_AT))


class Office(Protocol):
    """A company's records, and the source that reads them.

    `a_page` is how many deals are listed at once, `a_cap` how many the vendor finds at the most.
    The source maps: milestones sql and won by stage, the segment region, and of the people e-mail,
    phone, gclid and consent ("yes" or "no").
    """

    book: CrmBook
    a_page: int
    a_cap: int

    def source(self) -> DealSource:
        """Return the source over the book as it is now."""

    def record_id(self, number: int) -> str:
        """Return the vendor's form of a record's ID; larger numbers give larger IDs."""


def put_deal(office: Office, number: int = 1, **changes: Any) -> crm.Deal:
    """Put an ordinary won deal into the book, touched inside the window."""
    ordinary: dict[str, Any] = {
        "deal_id": office.record_id(number),
        "created_at": CREATED,
        "modified_at": TOUCHED,
        "entered": WON_DEAL,
        "amount": Decimal("1200.50"),
        "currency": "EUR",
    }
    return office.book.put(crm.Deal(**(ordinary | changes)))


def put_person(office: Office, number: int = 901, **changes: Any) -> str:
    """Put a contact into the book, untouched for long, and return its ID."""
    ordinary: dict[str, Any] = {
        "person_id": office.record_id(number),
        "created_at": CREATED,
        "modified_at": CREATED,
    }
    return office.book.put_person(crm.Person(**(ordinary | changes))).person_id


def read(source: DealSource, window: Period = WINDOW) -> list[Deal]:
    """Read a source of which every record can be read; deals that are gone are left out."""
    records = list(source.read_changed(window))
    assert [record for record in records if isinstance(record, Quarantined)] == []
    return [record for record in records if isinstance(record, Deal) and record.gone is None]


def gone(source: DealSource, deal_ids: Sequence[str]) -> set[str]:
    """Return which of the deals a night learns are no longer there."""
    records: Iterable[object] = source.read_changed(WINDOW)
    found = {
        record.deal_id
        for record in records
        if isinstance(record, Departed) or (isinstance(record, Deal) and record.gone is not None)
    }
    if isinstance(source, KeepsNoTrace):
        asked = source.departed_among(deal_ids)
        found |= {one.deal_id for one in asked if isinstance(one, Departed)}
    return found & {*deal_ids}


class DealSourceContract:
    """The suite. `office` is the fixture that a source's tests supply."""

    def only(self, office: Office) -> Deal:
        """Return the one deal the source reads."""
        (deal,) = read(office.source())
        return deal

    def test_an_empty_source_yields_nothing(self, office: Office) -> None:
        assert list(office.source().read_changed(WINDOW)) == []

    def test_a_deal_is_read_with_all_that_is_mapped(self, office: Office) -> None:
        person = put_person(
            office,
            fields={
                "email": "Jane@Example.com",
                "phone": "+49 151 12345678",
                "gclid": "EAIaIQ_x-Y",
                "consent": "yes",
            },
        )
        put_deal(office, people=(person,), fields={"region": "North"})
        deal = self.only(office)
        assert deal.deal_id == office.record_id(1)
        assert deal.created_at == CREATED
        assert deal.modified_at == TOUCHED
        assert deal.milestones == (Milestone("sql", SQL_AT), Milestone("won", WON_AT))
        assert (deal.amount, deal.currency) == (Decimal("1200.50"), "EUR")
        (click,) = {candidate.click.click_id for candidate in deal.clicks}
        assert (click.kind, click.value) == (ClickIdKind.GCLID, "EAIaIQ_x-Y")
        assert deal.identifiers.emails == (hashed("jane@example.com"),)
        assert deal.identifiers.phones == (hashed("+4915112345678"),)
        assert deal.consent.ad_user_data is ConsentStatus.GRANTED
        assert deal.segments["region"] == "North"
        assert deal.gone is None
        assert {
            Key(KeyKind.CRM, deal.deal_id),
            Key(KeyKind.EMAIL, hashed("jane@example.com")),
            Key(KeyKind.PHONE, hashed("+4915112345678")),
        } <= {*deal.keys}

    @pytest.mark.parametrize(
        ("modified", "is_read"),
        [
            pytest.param(SINCE - timedelta(seconds=1), False, id="just before since"),
            pytest.param(SINCE, True, id="at since"),
            pytest.param(UNTIL - timedelta(seconds=1), True, id="just before until"),
            pytest.param(UNTIL, False, id="at until"),
        ],
    )
    def test_a_window_includes_its_start_and_excludes_its_end(
        self, office: Office, modified: datetime, is_read: bool
    ) -> None:
        put_deal(office, modified_at=modified)
        source = office.source()
        assert len(read(source)) == (is_read or source.reads_all)

    def test_every_page_is_read(self, office: Office) -> None:
        count = 2 * office.a_page + 1
        for number in range(1, count + 1):
            put_deal(office, number)
        found = [deal.deal_id for deal in read(office.source())]
        assert sorted(found) == sorted(office.record_id(n) for n in range(1, count + 1))

    def test_one_full_page_exactly_is_read_once(self, office: Office) -> None:
        for number in range(1, office.a_page + 1):
            put_deal(office, number)
        assert len(read(office.source())) == office.a_page

    def test_more_deals_than_the_cap_at_one_instant_are_all_read(self, office: Office) -> None:
        for number in range(1, office.a_cap + 2):
            put_deal(office, number)
        found = {deal.deal_id for deal in read(office.source())}
        assert len(found) == office.a_cap + 1

    def test_reading_twice_gives_the_same_result(self, office: Office) -> None:
        for number in range(1, 6):
            put_deal(office, number)
        source = office.source()
        assert list(source.read_changed(WINDOW)) == list(source.read_changed(WINDOW))

    def test_an_emptied_amount_is_read_as_none(self, office: Office) -> None:
        if getattr(office, "says_nothing_of_amounts", False):
            pytest.skip("this vendor's amounts are never empty")
        put_deal(office, amount=None)
        assert self.only(office).amount is None

    def test_an_amount_of_zero_stays_zero(self, office: Office) -> None:
        put_deal(office, amount=Decimal(0))
        assert self.only(office).amount == 0

    def test_an_amount_is_read_to_the_last_digit(self, office: Office) -> None:
        put_deal(office, amount=Decimal("1234567.89"))
        assert self.only(office).amount == Decimal("1234567.89")

    def test_a_deal_without_a_contact_has_no_identifiers(self, office: Office) -> None:
        put_deal(office)
        assert self.only(office).identifiers == NO_IDENTIFIERS

    def test_a_deal_with_three_contacts_has_the_identifiers_of_all(self, office: Office) -> None:
        if not getattr(office, "has_several_contacts", True):
            pytest.skip("this vendor's deals name one contact")
        people = tuple(
            put_person(office, 901 + number, fields={"email": f"p{number}@example.com"})
            for number in range(3)
        )
        put_deal(office, people=people)
        expected = {hashed(f"p{number}@example.com") for number in range(3)}
        assert {*self.only(office).identifiers.emails} == expected

    def test_names_in_any_script_pass_through(self, office: Office) -> None:
        put_deal(office, name="🏡 שלום עולם", fields={"region": "🏡 שלום עולם"})
        assert self.only(office).segments["region"] == "🏡 שלום עולם"

    def test_a_deal_that_has_not_reached_a_milestone_does_not_have_it(self, office: Office) -> None:
        put_deal(office, entered=WON_DEAL[:2])
        assert self.only(office).milestones == (Milestone("sql", SQL_AT),)

    def test_a_reopened_deal_is_no_longer_won(self, office: Office) -> None:
        put_deal(office, entered=(*WON_DEAL, ("sql", TOUCHED)))
        assert [milestone.name for milestone in self.only(office).milestones] == ["sql"]

    def test_a_deleted_deal_is_gone(self, office: Office) -> None:
        put_deal(office, 1)
        put_deal(office, 2)
        office.book.delete(office.record_id(1), TOUCHED)
        ids = [office.record_id(1), office.record_id(2)]
        assert gone(office.source(), ids) == {ids[0]}

    def test_a_deal_that_was_merged_away_is_gone(self, office: Office) -> None:
        put_deal(office, 1)
        put_deal(office, 2)
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED)
        ids = [office.record_id(1), office.record_id(2)]
        assert gone(office.source(), ids) == {ids[0]}

    def test_a_period_finds_an_old_deal_that_nobody_has_touched(self, office: Office) -> None:
        won_at = datetime(2020, 1, 15, 12, tzinfo=UTC)
        put_deal(
            office,
            1,
            created_at=won_at - timedelta(days=9),
            modified_at=won_at,
            entered=(("sql", won_at - timedelta(days=5)), ("won", won_at)),
        )
        put_deal(office, 2)
        period = Period(since=won_at - timedelta(days=1), until=won_at + timedelta(days=1))
        found = [cast("Deal", record).deal_id for record in office.source().read_period(period)]
        assert found == [office.record_id(1)]
