"""Odoo: the table that signs in to it, and how its adapter is opened."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import SecretStr, model_validator

from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms.descriptor import Connection, CrmDescriptor, revealed
from convsync.settings.values import ApiUrl

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping


class OdooDeals(AnyCrmDeals):
    """Deals from Odoo: an API key; before Odoo 19 with the `username` it belongs to.

    `api` is the protocol: `json2` from Odoo 19 on, `jsonrpc` before. `history` is where stages come
    from: tracked changes, which only an administrator may read, or only the `fields` of the lead.
    """

    kind: Literal["odoo"]
    url: ApiUrl
    database: str
    api_key: SecretStr
    username: str | None = None
    api: Literal["json2", "jsonrpc"] = "json2"
    history: Literal["tracking", "fields"] = "tracking"

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if self.api == "jsonrpc" and self.username is None:
            raise ValueError('api = "jsonrpc" signs in with a username beside the api_key')
        return self


def _open(table: OdooDeals, mapping: "CrmMapping", connection: Connection) -> "Crm":
    from convsync.extract import odoo, odoo_api
    from convsync.http import FixedHeader

    key = revealed(table.api_key)
    if table.api == "json2":
        who = FixedHeader("Authorization", f"bearer {key}")
        http = connection.http("Odoo", table.url, odoo_api.judge, who)
        transport: odoo_api.Transport = odoo_api.Json2(http, table.database)
    else:
        http = connection.http("Odoo", table.url, odoo_api.judge)
        transport = odoo_api.JsonRpc(http, table.database, table.username or "", key)
    return odoo.Odoo(transport, mapping, history=table.history)


ODOO = CrmDescriptor(
    name="Odoo",
    read_by="JSON-2 (19 and later), JSON-RPC (11 to 18)",
    table=OdooDeals,
    sign_in=("url", "database", "api", "username", "api_key"),
    hints={"api": "json2 for Odoo 19 and later, jsonrpc for 11 to 18"},
    is_asked=lambda key, known: key != "username" or known.get("api") == "jsonrpc",
    open=_open,
    columns={"TestOdoo": "Odoo 19", "TestOldOdoo": "Odoo 11–18"},
    keeps_no_trace=True,
)
