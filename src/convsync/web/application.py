"""The page as an application for any ASGI server: which address is answered by what, and for whom.

CONVSYNC_CONFIG=convsync.toml uvicorn --factory convsync.web.application:app
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from convsync import log
from convsync.errors import ConvsyncError, LockedError, OperatorError, TransientError
from convsync.settings import Settings
from convsync.store import users
from convsync.web.actions import Actions
from convsync.web.company import Company, company_of
from convsync.web.conversions import Conversions
from convsync.web.nights import Nights
from convsync.web.rendering import Templates
from convsync.web.reports import Reported, Reports
from convsync.web.safety import SafeHeaders
from convsync.web.sign_in import SignIn
from convsync.web.visits import (
    COOKIE,
    Page,
    RefusedError,
    Visit,
    digest_of,
    fields_of,
    require_proof,
)

_STATIC: Final = Path(__file__).with_name("static")
_STATUS: Final = (
    (LockedError, 409),
    (TransientError, 503),
    (OperatorError, 400),
    (ConvsyncError, 500),
)
Answer = Callable[[Request], Awaitable[Response]]


def application(
    settings: Settings, reported: Reported, *, is_tls: bool, as_of: datetime | None = None
) -> Starlette:
    """Return the page; OperatorError where there is no ledger. `reported` gives the reports.

    `is_tls` says that browsers come over TLS: the cookie is for that alone then. `as_of` is taken
    for the present, as by the option of that name.
    """
    company = company_of(settings, as_of=as_of)
    templates = Templates(company.zone)
    doors = Doors(company, templates)
    sign_in = SignIn(company, templates, is_tls=is_tls, ticks=monotonic)
    nights, conversions = Nights(company, templates), Conversions(company, templates)
    reports = Reports(company, templates, reported)
    actions = Actions(settings, company, templates)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        company.database.close()

    return Starlette(
        routes=[
            Route("/sign-in", doors.open_to_all(sign_in.answer), methods=["GET", "POST"]),
            Route("/sign-out", doors.form(sign_in.leave), methods=["POST"]),
            Route("/", doors.page(nights.last_night)),
            Route("/runs/{number:int}", doors.page(nights.run)),
            Route("/conversions", doors.page(conversions.listing)),
            Route("/deals/{deal:path}", doors.page(conversions.deal)),
            Route("/errors", doors.page(conversions.errors)),
            Route("/reports", doors.page(reports.all)),
            Route("/do/{what}", doors.page(actions.ask, is_for_operators=True)),
            Route("/do/{what}", doors.form(actions.do, is_for_operators=True), methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(SafeHeaders, is_tls=is_tls)],
        exception_handlers={404: doors.nothing_there, 405: doors.nothing_there},
        lifespan=lifespan,
    )


class Doors:
    """Lets in who has signed in, and turns errors into pages that say what to do."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def page(self, page: Page, *, is_for_operators: bool = False) -> Answer:
        """Return what answers a page that is looked at."""

        async def answer(request: Request) -> Response:
            visit = await run_in_threadpool(self._visit, request, {})
            if visit is None:
                asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/sign-in?{urlencode({'next': asked})}", 303)
            return await self._answered(page, visit, is_for_operators)

        return answer

    def form(self, page: Page, *, is_for_operators: bool = False) -> Answer:
        """Return what answers a form: only one of this visitor's own pages."""

        async def answer(request: Request) -> Response:
            try:
                visit = await run_in_threadpool(self._visit, request, await fields_of(request))
                if visit is None:
                    raise RefusedError(401, "Sign in first. Nothing was done.")
                require_proof(visit)
            except RefusedError as refused:
                return self._said(refused.status, refused.sentence)
            return await self._answered(page, visit, is_for_operators)

        return answer

    def open_to_all(self, answer: Callable[[Request, Mapping[str, str]], Response]) -> Answer:
        """Return what answers a page that needs no signing in."""

        async def answered(request: Request) -> Response:
            try:
                fields = await fields_of(request) if request.method == "POST" else {}
                return await run_in_threadpool(answer, request, fields)
            except RefusedError as refused:
                return self._said(refused.status, refused.sentence)
            except ConvsyncError as error:
                return self._failed(error)

        return answered

    async def nothing_there(self, _: Request, __: Exception) -> Response:
        """Answer for an address that leads nowhere."""
        return self._said(404, "There is no such page.")

    async def _answered(self, page: Page, visit: Visit, is_for_operators: bool) -> Response:
        if is_for_operators and not visit.user.may_act:
            return self._said(403, "This is for operators: ask one. Nothing was done.")
        try:
            return await run_in_threadpool(page, visit)
        except RefusedError as refused:
            return self._said(refused.status, refused.sentence)
        except ConvsyncError as error:
            return self._failed(error)

    def _visit(self, request: Request, fields: Mapping[str, str]) -> Visit | None:
        token = request.cookies.get(COOKIE)
        if token is None:
            return None
        with self._company.database.reading() as connection:
            user = users.signed_in(connection, digest_of(token), self._company.now())
        if user is None:
            return None
        return Visit(request=request, user=user, token=token, fields=fields)

    def _failed(self, error: ConvsyncError) -> Response:
        log.warning("a page could not be shown", because=str(error))
        status = next(code for kind, code in _STATUS if isinstance(error, kind))
        return self._said(status, str(error))

    def _said(self, status: int, sentence: str) -> Response:
        return self._templates.response(
            "said.html", status, company=self._company, status=status, sentence=sentence
        )
