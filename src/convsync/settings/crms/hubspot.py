"""HubSpot: the table that signs in to it, and how its adapter is opened."""

import re
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from convsync.settings.crms.descriptor import Connection, Consent, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl
from convsync.settings.write_back_tables import WritableCrmDeals

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.http import Authorisation, Http
    from convsync.signing_in.way import Way

_API: Final = "https://api.hubapi.com"


class HubSpotDeals(WritableCrmDeals):
    """Deals from HubSpot: a service key or a private app's `token`, or an OAuth app.

    `api_version` is a dated version of the CRM API; each is supported for eighteen months.
    """

    kind: Literal["hubspot"]
    url: ApiUrl = _API
    api_version: str = "2026-09"
    token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @field_validator("api_version")
    @classmethod
    def _is_dated(cls, value: str) -> str:
        if not re.fullmatch(r"20\d\d-(03|09)", value):
            raise ValueError(f"'{value}' is no dated version such as 2026-09")
        return value

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        self.require_one_of(("token",), ("client_id", "client_secret", "refresh_token"))
        return self


def _open(table: HubSpotDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import hubspot, hubspot_api
    from convsync.http import FixedHeader

    def http(authorisation: "Authorisation | None" = None) -> "Http":
        return connection.http(
            "HubSpot",
            table.url,
            hubspot_api.judge,
            authorisation,
            limits=hubspot_api.LIMITS,
            at_once=hubspot_api.AT_ONCE,
        )

    if table.token is not None:
        who: Authorisation = FixedHeader("Authorization", f"Bearer {revealed(table.token)}")
    else:
        secrets = revealed(table.client_secret), revealed(table.refresh_token)
        who = connection.keeper(hubspot_api.refreshing(http(), table.client_id or "", *secrets))
    return hubspot.HubSpot(http(who), mapping, version=table.api_version)


def _way(table: HubSpotDeals) -> "Way":
    """https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth"""
    from convsync.signing_in.way import Way

    page = "https://app.hubspot.com" if table.url == _API else table.url
    writes = {} if table.write_back is None else {"crm.objects.deals.write": "what is written back"}
    return Way(
        vendor="HubSpot",
        page_url=f"{page}/oauth/authorize",
        token_url=f"{table.url}/oauth/2026-03/token",
        scopes={
            "crm.objects.deals.read": "deals, their history of stages, pipelines, properties",
            "crm.objects.contacts.read": "e-mails, phones, consent and click IDs of contacts",
            **writes,
        },
        ends="when somebody removes the app from the account",
    )


HUBSPOT = CrmDescriptor(
    name="HubSpot",
    read_by="CRM API 2026-09",
    table=HubSpotDeals,
    sign_in=("token",),
    open=_open,
    columns={"TestHubSpot": "HubSpot"},
    consent=Consent(keys=("client_id", "client_secret"), way=_way),
)
