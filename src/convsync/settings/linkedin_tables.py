"""The table of a destination at LinkedIn: the conversion rules of one ad account."""

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field, SecretStr

from convsync.settings.destination_table import DestinationTable, PlatformTables
from convsync.settings.values import ApiUrl, Days, Digits
from convsync.settings.written import Config, held_too_long, rules_to

KIND: Final = "linkedin"
_WITHIN_DAYS: Final = 90


class LinkedInTable(DestinationTable):
    """An ad account at LinkedIn, and the app to which a person has granted access.

    A refresh token, with the app's ID and secret, gets access tokens; an app to which LinkedIn
    issues none has only an `access_token`, which expires after 60 days. Whether LinkedIn counts a
    repeat twice is not documented: `unanswered` says whether a request whose answer was lost is
    left unsure or repeated. The limits are those of the app, which only its developer portal shows.
    """

    kind: Literal["linkedin"]
    account_id: Digits
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    access_token: SecretStr | None = None
    api_version: str = Field(default="202607", pattern=r"^20[0-9]{2}(?:0[1-9]|1[0-2])$")
    unanswered: Literal["leave", "repeat"] = "leave"
    upload_window_days: Days = 90
    batch_size: int = Field(default=5_000, ge=1, le=5_000)
    requests_per_minute: int | None = Field(default=300, ge=1)
    requests_per_day: int | None = Field(default=None, ge=1)
    url: ApiUrl = "https://api.linkedin.com"
    login_url: ApiUrl = "https://www.linkedin.com"


def _action_problem(action_id: str) -> str | None:
    if action_id.isascii() and action_id.isdigit():
        return None
    return f"'{action_id}' is not a number; copy the conversion rule's ID from Campaign Manager"


def _holds_that_are_too_long(config: Config) -> Iterator[str]:
    for name, rule in rules_to(config, KIND).items():
        yield from held_too_long(name, rule, _WITHIN_DAYS, "LinkedIn")


LINKEDIN = PlatformTables(
    tables=(LinkedInTable,),
    account_keys=("account_id",),
    action_problem=_action_problem,
    action_hint="the ID of its conversion rule (method Conversions API), from Campaign Manager",
    first_action="0",
    first_lines=(
        'kind = "linkedin"',
        "account_id = 0   # the ad account: the number in Campaign Manager's address",
        "# `convsync auth linkedin` signs in, and keeps the tokens as secrets",
    ),
    checks=(_holds_that_are_too_long,),
)
