"""The tables of destinations at Google: the Data Manager API and the Google Ads API."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from convsync.settings.destination_table import DestinationTable, PlatformTables
from convsync.settings.google_checks import GOOGLE_CHECKS, action_problem
from convsync.settings.google_checks import VALUE_ZERO as VALUE_ZERO
from convsync.settings.values import AccountId, ApiUrl, Credentials, Days, Digits


class _Google(DestinationTable):
    """What both of Google's APIs have: who signs in, what may go out, and where to.

    `upload_window_days` and `settling_hours` are Google's 90 days and 6 hours; the former is widely
    stated but stands on no page of Google's we could read, so both can be set. `token_url` is where
    a refresh token gets access tokens; one on this machine stands in for Google's pages, too.
    """

    credentials: Credentials = "application_default"
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    token_url: ApiUrl = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    impersonate: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    upload_window_days: Days = 90
    settling_hours: float = Field(default=6, ge=0, le=72)
    plaintext: bool = False
    cloud_project: str = "default"


class DataManagerTable(_Google):
    """The Data Manager API, for one ad account.

    `retract_with` says how a conversion is taken back: with a value of zero, or through the named
    destination of kind google_ads. `read_with` names a destination whose credentials read the
    account, because the Data Manager API cannot. The quotas are Google's, separately for uploads
    and for status requests. `customer_match_terms_accepted` states that somebody has accepted these
    terms in the account; without it no audience can be kept.
    """

    kind: Literal["data_manager"]
    operating_account: AccountId
    login_account: AccountId | None = None
    linked_account: AccountId | None = None
    event_source: Literal["WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER"] = "OTHER"
    retract_with: str = VALUE_ZERO
    read_with: str | None = None
    customer_match_terms_accepted: bool = False
    requests_per_minute: int | None = Field(default=300, ge=1)
    requests_per_day: int | None = Field(default=100_000, ge=1)
    endpoint: str = "datamanager.googleapis.com"
    rest_endpoint: str = "https://datamanager.googleapis.com"


class GoogleAdsTable(_Google):
    """The Google Ads API, for one ad account that used it for uploads before 2026-06-15.

    `google_ads_yaml` is the official client's own file; with credentials = "google_ads" and without
    it, the GOOGLE_ADS_* variables are read. Accounts written here take precedence over both.
    """

    kind: Literal["google_ads"]
    customer_id: AccountId
    login_customer_id: AccountId | None = None
    linked_customer_id: AccountId | None = None
    developer_token: SecretStr | None = None
    google_ads_yaml: Path | None = None
    api_version: Literal["v23", "v24", "v25", "v26"] = "v26"
    custom_variables: dict[str, Digits] = Field(default_factory=dict)
    endpoint: str = "googleads.googleapis.com"
    ca_file: Path | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    requests_per_day: int | None = Field(default=None, ge=1)


GOOGLE = PlatformTables(
    tables=(DataManagerTable, GoogleAdsTable),
    account_keys=("operating_account", "customer_id"),
    action_problem=action_problem,
    action_hint="the number of its conversion action, from Google Ads",
    first_action="0",
    first_lines=(
        'kind = "data_manager"',
        'operating_account = "000-000-0000"   # the ad account that owns the actions',
    ),
    checks=GOOGLE_CHECKS,
)
