"""HubSpot: the suite of every source and of every CRM, and what is peculiar to HubSpot."""

from datetime import timedelta
from typing import Any

import pytest
import responses

from convsync.errors import OperatorError
from convsync.extract import hubspot_api
from convsync.extract.crm_adapter import Crm
from convsync.extract.hubspot import HubSpot
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.source import Departed, Quarantined
from convsync.http import Http
from convsync.model.deal import Deal, Gone
from convsync.model.key import KeyKind
from convsync.sandbox.crm.hubspot import CLIENT, REFRESH_TOKEN, HubSpotServer
from convsync.sandbox.crm.server import Reply
from convsync.signing_in.tokens import TokenKeeper
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, departed, mock
from tests.contract.source_suite import (
    CREATED,
    TOUCHED,
    WINDOW,
    put_deal,
    put_person,
    read,
)

__all__ = ["mock"]


class HubSpotOffice(CrmOffice):
    base_url = "https://api.hubapi.com"
    a_page = a_group = 200
    a_cap = 10_000
    calls_for_200 = 20
    listing = r"/deals/search"
    deal = RecordFields(gclid="gclid")
    contact = RecordFields(
        emails=("email",),
        phones=("phone",),
        gclid="hs_google_click_id",
        ad_user_data="ad_consent",
    )
    region = "region"
    right_missing = Reply(
        status=403,
        body={
            "category": "MISSING_SCOPES",
            "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
        },
    )
    daily_limit = Reply(status=429, body={"errorType": "RATE_LIMIT", "policyName": "DAILY"})
    server_class = HubSpotServer

    def make_http(self) -> Http:
        tokens = Http(name="HubSpot", base_url=self.base_url, policy=self.policy, pace=self.pace())
        fetch = hubspot_api.refreshing(tokens, *CLIENT, REFRESH_TOKEN)
        return Http(
            name="HubSpot",
            base_url=self.base_url,
            authorisation=TokenKeeper(fetch, clock=lambda: self.now),
            judge=hubspot_api.judge,
            policy=self.policy,
            pace=self.pace(hubspot_api.LIMITS, hubspot_api.AT_ONCE),
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return HubSpot(self.http, mapping, a_group=self.a_group)

    def expire_tokens(self) -> None:
        assert isinstance(self.server, HubSpotServer)
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return str(40_100_000_000 + number)


class TestHubSpot(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> HubSpotOffice:
        return HubSpotOffice(mock)

    def test_a_sign_in_that_has_ended_is_told_to_a_person(self, office: HubSpotOffice) -> None:
        http = Http(
            name="HubSpot", base_url=office.base_url, judge=hubspot_api.judge, policy=office.policy
        )
        for client, token in ((CLIENT, "given-back"), (("hubspot-app", "wrong"), REFRESH_TOKEN)):
            with pytest.raises(OperatorError, match="sign in again with `convsync auth hubspot`"):
                hubspot_api.refreshing(http, *client, token)(None)

    def test_a_merge_that_makes_a_new_record_takes_both_old_ones_away(
        self, office: HubSpotOffice
    ) -> None:
        put_deal(office, 1)
        put_deal(office, 2)
        new_id = office.record_id(3)
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED, new_id=new_id)
        assert departed(office) == [
            Departed(deal_id=office.record_id(number), gone=Gone.MERGED, survivor=new_id)
            for number in (1, 2)
        ]
        assert [deal.deal_id for deal in read(office.source())] == [new_id]

    def test_a_merged_deal_that_is_archived_before_it_was_read_takes_those_it_was_made_of_along(
        self, office: HubSpotOffice
    ) -> None:
        put_deal(office, 1)
        put_deal(office, 2)
        new_id = office.record_id(3)
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED, new_id=new_id)
        office.book.delete(new_id, TOUCHED + timedelta(minutes=1))
        assert {(one.deal_id, one.gone) for one in departed(office)} == {
            (office.record_id(number), Gone.DELETED) for number in (1, 2, 3)
        }

    def test_a_contact_that_was_merged_is_still_known_by_the_ids_it_had(
        self, office: HubSpotOffice
    ) -> None:
        old, older = office.record_id(901), office.record_id(902)
        person = put_person(office, 903, fields={"merged_from": f"{old};{older}"})
        put_deal(office, people=(person,))
        (deal,) = read(office.source())
        assert {(KeyKind.CRM, one) for one in (person, old, older)} <= {
            (key.kind, key.value) for key in deal.keys
        }

    def test_a_deal_that_is_listed_and_then_left_out_without_a_word_is_quarantined(
        self, office: HubSpotOffice
    ) -> None:
        for number in (1, 2, 3):
            put_deal(office, number)
        lost = office.record_id(2)

        def without_one(route: str, body: Any) -> Any:
            if not route.endswith("/batch/read"):
                return body
            return {**body, "results": [one for one in body["results"] if one.get("id") != lost]}

        office.over_http.spoil = without_one
        records = list(office.source().read_changed(WINDOW))
        assert [one.deal_id for one in records if isinstance(one, Quarantined)] == [lost]
        assert len([one for one in records if isinstance(one, Deal)]) == 2
        assert list(office.source().read_named([lost])) == [], "it may be gone by then"

    def test_an_error_about_one_deal_of_a_batch_does_not_explain_where_another_is(
        self, office: HubSpotOffice
    ) -> None:
        for number in (1, 2, 3):
            put_deal(office, number)
        deleted, lost = office.record_id(1), office.record_id(2)

        def without_two(route: str, body: Any) -> Any:
            if not route.endswith("/batch/read"):
                return body
            there = [one for one in body["results"] if one.get("id") not in (deleted, lost)]
            error = {"category": "OBJECT_NOT_FOUND", "context": {"ids": [deleted]}}
            return {**body, "results": there, "errors": [error]}

        office.over_http.spoil = without_two
        records = list(office.source().read_changed(WINDOW))
        assert [one.deal_id for one in records if isinstance(one, Quarantined)] == [lost]
        assert len([one for one in records if isinstance(one, Deal)]) == 1

    def test_a_full_page_leads_on_whatever_its_total_says(self, office: HubSpotOffice) -> None:
        for number in range(1, 251):
            put_deal(office, number)

        def of_this_page(route: str, body: Any) -> Any:
            if not route.endswith("/search"):
                return body
            return {"results": body["results"], "total": len(body["results"])}

        office.over_http.spoil = of_this_page
        assert len(read(office.source())) == 250

    def test_a_page_that_is_shorter_than_its_total_leads_on(self, office: HubSpotOffice) -> None:
        for number in range(1, 121):
            put_deal(office, number)

        def cut(route: str, body: Any) -> Any:
            if not route.endswith("/search"):
                return body
            return {"results": body["results"][:50], "total": body["total"]}

        office.over_http.spoil = cut
        assert len(read(office.source())) == 120

    def test_a_click_id_that_was_overwritten_is_still_a_click_of_its_time(
        self, office: HubSpotOffice
    ) -> None:
        person = put_person(office, fields={"gclid": "first"})
        put_deal(office, people=(person,))
        office.book.edit_person(person, TOUCHED, gclid="second")
        (deal,) = read(office.source())
        seen = {one.click.click_id.value: one.click.clicked_at for one in deal.clicks}
        assert seen == {"first": CREATED, "second": TOUCHED}

    def test_the_missing_scope_is_named(self, office: HubSpotOffice) -> None:
        office.fail(office.right_missing, first=2)
        with pytest.raises(OperatorError, match=r"crm\.objects\.deals\.read"):
            office.source().check_columns()

    def test_a_burst_limit_is_waited_out_without_being_told_how_long(
        self, office: HubSpotOffice
    ) -> None:
        office.fail(Reply(status=429, body={"policyName": "TEN_SECONDLY_ROLLING"}), first=2)
        read(office.source())
        assert max(office.waits) >= 10

    def test_a_deal_archived_before_the_window_is_old_news(self, office: HubSpotOffice) -> None:
        put_deal(office, 1)
        office.book.delete(office.record_id(1), WINDOW.since - timedelta(days=1))
        assert list(office.source().read_changed(WINDOW)) == []
