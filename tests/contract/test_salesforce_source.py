"""Salesforce: the suite of every source and of every CRM, and what is peculiar to Salesforce."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract import salesforce_api
from convsync.extract.crm import CrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import MilestoneStages
from convsync.extract.mapping import (
    CONTACT,
    LEAD,
    CrmMapping,
    MilestoneField,
    OnCreation,
    RecordFields,
)
from convsync.extract.salesforce import A_PAGE, Salesforce
from convsync.extract.salesforce_api import Api
from convsync.extract.source import Bookmark, Departed
from convsync.http import Http
from convsync.model.deal import Deal, Gone
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.sandbox.crm.salesforce import (
    CLIENT_ID,
    CLIENT_SECRET,
    USERNAME,
    SalesforceServer,
)
from convsync.sandbox.crm.salesforce_org import guarded, record_id
from convsync.sandbox.crm.server import Reply
from convsync.signing_in.tokens import Fetch, TokenKeeper
from tests.contract.crm_suite import CELLS, CrmOffice, CrmSourceContract, departed, mock, put_lead
from tests.contract.source_suite import (
    CREATED,
    SQL_AT,
    TOUCHED,
    WINDOW,
    WON_AT,
    WON_DEAL,
    put_deal,
    put_person,
    read,
)

__all__ = ["mock"]

DAY = timedelta(days=1)
A_LONG_TIME_AGO = datetime(2020, 1, 15, 12, tzinfo=UTC)
THAT_DAY = Period(since=A_LONG_TIME_AGO - DAY, until=A_LONG_TIME_AGO + DAY)
LIMIT = Reply(
    status=403,
    body=[{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
)
PERSON = RecordFields(
    emails=("Email",), phones=("Phone",), gclid="GCLID__c", ad_user_data="Ad_Consent__c"
)


def error(status: int, code: str, message: str = "") -> Reply:
    return Reply(status=status, body=[{"message": message, "errorCode": code}])


class SalesforceOffice(CrmOffice):
    base_url = "https://acme.my.salesforce.com"
    a_page = 20
    a_cap = 2 * a_page + 1
    calls_for_200 = 60
    listing = r"/queryAll"
    deal = RecordFields(gclid="GCLID__c")
    contact = lead = PERSON
    region = "Region__c"
    right_missing = error(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled.")
    limit_as_403 = daily_limit = LIMIT
    server_class = SalesforceServer
    server: SalesforceServer
    bulk_above = 1_000

    def make_http(self) -> Http:
        tokens = self.http_of(None)
        return self.http_of(salesforce_api.client_credentials(tokens, CLIENT_ID, CLIENT_SECRET))

    def http_of(self, fetch: Fetch | None) -> Http:
        """Return a session that signs in so, or not at all."""
        return Http(
            name="Salesforce",
            base_url=self.base_url,
            authorisation=TokenKeeper(fetch, clock=lambda: self.now) if fetch else None,
            judge=salesforce_api.judge,
            policy=self.policy,
            pace=self.pace(at_once=salesforce_api.AT_ONCE),
            clock=lambda: self.now,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Salesforce(Api(self.http), mapping, bulk_above=self.bulk_above, a_page=self.a_page)

    def expire_tokens(self) -> None:
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return record_id("006", number)


def found(office: SalesforceOffice, period: Period = THAT_DAY, **mapped: Any) -> list[str]:
    """Return the deals that a backfill reads."""
    mapping = replace(office.mapping, **mapped)
    cells = replace(CELLS, time_zone=ZoneInfo("Europe/Berlin"))
    records = CrmDeals("crm", office.make_crm(mapping), mapping, cells).read_period(period)
    return [record.deal_id for record in records if isinstance(record, Deal)]


def clicks(deal: Deal) -> set[str]:
    return {candidate.click.click_id.value for candidate in deal.clicks}


class TestSalesforce(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> SalesforceOffice:
        return SalesforceOffice(mock)

    def test_an_answer_that_holds_fewer_records_than_it_says_is_left_to_the_next_run(
        self, office: SalesforceOffice
    ) -> None:
        for number in (1, 2, 3):
            put_deal(office, number)

        def cut(route: str, body: Any) -> Any:
            is_of_deals = "CloseDate" in next(iter(body.get("records") or [{}]), {})
            return {**body, "records": body["records"][:2]} if is_of_deals else body

        office.over_http.spoil = cut
        with pytest.raises(TransientError, match="2 of a query's 3 records"):
            list(office.source().read_changed(WINDOW))

    def test_no_call_is_made_per_deal(self, office: SalesforceOffice) -> None:
        office.a_page = A_PAGE
        super().test_no_call_is_made_per_deal(office)

    # IDs and pages

    def test_ids_that_differ_only_by_case_are_two_deals(self, office: SalesforceOffice) -> None:
        lower, upper = guarded("0065g00000B1xqb"), guarded("0065g00000B1XQB")
        people = {lower: "a@example.com", upper: "b@example.com"}
        for number, (deal_id, email) in enumerate(people.items()):
            person = put_person(office, 901 + number, fields={"email": email})
            put_deal(office, deal_id=deal_id, people=(person,))
        emails = {deal.deal_id: deal.identifiers.emails for deal in read(office.source())}
        assert emails.keys() == {lower, upper}
        assert emails[lower] != emails[upper]
        office.book.delete(lower, TOUCHED)
        assert [deal.deal_id for deal in read(office.source())] == [upper]

    def test_an_answer_in_parts_is_read_to_its_end(self, office: SalesforceOffice) -> None:
        office.server.a_batch = 7
        for number in range(1, office.a_page + 6):
            put_deal(office, number)
        deals = read(office.source())
        assert len(deals) == office.a_page + 5
        assert all(len(deal.milestones) == 2 for deal in deals)

    def test_a_part_that_has_expired_is_left_to_the_next_run(
        self, office: SalesforceOffice
    ) -> None:
        office.server.a_batch = 7
        for number in range(1, 11):
            put_deal(office, number)
        office.over_http.before_each = lambda _: _an_hour_later(office)
        with pytest.raises(TransientError):
            read(office.source())

    def test_a_long_list_of_ids_is_cut_to_what_a_url_holds(
        self, mock: responses.RequestsMock
    ) -> None:
        office = SalesforceOffice(mock)
        office.a_page = 2_000
        for number in range(1, 1_001):
            put_deal(office, number)
        deals = read(office.source())
        assert {len(deal.milestones) for deal in deals} == {2}
        assert len(deals) == 1_000

    # Stages and milestones

    def test_stages_are_found_by_label_and_by_what_it_was_at_first(
        self, office: SalesforceOffice
    ) -> None:
        put_deal(office)
        by_api_name = replace(
            office.mapping, milestones={"won": MilestoneStages(stages=("Won (2019)",))}
        )
        (deal,) = read(office.source(by_api_name))
        assert [one.reached_at for one in deal.milestones] == [WON_AT]
        assert deal.segments["stage"] == "Closed Won"
        assert deal.segments["pipeline"] == "Sales Pipeline"

    def test_saving_a_won_deal_again_does_not_win_it_again(self, office: SalesforceOffice) -> None:
        put_deal(office, entered=(*WON_DEAL, ("won", TOUCHED)))
        (deal,) = read(office.source())
        assert deal.milestones[-1].reached_at == WON_AT

    def test_an_open_stage_that_was_added_after_the_closed_ones_comes_before_them(
        self, office: SalesforceOffice
    ) -> None:
        moved = [
            replace(one, position=9) if one.key == "sql" else one for one in office.book.stages
        ]
        office.book.stages = tuple(sorted(moved, key=lambda stage: stage.position))
        named = [stage.name for stage in office.make_crm(office.mapping).stages()]
        assert named == ["MQL", "Opportunity", "SQL", "Closed Won", "Closed Lost"]

    def test_what_salesforce_has_no_field_for_comes_from_a_mapped_one(
        self, office: SalesforceOffice
    ) -> None:
        put_deal(office, lost_reason="Price", entered=(("lost", WON_AT),))
        mapping = replace(office.mapping, segments={"lost_reason": "Loss_Reason__c"})
        (deal,) = read(office.source(mapping))
        assert deal.segments["lost_reason"] == "Price"

    # Money

    def test_an_org_of_one_currency_has_no_currency(self, office: SalesforceOffice) -> None:
        office.server.org.is_multi_currency = False
        put_deal(office)
        (deal,) = read(office.source())
        assert (deal.amount, deal.currency) == (Decimal("1200.5"), None)

    def test_an_amount_in_exponents_is_read_to_the_last_digit(
        self, office: SalesforceOffice
    ) -> None:
        deal = put_deal(office, amount=Decimal(12_345_678))
        (before,) = read(office.source())
        answer = f"""{{"totalSize":1,"done":true,"records":[{{"Id":"{deal.deal_id}",
            "IsDeleted":false,"CreatedDate":"2026-02-01T08:00:00.000+0000",
            "SystemModstamp":"2026-03-01T12:00:00.000+0000","Amount":1.2345678E7,
            "StageName":"Won (2019)","OwnerId":"{record_id("005", 1)}","CurrencyIsoCode":"EUR",
            "RecordType":{{"Name":"Sales Pipeline"}},"GCLID__c":null,"Region__c":null}}]}}"""
        office.fail(Reply(body=answer.encode()), first=5)  # after fields and stages
        assert read(office.source()) == [before]

    # People

    def test_a_converted_lead_brings_its_click_since_it_was_created(
        self, office: SalesforceOffice
    ) -> None:
        lead = put_lead(office, fields={"gclid": "of-the-lead", "email": "a@example.com"})
        put_deal(office, people=(lead,))
        (deal,) = read(office.source())
        (candidate,) = deal.clicks
        assert (candidate.click.click_id.value, candidate.click.clicked_at) == (
            "of-the-lead",
            CREATED,
        )
        assert Key(KeyKind.CRM, lead) in deal.keys
        assert len(deal.identifiers.emails) == 1

    @pytest.mark.parametrize("kind", [CONTACT, LEAD])
    def test_who_was_merged_away_keeps_the_click_and_the_id(
        self, office: SalesforceOffice, kind: str
    ) -> None:
        loser = put_person(office, 901, kind=kind, fields={"gclid": "earlier"})
        winner = put_person(office, 902, kind=kind, fields={"gclid": "later"})
        put_deal(office, people=(winner,))
        office.server.org.merge_people(loser, winner, CREATED)
        (deal,) = read(office.source())
        assert clicks(deal) == {"earlier", "later"}
        assert {Key(KeyKind.CRM, loser), Key(KeyKind.CRM, winner)} <= {*deal.keys}

    @pytest.mark.parametrize("kind", [CONTACT, LEAD])
    def test_a_merge_of_people_has_their_deals_read_again(
        self, office: SalesforceOffice, kind: str
    ) -> None:
        loser = put_person(office, 901, kind=kind, fields={"gclid": "earlier"})
        winner = put_person(office, 902, kind=kind)
        put_deal(office, modified_at=CREATED, people=(loser,))
        office.server.org.merge_people(loser, winner, TOUCHED)
        (deal,) = read(office.source())
        assert clicks(deal) == {"earlier"}

    def test_a_deal_is_read_again_when_its_lead_changes(self, office: SalesforceOffice) -> None:
        lead = put_lead(office)
        put_deal(office, modified_at=CREATED, people=(lead,))
        assert read(office.source()) == []
        office.book.edit_person(lead, TOUCHED, gclid="late")
        (deal,) = read(office.source())
        assert clicks(deal) == {"late"}

    def test_a_deal_is_read_again_when_it_gets_a_contact(self, office: SalesforceOffice) -> None:
        deal = put_deal(office, modified_at=CREATED)
        contact = put_person(office, fields={"gclid": "of-the-contact"})
        assert read(office.source()) == []
        office.server.org.add_role(deal.deal_id, contact, TOUCHED)
        (again,) = read(office.source())
        assert clicks(again) == {"of-the-contact"}

    def test_a_deal_that_changed_together_with_its_people_is_read_once(
        self, office: SalesforceOffice
    ) -> None:
        lead, contact = put_lead(office), put_person(office)
        put_deal(office, people=(lead, contact))
        for person in (lead, contact):
            office.book.edit_person(person, TOUCHED, gclid="late")
        assert len(read(office.source())) == 1

    def test_a_contact_that_the_user_may_not_read_is_passed_over(
        self, office: SalesforceOffice
    ) -> None:
        seen = put_person(office, 901, fields={"gclid": "seen"})
        unseen = put_person(office, 902, fields={"gclid": "unseen"})
        put_deal(office, people=(unseen, seen))
        office.server.org.hidden.add(unseen)
        (deal,) = read(office.source())
        assert clicks(deal) == {"seen"}

    @pytest.mark.parametrize(("hidden", "left"), [("Lead", "contact"), ("Contact", "lead")])
    def test_an_org_that_shows_no_leads_or_no_contacts_is_read_without_them(
        self, office: SalesforceOffice, hidden: str, left: str
    ) -> None:
        contact = put_person(office, fields={"gclid": "of-the-contact"})
        lead = put_lead(office, fields={"gclid": "of-the-lead"})
        put_deal(office, people=(contact, lead))
        office.server.org.hidden.add(hidden)
        nothing = RecordFields()
        mapping = (
            replace(office.mapping, lead=nothing)
            if hidden == "Lead"
            else replace(office.mapping, contact=nothing)
        )
        (deal,) = read(office.source(mapping))
        assert clicks(deal) == {f"of-the-{left}"}

    def test_a_window_goes_on_where_its_people_were_left(self, office: SalesforceOffice) -> None:
        count = office.a_page + 1
        for number in range(1, count + 1):
            person = put_person(office, 900 + number, modified_at=TOUCHED)
            put_deal(office, number, modified_at=CREATED, people=(person,))
        records = [*office.source().read_changed(WINDOW)]
        middle = next(at for at, one in enumerate(records) if isinstance(one, Bookmark))
        bookmark = records[middle]
        assert isinstance(bookmark, Bookmark)
        rest = office.source().read_changed(WINDOW, bookmark)
        ids = [one.deal_id for one in (*records[:middle], *rest) if isinstance(one, Deal)]
        assert len(ids) == len({*ids}) == count

    # What is gone

    def test_a_deal_that_was_deleted_before_the_window_is_old_news(
        self, office: SalesforceOffice
    ) -> None:
        contact = put_person(office)
        put_deal(office, people=(contact,))
        office.book.delete(office.record_id(1), WINDOW.since - DAY)
        office.book.edit_person(contact, TOUCHED, gclid="late")
        assert departed(office) == []

    def test_a_deal_that_came_back_from_the_bin_is_there(self, office: SalesforceOffice) -> None:
        put_deal(office)
        office.book.delete(office.record_id(1), TOUCHED)
        assert departed(office) == [Departed(deal_id=office.record_id(1), gone=Gone.DELETED)]
        office.book.restore(office.record_id(1), TOUCHED)
        assert departed(office) == []
        assert len(read(office.source())) == 1

    # Backfills

    def put_old_deals(self, office: SalesforceOffice, count: int) -> list[str]:
        """Put deals that were won long ago, each with three lines of history on one day."""
        entered = tuple((stage, A_LONG_TIME_AGO) for stage in ("mql", "sql", "won"))
        return [
            put_deal(
                office,
                number,
                created_at=A_LONG_TIME_AGO,
                entered=entered,
                people=(put_person(office, 900 + number, fields={"gclid": f"of-{number}"}),),
            ).deal_id
            for number in range(1, count + 1)
        ]

    @pytest.mark.parametrize("is_bulk", [False, True], ids=["by pages", "by a bulk job"])
    def test_a_backfill_finds_every_deal_once(
        self, office: SalesforceOffice, is_bulk: bool
    ) -> None:
        old = self.put_old_deals(office, 25)
        put_deal(office, 99)
        office.bulk_above = 74 if is_bulk else 75
        office.server.a_result = 10
        assert sorted(found(office)) == old
        assert bool(office.asked("/jobs/query")) is is_bulk

    def test_a_bulk_result_with_rows_missing_is_left_to_the_next_run(
        self, office: SalesforceOffice
    ) -> None:
        self.put_old_deals(office, 3)
        office.bulk_above = 1
        short = Reply(
            body=b'"Id","OpportunityId"\n"0085g0000000001AAA","0065g0000000001AAA"\n',
            headers={
                "Content-Type": "text/csv",
                "Sforce-NumberOfRecords": "9",
                "Sforce-Locator": "null",
            },
        )
        office.over_http.before_each = lambda _: _at_the_results(office, short)
        with pytest.raises(TransientError, match="announced 9 rows and gave 1"):
            found(office)

    def test_a_bulk_job_that_fails_stops_the_read(self, office: SalesforceOffice) -> None:
        self.put_old_deals(office, 3)
        office.bulk_above = 1
        failed = Reply(body={"id": "750", "state": "Failed", "errorMessage": "jane@example.com"})
        office.over_http.before_each = lambda _: _at_the_job(office, failed)
        with pytest.raises(UnexpectedResponseError, match="ended as Failed") as stopped:
            found(office)
        assert "jane" not in str(stopped.value)

    def test_a_bulk_job_that_never_ends_is_left_to_the_next_run(
        self, office: SalesforceOffice
    ) -> None:
        self.put_old_deals(office, 3)
        office.bulk_above = 1
        running = Reply(body={"id": "750", "state": "InProgress"})
        office.over_http.before_each = lambda _: _at_the_job(office, running)
        with pytest.raises(TransientError, match="not done after an hour"):
            found(office)
        assert sum(office.waits) == pytest.approx(3600, rel=0.05)

    def test_a_backfill_finds_a_deal_by_a_mapped_date(self, office: SalesforceOffice) -> None:
        put_deal(office, 1, fields={"mql_on": "2020-01-15"})
        put_deal(office, 2, fields={"mql_on": "2020-01-19"})
        milestones = {"mql": MilestoneField("MQL_On__c"), **office.mapping.milestones}
        assert found(office, milestones=milestones) == [office.record_id(1)]

    def test_a_backfill_finds_a_deal_by_its_creation(self, office: SalesforceOffice) -> None:
        put_deal(office, 1, created_at=A_LONG_TIME_AGO, entered=(("won", SQL_AT),))
        milestones = {"mql": OnCreation(), **office.mapping.milestones}
        assert found(office, milestones=milestones) == [office.record_id(1)]

    # Errors

    def test_a_field_that_was_hidden_meanwhile_is_named(self, office: SalesforceOffice) -> None:
        put_deal(office)
        source = office.source()
        crm = office.make_crm(office.mapping)
        crm.fields()
        office.server.org.hidden.add("Opportunity.Region__c")
        with pytest.raises(OperatorError, match="'Region__c'"):
            list(crm.changed(WINDOW, None))
        with pytest.raises(OperatorError, match="'Region__c'"):
            source.check_columns()

    def test_too_many_calls_at_once_are_waited_out(self, office: SalesforceOffice) -> None:
        text = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        office.fail(error(403, "REQUEST_LIMIT_EXCEEDED", text), first=2)
        read(office.source())
        assert 20 <= max(office.waits) < 60

    @pytest.mark.parametrize(
        ("reply", "stops"),
        [
            pytest.param(error(406, "CustomNotAcceptable"), TransientError, id="406"),
            pytest.param(error(400, "QUERY_TIMEOUT"), TransientError, id="a query too slow"),
            pytest.param(error(410, "GONE"), OperatorError, id="a version retired"),
            pytest.param(error(403, "API_CURRENTLY_DISABLED"), OperatorError, id="no API right"),
            pytest.param(error(400, "MALFORMED_QUERY"), UnexpectedResponseError, id="bad SOQL"),
            pytest.param(error(401, "INVALID_SESSION_ID"), OperatorError, id="401 for ever"),
        ],
    )
    def test_every_error_is_whose_it_is(
        self, office: SalesforceOffice, reply: Reply, stops: type[Exception]
    ) -> None:
        office.source().check_columns()
        office.fail(*[reply] * 20, first=2)
        with pytest.raises(stops):
            read(office.source())

    def test_an_org_that_shows_no_opportunities_is_for_a_person_to_fix(
        self, office: SalesforceOffice
    ) -> None:
        office.server.org.hidden.add("Opportunity")
        with pytest.raises(OperatorError, match="shows no opportunities"):
            office.source().check_columns()

    def test_a_version_nobody_serves_is_for_a_person_to_fix(self, office: SalesforceOffice) -> None:
        with pytest.raises(OperatorError, match="api_version"):
            Salesforce(Api(office.http, "v99.0"), office.mapping).fields()


# Signing in


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    file = tmp_path / "salesforce.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def office(mock: responses.RequestsMock, key: rsa.RSAPrivateKey) -> SalesforceOffice:
    office = SalesforceOffice(mock)
    office.server.public_key = key.public_key()
    return office


def by_jwt(
    office: SalesforceOffice,
    key_file: Path,
    client_id: str = CLIENT_ID,
    username: str = USERNAME,
    audience: str = "https://login.salesforce.com",
) -> Fetch:
    tokens = office.http_of(None)
    return salesforce_api.jwt_bearer(tokens, client_id, username, key_file, audience)


def test_a_jwt_signs_in(office: SalesforceOffice, key_file: Path) -> None:
    put_deal(office)
    office.http = office.http_of(by_jwt(office, key_file))
    assert len(read(office.source())) == 1


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        pytest.param({"client_id": "3MVGother"}, "client_id", id="another app"),
        pytest.param({"username": "jane@example.com"}, "pre-authorise", id="not pre-authorised"),
        pytest.param({"audience": "https://acme.example"}, "audience", id="another audience"),
    ],
)
def test_a_refused_jwt_says_what_to_fix(
    office: SalesforceOffice, key_file: Path, wrong: dict[str, str], fix: str
) -> None:
    with pytest.raises(OperatorError, match=fix) as stopped:
        by_jwt(office, key_file, **wrong)(None)
    assert "jane" not in str(stopped.value)


def test_a_key_of_another_certificate_is_named(office: SalesforceOffice, key_file: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    office.server.public_key = other.public_key()
    with pytest.raises(OperatorError, match="private_key_file"):
        by_jwt(office, key_file)(None)


def test_a_clock_that_is_wrong_is_named(office: SalesforceOffice, key_file: Path) -> None:
    fetch = by_jwt(office, key_file)
    office.server.now = lambda: office.now + timedelta(hours=1)
    with pytest.raises(OperatorError, match="clock"):
        fetch(None)


def test_a_key_file_that_holds_no_rsa_key_is_named(
    office: SalesforceOffice, tmp_path: Path
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in {"ec.key": pem, "text.key": b"hunter2-s3cret"}.items():
        (tmp_path / name).write_bytes(content)
    for name in ("ec.key", "text.key", "missing.key"):
        with pytest.raises(OperatorError, match=name) as stopped:
            by_jwt(office, tmp_path / name)(None)
        assert "s3cret" not in str(stopped.value)


def test_a_wrong_secret_is_for_a_person_to_fix(office: SalesforceOffice) -> None:
    fetch = salesforce_api.client_credentials(office.http_of(None), CLIENT_ID, "hunter2-s3cret")
    with pytest.raises(OperatorError, match="client_secret") as stopped:
        fetch(None)
    assert "s3cret" not in str(stopped.value)


def test_too_many_logins_are_left_to_the_next_run(office: SalesforceOffice) -> None:
    body = {"error": "rate_limit_exceeded", "error_description": "login rate exceeded"}
    office.fail(Reply(status=400, body=body))
    with pytest.raises(TransientError):
        office.source().check_columns()


def _an_hour_later(office: SalesforceOffice) -> None:
    office.now += timedelta(hours=1)


def _at_the_job(office: SalesforceOffice, reply: Reply) -> None:
    if office.asked("/jobs/query"):
        office.server.faults = {1: reply}


def _at_the_results(office: SalesforceOffice, reply: Reply) -> None:
    made_and_looked_at_twice = 3
    if office.asked("/jobs/query") == made_and_looked_at_twice:
        office.server.faults = {1: reply}
