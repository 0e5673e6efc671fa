"""How a person signs in to Microsoft Advertising, and the call that proves it.

There is no sign-in for an app alone: a user of the ad account agrees once, with a second factor,
and each access token may bring a new refresh token, which replaces the one before.
https://learn.microsoft.com/en-us/advertising/guides/authentication-oauth
"""

from datetime import timedelta
from typing import Final

from convsync.errors import OperatorError
from convsync.http import Answer, Http, Verdict
from convsync.signing_in.way import Way
from convsync.upload.microsoft.api import LOGIN, SCOPE, SignedInApp, refreshing

_UNUSED_FOR: Final = timedelta(days=90)


def way(tenant: str = "common", login_url: str = LOGIN) -> Way:
    """Return the way in, for an app of this tenant."""
    address = f"{login_url.rstrip('/')}/{tenant}/oauth2/v2.0"
    return Way(
        vendor="Microsoft Advertising",
        page_url=f"{address}/authorize",
        token_url=f"{address}/token",
        scopes={SCOPE: "sending conversions, and reading goals and what arrived"},
        lasting=("offline_access",),
        unused_for=_UNUSED_FOR,
        ends="about 90 days after its last use, or when the password changes",
    )


def login_of(app: SignedInApp) -> Http:
    """Return a session with the endpoint that gives out tokens."""
    return Http(name="Microsoft sign-in", base_url=app.login_url, judge=_judge)


def prove(app: SignedInApp) -> str:
    """Get an access token, and return what that showed. Raises as Destination's methods do."""
    refreshing(app, login_of(app))(None)
    return "Microsoft gave an access token for the ads scope."


def _judge(answer: Answer) -> Verdict:
    """Return what a token endpoint means by refusing; only a person helps there.

    https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    if answer.status in {400, 401} and answer.code:
        return OperatorError(
            f"{answer.place} returned no token ({answer.code}): sign in again with"
            " `convsync auth microsoft`, and check tenant, client_id and client_secret."
        )
    return None
