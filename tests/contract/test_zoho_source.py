"""Zoho CRM: the suite of every source and of every CRM, and what is peculiar to Zoho."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import responses

from convsync.errors import OperatorError, TransientError
from convsync.extract import zoho_api
from convsync.extract.crm import Crm
from convsync.extract.funnel import MilestoneStages
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.oauth import Token, TokenKeeper
from convsync.extract.zoho import Zoho
from convsync.http import Http
from convsync.model.click import MatchBasis
from convsync.model.deal import Milestone
from convsync.sandbox.crm.book import Outcome, Stage
from convsync.sandbox.crm.server import Reply, Request
from convsync.sandbox.crm.zoho import CLIENT, REFRESH_TOKEN, SECRET, ZohoServer
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, departed, mock
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
LOGIN_URL = "https://accounts.zoho.eu"


class ZohoOffice(CrmOffice):
    base_url = "https://www.zohoapis.eu"
    a_page = 200
    a_cap = 401
    calls_per_thousand = 80
    listing = r"/coql$"
    deal = RecordFields(gclid="GCLID")
    contact = RecordFields(
        emails=("Email",), phones=("Phone",), gclid="GCLID", ad_user_data="Ads_Consent"
    )
    region = "Region"
    reads_roles = False
    right_missing = Reply(
        status=403,
        body={
            "code": "NO_PERMISSION",
            "message": "Permission denied",
            "status": "error",
            "details": {"permissions": ["Crm_Implied_View_Deals"]},
        },
    )
    daily_limit = Reply(
        status=429,
        body={"code": "TOO_MANY_REQUESTS", "details": {}, "message": "…", "status": "error"},
        headers={"X-API-CREDITS-REMAINING": "0"},
    )
    error_inside_200 = Reply(body={"error": "invalid_code"})
    server: ZohoServer
    server_class = ZohoServer

    def make_http(self) -> Http:
        login = Http(
            name="Zoho", base_url=self.base_url, judge=zoho_api.judge, policy=self.policy,
            clock=lambda: self.now,
        )  # fmt: skip
        fetch = zoho_api.refreshing(login, CLIENT, SECRET, REFRESH_TOKEN)
        keeper = TokenKeeper(fetch, scheme=zoho_api.SCHEME, clock=lambda: self.now)
        return Http(
            name="Zoho",
            base_url=zoho_api.api_of(keeper, LOGIN_URL),
            authorisation=keeper,
            judge=zoho_api.judge,
            policy=self.policy,
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Zoho(zoho_api.Api(self.http), mapping, reads_roles=self.reads_roles)

    def expire_tokens(self) -> None:
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return str(4150868000010000000 + number)


class TestZoho(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> ZohoOffice:
        return ZohoOffice(mock)
