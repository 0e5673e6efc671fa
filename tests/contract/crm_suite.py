"""What a source over a CRM's HTTP API promises besides: all six inherit CrmSourceContract.

A CRM's tests subclass CrmOffice, which puts the sandbox's server of that CRM behind `responses`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from threading import enumerate as threads_there_are
from typing import Any

import pytest
import responses

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm import CrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import MilestoneStages
from convsync.extract.mapping import CellFormat, CrmMapping, RecordFields
from convsync.extract.source import Bookmark, Departed, Memory, Quarantined
from convsync.http import Http
from convsync.model.consent import ConsentStatus
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.period import Period
from convsync.pace import Limit, Pace
from convsync.profile.counting import profile_of
from convsync.retrying import RetryPolicy
from convsync.sandbox.crm.book import LEAD, CrmBook, Telling
from convsync.sandbox.crm.server import CrmServer, Reply
from tests.contract.source_suite import (
    CREATED,
    TOUCHED,
    WINDOW,
    WON_AT,
    WON_DEAL,
    DealSourceContract,
    put_deal,
    put_person,
    read,
)
from tests.fakes.crm_over_http import CrmOverHttp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER = 100
"""More answers than any request is tried for."""
HTML = Reply(body=b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"})
CELLS = CellFormat(
    phone_region="DE", granted_words=frozenset({"yes"}), denied_words=frozenset({"no"})
)


class CrmOffice(ABC):
    """A company with this CRM. Attributes that are None: the vendor has no such thing."""

    base_url: str
    a_page: int
    a_cap: int
    listing: str
    """A pattern of the path that lists changed deals."""
    contact: RecordFields
    deal: RecordFields
    lead = RecordFields()
    region: str
    """The vendor's name of the deal's field `region`."""
    has_several_contacts = True
    renews_tokens = True
    won = "Closed Won"
    lost = "Closed Lost"
    """The vendor's names of the book's stages `won` and `lost`."""
    right_missing: Reply
    """403 because a right is missing."""
    limit_as_403: Reply | None = None
    calls_for_200: int
    """How many requests 200 changed deals, each with a contact, may cost in pages of this size."""
    daily_limit: Reply
    """A limit that will not pass within a run."""
    error_inside_200: Reply | None = None
    server_class: type[CrmServer]
    source_class = CrmDeals

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.book = CrmBook()
        self.now = TOUCHED + timedelta(days=1)
        self.server = self.server_class(self.book, lambda: self.now)
        self.over_http = CrmOverHttp(self.server, self.base_url, mock)
        self.waits: list[float] = []
        self.ticks = 0.0
        self._waiting = Lock()
        self.server.ticks = lambda: self.ticks
        self.http = self.make_http()

    @property
    def policy(self) -> RetryPolicy:
        """Patience that costs no time: what would be waited is noted, and passes at once."""
        return RetryPolicy(attempts=4, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        with self._waiting:
            self.waits.append(seconds)
            self.ticks += seconds

    def pace(self, limits: Sequence[Limit] = (), at_once: int = 1) -> Pace:
        """Return how fast the adapter asks, by the office's own seconds."""
        return Pace(limits, at_once=at_once, ticks=lambda: self.ticks)

    @property
    def milestones(self) -> dict[str, MilestoneStages]:
        """What the stages of this vendor mean."""
        return {
            "sql": MilestoneStages(stages=("SQL",)),
            "won": MilestoneStages(stages=(self.won,)),
        }

    @property
    def mapping(self) -> CrmMapping:
        """What the fields of this vendor mean, for the book's fields."""
        return CrmMapping(
            milestones=self.milestones,
            deal=self.deal,
            contact=self.contact,
            lead=self.lead,
            segments={"region": self.region},
        )

    @abstractmethod
    def make_http(self) -> Http:
        """Return the vendor's session, signed in."""

    @abstractmethod
    def make_crm(self, mapping: CrmMapping) -> Crm:
        """Return the vendor's adapter over `self.http`."""

    @abstractmethod
    def expire_tokens(self) -> None:
        """Make every token given out so far worthless."""

    @abstractmethod
    def record_id(self, number: int) -> str:
        """Return the vendor's form of a record's ID; larger numbers give larger IDs."""

    def source(self, mapping: CrmMapping | None = None) -> CrmDeals:
        """Return the source over the book."""
        wanted = mapping or self.mapping
        return self.source_class("crm", self.make_crm(wanted), wanted, CELLS)

    def asked(self, part: str) -> int:
        """Return how many requests went to paths with this in their pattern."""
        return sum(count for name, count in self.server.requests.items() if part in name)

    def fail(self, *replies: Reply, first: int = 1) -> None:
        """Answer so many requests from the `first` on with these replies instead."""
        self.server.faults |= dict(enumerate(replies, first))


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    """Answer the adapter's requests."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def departed(office: CrmOffice) -> list[Departed]:
    """Return the deals that a night learns have left the CRM."""
    return [one for one in office.source().read_changed(WINDOW) if isinstance(one, Departed)]


def put_lead(office: CrmOffice, number: int = 801, **changes: Any) -> str:
    """Put a lead into the book and return its ID."""
    return put_person(office, number, kind=LEAD, **changes)


def needs(reply: Reply | None) -> Reply:
    """Return what a vendor answers with, or skip where it never does."""
    if reply is None:
        pytest.skip("this vendor has no such answer")
    return reply


TROUBLE = {
    "429 with Retry-After": Reply(status=429, headers={"Retry-After": "7"}, body={}),
    "429 without Retry-After": Reply(status=429, body={}),
    "500": Reply(status=500, body={}),
    "503 in HTML": Reply(status=503, body=HTML.body, headers=HTML.headers),
    "a cut-off body": Reply(is_cut_off=True),
    "HTML instead of JSON": HTML,
}


class CrmSourceContract(DealSourceContract):
    """The suite. `office` is the fixture that a CRM's tests supply; it is a CrmOffice."""

    @pytest.mark.parametrize("trouble", TROUBLE)
    def test_a_passing_fault_loses_nothing(self, office: Any, trouble: str) -> None:
        put_deal(office)
        for request in range(1, 7):
            office.fail(TROUBLE[trouble], first=2 * request)
        assert len(read(office.source())) == 1

    def test_a_requested_wait_is_observed(self, office: Any) -> None:
        office.fail(TROUBLE["429 with Retry-After"])
        read(office.source())
        assert min(office.waits) >= 7

    @pytest.mark.parametrize("trouble", TROUBLE)
    def test_a_lasting_fault_is_left_to_the_next_run(self, office: Any, trouble: str) -> None:
        office.fail(*[TROUBLE[trouble]] * FOR_EVER)
        with pytest.raises(TransientError):
            read(office.source())

    def test_a_daily_limit_hit_halfway_keeps_what_was_read(self, office: Any) -> None:
        count = 4 * office.a_page  # more than is read ahead
        for number in range(1, count + 1):
            put_deal(office, number)
        records: list[object] = []
        with pytest.raises(TransientError) as stopped:
            _read_to_the_limit(office, records)
        assert (stopped.value.retry_after_s or 0) > office.policy.longest_asked_s
        assert max(office.waits, default=0) < 60, "a day is not waited for"
        bookmark = next(one for one in reversed(records) if isinstance(one, Bookmark))
        office.server.faults.clear()
        rest = office.source().read_changed(WINDOW, bookmark)
        found = [one.deal_id for one in (*records, *rest) if isinstance(one, Deal)]
        assert len(found) == len({*found}) == count

    def test_an_abandoned_read_leaves_no_process_running(self, office: Any) -> None:
        for number in range(1, 5 * office.a_page + 1):
            put_deal(office, number)
        others = set(threads_there_are())
        reading = office.source().read_changed(WINDOW)
        next(reading)
        reading.close()
        for thread in threads_there_are():
            if thread not in others and thread.name.startswith("ThreadPoolExecutor"):
                thread.join(60)
                assert not thread.is_alive()
        asked = office.asked("")
        read(office.source())
        assert asked < office.asked("") / 2, "the rest was not asked for"

    def test_a_token_that_expires_halfway_is_renewed(self, office: Any) -> None:
        if not office.renews_tokens:
            pytest.skip("this vendor's keys are not renewed")
        for number in range(1, office.a_page + 2):
            put_deal(office, number)
        records: list[object] = []
        for record in office.source().read_changed(WINDOW):
            if not records:
                office.expire_tokens()
            records.append(record)
        assert len([one for one in records if isinstance(one, Deal)]) == office.a_page + 1

    def test_a_403_for_a_limit_is_left_to_the_next_run(self, office: Any) -> None:
        office.fail(*[needs(office.limit_as_403)] * FOR_EVER)
        with pytest.raises(TransientError):
            read(office.source())

    def test_a_403_for_a_missing_right_is_for_a_person_to_fix(self, office: Any) -> None:
        office.fail(office.right_missing)
        with pytest.raises(OperatorError):
            read(office.source())
        assert office.waits == []

    def test_a_200_with_an_error_inside_is_an_error(self, office: Any) -> None:
        office.fail(*[needs(office.error_inside_200)] * FOR_EVER)
        with pytest.raises((OperatorError, TransientError, UnexpectedResponseError)):
            read(office.source())

    def test_an_endlessly_repeated_page_stops_the_read(self, office: Any) -> None:
        for number in range(1, 2 * office.a_page + 1):
            put_deal(office, number)
        office.over_http.stuck_at = office.listing
        with pytest.raises(UnexpectedResponseError):
            read(office.source())
        assert office.over_http.count < 4 * office.a_page, "it was not asked for ever"

    def test_unknown_fields_change_nothing(self, office: Any) -> None:
        put_deal(office, people=(put_person(office, fields={"email": "a@example.com"}),))
        before = read(office.source())
        office.over_http.is_newer = True
        assert read(office.source()) == before

    def test_an_edit_between_pages_loses_no_other_deal(self, office: Any) -> None:
        count = 3 * office.a_page
        for number in range(1, count + 1):
            put_deal(office, number)
        found = {}
        for record in office.source().read_changed(WINDOW):
            if isinstance(record, Deal):
                found[record.deal_id] = record
            if len(found) == 1:  # deals of the first and of a later page leave the window
                for number in (1, 2, 2 * office.a_page):
                    office.book.edit(office.record_id(number), office.now, amount=Decimal(5))
        next_window = Period(since=WINDOW.until, until=office.now + timedelta(seconds=1))
        found |= {deal.deal_id: deal for deal in read(office.source(), next_window)}
        assert len(found) == count
        assert found[office.record_id(2 * office.a_page)].amount == 5

    def test_a_deal_is_read_again_when_its_contact_changes(self, office: Any) -> None:
        person = put_person(office, fields={"email": "a@example.com"})
        put_deal(office, modified_at=CREATED, people=(person,))
        assert read(office.source()) == []
        office.book.edit_person(person, TOUCHED, gclid="late-click")
        (deal,) = read(office.source())
        assert [candidate.click.click_id.value for candidate in deal.clicks] == ["late-click"]

    def test_a_merge_names_the_survivor(self, office: Any) -> None:
        put_deal(office, 1)
        put_deal(office, 2)
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED)
        named = [one for one in departed(office) if one.survivor is not None]
        if not named:
            pytest.skip("this vendor does not say what a deal was merged into")
        assert named == [
            Departed(deal_id=office.record_id(1), gone=Gone.MERGED, survivor=office.record_id(2))
        ]

    def test_deals_requested_by_id_are_complete_and_missing_ones_are_left_out(
        self, office: Any
    ) -> None:
        for number in (1, 2, 3):
            put_deal(office, number, modified_at=CREATED)
        office.book.delete(office.record_id(2), TOUCHED)
        source = office.source()
        asked = [office.record_id(number) for number in (1, 2, 3)]
        found = {deal.deal_id: deal for deal in source.read_named(asked)}
        assert sorted(found) == sorted([asked[0], asked[2]])
        assert [one.name for one in found[asked[0]].milestones] == ["sql", "won"]
        assert [*source.read_named([asked[1]])] == []

    def test_a_deal_without_a_currency_says_so(self, office: Any) -> None:
        put_deal(office, currency=None)
        (deal,) = read(office.source())
        assert deal.currency is None

    def test_two_currencies_that_disagree_quarantine_the_deal(self, office: Any) -> None:
        put_deal(office, currency="EUR", fields={"region": "1200.50 USD"})
        mapping = replace(office.mapping, amount=office.region)
        (record,) = [
            one
            for one in office.source(mapping).read_changed(WINDOW)
            if isinstance(one, Deal | Quarantined)
        ]
        assert isinstance(record, Quarantined)
        assert record.deal_id == office.record_id(1)
        assert "written in USD, the currency beside it is EUR" in record.problem

    @pytest.mark.parametrize("telling", [Telling.LAGS, Telling.NOTHING])
    def test_a_deal_is_in_its_record_s_stage_even_if_the_history_lacks_it(
        self, office: Any, telling: Telling
    ) -> None:
        put_deal(office)
        office.book.telling = telling
        (deal,) = read(office.source())
        won = deal.milestone("won")
        assert won is not None
        assert won.is_estimated
        assert WON_AT - timedelta(days=1) <= won.reached_at <= TOUCHED
        office.book.telling = Telling.ALL
        (deal,) = read(office.source())
        assert deal.milestone("won") == Milestone("won", WON_AT)

    def test_a_backfill_finds_a_deal_without_history(self, office: Any) -> None:
        put_deal(office)
        office.book.telling = Telling.NOTHING
        period = Period(since=WON_AT - timedelta(days=1), until=TOUCHED + timedelta(days=1))
        (deal,) = office.source().read_period(period)
        assert deal.milestone("won") is not None

    def test_the_later_of_two_changes_with_the_same_stamp_wins(self, office: Any) -> None:
        put_deal(office, entered=(("mql", CREATED), ("sql", WON_AT), ("won", WON_AT)))
        (deal,) = read(office.source())
        assert {one.name: one.reached_at for one in deal.milestones} == {
            "sql": WON_AT,
            "won": WON_AT,
        }

    def test_a_stage_that_is_renamed_or_deleted_is_remembered(self, office: Any) -> None:
        put_deal(office)
        source = office.source()
        (before,) = read(source)
        memory = Memory(stages=source.stages_seen)
        office.book.stages = tuple(
            replace(stage, name="Qualified now") if stage.key == "sql" else stage
            for stage in office.book.stages
        )
        source = office.source()
        with pytest.raises(OperatorError, match="SQL"):
            source.check_columns()
        source.recall(memory)
        (after,) = read(source)
        assert after.milestones == before.milestones

    def test_a_lost_deal_is_dated_to_its_loss(self, office: Any) -> None:
        put_deal(office, entered=(*WON_DEAL[:2], ("lost", WON_AT)))
        mapping = office.mapping
        milestones = {**mapping.milestones, "lost": MilestoneStages(stages=(office.lost,))}
        (deal,) = read(office.source(replace(mapping, milestones=milestones)))
        assert [(one.name, one.reached_at) for one in deal.milestones][-1] == ("lost", WON_AT)

    def test_a_typed_lost_reason_is_kept_only_if_mapped(self, office: Any) -> None:
        entered = (*WON_DEAL[:2], ("lost", WON_AT))
        put_deal(office, entered=entered, lost_reason="Jane Doe, jane@example.org: too dear")
        (deal,) = read(office.source())
        assert "jane" not in repr(deal)
        assert {"owner", "pipeline", "stage"} >= deal.segments.keys() - {"region"}

    def test_one_refusing_contact_of_three_decides_for_the_deal(self, office: Any) -> None:
        if not office.has_several_contacts:
            pytest.skip("this vendor's deals name one contact")
        people = tuple(
            put_person(office, 901 + number, fields={"consent": word})
            for number, word in enumerate(("yes", "no", "yes"))
        )
        put_deal(office, people=people)
        (deal,) = read(office.source())
        assert deal.consent.ad_user_data is ConsentStatus.DENIED

    def test_an_unknown_stage_is_reported_with_the_known_ones(self, office: Any) -> None:
        wrong = CrmMapping(milestones={"won": MilestoneStages(stages=("Signed",))})
        with pytest.raises(OperatorError, match=rf"Signed.*{office.won}"):
            office.source(wrong).check_columns()

    def test_an_unknown_field_is_reported_with_the_known_ones(self, office: Any) -> None:
        wrong = CrmMapping(milestones=office.milestones, contact=RecordFields(gclid="glcid"))
        with pytest.raises(OperatorError, match="'glcid'") as stopped:
            office.source(wrong).check_columns()
        assert str(office.contact.gclid) in str(stopped.value)

    def test_no_message_shows_a_person_or_a_secret(self, office: Any) -> None:
        secret = Reply(status=400, body={"message": "jane@example.com", "token": "s3cret-s3cret"})
        office.fail(*[secret] * FOR_EVER)
        with pytest.raises((OperatorError, TransientError, UnexpectedResponseError)) as stopped:
            read(office.source())
        assert "jane" not in str(stopped.value)
        assert "s3cret" not in str(stopped.value)

    def test_no_call_is_made_per_deal(self, office: Any) -> None:
        count = 200
        for number in range(1, count + 1):
            person = put_person(office, 10_000 + number, fields={"email": f"p{number}@example.com"})
            put_deal(office, number, people=(person,))
        assert len(read(office.source())) == count
        assert office.over_http.count <= office.calls_for_200

    def test_a_first_read_does_not_search_people(self, office: Any) -> None:
        count = office.a_page + 1
        for number in range(1, count + 1):
            put_deal(office, number, people=(put_person(office, 10_000 + number),))
        deals = read(office.source(), WINDOW)
        nightly = office.over_http.count
        assert read(office.source(), Period(since=EPOCH, until=WINDOW.until)) == deals
        assert office.over_http.count - nightly < nightly, "deals alone, with everybody behind them"

    def test_reading_the_newest_records_shows_what_fields_contain(self, office: Any) -> None:
        put_deal(office, people=(put_person(office, fields={"gclid": "Cj0KCQ_a"}),))
        name = office.contact.gclid
        samples = office.make_crm(office.mapping).samples("contact", [name])
        assert [sample[name] for sample in samples] == ["Cj0KCQ_a"]

    def test_a_profile_counts_what_the_newest_deals_and_their_people_contain(
        self, office: Any
    ) -> None:
        for number in range(1, 9):
            fields = {"email": f"p{number}@example.com", "gclid": f"Cj0KCQ_aBcDeFgHiJkLmN{number}"}
            put_deal(office, number, people=(put_person(office, 100 + number, fields=fields),))
        with office.source().looked_at() as source:
            profile = profile_of(source)
        held = {
            (one.column.place, one.column.key): (one.filled, one.readable)
            for one in profile.columns
        }
        assert (profile.records, profile.deals) == (8, 8)
        assert held["contact", "email"] == held["contact", "gclid"] == (8, 8)
        assert held["", "amount"] == (8, 8)
        assert office.over_http.count <= 100, "however far it has to go back"


def _read_to_the_limit(office: Any, records: list[object]) -> None:
    """Read, and reach the daily limit as soon as the first page was handed over."""
    for record in office.source().read_changed(WINDOW):
        records.append(record)
        if isinstance(record, Bookmark):
            office.fail(*[office.daily_limit] * FOR_EVER)
