"""OAuth as far as service accounts and people go: an access token comes out.

What goes in is an assertion, a refresh token, or the code of a page on which somebody agreed. Who
asks is checked for codes alone. A call without a token, or with somebody else's, is let through; a
token that was given out here and then called back is not, so that refreshing can be tried.
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import uuid4

import grpc

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.trouble import Trouble

GRANTS = ("urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token")
CLIENT = ("google-app", "google-secret")
"""The app that Google's page knows."""
LIFETIME = 3_599
SCHEME = "bearer "


class TokenRefused(Exception):  # noqa: N818 - the platform's answer
    """No token is given out; `error` is one of OAuth's codes."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Tokens:
    """Every token given out, and those called back. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """As it was at the start; tokens given out before stay good."""
        with self._lock:
            self._issued: set[str] = set()
            self._expired: set[str] = set()
            self.lifetime = LIFETIME
            self.is_refusing = False
            self.desk = ConsentDesk("Google", CLIENT)
            self._scopes: dict[str, str] = {}

    def expire(self) -> int:
        """Call back every token given out so far; say how many."""
        with self._lock:
            expired, self._issued = self._issued, set()
            self._expired |= expired
            return len(expired)

    def issue(self, form: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Return the answer to a request for a token, or raise `TokenRefused`."""
        told: dict[str, str] = {}
        if form.get("grant_type") == "authorization_code":
            told = self._agreed(form, now)
        elif form.get("grant_type") not in GRANTS:
            raise TokenRefused("unsupported_grant_type", "Invalid grant_type.")
        elif scope := self._scopes.get(form.get("refresh_token", "")):
            told = {"scope": scope}
        if self.is_refusing:
            raise TokenRefused("invalid_grant", "Invalid grant: account not found")
        token = f"sandbox-{uuid4()}"
        with self._lock:
            self._issued.add(token)
        return {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer", **told}

    def _agreed(self, form: Mapping[str, str], now: datetime) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            raise TokenRefused("invalid_client", "The OAuth client was not found.")
        try:
            token, scope = self.desk.redeem(form, now)
        except ConsentRefused as refused:
            raise TokenRefused(refused.error, "Bad Request") from None
        self._scopes[token] = scope
        return {"refresh_token": token, "scope": scope}

    def check(self, authorization: str) -> None:
        """Let a call with this header through, unless its token was called back."""
        is_bearer = authorization[: len(SCHEME)].lower() == SCHEME
        if is_bearer and authorization[len(SCHEME) :] in self._expired:
            raise Trouble(
                grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."
            )
