"""Dynamics 365: the suite of every source and of every CRM, and what is peculiar to Dynamics."""

from dataclasses import replace
from typing import Any

import pytest
import responses

from convsync.extract import dynamics_api
from convsync.extract.crm import Crm, CrmDeals, ForgetfulCrmDeals
from convsync.extract.dynamics import Dynamics
from convsync.extract.dynamics_api import Api
from convsync.extract.dynamics_history import History
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.oauth import TokenKeeper
from convsync.http import Http
from convsync.sandbox.crm.dynamics import CLIENT_ID, CLIENT_SECRET, TENANT, DynamicsServer
from convsync.sandbox.crm.server import Reply
from tests.contract.crm_suite import CELLS, CrmOffice, CrmSourceContract, mock

__all__ = ["mock"]

URL = "https://contoso.crm4.dynamics.com"
PERSON = RecordFields(
    emails=("emailaddress1",),
    phones=("telephone1",),
    gclid="new_gclid",
    ad_user_data="new_adconsent",
)


def error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body={"error": {"code": code, "message": message}})


class DynamicsOffice(CrmOffice):
    base_url = URL
    a_page = 50
    a_cap = 2 * a_page + 1
    calls_per_thousand = 200
    listing = r"/opportunities$"
    deal = RecordFields(gclid="new_gclid")
    contact = PERSON
    region = "new_region"
    won, lost = "Won", "Lost"
    right_missing = error(
        403,
        "0x80040220",
        "Principal user (Id=4026be43-6b69-e111-8f65-78e7d1620f5e, type=8) is missing"
        " prvReadOpportunity privilege (Id=…) on OTC=3 for entity 'opportunity'.",
    )
    daily_limit = Reply(
        status=429,
        headers={"Retry-After": "3600"},
        body={"error": {"code": "0x80072322", "message": "Number of requests exceeded the limit"}},
    )
    server_class = DynamicsServer
    server: DynamicsServer
    has_stakeholders = True

    def __init__(self, mock: responses.RequestsMock) -> None:
        super().__init__(mock)
        self.read_history: dict[str, Any] = {}

    @property
    def mapping(self) -> CrmMapping:
        return replace(super().mapping, lead=PERSON)

    def make_http(self) -> Http:
        login = Http(name="Entra", base_url=URL, policy=self.policy, judge=dynamics_api.judge_login)
        fetch = dynamics_api.client_credentials(login, TENANT, CLIENT_ID, CLIENT_SECRET, URL)
        return Http(
            name="Dynamics 365",
            base_url=f"{URL}/{dynamics_api.PATH}",
            authorisation=TokenKeeper(fetch, clock=lambda: self.now),
            judge=dynamics_api.judge,
            policy=self.policy,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        api = Api(self.http, a_page=self.a_page)
        history = History(api, **self.read_history)
        return Dynamics(api, history, mapping, has_stakeholders=self.has_stakeholders)

    def source(self, mapping: CrmMapping | None = None) -> CrmDeals:
        wanted = mapping or self.mapping
        return ForgetfulCrmDeals("crm", self.make_crm(wanted), wanted, CELLS)

    def expire_tokens(self) -> None:
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return self.server.record_id("deal", number)


class TestDynamics(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> DynamicsOffice:
        return DynamicsOffice(mock)
