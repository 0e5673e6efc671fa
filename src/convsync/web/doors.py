"""Who is let in to a page, and the answer if a page cannot be shown."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from convsync import log
from convsync.errors import ConvsyncError, LockedError, OperatorError, TransientError
from convsync.model.user import Way
from convsync.store import users
from convsync.store.users import SignedIn
from convsync.web.by_proxy import ByProxy
from convsync.web.company import Company
from convsync.web.readers import READERS
from convsync.web.rendering import Templates
from convsync.web.visits import (
    COOKIE,
    Page,
    RefusedError,
    Visit,
    digest_of,
    fields_of,
    require_proof,
)

_STATUS: Final = (
    (LockedError, 409),
    (TransientError, 503),
    (OperatorError, 400),
    (ConvsyncError, 500),
)
Answer = Callable[[Request], Awaitable[Response]]


class Doors:
    """Lets in who has signed in, and turns errors into pages that say what to do."""

    def __init__(self, company: Company, templates: Templates, by_proxy: ByProxy | None) -> None:
        self._company = company
        self._templates = templates
        self._by_proxy = by_proxy

    def page(
        self, page: Page, *, is_for_operators: bool = False, may_take_long: bool = False
    ) -> Answer:
        """Return what answers a page that is looked at; no other waits for what `may_take_long`."""

        async def answer(request: Request) -> Response:
            return await READERS.run(
                self._looked_at, page, request, is_for_operators, is_slow=may_take_long
            )

        return answer

    def _looked_at(self, page: Page, request: Request, is_for_operators: bool) -> Response:
        try:
            visit = self._visit(request, {})
        except RefusedError as refused:
            return self._said(refused.status, refused.sentence)
        if visit is None:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?{urlencode({'next': asked})}", 303)
        return self._answered(page, visit, is_for_operators)

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
            return await run_in_threadpool(self._answered, page, visit, is_for_operators)

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

    def _answered(self, page: Page, visit: Visit, is_for_operators: bool) -> Response:
        if is_for_operators and not visit.user.may_act:
            return self._said(403, "This is for operators: ask one. Nothing was done.", visit)
        try:
            return page(visit)
        except RefusedError as refused:
            return self._said(refused.status, refused.sentence, visit)
        except ConvsyncError as error:
            return self._failed(error, visit)

    def _visit(self, request: Request, fields: Mapping[str, str]) -> Visit | None:
        token = request.cookies.get(COOKIE)
        if token is None:
            return None
        with self._company.database.reading() as connection:
            found = users.signed_in(connection, digest_of(token), self._company.now())
        if found is None or not self._is_still_named(found, request):
            return None
        return Visit(request=request, user=found.user, token=token, fields=fields)

    def _is_still_named(self, found: SignedIn, request: Request) -> bool:
        """True for who signed in here; whom a proxy let in it must name with every request."""
        if found.way is not Way.PROXY:
            return True
        return self._by_proxy is not None and self._by_proxy.user_of(request) == found.user

    def _failed(self, error: ConvsyncError, visit: Visit | None = None) -> Response:
        log.warning("a page could not be shown", because=str(error))
        status = next(code for kind, code in _STATUS if isinstance(error, kind))
        return self._said(status, str(error), visit)

    def _said(self, status: int, sentence: str, visit: Visit | None = None) -> Response:
        """Return a page of one sentence; whoever has signed in gets on from it to the others."""
        said = {"status": status, "sentence": sentence, "visit": visit}
        return self._templates.response("said.html", status, company=self._company, **said)
