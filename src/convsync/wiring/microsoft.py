"""Settings → Microsoft Advertising, and the ad account behind a destination."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from convsync.errors import OperatorError
from convsync.model.identifiers import Form
from convsync.model.takes import CodeMeaning, Takes
from convsync.settings import Settings, microsoft_tables
from convsync.signing_in.tokens import TokenKeeper
from convsync.signing_in.way import Answers, Entrance
from convsync.upload.ad_account import AdAccount
from convsync.upload.destination import Destination, Quota
from convsync.upload.microsoft import consent, offline_conversion_codes
from convsync.upload.microsoft.ad_account import MicrosoftAdAccount
from convsync.upload.microsoft.api import (
    LOGIN,
    AdsAccount,
    CampaignManagement,
    SignedInApp,
    refreshing,
)
from convsync.upload.microsoft.offline_conversions import MicrosoftConversions
from convsync.upload.microsoft.takes import microsoft

Table = microsoft_tables.MicrosoftTable
_SIGN_IN = ("client_id", "client_secret")


def open_destination(
    name: str, table: Table, settings: Settings, others: Callable[[str], Destination]
) -> Destination:
    """Return the destination that a table describes; see Vendor."""
    return _opened(name, table, settings)


def takes_of(table: Table) -> Takes:
    """Return what a destination at Microsoft takes; see Vendor."""
    return microsoft(
        email_form=Form(table.email_form),
        repeats_identifiers=table.repeat_identifiers,
        adjusts_identifiers=table.adjust_identifiers,
        corrects_after=timedelta(hours=table.adjust_after_hours),
    )


def explain_code(table: Table, code: str) -> CodeMeaning | None:
    """Return what one of Microsoft's codes means; see Vendor."""
    return offline_conversion_codes.explain_code(code)


def name_of_account(table: Table) -> str:
    """Return the account that a destination reports to; see Vendor."""
    return f"Microsoft Advertising account {table.account_id}"


def account_key(table: Table) -> str:
    """Return the account alone; see Vendor."""
    return table.account_id


def account_of(name: str, table: Table, settings: Settings) -> AdAccount:
    """Return the account behind a destination; see Vendor."""
    return MicrosoftAdAccount(
        name,
        lambda: _opened(name, table, settings),
        sends_identifiers=table.enhanced_conversions,
    )


def entrance(tables: Mapping[str, Mapping[str, Any]]) -> Entrance:
    """Return how a person signs in for destinations at Microsoft; see Vendor."""
    known = {
        key: str(table[key])
        for table in tables.values()
        for key in (*_SIGN_IN, "tenant", "login_url")
        if table.get(key)
    }

    def app_with(answers: Answers) -> SignedInApp:
        return SignedInApp(
            client_id=answers["client_id"],
            client_secret=answers.get("client_secret") or None,
            refresh_token=answers["refresh_token"],
            tenant=known.get("tenant", "common"),
            login_url=known.get("login_url", LOGIN),
        )

    return Entrance(
        places=tuple(f"destinations.{name}" for name in tables),
        keys=_SIGN_IN,
        secret_keys=frozenset({"client_secret"}),
        known={key: known[key] for key in _SIGN_IN if key in known},
        way=lambda _: consent.way(known.get("tenant", "common"), known.get("login_url", LOGIN)),
        prove=lambda answers: consent.prove(app_with(answers)),
    )


def _opened(name: str, table: Table, settings: Settings) -> MicrosoftConversions:
    app = SignedInApp(
        client_id=_given(name, "client_id", table.client_id),
        client_secret=table.client_secret.get_secret_value() if table.client_secret else None,
        refresh_token=_secret(name, "refresh_token", table.refresh_token),
        tenant=table.tenant,
        login_url=table.login_url,
    )
    token_file = settings.folder / table.token_file if table.token_file else None
    who = TokenKeeper(refreshing(app, consent.login_of(app)), file=token_file)
    account = AdsAccount(
        account_id=table.account_id,
        customer_id=table.customer_id,
        developer_token=_secret(name, "developer_token", table.developer_token),
    )
    api = CampaignManagement(
        name, account, who, url=table.url, timeout=timedelta(seconds=table.timeout_s)
    )
    return MicrosoftConversions(
        name,
        api,
        takes_of(table),
        max_batch=table.batch_size,
        requests_in_flight=table.requests_in_flight,
        upload_quota=Quota(
            project=f"Microsoft customer {table.customer_id}",
            per_minute=table.requests_per_minute,
        ),
    )


def _secret(name: str, key: str, value: SecretStr | None) -> str:
    return _given(name, key, None if value is None else value.get_secret_value())


def _given(name: str, key: str, value: str | None) -> str:
    """Return what a destination needs; OperatorError where it is not set."""
    if value:
        return value
    variable = f"CONVSYNC_DESTINATIONS__{name.upper()}__{key.upper()}"
    sign_in = "" if key == "developer_token" else " `convsync auth microsoft` signs in."
    raise OperatorError(f"destinations.{name}.{key} is missing: set {variable}.{sign_in}")
