"""Odoo: the suite of every source and of every CRM over both its APIs, and what is its own."""

from dataclasses import replace

import pytest
import responses

from convsync.errors import OperatorError
from convsync.extract import odoo
from convsync.extract.crm import Crm, CrmDeals, ForgetfulCrmDeals
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.odoo import History, Json2, JsonRpc, Odoo, Transport
from convsync.http import FixedHeader, Http
from convsync.model.identifiers import hashed
from convsync.sandbox.crm.odoo import DATABASE, KEY, USER, OdooServer
from convsync.sandbox.crm.server import Reply
from tests.contract.crm_suite import CELLS, CrmOffice, CrmSourceContract, mock
from tests.contract.source_suite import CREATED, SQL_AT, TOUCHED, WON_AT, put_deal, put_person, read

__all__ = ["mock"]


class OdooOffice(CrmOffice):
    """A company on Odoo 19, by JSON-2."""

    base_url = "https://acme.odoo.com"
    a_page = 100
    a_cap = 501
    calls_per_thousand = 140  # by pages of a hundred; by those of five hundred it is a fifth
    listing = r"/crm\.lead/search_read$"
    deal = RecordFields(gclid="x_gclid")
    contact = RecordFields(
        emails=("email",), phones=("phone",), gclid="x_gclid", ad_user_data="x_ads_consent"
    )
    region = "x_region"
    lost = "Lost"
    has_several_contacts = False
    renews_tokens = False
    says_nothing_of_amounts = True
    right_missing = Reply(
        status=403, body={"name": "odoo.exceptions.AccessError", "message": "not allowed"}
    )
    daily_limit = Reply(status=429, headers={"Retry-After": "7200"})
    server_class = OdooServer
    history: History = "tracking"

    def make_http(self) -> Http:
        return Http(
            name="Odoo",
            base_url=self.base_url,
            authorisation=FixedHeader("Authorization", f"bearer {KEY}"),
            judge=odoo.judge,
            policy=self.policy,
        )

    def transport(self) -> Transport:
        return Json2(self.http, DATABASE)

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Odoo(self.transport(), mapping, history=self.history, a_page=self.a_page)

    def source(self, mapping: CrmMapping | None = None) -> CrmDeals:
        wanted = mapping or self.mapping
        return ForgetfulCrmDeals("crm", self.make_crm(wanted), wanted, CELLS)

    def expire_tokens(self) -> None:
        raise AssertionError("an API key is not renewed")

    def record_id(self, number: int) -> str:
        return str(number)


class OldOdooOffice(OdooOffice):
    """A company on Odoo 18, by JSON-RPC."""

    listing = r"/jsonrpc$"
    right_missing = Reply(
        body={"jsonrpc": "2.0", "error": {"data": {"name": "odoo.exceptions.AccessError"}}}
    )
    error_inside_200 = Reply(
        body={"jsonrpc": "2.0", "error": {"code": 200, "data": {"name": "builtins.ValueError"}}}
    )

    def make_http(self) -> Http:
        return replace(super().make_http(), authorisation=None)

    def transport(self) -> Transport:
        return JsonRpc(self.http, DATABASE, USER, KEY)


class TestOdoo(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> OdooOffice:
        return OdooOffice(mock)

    def test_a_leads_own_address_is_the_deals(self, office: OdooOffice) -> None:
        put_deal(office, fields={"origin": "jane@example.com"})
        mapping = CrmMapping(milestones=office.milestones, deal=RecordFields(emails=("x_origin",)))
        (deal,) = read(office.source(mapping))
        assert deal.identifiers.emails == (hashed("jane@example.com"),)

    def test_without_the_right_to_read_changes_a_person_is_told_what_to_do(
        self, office: OdooOffice
    ) -> None:
        assert isinstance(office.server, OdooServer)
        put_deal(office)
        office.server.is_admin = False
        with pytest.raises(OperatorError, match='history = "fields"'):
            read(office.source())
        office.history = "fields"
        (deal,) = read(office.source())
        assert [(one.name, one.reached_at) for one in deal.milestones] == [("won", WON_AT)]

    def test_changes_that_a_merge_brought_along_are_passed_over(self, office: OdooOffice) -> None:
        put_deal(office, 1, entered=(("mql", CREATED), ("opportunity", WON_AT)))
        put_deal(office, 2, entered=(("mql", CREATED), ("sql", SQL_AT)))
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED)
        (deal,) = read(office.source())
        assert [(one.name, one.reached_at) for one in deal.milestones] == [("sql", SQL_AT)]

    def test_a_lead_that_was_lost_and_taken_up_again_is_not_lost(self, office: OdooOffice) -> None:
        put_deal(
            office, entered=(("mql", CREATED), ("sql", SQL_AT), ("lost", WON_AT), ("sql", TOUCHED))
        )
        (deal,) = read(office.source())
        assert [one.name for one in deal.milestones] == ["sql"]


class TestOldOdoo(CrmSourceContract):
    """The same promises over JSON-RPC."""

    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> OldOdooOffice:
        return OldOdooOffice(mock)

    def test_a_wrong_key_signs_nobody_in(self, office: OldOdooOffice) -> None:
        wrong = JsonRpc(office.http, DATABASE, USER, "wrong")
        with pytest.raises(OperatorError, match="signs nobody in"):
            Odoo(wrong, office.mapping).stages()

    def test_the_same_contact_is_read_once(self, office: OldOdooOffice) -> None:
        person = put_person(office, fields={"email": "a@example.com"})
        for number in (1, 2):
            put_deal(office, number, people=(person,))
        assert {deal.identifiers.emails for deal in read(office.source())} == {
            (hashed("a@example.com"),)
        }
