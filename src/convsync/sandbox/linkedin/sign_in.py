"""LinkedIn's sign-in: access tokens of 60 days, and refresh tokens that end a year after the first.

Using a refresh token prolongs nothing: each answer says how much of its year is left.
https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from uuid import uuid4

from convsync.sandbox.consent import ConsentDesk, ConsentRefused

CLIENT = ("linkedin-app", "linkedin-secret")
"""The app that LinkedIn's page knows."""
ACCESS_LASTS = timedelta(days=60)
REFRESH_LASTS = timedelta(days=365)


class SignIn:
    """Tokens given out, and when they end. Safe across threads.

    An access token that was never given out is let through: tests and newcomers make some up.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """As it was at the start."""
        self.desk = ConsentDesk("LinkedIn", CLIENT)
        self.revoked: set[str] = set()
        self._access_ends_at: dict[str, datetime] = {}
        self._refresh_ends_at: dict[str, datetime] = {}

    def signed_in(self, refresh_token: str, at: datetime) -> None:
        """Let somebody have signed in at an instant, and been given this refresh token."""
        self._refresh_ends_at[refresh_token] = at + REFRESH_LASTS

    def token(self, form: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        """Return the answer of the token endpoint; raises ConsentRefused."""
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            raise ConsentRefused("invalid_client")
        with self._lock:
            refresh_token = self._refresh_token_of(form, now)
            left = self._refresh_ends_at[refresh_token] - now
            access_token = f"linkedin-{uuid4()}"
            self._access_ends_at[access_token] = now + min(ACCESS_LASTS, left)
        return {
            "access_token": access_token,
            "expires_in": int(min(ACCESS_LASTS, left).total_seconds()),
            "refresh_token": refresh_token,
            "refresh_token_expires_in": int(left.total_seconds()),
            "scope": "r_ads,rw_conversions",
        }

    def problem_of(self, authorization: str, now: datetime) -> int | None:
        """Return LinkedIn's number for what is wrong with a header; None: nothing."""
        token = authorization.removeprefix("Bearer ")
        if token in self.revoked:
            return 65601
        has_ended = self._access_ends_at.get(token, now) < now
        return 65600 if not token or has_ended else None

    def _refresh_token_of(self, form: Mapping[str, str], now: datetime) -> str:
        if form.get("grant_type") == "authorization_code":
            token, _ = self.desk.redeem(form, now)
            self.signed_in(token, now)
            return token
        token = form.get("refresh_token", "")
        ends_at = self._refresh_ends_at.get(token)
        if form.get("grant_type") != "refresh_token" or ends_at is None or ends_at <= now:
            raise ConsentRefused("invalid_grant")
        return token
