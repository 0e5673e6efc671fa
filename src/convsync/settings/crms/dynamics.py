"""Dynamics 365 Sales: the table that signs in to it, and how its adapter is opened."""

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Self

from pydantic import SecretStr, model_validator

from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms.descriptor import Connection, Consent, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl, Words

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.signing_in.way import Way


class DynamicsDeals(AnyCrmDeals):
    """Deals from Dynamics 365, through an Entra app. `url` is https://ORG.crm.dynamics.com.

    With `client_secret` alone it reads as an application user, with `refresh_token` as the person
    who agreed.

    `processes` are the tables of the business process flows whose stages are read; by default all.
    `stage_order` names stages in the funnel's order, if their categories do not determine it.
    Without `audit`, stages that are no longer active count from when the oldest known one began;
    without `stakeholders`, connected contacts are not read. `close_time` is the column of the
    closing activity that says when a deal was won or lost; people can edit `actualend`.
    """

    kind: Literal["dynamics"]
    url: ApiUrl
    tenant_id: str
    client_id: str
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    login_url: ApiUrl = "https://login.microsoftonline.com"
    processes: Words = ()
    stage_order: Words = ()
    audit: bool = True
    stakeholders: bool = True
    close_time: Literal["createdon", "actualend"] = "createdon"

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if self.refresh_token is None:
            self.require_one_of(("client_secret",), ("refresh_token",))
        return self


def _open(table: DynamicsDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import dynamics, dynamics_api
    from convsync.extract.dynamics_history import History

    login = connection.http("Microsoft Entra", table.login_url, dynamics_api.judge_login)
    app = table.tenant_id, table.client_id
    secret = None if table.client_secret is None else revealed(table.client_secret)
    if table.refresh_token is not None:
        token = revealed(table.refresh_token)
        fetch = dynamics_api.refreshing(login, *app, secret, token, table.url)
    else:
        fetch = dynamics_api.client_credentials(login, *app, secret or "", table.url)
    who = connection.keeper(fetch)
    base_url = f"{table.url.rstrip('/')}/{dynamics_api.PATH}"
    http = connection.http(
        "Dynamics 365",
        base_url,
        dynamics_api.judge,
        who,
        limits=dynamics_api.LIMITS,
        at_once=dynamics_api.AT_ONCE,
    )
    api = dynamics_api.Api(http)
    history = History(
        api,
        processes=table.processes,
        stage_order=table.stage_order,
        has_audit=table.audit,
        close_time=table.close_time,
    )
    return dynamics.Dynamics(api, history, mapping, has_stakeholders=table.stakeholders)


def _way(table: DynamicsDeals) -> "Way":
    """https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow"""
    from convsync.signing_in.way import Way

    address = f"{table.login_url}/{table.tenant_id}/oauth2/v2.0"
    return Way(
        vendor="Microsoft Entra",
        page_url=f"{address}/authorize",
        token_url=f"{address}/token",
        device_url=f"{address}/devicecode",
        scopes={f"{table.url}/user_impersonation": "Dynamics, as the person who agrees sees it"},
        lasting=("offline_access",),
        unused_for=timedelta(days=90),
        ends="90 days after its last use",
    )


DYNAMICS = CrmDescriptor(
    name="Dynamics 365 Sales",
    read_by="Dataverse Web API 9.2",
    table=DynamicsDeals,
    sign_in=("url", "tenant_id", "client_id", "client_secret"),
    open=_open,
    columns={"TestDynamics": "Dynamics"},
    keeps_no_trace=True,
    consent=Consent(keys=("url", "tenant_id", "client_id", "client_secret"), way=_way),
)
