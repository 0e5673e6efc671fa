"""Zoho CRM: the table that signs in to it, and how its adapter is opened."""

from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms.descriptor import Connection, Consent, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.signing_in.way import Way


class ZohoDeals(AnyCrmDeals):
    """Deals from Zoho CRM. `login_url` is the data centre's: accounts.zoho.eu, .com, .in, …

    Each token says where the API is; `url` overrides it. With `contact_roles` the contacts with a
    role in a deal are read too, which costs one call per deal.
    """

    kind: Literal["zoho"]
    login_url: ApiUrl = "https://accounts.zoho.com"
    url: ApiUrl | None = None
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    contact_roles: bool = False


def _open(table: ZohoDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import zoho, zoho_api
    from convsync.signing_in.tokens import TokenKeeper

    login = connection.http("Zoho", table.login_url, zoho_api.judge)
    secrets = revealed(table.client_secret), revealed(table.refresh_token)
    fetch = zoho_api.refreshing(login, table.client_id, *secrets)
    file = connection.token_file
    who = TokenKeeper(fetch, scheme=zoho_api.SCHEME, file=file, api_url=table.url)
    url = table.url or zoho_api.api_of(who, table.login_url)
    api = zoho_api.Api(connection.http("Zoho", url, zoho_api.judge, who, at_once=zoho_api.AT_ONCE))
    return zoho.Zoho(api, mapping, reads_roles=table.contact_roles)


def _way(table: ZohoDeals) -> "Way":
    """https://www.zoho.com/crm/developer/docs/api/v8/auth-request.html"""
    from convsync.signing_in.way import Way

    return Way(
        vendor="Zoho",
        page_url=f"{table.login_url}/oauth/v2/auth",
        token_url=f"{table.login_url}/oauth/v2/token",
        scopes={
            "ZohoCRM.modules.READ": "deals, contacts, leads, the history of stages, deletions",
            "ZohoCRM.coql.READ": "queries, by which nearly all of these are read",
            "ZohoCRM.settings.READ": "fields, layouts, pipelines and their stages",
        },
        separator=",",
        asks={"access_type": "offline", "prompt": "consent"},
        revoke_url=f"{table.login_url}/oauth/v2/token/revoke",
        ends="when somebody removes the app under Sessions › Connected Apps",
    )


ZOHO = CrmDescriptor(
    name="Zoho CRM",
    read_by="API v8, COQL",
    table=ZohoDeals,
    sign_in=("login_url", "client_id", "client_secret", "refresh_token"),
    open=_open,
    columns={"TestZoho": "Zoho"},
    consent=Consent(keys=("login_url", "client_id", "client_secret"), way=_way),
)
