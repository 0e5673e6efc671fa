"""Signing in and out. Who tries passwords is slowed down, by name and by address."""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync import log
from convsync.collect.rate import Rate
from convsync.store import users
from convsync.web import passwords
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


class SignIn:
    """Answers `/sign-in` and `/sign-out`."""

    def __init__(
        self, company: Company, templates: Templates, *, is_tls: bool, ticks: Callable[[], float]
    ) -> None:
        self._company = company
        self._templates = templates
        self._is_tls = is_tls
        self._by_address = Rate(TRIES_A_MINUTE, ticks)
        self._by_name = Rate(TRIES_A_MINUTE, ticks)

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route("/sign-in", doors.open_to_all(self.answer), methods=["GET", "POST"]),
            Route("/sign-out", doors.form(self.leave), methods=["POST"]),
        ]

    def answer(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Show the form, or let in who knows their password."""
        onward = local_path((fields or request.query_params).get("next", "/"))
        if request.method != "POST":
            return self._form(onward)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        self._require_patience(request, name)
        with self._company.database.reading() as connection:
            kept = users.password_of(connection, name)
        if not passwords.fits(password, kept):
            log.warning("a sign-in was refused")
            return self._form(onward, status=403, said="This name and password do not go together.")
        return self._let_in(name, onward)

    def leave(self, visit: Visit) -> Response:
        """Sign the visitor out."""
        with self._company.database.transaction("sign out") as connection:
            users.sign_out(connection, digest_of(visit.token))
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    def _let_in(self, name: str, onward: str) -> Response:
        token, now = new_token(), self._company.now()
        with self._company.database.transaction("sign in") as connection:
            users.sign_in(connection, name, digest_of(token), at=now, ends_at=now + SIGNED_IN_FOR)
        response = RedirectResponse(onward, 303)
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(SIGNED_IN_FOR.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self._is_tls,
        )
        return response

    def _require_patience(self, request: Request, name: str) -> None:
        address = request.client.host if request.client else ""
        tries = [self._by_address.takes(address), self._by_name.takes(name)]
        if not all(tries):
            raise RefusedError(429, "Too many tries: wait a minute, and try again.")

    def _form(self, onward: str, *, status: int = 200, said: str = "") -> Response:
        return self._templates.response(
            "sign_in.html", status, company=self._company, onward=onward, said=said
        )
