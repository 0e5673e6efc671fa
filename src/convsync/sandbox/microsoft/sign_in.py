"""Microsoft's sign-in: a page on which a person agrees, and tokens that renew themselves.

Each access token comes with a new refresh token. Who asks is checked for codes alone, and any
refresh token is taken, unless it is told that only the newest one is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.room import House

CLIENT = ("microsoft-app", "microsoft-secret")
"""The app that the page knows."""
LIFETIME = timedelta(hours=1)
_PATH = "/{tenant}/oauth2/v2.0"


class MicrosoftSignIn:
    """The tokens that were given out, and the page."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.clear()

    def clear(self) -> None:
        """As it was at the start."""
        self.desk = ConsentDesk("Microsoft", CLIENT)
        self.is_refusing = False
        self.takes_newest_only = False
        self.newest = ""
        self._ends: dict[str, datetime] = {}

    def expire(self) -> int:
        """Let every access token that was given out have ended; say how many."""
        now = self._house.clock.now()
        self._ends = dict.fromkeys(self._ends, now)
        return len(self._ends)

    def is_good(self, authorization: str) -> str:
        """Return "" for a token that may be used, else the code that a call with it gets."""
        token = authorization.removeprefix("Bearer ")
        if not token or token == authorization:
            return "InvalidCredentials"
        ends_at = self._ends.get(token)
        if ends_at is None:
            return "InvalidCredentials"
        return "AuthenticationTokenExpired" if ends_at <= self._house.clock.now() else ""

    def routes(self) -> Sequence[Route]:
        """Return the page's paths, and that of tokens."""
        return [
            Route(f"{_PATH}/authorize", self._page),
            Route(f"{_PATH}/authorize", self._decided, methods=["POST"]),
            Route(f"{_PATH}/token", self._token, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        return _told(partial(self.desk.page, request.query_params), HTMLResponse)

    async def _decided(self, request: Request) -> Response:
        form = await _form(request)
        decide = partial(self.desk.decided, form, self._house.clock.now())
        return _told(decide, partial(RedirectResponse, status_code=302))

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        with self._house.faults.around("microsoft_token"):
            return _told(partial(self._issued, form), JSONResponse)

    def _issued(self, form: Mapping[str, str]) -> dict[str, Any]:
        now = self._house.clock.now()
        scope = form.get("scope", "")
        if form.get("grant_type") == "authorization_code":
            if form.get("client_id") != CLIENT[0] or form.get("client_secret") != CLIENT[1]:
                raise ConsentRefused("invalid_client")
            refresh_token, scope = self.desk.redeem(form, now)
        elif form.get("grant_type") == "refresh_token" and form.get("refresh_token"):
            is_old = bool(self.newest) and form["refresh_token"] != self.newest
            if self.is_refusing or (self.takes_newest_only and is_old):
                raise ConsentRefused("invalid_grant")
            refresh_token = f"refresh-{uuid4()}"
        else:
            raise ConsentRefused("unsupported_grant_type")
        token = f"sandbox-{uuid4()}"
        self.newest, self._ends[token] = refresh_token, now + LIFETIME
        return {
            "access_token": token,
            "refresh_token": refresh_token,
            "expires_in": int(LIFETIME.total_seconds()),
            "token_type": "Bearer",
            "scope": scope,
        }


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


def _told(what: Any, response: Any) -> Response:
    try:
        answer: Response = response(what())
    except ConsentRefused as refused:
        return JSONResponse({"error": refused.error}, status_code=400)
    return answer
