"""Salesforce: the table that signs in to it, and how its adapter is opened."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, SecretStr, model_validator

from convsync.settings.crms.descriptor import Connection, Consent, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl
from convsync.settings.write_back_tables import WritableCrmDeals

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.http import Authorisation, Http
    from convsync.signing_in.way import Way


class SalesforceDeals(WritableCrmDeals):
    """Deals from Salesforce, by an External Client App: client credentials, a JWT, or a person.

    `url` is the My Domain, https://COMPANY.my.salesforce.com. With `username` and
    `private_key_file` the JWT bearer flow is used, and `audience` is where it signs in; with
    `refresh_token` convsync reads as the person who agreed. A backfill of more than `bulk_above`
    lines of history lists them through the Bulk API 2.0.
    """

    kind: Literal["salesforce"]
    url: ApiUrl
    client_id: str
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    username: str | None = None
    private_key_file: Path | None = None
    audience: ApiUrl = "https://login.salesforce.com"
    api_version: str = Field(default="v68.0", pattern=r"^v\d+\.0$")
    bulk_above: int = Field(default=2_000, ge=0)

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if self.refresh_token is None:
            self.require_one_of(("client_secret",), ("username", "private_key_file"))
        else:
            self.require_one_of(("refresh_token",), ("username", "private_key_file"))
        return self


def _open(table: SalesforceDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import salesforce, salesforce_api

    def http(authorisation: "Authorisation | None" = None) -> "Http":
        return connection.http(
            "Salesforce",
            table.url,
            salesforce_api.judge,
            authorisation,
            at_once=salesforce_api.AT_ONCE,
        )

    secret = None if table.client_secret is None else revealed(table.client_secret)
    if table.refresh_token is not None:
        token = revealed(table.refresh_token)
        fetch = salesforce_api.refreshing(http(), table.client_id, secret, token)
    elif secret is not None:
        fetch = salesforce_api.client_credentials(http(), table.client_id, secret)
    else:
        assert table.username is not None, "settings see to that"
        assert table.private_key_file is not None, "settings see to that"
        key_file = connection.folder / table.private_key_file
        words = table.client_id, table.username, key_file, table.audience
        fetch = salesforce_api.jwt_bearer(http(), *words)
    api = salesforce_api.Api(http(connection.keeper(fetch)), table.api_version)
    return salesforce.Salesforce(api, mapping, bulk_above=table.bulk_above)


def _way(table: SalesforceDeals) -> "Way":
    """https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm"""
    from convsync.signing_in.way import Way

    return Way(
        vendor="Salesforce",
        page_url=f"{table.url}/services/oauth2/authorize",
        token_url=f"{table.url}/services/oauth2/token",
        scopes={"api": "opportunities, contacts, leads and their history, as their user sees them"},
        lasting=("refresh_token",),
        revoke_url=f"{table.url}/services/oauth2/revoke",
        ends="as the app's policy for refresh tokens says",
    )


SALESFORCE = CrmDescriptor(
    name="Salesforce",
    read_by="REST API v68.0, Bulk API 2.0 for backfills",
    table=SalesforceDeals,
    sign_in=("url", "client_id", "client_secret"),
    open=_open,
    columns={"TestSalesforce": "Salesforce"},
    consent=Consent(keys=("url", "client_id", "client_secret"), way=_way),
)
