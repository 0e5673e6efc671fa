"""Pipedrive: the table that signs in to it, and how its adapter is opened."""

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Self

from pydantic import SecretStr, model_validator

from convsync.settings.crms.descriptor import Connection, Consent, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl
from convsync.settings.write_back_tables import WritableCrmDeals

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.http import Authorisation
    from convsync.signing_in.way import Way


class PipedriveDeals(WritableCrmDeals):
    """Deals from Pipedrive: an API token, or OAuth. `url` is https://COMPANY.pipedrive.com."""

    kind: Literal["pipedrive"]
    url: ApiUrl
    token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    login_url: ApiUrl = "https://oauth.pipedrive.com"

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        self.require_one_of(("token",), ("client_id", "client_secret", "refresh_token"))
        return self


def _open(table: PipedriveDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import pipedrive, pipedrive_api
    from convsync.http import FixedHeader, basic

    if table.token is not None:
        who: Authorisation = FixedHeader("x-api-token", revealed(table.token))
        limits = pipedrive_api.TOKEN_LIMITS
    else:
        limits = pipedrive_api.APP_LIMITS
        app = basic(table.client_id or "", revealed(table.client_secret))
        login = connection.http("Pipedrive", table.login_url, pipedrive_api.judge, app)
        who = connection.keeper(pipedrive_api.refreshing(login, revealed(table.refresh_token)))
    http = connection.http(
        "Pipedrive",
        table.url,
        pipedrive_api.judge,
        who,
        limits=limits,
        at_once=pipedrive_api.AT_ONCE,
    )
    return pipedrive.Pipedrive(pipedrive_api.Api(http), mapping)


def _deals_scope(table: PipedriveDeals) -> str:
    return "deals:read" if table.write_back is None else "deals:full"


def _way(table: PipedriveDeals) -> "Way":
    """https://pipedrive.readme.io/docs/marketplace-oauth-authorization"""
    from convsync.signing_in.way import Way

    return Way(
        vendor="Pipedrive",
        page_url=f"{table.login_url}/oauth/authorize",
        token_url=f"{table.login_url}/oauth/token",
        scopes={
            _deals_scope(table): "deals, archived deals, pipelines, stages, fields of deals",
            "contacts:read": "persons and their fields",
            "recents:read": "the changelog of a deal",
        },
        sends_scopes=False,
        shows_app_in_header=True,
        revoke_url=f"{table.login_url}/oauth/revoke",
        unused_for=timedelta(days=60),
        ends="60 days after its last use",
    )


PIPEDRIVE = CrmDescriptor(
    name="Pipedrive",
    read_by="API v2, v1 for the changelog",
    table=PipedriveDeals,
    sign_in=("url", "token"),
    open=_open,
    columns={"TestPipedrive": "Pipedrive"},
    consent=Consent(keys=("url", "client_id", "client_secret"), way=_way),
)
