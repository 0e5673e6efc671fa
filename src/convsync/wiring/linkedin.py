"""Settings → LinkedIn's Conversions API, and the ad account behind a destination."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from convsync.errors import OperatorError
from convsync.http import Authorisation, FixedHeader
from convsync.model.takes import CodeMeaning, Takes
from convsync.settings import Settings, linkedin_tables
from convsync.signing_in.tokens import TokenKeeper
from convsync.signing_in.way import Answers, Entrance
from convsync.upload.ad_account import AdAccount
from convsync.upload.destination import Destination, Quota
from convsync.upload.linkedin import consent, conversions_api_codes, takes
from convsync.upload.linkedin.ad_account import LinkedInAdAccount
from convsync.upload.linkedin.conversions_api import LinkedInConversions
from convsync.upload.linkedin.rest import LinkedInRest

Table = linkedin_tables.LinkedInTable
_APP = ("client_id", "client_secret")


def open_destination(
    name: str, table: Table, settings: Settings, others: Callable[[str], Destination]
) -> Destination:
    """Return the destination that a table describes; see Vendor."""
    return _opened(name, table)


def takes_of(table: Table) -> Takes:
    """Return what a destination at LinkedIn takes; see Vendor."""
    return takes.linkedin(repeats_unanswered=table.unanswered == "repeat")


def explain_code(table: Table, code: str) -> CodeMeaning | None:
    """Return what one of LinkedIn's codes means; see Vendor."""
    return conversions_api_codes.explain_code(code)


def name_of_account(table: Table) -> str:
    """Return the ad account that a destination reports to; see Vendor."""
    return f"LinkedIn ad account {table.account_id}"


def account_key(table: Table) -> str:
    """Return the ad account alone; see Vendor."""
    return table.account_id


def account_of(name: str, table: Table, settings: Settings) -> AdAccount:
    """Return the ad account behind a destination; see Vendor."""

    def signed_in_until() -> datetime | None:
        if table.access_token is not None and table.refresh_token is None:
            return None
        return consent.refresh_token_ends_at(_app_of(name, table))

    return LinkedInAdAccount(
        name,
        lambda: _opened(name, table),
        version=table.api_version,
        signed_in_until=signed_in_until,
    )


def entrance(tables: Mapping[str, Mapping[str, Any]]) -> Entrance:
    """Return how a person signs in for destinations at LinkedIn; see Vendor."""
    known = {
        key: str(table[key])
        for table in tables.values()
        for key in (*_APP, "login_url")
        if table.get(key)
    }
    login_url = known.get("login_url", consent.LOGIN)

    def prove(answers: Answers) -> str:
        return consent.prove(
            consent.SignedInApp(
                client_id=answers["client_id"],
                client_secret=answers["client_secret"],
                refresh_token=answers["refresh_token"],
                login_url=login_url,
            )
        )

    return Entrance(
        places=tuple(f"destinations.{name}" for name in tables),
        keys=_APP,
        secret_keys=frozenset({"client_secret"}),
        known={key: known[key] for key in _APP if key in known},
        way=lambda _: consent.way(login_url),
        prove=prove,
    )


def _opened(name: str, table: Table) -> LinkedInConversions:
    return LinkedInConversions(
        name,
        LinkedInRest(
            name,
            table.account_id,
            _authorisation(name, table),
            version=table.api_version,
            url=table.url,
            timeout=timedelta(seconds=table.timeout_s),
        ),
        repeats_unanswered=table.unanswered == "repeat",
        max_batch=table.batch_size,
        requests_in_flight=table.requests_in_flight,
        upload_quota=Quota(
            project=f"LinkedIn app {table.client_id or table.account_id}",
            per_minute=table.requests_per_minute,
            per_day=table.requests_per_day,
        ),
    )


def _authorisation(name: str, table: Table) -> Authorisation:
    if table.access_token is not None and table.refresh_token is None:
        return FixedHeader("Authorization", f"Bearer {table.access_token.get_secret_value()}")
    return TokenKeeper(consent.refreshing(_app_of(name, table)))


def _app_of(name: str, table: Table) -> consent.SignedInApp:
    return consent.SignedInApp(
        client_id=_given(name, "client_id", table.client_id),
        client_secret=_given(name, "client_secret", table.client_secret),
        refresh_token=_given(name, "refresh_token", table.refresh_token),
        login_url=table.login_url,
    )


def _given(name: str, key: str, value: str | SecretStr | None) -> str:
    """Return what a destination needs; OperatorError where it is not set."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text:
        return text
    raise OperatorError(
        f"destinations.{name}.{key} is missing: `convsync auth linkedin` signs in and stores it. "
        "For an app without a refresh token from LinkedIn, set access_token instead."
    )
