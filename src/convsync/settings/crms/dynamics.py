"""Dynamics 365 Sales: the table that signs in to it, and how its adapter is opened."""

from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms.descriptor import Connection, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl, Words

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping


class DynamicsDeals(AnyCrmDeals):
    """Deals from Dynamics 365, `url` being https://ORG.crm.dynamics.com: an app user of Entra.

    `processes` are the tables of the business process flows whose stages are read; none named, all.
    `stage_order` names stages in the funnel's order, where their categories do not tell it. Without
    `audit`, stages that are no longer active count from when the oldest that is known began;
    without `stakeholders`, connected contacts are not read. `close_time` is the column of the
    closing activity that says when a deal was won or lost: `actualend` can be typed.
    """

    kind: Literal["dynamics"]
    url: ApiUrl
    tenant_id: str
    client_id: str
    client_secret: SecretStr
    login_url: ApiUrl = "https://login.microsoftonline.com"
    processes: Words = ()
    stage_order: Words = ()
    audit: bool = True
    stakeholders: bool = True
    close_time: Literal["createdon", "actualend"] = "createdon"


def _open(table: DynamicsDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import dynamics, dynamics_api
    from convsync.extract.dynamics_history import History

    login = connection.http("Microsoft Entra", table.login_url, dynamics_api.judge_login)
    words = table.tenant_id, table.client_id, revealed(table.client_secret), table.url
    who = connection.keeper(dynamics_api.client_credentials(login, *words))
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


DYNAMICS = CrmDescriptor(
    name="Dynamics 365 Sales",
    read_by="Dataverse Web API 9.2",
    table=DynamicsDeals,
    sign_in=("url", "tenant_id", "client_id", "client_secret"),
    open=_open,
    columns={"TestDynamics": "Dynamics"},
    keeps_no_trace=True,
)
