"""The tables of the CRMs: how to sign in to each, and what its stages and fields mean.

Secrets are given by name, as `CONVSYNC_DEALS__CRM__TOKEN` or a file in the secrets directory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from convsync.settings.values import (
    ApiUrl,
    ConsentWords,
    Currency,
    CustomerWords,
    Minutes,
    Region,
    Table,
    Words,
    Zone,
)

ALWAYS_THERE = frozenset({"owner", "pipeline", "stage", "lost_reason"})
"""The segments of every CRM's deals, mapped or not."""


class RecordFields(Table):
    """Which field of a CRM's record holds what, by the API's exact names."""

    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    landing_url: str | None = None
    clicked_at: str | None = None
    email: Words = ()
    phone: Words = ()
    country: str | None = None
    ad_user_data: str | None = None
    ad_personalization: str | None = None
    crm_key: Words = ()
    visitor: Words = ()


class DealFields(RecordFields):
    """The deal's own fields; `amount` and `currency` name others than the CRM's own."""

    amount: str | None = None
    currency: str | None = None
    customer_type: str | None = None


class CrmMilestone(Table):
    """What means a milestone: stages, an outcome, a field with its time, or the deal itself."""

    stages: Words = ()
    outcome: Literal["won", "lost"] | None = None
    field: str | None = None
    created: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        is_by_stage = bool(self.stages or self.outcome)
        if is_by_stage + (self.field is not None) + self.created != 1:
            raise ValueError("say `stages` or `outcome`, or `field`, or `created = true`")
        return self


def _crm_milestone(value: Any) -> Any:
    return {"stages": value} if isinstance(value, str | list) else value


class AnyCrmDeals(Table):
    """What every CRM has. Milestones stand in the funnel's order.

    `lag_minutes` and `overlap_minutes` stand in for the vendor's own. `token_file` is where access
    tokens that expire are kept between runs, with file mode 0600; without it they are not.
    `reads_beside` names sources that are meant to read the same deals.
    """

    milestones: dict[str, Annotated[CrmMilestone, BeforeValidator(_crm_milestone)]] = Field(
        min_length=1
    )
    deal: DealFields = DealFields()
    contact: RecordFields = RecordFields()
    lead: RecordFields = RecordFields()
    segments: dict[str, str] = Field(default_factory=dict)
    consent: ConsentWords = ConsentWords()
    customer_type: CustomerWords = CustomerWords()
    time_zone: Zone | None = None
    country: Region | None = None
    currency: Currency | None = None
    date_formats: Words = ()
    blank_words: Words = ()
    lag_minutes: Minutes | None = None
    overlap_minutes: Minutes | None = None
    token_file: Path | None = None
    reads_beside: Words = ()

    def require_one_of(self, *ways: tuple[str, ...]) -> None:
        """Raise ValueError unless the keys of exactly one way to sign in are there."""
        there = [way for way in ways if all(getattr(self, key) is not None for key in way)]
        if len(there) != 1:
            listed = ", or ".join(" and ".join(way) for way in ways)
            raise ValueError(f"to sign in, give {listed}, and only one of these")


class HubSpotDeals(AnyCrmDeals):
    """Deals from HubSpot: a service key or a private app's `token`, or an OAuth app."""

    kind: Literal["hubspot"]
    url: ApiUrl = "https://api.hubapi.com"
    token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        self.require_one_of(("token",), ("client_id", "client_secret", "refresh_token"))
        return self


class SalesforceDeals(AnyCrmDeals):
    """Deals from Salesforce: an External Client App with client credentials, or with a JWT.

    `url` is the My Domain, https://COMPANY.my.salesforce.com. With `username` and
    `private_key_file` the JWT bearer flow is used, `audience` being where it signs in. A backfill
    of more than `bulk_above` records is read by the Bulk API 2.0.
    """

    kind: Literal["salesforce"]
    url: ApiUrl
    client_id: str
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key_file: Path | None = None
    audience: ApiUrl = "https://login.salesforce.com"
    api_version: str = Field(default="v68.0", pattern=r"^v\d+\.0$")
    bulk_above: int = Field(default=2_000, ge=0)

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        self.require_one_of(("client_secret",), ("username", "private_key_file"))
        return self


class PipedriveDeals(AnyCrmDeals):
    """Deals from Pipedrive, `url` being https://COMPANY.pipedrive.com: an API token, or OAuth."""

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


class ZohoDeals(AnyCrmDeals):
    """Deals from Zoho CRM. `login_url` is the data centre's: accounts.zoho.eu, .com, .in, …

    The API's own address comes with each token; `url` stands in for it. With `contact_roles` the
    contacts who have a role in a deal are read too, by a call for each deal.
    """

    kind: Literal["zoho"]
    login_url: ApiUrl = "https://accounts.zoho.com"
    url: ApiUrl | None = None
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    contact_roles: bool = False


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


class OdooDeals(AnyCrmDeals):
    """Deals from Odoo: an API key; before Odoo 19 with the `username` it belongs to.

    `api` is what is spoken: `json2` from Odoo 19 on, `jsonrpc` before. `history` is where stages
    come from: tracked changes, which an administrator may read, or the `fields` of the lead alone.
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


CrmDeals = HubSpotDeals | SalesforceDeals | PipedriveDeals | ZohoDeals | DynamicsDeals | OdooDeals
BY_KIND: Mapping[str, type[CrmDeals]] = {
    "hubspot": HubSpotDeals,
    "salesforce": SalesforceDeals,
    "pipedrive": PipedriveDeals,
    "zoho": ZohoDeals,
    "dynamics": DynamicsDeals,
    "odoo": OdooDeals,
}
SIGN_IN: Mapping[str, Sequence[str]] = {
    "hubspot": ("token",),
    "salesforce": ("url", "client_id", "client_secret"),
    "pipedrive": ("url", "token"),
    "zoho": ("login_url", "client_id", "client_secret", "refresh_token"),
    "dynamics": ("url", "tenant_id", "client_id", "client_secret"),
    "odoo": ("url", "database", "api_key"),
}
"""What is asked of somebody who sets a CRM up, for the simplest way to sign in."""
