"""How a person signs in to LinkedIn, and when somebody has to sign in again.

An access token lives for 60 days. A refresh token ends 365 days after the first sign-in, whatever
is done with it; only apps that LinkedIn has approved for that get one. There is no sign-in for an
app alone. https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from convsync.errors import OperatorError
from convsync.http import Answer, Http, Verdict
from convsync.signing_in.tokens import Token, granted
from convsync.signing_in.way import Way

LOGIN: Final = "https://www.linkedin.com"
SCOPES: Final[Mapping[str, str]] = {
    "rw_conversions": "sending conversions, and reading the conversion rules",
    "r_ads": "reading the ad account, for `check`",
}
_TOKEN: Final = "/oauth/v2/accessToken"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInApp:
    """An app that somebody has let in, and what it was given."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    login_url: str = LOGIN

    @property
    def form(self) -> Mapping[str, str]:
        """Return what the token endpoint wants to be told."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


def way(login_url: str = LOGIN) -> Way:
    """Return the way in; a login on this machine stands in for LinkedIn's."""
    return Way(
        vendor="LinkedIn",
        page_url=f"{login_url}/oauth/v2/authorization",
        token_url=f"{login_url}{_TOKEN}",
        scopes=SCOPES,
        ends="365 days after the first sign-in; using it does not prolong it",
    )


def refreshing(app: SignedInApp) -> Callable[[Token | None], Token]:
    """Return what gets a new access token."""

    def fetch(_: Token | None) -> Token:
        return granted(_login(app), _TOKEN, app.form)

    return fetch


def refresh_token_ends_at(app: SignedInApp) -> datetime | None:
    """Return when somebody has to sign in again, None where LinkedIn does not say.

    It costs a new access token. Raises what `Http` raises.
    """
    http = _login(app)
    asked_at = http.clock()
    answer = http.form(_TOKEN, app.form)
    left_s = answer.get("refresh_token_expires_in") if isinstance(answer, Mapping) else None
    if isinstance(left_s, bool) or not isinstance(left_s, int):
        return None
    return asked_at + timedelta(seconds=left_s)


def prove(app: SignedInApp) -> str:
    """Get an access token, and return what that showed; raises what `Http` raises."""
    granted(_login(app), _TOKEN, app.form)
    ends_at = refresh_token_ends_at(app)
    until = f", until {ends_at:%Y-%m-%d}" if ends_at else ""
    return f"LinkedIn gave an access token{until}."


def _login(app: SignedInApp) -> Http:
    return Http(name="LinkedIn", base_url=app.login_url, judge=_refusal_of)


def _refusal_of(answer: Answer) -> Verdict:
    """Return what a refused sign-in means: the app is wrong, or its year is over."""
    if answer.status not in (400, 401):
        return None
    return OperatorError(
        f"LinkedIn gave no access token ({answer.code or answer.status}): the sign-in has ended "
        "after its year or was revoked, or the app's ID or secret is wrong. Sign in again: "
        "`convsync auth linkedin`."
    )
