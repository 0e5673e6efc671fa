"""Zoho CRM: the suite of every source and of every CRM, and what is peculiar to Zoho."""

from datetime import timedelta

import pytest
import responses

from convsync.errors import OperatorError, TransientError
from convsync.extract import zoho
from convsync.extract.crm import Crm
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.oauth import TokenKeeper
from convsync.extract.zoho import Zoho
from convsync.http import Http
from convsync.model.click import MatchBasis
from convsync.sandbox.crm.server import Reply
from convsync.sandbox.crm.zoho import CLIENT, REFRESH_TOKEN, SECRET, ZohoServer
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, mock
from tests.contract.source_suite import CREATED, SQL_AT, WINDOW, put_deal, put_person, read

__all__ = ["mock"]


class ZohoOffice(CrmOffice):
    base_url = "https://www.zohoapis.eu"
    a_page = 200
    a_cap = 2_001
    calls_per_thousand = 60
    listing = r"/coql$"
    deal = RecordFields(gclid="GCLID")
    contact = RecordFields(
        emails=("Email",), phones=("Phone",), gclid="GCLID", ad_user_data="Ads_Consent"
    )
    region = "Region"
    has_several_contacts = False
    right_missing = Reply(
        status=403, body={"code": "NO_PERMISSION", "message": "Permission denied", "details": {}}
    )
    daily_limit = Reply(
        status=429,
        body={"code": "TOO_MANY_REQUESTS", "details": {}, "status": "error"},
        headers={"X-API-CREDITS-REMAINING": "0"},
    )
    server_class = ZohoServer

    def make_http(self) -> Http:
        login = Http(
            name="Zoho", base_url=self.base_url, judge=zoho.judge_sign_in, policy=self.policy
        )
        fetch = zoho.refreshing(login, CLIENT, SECRET, REFRESH_TOKEN, self.base_url)
        return Http(
            name="Zoho",
            base_url=self.base_url,
            authorisation=TokenKeeper(fetch, scheme="Zoho-oauthtoken", clock=lambda: self.now),
            judge=zoho.judge,
            policy=self.policy,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Zoho(self.http, mapping)

    def expire_tokens(self) -> None:
        assert isinstance(self.server, ZohoServer)
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return str(4_150_868_000_004_000_000 + number)


class TestZoho(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> ZohoOffice:
        return ZohoOffice(mock)

    def test_a_click_id_on_the_converted_lead_was_seen_when_the_lead_was_made(
        self, office: ZohoOffice
    ) -> None:
        lead = put_person(office, 777, kind="lead", fields={"gclid": "G-lead"})
        put_deal(office, people=(lead,), created_at=SQL_AT)
        mapping = CrmMapping(milestones=office.milestones, lead=RecordFields(gclid="GCLID"))
        (deal,) = read(office.source(mapping))
        (candidate,) = deal.clicks
        assert candidate.basis is MatchBasis.LEAD
        assert candidate.click.clicked_at == CREATED

    def test_a_history_that_coql_does_not_know_is_read_deal_by_deal(
        self, office: ZohoOffice
    ) -> None:
        assert isinstance(office.server, ZohoServer)
        for number in range(1, 4):
            put_deal(office, number)
        expected = read(office.source())
        office.server.has_history = False
        assert read(office.source()) == expected

    def test_a_refusal_that_says_200_is_for_a_person_to_mend(self, office: ZohoOffice) -> None:
        office.fail(Reply(body={"error": "invalid_code"}))
        with pytest.raises(OperatorError, match="invalid_code"):
            read(office.source())

    def test_too_many_tokens_are_left_to_the_next_run(self, office: ZohoOffice) -> None:
        office.fail(Reply(status=400, body={"error": "Access Denied", "status": "failure"}))
        with pytest.raises(TransientError, match="token_file"):
            read(office.source())

    def test_a_token_for_another_data_centre_goes_nowhere(self, office: ZohoOffice) -> None:
        elsewhere = {
            "access_token": "1000.x",
            "expires_in": 3600,
            "api_domain": "https://evil.example",
        }
        office.fail(Reply(body=elsewhere))
        with pytest.raises(OperatorError, match=r"https://evil\.example"):
            read(office.source())
        assert office.over_http.count == 1

    def test_a_scope_that_is_missing_is_named(self, office: ZohoOffice) -> None:
        missing = Reply(status=401, body={"code": "OAUTH_SCOPE_MISMATCH"})
        office.fail(missing, first=2)
        office.fail(missing, first=4)  # between them a new token was fetched
        with pytest.raises(OperatorError, match=r"ZohoCRM\.coql\.READ"):
            read(office.source())

    def test_a_deal_deleted_before_the_window_is_old_news(self, office: ZohoOffice) -> None:
        put_deal(office)
        office.book.delete(office.record_id(1), WINDOW.since - timedelta(days=1))
        assert list(office.source().read_changed(WINDOW)) == []
