"""OAuth as far as a service account goes: an assertion goes in, an access token comes out.

Who asks is not checked. A call without a token, or with somebody else's, is let through; a token
that was given out here and then called back is not, so that refreshing can be tried.
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any
from uuid import uuid4

import grpc

from convsync.sandbox.trouble import Trouble

GRANTS = ("urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token")
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

    def expire(self) -> int:
        """Call back every token given out so far; say how many."""
        with self._lock:
            expired, self._issued = self._issued, set()
            self._expired |= expired
            return len(expired)

    def issue(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a request for a token, or raise `TokenRefused`."""
        if form.get("grant_type") not in GRANTS:
            raise TokenRefused("unsupported_grant_type", "Invalid grant_type.")
        if self.is_refusing:
            raise TokenRefused("invalid_grant", "Invalid grant: account not found")
        token = f"sandbox-{uuid4()}"
        with self._lock:
            self._issued.add(token)
        return {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}

    def check(self, authorization: str) -> None:
        """Let a call with this header through, unless its token was called back."""
        is_bearer = authorization[: len(SCHEME)].lower() == SCHEME
        if is_bearer and authorization[len(SCHEME) :] in self._expired:
            raise Trouble(
                grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."
            )
