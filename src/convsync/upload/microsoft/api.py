"""Microsoft's Campaign Management API, over REST: one account, one try a call.

SOAP ends on 2027-01-31, and the client that follows it leaves out fields of partial errors, so the
requests are made here. Whether one is made again is the outbox's to say; a token that has ended is
renewed once. https://learn.microsoft.com/en-us/advertising/guides/migrate-to-rest
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from convsync.errors import OperatorError
from convsync.http import Answer, Http, Verdict
from convsync.retrying import RetryPolicy
from convsync.signing_in.tokens import Fetch, Token, TokenKeeper, granted
from convsync.upload.microsoft.answers import code_of
from convsync.upload.microsoft.offline_conversion_codes import RENEWABLE

HOST: Final = "https://campaign.api.bingads.microsoft.com"
LOGIN: Final = "https://login.microsoftonline.com"
SCOPE: Final = "https://ads.microsoft.com/msads.manage"
APPLY: Final = "OfflineConversions/Apply"
ADJUST: Final = "OfflineConversionAdjustments/Apply"
GOALS: Final = "ConversionGoals/QueryByIds"
REPORT: Final = "OfflineConversionReport/QueryByGoalIds"
_PATH: Final = "CampaignManagement/v13"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsAccount:
    """One ad account, its manager account, and the token of whoever develops against the API."""

    account_id: str
    customer_id: str
    developer_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInApp:
    """The app that a person has let in, and where its tokens are had."""

    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    tenant: str = "common"
    login_url: str = LOGIN


class CampaignManagement:
    """The calls. They return what was answered, and raise TransientError where nothing came."""

    def __init__(
        self,
        name: str,
        account: AdsAccount,
        who: TokenKeeper,
        *,
        url: str = HOST,
        timeout: timedelta = timedelta(seconds=120),
    ) -> None:
        self._who = who
        self._headers = {
            "DeveloperToken": account.developer_token,
            "CustomerId": account.customer_id,
            "CustomerAccountId": account.account_id,
        }
        self._http = Http(
            name=name,
            base_url=url,
            authorisation=who,
            judge=_is_read_as_it_is,
            policy=RetryPolicy(attempts=1),
            read_s=timeout.total_seconds(),
        )

    def call(self, operation: str, body: Mapping[str, Any]) -> Answer:
        """Make a call, and once more with a new token where the old one had ended."""
        shown = self._who.headers()
        answer = self._asked(operation, body)
        if code_of(answer) in RENEWABLE and self._who.renew(shown):
            return self._asked(operation, body)
        return answer

    def close(self) -> None:
        """Give back the connection."""
        self._http.session.close()

    def _asked(self, operation: str, body: Mapping[str, Any]) -> Answer:
        path = f"{_PATH}/{operation}"
        return self._http.answer("POST", path, json=body, headers=self._headers)


def refreshing(app: SignedInApp, login: Http) -> Fetch:
    """Return what gets an access token for about an hour; each may bring a new refresh token.

    The newest one is asked with, and where Microsoft no longer takes that, the one that somebody
    has signed in for since. https://learn.microsoft.com/en-us/advertising/guides/authentication-oauth
    """

    def asked_with(refresh_token: str) -> Token:
        secret = {} if app.client_secret is None else {"client_secret": app.client_secret}
        form = {
            "grant_type": "refresh_token",
            "client_id": app.client_id,
            "refresh_token": refresh_token,
            "scope": f"{SCOPE} offline_access",
            **secret,
        }
        return granted(login, f"{app.tenant}/oauth2/v2.0/token", form)

    def fetch(last: Token | None) -> Token:
        if last is None or last.refresh_token in {None, app.refresh_token}:
            return asked_with(app.refresh_token)
        try:
            return asked_with(last.refresh_token or app.refresh_token)
        except OperatorError:
            return asked_with(app.refresh_token)

    return fetch


def _is_read_as_it_is(_: Answer) -> Verdict:
    """Leave every answer to `answers`: which status goes with which code is not documented."""
    return "fine"
