"""The table of a destination at Microsoft Advertising: one ad account."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr

from convsync.settings.destination_table import DestinationTable, PlatformTables
from convsync.settings.values import ApiUrl, Days, Digits, OptionalFile

_LONGEST_GOAL: Final = 100


class MicrosoftTable(DestinationTable):
    """An ad account, its manager account `customer_id`, and the app with access to it.

    `upload_window_days` is the longest window that a goal may have, `settling_hours` how long
    Microsoft once advised waiting after a click. `token_file` keeps the refresh token, which each
    access token may replace. An adjustment waits `adjust_after_hours`. Because it is not
    documented, you choose: `email_form` is how an address is normalised before it is hashed; with
    `repeat_identifiers` unanswered requests are also repeated for conversions without a click ID,
    and with `adjust_identifiers` such conversions are restated and retracted. Microsoft counts
    calls per customer, and publishes no number.
    """

    kind: Literal["microsoft"]
    account_id: Digits
    customer_id: Digits
    developer_token: SecretStr | None = None
    tenant: str = Field(default="common", pattern=r"^[A-Za-z0-9.-]+$")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    token_file: OptionalFile = Path("convsync.microsoft-token")
    upload_window_days: Days = 90
    settling_hours: float = Field(default=1, ge=0, le=72)
    adjust_after_hours: float = Field(default=6, ge=0, le=72)
    email_form: Literal["plain", "google"] = "plain"
    repeat_identifiers: bool = False
    adjust_identifiers: bool = False
    batch_size: int = Field(default=1_000, ge=1, le=1_000)
    requests_per_minute: int | None = Field(default=None, ge=1)
    url: ApiUrl = "https://campaign.api.bingads.microsoft.com"
    login_url: ApiUrl = "https://login.microsoftonline.com"


def _action_problem(action_id: str) -> str | None:
    if len(action_id) <= _LONGEST_GOAL:
        return None
    return f"the name of a goal has at most {_LONGEST_GOAL} characters"


MICROSOFT = PlatformTables(
    tables=(MicrosoftTable,),
    account_keys=("account_id",),
    action_problem=_action_problem,
    action_hint="the name of its offline conversion goal, word for word",
    first_action='"Sale"',
    first_lines=(
        'kind = "microsoft"',
        "account_id = 0    # the ad account, and its manager: Accounts & Billing",
        "customer_id = 0",
        "# `convsync auth microsoft` signs in. developer_token is a secret:",
        "# CONVSYNC_DESTINATIONS__MICROSOFT__DEVELOPER_TOKEN",
    ),
)
