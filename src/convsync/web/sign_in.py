"""Signing in and out: by a password, by a trusted proxy, or at a provider.

Who tries is slowed down, by name and by address.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync import log
from convsync.collect.rate import Rate
from convsync.model.user import Role, User, Way
from convsync.store import users
from convsync.web import passwords
from convsync.web.by_oidc import BACK, ByOidc
from convsync.web.by_proxy import ByProxy
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import (
    COOKIE,
    SIGNED_IN_FOR,
    RefusedError,
    Visit,
    digest_of,
    local_path,
    new_token,
)

TRIES_A_MINUTE: Final = 10
"""From one address, and for one name: as many at once, and then one in six seconds."""
_BEGUN: Final = "convsync_begun"
_BEGUN_FOR: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""


class SignIn:
    """Answers `/sign-in` and `/sign-out`."""

    def __init__(
        self,
        company: Company,
        templates: Templates,
        *,
        by_proxy: ByProxy | None,
        by_oidc: ByOidc | None,
        is_tls: bool,
        ticks: Callable[[], float],
    ) -> None:
        self._company = company
        self._templates = templates
        self._by_proxy = by_proxy
        self._by_oidc = by_oidc
        self._is_tls = is_tls
        self._by_address = Rate(TRIES_A_MINUTE, ticks)
        self._by_name = Rate(TRIES_A_MINUTE, ticks)

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route("/sign-in", doors.open_to_all(self.answer), methods=["GET", "POST"]),
            Route("/sign-in/oidc", doors.open_to_all(self.go_to_provider)),
            Route(BACK, doors.open_to_all(self.come_back)),
            Route("/sign-out", doors.form(self.leave), methods=["POST"]),
        ]

    def answer(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Show the form, or let in whom the proxy names, or who knows their password."""
        onward = local_path((fields or request.query_params).get("next", "/"))
        if request.method != "POST":
            named = self._by_proxy and self._by_proxy.user_of(request)
            return self._let_in(named, onward, Way.PROXY) if named else self._form(onward)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        self._require_patience(request, name)
        with self._company.database.reading() as connection:
            kept = users.password_of(connection, name)
        if not passwords.fits(password, kept):
            log.warning("a sign-in was refused")
            return self._form(onward, status=403, said="The name or the password is wrong.")
        return self._signed_in(name, onward, Way.PASSWORD)

    def go_to_provider(self, request: Request, _: Mapping[str, str]) -> Response:
        """Send a browser to the provider, with a secret that it must come back with."""
        provider = self._provider()
        self._require_patience(request)
        secret = new_token()
        onward = local_path(request.query_params.get("next", "/"))
        response = RedirectResponse(provider.address(secret), 303)
        self._set_cookie(response, _BEGUN, f"{secret}.{quote(onward, safe='')}", _BEGUN_FOR)
        return response

    def come_back(self, request: Request, _: Mapping[str, str]) -> Response:
        """Let in whom the provider names, in the browser that was sent there."""
        provider = self._provider()
        self._require_patience(request)
        secret, _dot, onward = request.cookies.get(_BEGUN, "").partition(".")
        if not secret:
            raise RefusedError(403, "This sign-in was started elsewhere, or too long ago.")
        user = provider.user_of(secret, str(request.url))
        response = self._let_in(user, local_path(unquote(onward)), Way.OIDC)
        response.delete_cookie(_BEGUN)
        return response

    def _provider(self) -> ByOidc:
        if self._by_oidc is None:
            raise RefusedError(404, "There is no such page.")
        return self._by_oidc

    def leave(self, visit: Visit) -> Response:
        """Sign the visitor out."""
        with self._company.database.transaction("sign out") as connection:
            users.sign_out(connection, digest_of(visit.token))
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    def _let_in(self, user: User, onward: str, way: Way) -> Response:
        """Sign in somebody whom others know, as what they say."""
        return self._signed_in(user.name, onward, way, role=user.role)

    def _signed_in(self, name: str, onward: str, way: Way, role: Role | None = None) -> Response:
        token, now = new_token(), self._company.now()
        with self._company.database.transaction("sign in") as connection:
            users.sign_in(
                connection,
                name,
                digest_of(token),
                way=way,
                role=role,
                at=now,
                ends_at=now + SIGNED_IN_FOR,
            )
        response = RedirectResponse(onward, 303)
        self._set_cookie(response, COOKIE, token, SIGNED_IN_FOR)
        return response

    def _set_cookie(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        """Set a cookie that no script reads, that no other site's form brings along."""
        response.set_cookie(
            name,
            value,
            max_age=int(lasts.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self._is_tls,
        )

    def _require_patience(self, request: Request, name: str | None = None) -> None:
        address = request.client.host if request.client else ""
        tries = [self._by_address.takes(address)]
        tries += [] if name is None else [self._by_name.takes(name)]
        if not all(tries):
            raise RefusedError(429, "Too many attempts: wait a minute, and try again.")

    def _form(self, onward: str, *, status: int = 200, said: str = "") -> Response:
        return self._templates.response(
            "sign_in.html",
            status,
            company=self._company,
            onward=onward,
            said=said,
            has_provider=self._by_oidc is not None,
        )
