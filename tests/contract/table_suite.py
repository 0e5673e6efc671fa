"""What every source of rows promises besides: CSV and SQL inherit TableSourceContract.

A subclass says how rows get into its source, `make`, and receives the suite.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeGuard
from zoneinfo import ZoneInfo

import pytest

from convsync.errors import OperatorError
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.source import DealSource, Quarantined
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.deal import Deal, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers, hashed
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.book import CrmBook
from tests.contract.source_suite import DealSourceContract

HEADER = (
    "Deal #", "Created", "Modified", "Stage", "Qualified on", "Won on", "Amount", "Currency",
    "GCLID",
    "Landing page", "E-mail", "Phone", "Country", "May use data", "May personalize",
    "Customer", "Visitor", "Region", "Deleted", "Notes",
)  # fmt: skip

COLUMNS = DealColumns(
    deal_id="Deal #",
    created_at="Created",
    modified_at="Modified",
    milestones={
        "sql": MilestoneColumn(column="Qualified on"),
        "won": MilestoneColumn(column="Won on", when={"Stage": frozenset({"Closed Won"})}),
    },
    amount="Amount",
    currency="Currency",
    gclid="GCLID",
    landing_url="Landing page",
    emails=("E-mail",),
    phones=("Phone",),
    country="Country",
    ad_user_data="May use data",
    ad_personalization="May personalize",
    customer_type="Customer",
    visitors=("Visitor",),
    segments={"region": "Region"},
    deleted="Deleted",
)

CELLS = CellFormat(
    time_zone=ZoneInfo("Europe/Berlin"),
    blank_words=frozenset({"Select", "unknown"}),
    phone_region="DE",
    granted_words=frozenset({"yes"}),
    denied_words=frozenset({"no"}),
    customer_words={CustomerType.NEW: frozenset({"new business"})},
    deleted_words=frozenset({"true"}),
)

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Period(since=SINCE, until=UNTIL)

ORDINARY = {
    "Deal #": "0061G00000q9jPQAQY",
    "Created": "2026-02-01T08:00:00Z",
    "Modified": "2026-03-01T12:00:00Z",
    "Stage": "Closed Won",
    "Won on": "2026-02-28T10:00:00Z",
    "Amount": "1200.50",
    "Currency": "EUR",
}

Rows = Sequence[dict[str, object]]


def a_row(**cells: object) -> dict[str, object]:
    """Return an ordinary deal's row; `Won_on="…"` sets the column `Won on`, `Deal=` the ID."""
    named = {_COLUMN_OF.get(name, name): cell for name, cell in cells.items()}
    return dict.fromkeys(HEADER) | ORDINARY | named


_COLUMN_OF = {"Deal": "Deal #", "Email": "E-mail"} | {
    name.replace(" ", "_"): name for name in HEADER if " " in name
}


def deals_of(source: DealSource, window: Period = WINDOW) -> list[Deal]:
    """Read a source of which every record can be read."""
    records = list(source.read_changed(window))
    assert [record for record in records if isinstance(record, Quarantined)] == []
    return [record for record in records if isinstance(record, Deal)]


def is_deal(record: object) -> TypeGuard[Deal]:
    """True for what is neither quarantined nor departed."""
    return isinstance(record, Deal)


class TableOffice:
    """A company whose CRM writes exports: a row a deal, with its people's data beside it."""

    a_page = 1_000
    a_cap = 2_000

    def __init__(self, make: Callable[[Rows], DealSource]) -> None:
        self.book = CrmBook()
        self._make = make

    def source(self) -> DealSource:
        """Export the book as it is now."""
        gone = (left.deal for left in self.book.departures.values())
        rows = [self._row(deal) for deal in self.book.modified()]
        return self._make(rows + [self._row(deal) | {"Deleted": "true"} for deal in gone])

    def record_id(self, number: int) -> str:
        """Return an ID of 18 characters, in which case matters."""
        return f"0061G00000q{number:07d}"

    def _row(self, deal: crm.Deal) -> dict[str, object]:
        people = self.book.people_of(deal)

        def told(field: str) -> str:
            return ";".join(filter(None, (person.fields.get(field) for person in people)))

        return dict.fromkeys(HEADER) | {
            "Deal #": deal.deal_id,
            "Created": deal.created_at.isoformat(),
            "Modified": deal.modified_at.isoformat(),
            "Stage": "Closed Won" if deal.stage == "won" else deal.stage,
            "Qualified on": _when(deal, "sql"),
            "Won on": _when(deal, "won"),
            "Amount": None if deal.amount is None else str(deal.amount),
            "Currency": deal.currency,
            "GCLID": told("gclid"),
            "E-mail": told("email"),
            "Phone": told("phone"),
            "May use data": told("consent"),
            "Region": deal.fields.get("region"),
        }


