"""The table of a destination at Meta: one dataset of the Conversions API."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, SecretStr

from convsync.settings.destination_table import DestinationTable, PlatformTables
from convsync.settings.values import ApiUrl, Days, Digits
from convsync.settings.written import Config, destination_of, held_too_long, rules_to

KIND = "meta"
_WITHIN_DAYS = {"physical_store": 62}
"""How many days after a milestone Meta still takes it, by action_source; seven for all others."""
_USUALLY_DAYS = 7


class MetaTable(DestinationTable):
    """A dataset at Meta, and the system user's token that may send to it: a secret.

    `crm_name` is the CRM that Meta shows as the origin of the events. `app_secret` is for tokens
    whose app requires a proof with each call. A `test_event_code` shows events among Meta's test
    events, where they count all the same. `api_version` is the Graph API's. Meta counts calls per
    ad account and publishes no number; set `requests_per_minute` if you know a better one.
    """

    kind: Literal["meta"]
    dataset_id: Digits
    access_token: SecretStr | None = None
    app_secret: SecretStr | None = None
    crm_name: str = Field(default="CRM", pattern=r"\S", max_length=100)
    action_source: Literal[
        "system_generated", "email", "phone_call", "chat", "physical_store", "other"
    ] = "system_generated"
    test_event_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    api_version: str = Field(default="v26.0", pattern=r"^v[0-9]{2}\.[0-9]$")
    url: ApiUrl = "https://graph.facebook.com"
    upload_window_days: Days = 90
    batch_size: int = Field(default=1_000, ge=1, le=1_000)
    requests_per_minute: int | None = Field(default=None, ge=1)


def _action_problem(action_id: str) -> str | None:
    """Return None: Meta counts by any name, and `values.ActionId` says how long one may be."""
    return None


def _holds_that_are_too_long(config: Config) -> Iterator[str]:
    for name, rule in rules_to(config, KIND).items():
        source = str(destination_of(rule, config).get("action_source"))
        yield from held_too_long(name, rule, _WITHIN_DAYS.get(source, _USUALLY_DAYS), "Meta")


META = PlatformTables(
    tables=(MetaTable,),
    account_keys=("dataset_id",),
    action_problem=_action_problem,
    action_hint="the event's name: choose it, and set it up in Events Manager for the CRM",
    first_action='"Qualified lead"',
    first_lines=(
        'kind = "meta"',
        "dataset_id = 0   # Events Manager › the dataset › Settings",
        'crm_name = "CRM"   # by which Meta shows the events',
        "# access_token is a secret: CONVSYNC_DESTINATIONS__META__ACCESS_TOKEN",
    ),
    checks=(_holds_that_are_too_long,),
)
