"""Dynamics 365: the suite of every source and of every CRM, and what is peculiar to Dynamics."""

from datetime import timedelta

import pytest
import responses

from convsync.errors import OperatorError
from convsync.extract import dynamics
from convsync.extract.crm import Crm, CrmDeals, ForgetfulCrmDeals
from convsync.extract.dynamics import Dynamics
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.oauth import TokenKeeper
from convsync.extract.source import Bookmark
from convsync.http import Http
from convsync.model.click import MatchBasis
from convsync.model.deal import Deal
from convsync.sandbox.crm.dynamics import CLIENT, SECRET, TENANT, DynamicsServer
from convsync.sandbox.crm.server import Reply
from tests.contract.crm_suite import CELLS, CrmOffice, CrmSourceContract, mock
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


class DynamicsOffice(CrmOffice):
    base_url = "https://acme.crm4.dynamics.com"
    a_page = 500
    a_cap = 1_001
    calls_per_thousand = 60
    listing = r"/opportunities$"
    deal = RecordFields(gclid="new_gclid")
    contact = RecordFields(
        emails=("emailaddress1",),
        phones=("telephone1",),
        gclid="new_gclid",
        ad_user_data="new_adsconsent",
    )
    region = "new_region"
    won, lost = "Won", "Lost"
    has_audit = False
    right_missing = Reply(
        status=403,
        body={"error": {"code": "0x80040220", "message": "is missing prvReadOpportunity"}},
    )
    daily_limit = Reply(
        status=429,
        body={"error": {"code": "0x80072321", "message": "Combined execution time"}},
        headers={"Retry-After": "3600"},
    )
    server_class = DynamicsServer

    def make_http(self) -> Http:
        login = Http(name="Microsoft Entra", base_url=self.base_url, policy=self.policy)
        fetch = dynamics.credentials(login, TENANT, CLIENT, SECRET, self.base_url)
        return Http(
            name="Dynamics",
            base_url=self.base_url,
            authorisation=TokenKeeper(fetch, clock=lambda: self.now),
            judge=dynamics.judge,
            policy=self.policy,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Dynamics(
            self.http, mapping, process="opportunitysalesprocesses", has_audit=self.has_audit
        )

    def source(self, mapping: CrmMapping | None = None) -> CrmDeals:
        wanted = mapping or self.mapping
        return ForgetfulCrmDeals("crm", self.make_crm(wanted), wanted, CELLS)

    def expire_tokens(self) -> None:
        assert isinstance(self.server, DynamicsServer)
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return f"{number:08x}-0001-4000-8000-000000000000"


class AuditedOffice(DynamicsOffice):
    has_audit = True
    calls_per_thousand = 100


class TestDynamics(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> DynamicsOffice:
        return DynamicsOffice(mock)

    def test_a_click_id_on_the_originating_lead_was_seen_when_the_lead_was_made(
        self, office: DynamicsOffice
    ) -> None:
        lead = put_person(office, 777, kind="lead", fields={"gclid": "G-lead"})
        put_deal(office, people=(lead,), created_at=SQL_AT)
        mapping = CrmMapping(milestones=office.milestones, lead=RecordFields(gclid="new_gclid"))
        (deal,) = read(office.source(mapping))
        (candidate,) = deal.clicks
        assert candidate.basis is MatchBasis.LEAD
        assert candidate.click.clicked_at == CREATED

    def test_without_an_audit_only_the_present_stage_is_known(self, office: DynamicsOffice) -> None:
        put_deal(office, entered=(*WON_DEAL[:2], ("opportunity", WON_AT)))
        (deal,) = read(office.source())
        assert deal.milestones == ()

    def test_a_deal_that_may_not_be_read_is_not_gone(self, office: DynamicsOffice) -> None:
        put_deal(office, 1)
        source = office.source()
        assert isinstance(source, ForgetfulCrmDeals)
        unreadable = Reply(body={"value": []})
        office.fail(unreadable, first=2)  # the token, then the list that leaves it out
        assert list(source.departed_among([office.record_id(1)])) == []

    def test_a_bookmark_that_is_no_longer_good_begins_the_window_again(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office)
        stale = Bookmark(f"own:{office.base_url}/api/data/v9.2/opportunities?$filter=stale")
        records = list(office.source().read_changed(WINDOW, stale))
        assert [one.deal_id for one in records if isinstance(one, Deal)] == [office.record_id(1)]

    def test_the_code_of_a_missing_right_is_named(self, office: DynamicsOffice) -> None:
        office.fail(office.right_missing, first=2)
        with pytest.raises(OperatorError, match="0x80040220"):
            office.source().check_columns()

    def test_a_deal_lost_keeps_its_reason(self, office: DynamicsOffice) -> None:
        put_deal(office, entered=(*WON_DEAL[:2], ("lost", WON_AT)))
        (deal,) = read(office.source())
        assert deal.segments["stage"] == "Lost"


class TestAuditedDynamics(CrmSourceContract):
    """The same promises where the stages before the present one come from the audit log."""

    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> AuditedOffice:
        return AuditedOffice(mock)

    def test_every_stage_is_known_with_its_time(self, office: AuditedOffice) -> None:
        later = SQL_AT + timedelta(days=3)
        put_deal(office, entered=(*WON_DEAL[:2], ("opportunity", later), ("won", TOUCHED)))
        (deal,) = read(office.source())
        assert {one.name: one.reached_at for one in deal.milestones} == {
            "sql": SQL_AT,
            "won": TOUCHED,
        }