def _when(deal: crm.Deal, stage: str) -> str | None:
    """Return when a deal came into a stage, as a CRM's date column has it."""
    return next((at.isoformat() for key, at in deal.entered if key == stage), None)


class TableSourceContract(DealSourceContract):
    """The suite. `make` returns a source that holds these rows under HEADER."""

    @pytest.fixture
    def office(self) -> TableOffice:
        """Return a company whose exports are this source."""
        return TableOffice(self.make)

    def make(
        self,
        rows: Rows,
        *,
        columns: DealColumns = COLUMNS,
        cells: CellFormat = CELLS,
        is_complete: bool = False,
    ) -> DealSource:
        raise NotImplementedError

    def only_row(self, **cells: object) -> Deal:
        """Return the one deal of a source with one row."""
        (deal,) = deals_of(self.make([a_row(**cells)]))
        return deal

    def test_a_deal_is_read_with_everything_mapped(self) -> None:
        email, phone = hashed("jane@example.com"), hashed("+4915112345678")
        deal = self.only_row(
            GCLID="EAIaIQ_x-Y",
            Email="Jane@Example.com",
            Phone="0151 12345678",
            Country="DE",
            May_use_data="Yes",
            May_personalize="no",
            Customer="New Business",
            Visitor="GA1.2.3",
            Region="Retail",
        )
        assert deal.deal_id == "0061G00000q9jPQAQY"
        assert deal.created_at == datetime(2026, 2, 1, 8, tzinfo=UTC)
        assert deal.modified_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
        assert deal.milestones == (Milestone("won", datetime(2026, 2, 28, 10, tzinfo=UTC)),)
        assert (deal.amount, deal.currency) == (Decimal("1200.50"), "EUR")
        assert [candidate.click.click_id.value for candidate in deal.clicks] == ["EAIaIQ_x-Y"]
        assert deal.identifiers == Identifiers(emails=(email,), phones=(phone,))
        assert deal.keys == (
            Key(KeyKind.CRM, "0061G00000q9jPQAQY"),
            Key(KeyKind.VISITOR, "GA1.2.3"),
            Key(KeyKind.EMAIL, email),
            Key(KeyKind.PHONE, phone),
        )
        assert deal.consent == Consent(
            ad_user_data=ConsentStatus.GRANTED, ad_personalization=ConsentStatus.DENIED
        )
        assert deal.customer_type is CustomerType.NEW
        assert deal.segments == {"region": "Retail"}
        assert deal.gone is None

    @pytest.mark.parametrize(
        ("modified", "is_read"),
        [
            pytest.param("2026-02-28", False, id="a day that ended before"),
            pytest.param("2026-03-01", True, id="a day that ends inside"),
            pytest.param("2026-03-02", True, id="a day that starts inside"),
            pytest.param("2026-03-03", False, id="a day that starts after"),
        ],
    )
    def test_a_deal_stamped_with_a_bare_date_is_read_in_every_window_its_day_touches(
        self, modified: str, is_read: bool
    ) -> None:
        source = self.make([a_row(Modified=modified)])
        assert len(deals_of(source)) == (is_read or source.reads_all)

    def test_a_complete_source_is_read_whole_whatever_the_window(self) -> None:
        rows = [a_row(Deal="A", Modified="2020-01-01T00:00:00Z"), a_row(Deal="B", Modified=None)]
        rows.append(a_row(Deal="C", Modified="2026-04-01T00:00:00Z"))
        deals = deals_of(self.make(rows, is_complete=True))
        assert [deal.deal_id for deal in deals] == ["A", "B", "C"]

    def test_a_period_takes_a_bare_date_by_the_companys_day(self) -> None:
        berlin_day = Period.of_days(date(2026, 3, 1), date(2026, 3, 1), ZoneInfo("Europe/Berlin"))
        rows = [a_row(Deal=day, Won_on=day) for day in ("2026-02-28", "2026-03-01", "2026-03-02")]
        found = [deal.deal_id for deal in self.make(rows).read_period(berlin_day) if is_deal(deal)]
        assert found == ["2026-03-01"]

    def test_a_bare_date_is_reached_in_the_last_second_of_the_companys_day(self) -> None:
        deal = self.only_row(Won_on="2026-02-28")
        at = datetime(2026, 2, 28, 22, 59, 59, tzinfo=UTC)
        assert deal.milestones == (Milestone("won", at, is_whole_day=True),)

    def test_a_milestone_counts_only_in_the_stage_that_means_it(self) -> None:
        deal = self.only_row(Stage="Negotiation", Won_on="no date at all")
        assert deal.milestones == ()

    def test_a_deal_without_a_currency_has_none(self) -> None:
        assert self.only_row(Currency=None).currency is None

    def test_two_currencies_that_disagree_quarantine_the_deal(self) -> None:
        (bad,) = self.make([a_row(Amount="1200.50 USD", Currency="EUR")]).read_changed(WINDOW)
        assert isinstance(bad, Quarantined)
        assert "written in USD, the currency beside it is EUR" in bad.problem

    @pytest.mark.parametrize(
        ("amount", "currency", "is_read"),
        [
            pytest.param("$1,200", "USD", True, id="dollars"),
            pytest.param("$1,200", "CAD", True, id="dollars of another country"),
            pytest.param("$1,200", "EUR", False, id="dollars beside euros"),
            pytest.param("¥1,200", "USD", False, id="yen or yuan beside dollars"),
            pytest.param("1,200 kr", "NOK", True, id="crowns"),
            pytest.param("1,200 kr", "EUR", False, id="crowns beside euros"),
        ],
    )
    def test_a_sign_of_several_currencies_must_be_one_of_the_deals_currency(
        self, amount: str, currency: str, is_read: bool
    ) -> None:
        (record,) = self.make([a_row(Amount=amount, Currency=currency)]).read_changed(WINDOW)
        assert isinstance(record, Deal) is is_read
        assert is_read or "sign" in getattr(record, "problem", "")

    @pytest.mark.parametrize("column", ["Deal #", "GCLID", "Visitor"])
    @pytest.mark.parametrize(
        "person", ["jane@example.com", "+4915112345678", "0151 12345678", "Erika Mustermann"]
    )
    def test_nobodys_name_or_address_passes_for_an_id(self, column: str, person: str) -> None:
        (bad,) = self.make([a_row(**{column: person})]).read_changed(WINDOW)
        assert isinstance(bad, Quarantined)
        assert f"'{column}'" in bad.problem
        assert person not in repr(bad)

    def test_an_id_that_a_spreadsheet_took_for_a_number_is_quarantined(self) -> None:
        rows = [a_row(Deal=deal_id) for deal_id in ("5.00E+17", "12345.0", "12345")]
        *damaged, deal = self.make(rows).read_changed(WINDOW)
        assert isinstance(deal, Deal)
        for bad in damaged:
            assert isinstance(bad, Quarantined)
            assert "spreadsheet" in bad.problem

    def test_a_click_id_in_googles_cookie_was_clicked_when_the_cookie_says(self) -> None:
        deal = self.only_row(GCLID="GCL.1772359200.EAIaIQ_x-Y")
        (candidate,) = deal.clicks
        assert candidate.click.click_id.value == "EAIaIQ_x-Y"
        assert candidate.click.clicked_at == datetime(2026, 3, 1, 10, tzinfo=UTC)

    def test_a_click_id_with_a_control_character_in_it_is_refused(self) -> None:
        (bad,) = self.make([a_row(Landing_page="?gclid=Cj0%000")]).read_changed(WINDOW)
        assert isinstance(bad, Quarantined)
        assert "'Landing page'" in bad.problem

    def test_a_deal_with_a_word_for_a_click_id_keeps_its_identifiers(self) -> None:
        deal = self.only_row(GCLID="(not set)", Email="jane@example.com")
        assert (deal.clicks, len(deal.identifiers.emails)) == ((), 1)

    def test_midnight_in_a_column_of_dates_is_the_whole_day(self) -> None:
        cells = replace(CELLS, date_columns=frozenset({"Won on"}))
        (deal,) = deals_of(self.make([a_row(Won_on="2026-02-28 00:00:00")], cells=cells))
        at = datetime(2026, 2, 28, 22, 59, 59, tzinfo=UTC)
        assert deal.milestones == (Milestone("won", at, is_whole_day=True),)

    def test_a_deal_without_a_contact_has_no_identifiers_and_its_own_key(self) -> None:
        deal = self.only_row()
        assert deal.identifiers == NO_IDENTIFIERS
        assert deal.keys == (Key(KeyKind.CRM, "0061G00000q9jPQAQY"),)

    def test_blank_words_mean_nothing_except_in_an_id(self) -> None:
        deal = self.only_row(Deal="unknown", GCLID="Select", Region="UNKNOWN", Amount="select")
        assert (deal.deal_id, deal.clicks, dict(deal.segments)) == ("unknown", (), {})
        assert deal.amount is None

    def test_ids_that_differ_only_by_case_are_different_deals(self) -> None:
        ids = ["0061G00000q9jPQAQY", "0061g00000q9jPQAQY", "0061G00000q9jpqaqy"]
        deals = deals_of(self.make([a_row(Deal=deal_id) for deal_id in ids]))
        assert [deal.deal_id for deal in deals] == ids

    def test_a_word_about_the_customer_that_nobody_declared_says_nothing(self) -> None:
        assert self.only_row(Customer="prospect").customer_type is None

    @pytest.mark.parametrize("cell", ["maybe", "true", "0", "no!", "denied"])
    def test_a_word_about_consent_that_nobody_declared_is_unclear(self, cell: str) -> None:
        consent = self.only_row(May_use_data=cell, May_personalize="yes").consent
        assert consent.ad_user_data is ConsentStatus.UNCLEAR
        assert consent.is_unclear

    @pytest.mark.parametrize("cell", [None, "", " unknown "])
    def test_a_blank_says_nothing_about_consent(self, cell: str | None) -> None:
        assert self.only_row(May_use_data=cell, May_personalize=cell).consent == Consent()

    def test_an_invalid_email_or_phone_is_ignored_without_an_error(self) -> None:
        deal = self.only_row(Email="not given", Phone="call me")
        assert deal.identifiers == NO_IDENTIFIERS

    def test_a_click_id_in_a_column_and_in_the_url_counts_once(self) -> None:
        deal = self.only_row(
            GCLID="abcD:G:s", Landing_page="https://x.example/?gbraid=0AAA&gclid=abcD"
        )
        assert [candidate.click.click_id.value for candidate in deal.clicks] == ["abcD", "0AAA"]

    @pytest.mark.parametrize(
        ("cells", "names"),
        [
            pytest.param({"Amount": "1.2.3"}, "Amount", id="amount"),
            pytest.param({"Amount": "NaN"}, "Amount", id="not a number"),
            pytest.param({"Currency": "euros"}, "Currency", id="currency"),
            pytest.param({"Won_on": "31/02/2026"}, "Won on", id="milestone"),
            pytest.param({"Created": "9999-12-31"}, "Created", id="the calendar's last day"),
            pytest.param({"Modified": "yesterday"}, "Modified", id="modified"),
            pytest.param({"Deal": " "}, "Deal #", id="no id"),
        ],
    )
    def test_one_bad_row_is_quarantined_and_the_others_are_read(
        self, cells: dict[str, str], names: str
    ) -> None:
        rows = [a_row(Deal="first"), a_row(**{"Deal": "bad", **cells}), a_row(Deal="last")]
        first, bad, last = self.make(rows).read_changed(WINDOW)
        assert isinstance(first, Deal)
        assert isinstance(last, Deal)
        assert isinstance(bad, Quarantined)
        assert f"'{names}'" in bad.problem
        assert bad.deal_id == ("bad" if "Deal" not in cells else None)

    def test_a_problem_never_shows_what_a_cell_holds(self) -> None:
        (bad,) = self.make([a_row(Won_on="jane@example.com")]).read_changed(WINDOW)
        assert isinstance(bad, Quarantined)
        assert "jane" not in bad.problem
        assert "aaaa@aaaaaaa.aaa" in bad.problem

    def test_a_time_without_a_zone_needs_the_sources_zone(self) -> None:
        cells = CellFormat(time_zone=None)
        for won_on in ("2026-02-28 10:00:00", "2026-02-28"):
            (bad,) = self.make([a_row(Won_on=won_on)], cells=cells).read_changed(WINDOW)
            assert isinstance(bad, Quarantined)
            assert "time_zone" in bad.problem

    def test_an_unknown_column_is_reported_with_the_known_ones(self) -> None:
        columns = DealColumns(deal_id="Id", milestones={}, amount="Amuont")
        source = self.make([a_row()], columns=columns)
        with pytest.raises(OperatorError) as stopped:
            list(source.read_changed(WINDOW))
        for name in ("'Id'", "'Amuont'", "'Deal #'", "'Amount'"):
            assert name in str(stopped.value)
