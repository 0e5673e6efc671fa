"""Pipedrive: the suite of every source and of every CRM, and what is peculiar to Pipedrive."""

from datetime import timedelta

import pytest
import responses

from convsync.errors import OperatorError
from convsync.extract import pipedrive
from convsync.extract.crm import Crm
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.oauth import TokenKeeper
from convsync.extract.pipedrive import Pipedrive
from convsync.extract.source import Bookmark
from convsync.http import Authorisation, Http, basic
from convsync.model.deal import Deal
from convsync.sandbox.crm.pipedrive import CLIENT, REFRESH_TOKEN, PipedriveServer
from convsync.sandbox.crm.server import Reply
from tests.contract.crm_suite import HTML, CrmOffice, CrmSourceContract, mock
from tests.contract.source_suite import (
    CREATED,
    SQL_AT,
    TOUCHED,
    WINDOW,
    WON_AT,
    put_deal,
    put_person,
    read,
)

__all__ = ["mock"]


class PipedriveOffice(CrmOffice):
    base_url = "https://acme.pipedrive.com"
    a_page = 500
    a_cap = 1_001
    calls_per_thousand = 1_030  # a changelog for each of the thousand, all of which have moved
    listing = r"/v2/deals$"
    deal = RecordFields(gclid="GCLID")
    contact = RecordFields(
        emails=("emails",), phones=("phones",), gclid="GCLID", ad_user_data="Ads consent"
    )
    region = "Region"
    won, lost = "Won", "Lost"
    right_missing = Reply(
        status=403, body={"success": False, "error": "Scope and URL mismatch", "errorCode": 403}
    )
    limit_as_403 = Reply(status=403, body=HTML.body, headers=HTML.headers)
    daily_limit = Reply(
        status=429,
        body={"success": False},
        headers={"x-daily-ratelimit-token-remaining": "0", "Retry-After": "3"},
    )
    error_inside_200 = Reply(body={"success": False, "error": "no", "errorCode": 500})
    server_class = PipedriveServer

    def make_http(self) -> Http:
        login = self.signed_in(basic(*CLIENT))
        fetch = pipedrive.refreshing(login, REFRESH_TOKEN)
        return self.signed_in(TokenKeeper(fetch, clock=lambda: self.now))

    def signed_in(self, who: Authorisation) -> Http:
        return Http(
            name="Pipedrive",
            base_url=self.base_url,
            authorisation=who,
            judge=pipedrive.judge,
            policy=self.policy,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Pipedrive(self.http, mapping)

    def expire_tokens(self) -> None:
        assert isinstance(self.server, PipedriveServer)
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return str(1_000 + number)


class TestPipedrive(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> PipedriveOffice:
        return PipedriveOffice(mock)

    def test_no_call_is_made_per_deal(self, office: PipedriveOffice) -> None:
        pytest.skip("the history of a deal that has moved has no batch call")

    def test_a_deal_that_has_moved_costs_one_call_of_its_own(self, office: PipedriveOffice) -> None:
        super().test_no_call_is_made_per_deal(office)

    def test_a_deal_that_never_moved_costs_no_call_of_its_own(
        self, office: PipedriveOffice
    ) -> None:
        for number in range(1, 51):
            put_deal(office, number, entered=(("mql", CREATED),))
        assert len(read(office.source())) == 50
        assert office.over_http.count < 15

    def test_a_deal_won_again_is_won_since_the_last_time(self, office: PipedriveOffice) -> None:
        again = (
            ("mql", CREATED),
            ("sql", SQL_AT),
            ("won", WON_AT),
            ("sql", WON_AT),
            ("won", TOUCHED),
        )
        put_deal(office, entered=again)
        (deal,) = read(office.source())
        assert {one.name: one.reached_at for one in deal.milestones} == {
            "sql": SQL_AT,
            "won": TOUCHED,
        }

    def test_a_field_is_found_by_its_key_too(self, office: PipedriveOffice) -> None:
        from convsync.sandbox.crm.pipedrive import FIELDS

        key = next(one.name for one in FIELDS if one.kind == "contact" and one.own == "gclid")
        put_deal(office, people=(put_person(office, fields={"gclid": "G-1"}),))
        mapping = CrmMapping(milestones=office.milestones, contact=RecordFields(gclid=key))
        (deal,) = read(office.source(mapping))
        assert [one.click.click_id.value for one in deal.clicks] == ["G-1"]

    def test_a_bookmark_that_is_no_longer_good_begins_the_window_again(
        self, office: PipedriveOffice
    ) -> None:
        put_deal(office)
        stale = Bookmark("api/v2/deals:bm9uc2Vuc2U")
        records = list(office.source().read_changed(WINDOW, stale))
        assert [one.deal_id for one in records if isinstance(one, Deal)] == [office.record_id(1)]

    def test_a_deleted_deal_is_listed_for_thirty_days(self, office: PipedriveOffice) -> None:
        put_deal(office)
        office.book.delete(office.record_id(1), TOUCHED)
        office.now = TOUCHED + timedelta(days=31)
        assert list(office.source().read_changed(WINDOW)) == []

    def test_a_missing_scope_is_named(self, office: PipedriveOffice) -> None:
        office.fail(office.right_missing, first=2)
        with pytest.raises(OperatorError, match="deals:read"):
            office.source().check_columns()

    def test_a_burst_is_waited_out_as_its_header_says(self, office: PipedriveOffice) -> None:
        burst = Reply(status=429, body={"success": False}, headers={"x-ratelimit-reset": "10"})
        office.fail(burst, first=2)
        read(office.source())
        assert max(office.waits) >= 10
