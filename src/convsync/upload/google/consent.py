"""How a person signs in to Google for both APIs at once, and the call that proves it.

A refresh token carries the scopes that were ticked on the page, so both are asked for, and each is
proved: one that was left out is found here, not on a night.
https://developers.google.com/identity/protocols/oauth2/native-app
"""

from typing import Final
from urllib.parse import urlsplit

from convsync.signing_in.way import App, Way
from convsync.upload.google import credentials
from convsync.upload.google.credentials import (
    ADS_SCOPE,
    DATA_MANAGER_SCOPE,
    RefreshToken,
    credentials_from,
    keep_fresh,
)

_PAGE: Final = "/o/oauth2/v2/auth"
TOKEN_URL: Final = credentials.TOKEN_URI
SCOPES: Final = {
    DATA_MANAGER_SCOPE: "uploads by the Data Manager API, and their verdicts",
    ADS_SCOPE: "reading the account for `check` and `status --platform`; the Google Ads API",
}


def way(token_url: str = TOKEN_URL) -> Way:
    """Return the way in. A token endpoint on this machine has its page beside it."""
    there = urlsplit(token_url)
    is_google = token_url == TOKEN_URL
    page = "https://accounts.google.com" if is_google else f"{there.scheme}://{there.netloc}"
    revoke = "https://oauth2.googleapis.com" if is_google else page
    return Way(
        vendor="Google",
        page_url=f"{page}{_PAGE}",
        token_url=token_url,
        scopes=SCOPES,
        asks={"access_type": "offline", "prompt": "consent"},
        revoke_url=f"{revoke}/revoke",
        ends="six months after its last use, or after 7 days while the app is in testing",
    )


def prove(app: App, token: str, token_url: str = TOKEN_URL) -> str:
    """Get an access token for each scope, and return what that showed. Raises as Destination."""
    kept = RefreshToken(
        client_id=app.client_id,
        client_secret=app.client_secret or "",
        token=token,
        token_uri=token_url,
    )
    for scope in SCOPES:
        keep_fresh(credentials_from(kept, scope, place="auth"), "Google", scope)
    return "Google gave an access token for each of the scopes."
