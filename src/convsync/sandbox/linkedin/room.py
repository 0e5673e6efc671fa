"""LinkedIn's Conversions API over HTTP: dated versions, batches, and the sign-in of a person.

What is not documented is read strictly: see `events`, `shapes` and `books`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import grpc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from convsync.sandbox.account import aware
from convsync.sandbox.consent import ConsentRefused
from convsync.sandbox.event_books import HeardRequest
from convsync.sandbox.linkedin.books import LinkedInBooks
from convsync.sandbox.linkedin.events import (
    LinkedInAccount,
    PartnerRule,
    RefusedByLinkedIn,
    checked,
    rule_of,
)
from convsync.sandbox.linkedin.sign_in import SignIn
from convsync.sandbox.room import House, Json
from convsync.sandbox.trouble import NoAnswer, Trouble

EVENTS, RULES, TOKEN = "linkedin_events", "linkedin_rules", "linkedin_token"
_BATCH = "BATCH_CREATE"
_MONTHS_OF_A_VERSION = 12
_CREATED = 201
_TOLD: Mapping[grpc.StatusCode, tuple[int, Mapping[str, Any]]] = {
    grpc.StatusCode.UNAVAILABLE: (503, {"message": "Service Unavailable"}),
    grpc.StatusCode.INTERNAL: (500, {"message": "Internal Server Error"}),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, {"code": "TOO_MANY_REQUESTS"}),
    grpc.StatusCode.UNAUTHENTICATED: (
        401,
        {"serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN"},
    ),
    grpc.StatusCode.PERMISSION_DENIED: (403, {"message": "Not enough permissions to access"}),
}
"""How LinkedIn tells of trouble."""

Answered = Callable[[Request, Any, datetime], Response]


class LinkedInRoom:
    """The room; see Room."""

    calls: Sequence[str] = (EVENTS, RULES, TOKEN)

    def __init__(self, house: House) -> None:
        self._house = house
        self.books = LinkedInBooks(lambda: self.account.knows_repeats)
        self.account = LinkedInAccount()
        self.sign_in = SignIn()

    def routes(self) -> Sequence[Route]:
        """Return the endpoints for events and rules, and those of the sign-in."""
        page = "/oauth/v2/authorization"
        return [
            Route("/rest/conversionEvents", self._served(EVENTS, self._take), methods=["POST"]),
            Route("/rest/conversions", self._served(RULES, self._list), methods=["GET"]),
            Route("/oauth/v2/accessToken", self._served(TOKEN, self._token), methods=["POST"]),
            Route(page, self._page, methods=["GET"]),
            Route(page, self._decided, methods=["POST"]),
        ]

    def readers(self) -> Mapping[str, Callable[[], Json]]:
        """Return what can be read."""
        return {"books": self.books.as_json}

    def switches(self) -> Mapping[str, Callable[[Json], Json]]:
        """Return what can be set."""
        return {
            "rules": self.set_rules,
            "refusals": self.set_refusals,
            "repeats": self.set_repeats,
            "sign-in": self.set_sign_in,
        }

    def reset(self) -> None:
        """Be as at the start."""
        self.books.clear()
        self.account = LinkedInAccount()
        self.sign_in.clear()

    def set_rules(self, body: Json) -> Json:
        """Let these conversion rules exist and no others: [{"id": "1", "enabled": true}]."""
        self.account.rules = {str(one["id"]): PartnerRule(**one) for one in body}
        return {"rules": sorted(self.account.rules)}

    def set_refusals(self, body: Json) -> Json:
        """Refuse events by their eventId or an identifier: {"li_fat_id": "400/TIME"}."""
        self.account.refusals = {str(name): str(code) for name, code in body.items()}
        return {"refusals": len(self.account.refusals)}

    def set_repeats(self, body: Json) -> Json:
        """Count an eventId once however often it comes: {"known": true}."""
        self.account.knows_repeats = bool(body["known"])
        return {"known": self.account.knows_repeats}

    def set_sign_in(self, body: Json) -> Json:
        """Let somebody have signed in: {"refresh_token": "…", "at": "2026-01-01T00:00Z"}."""
        self.sign_in.signed_in(str(body["refresh_token"]), aware(body["at"]))
        return {"signed_in": True}

    def _served(self, call: str, answer: Answered) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                return await run_in_threadpool(self._answered, call, answer, request, body)
            except RefusedByLinkedIn as refused:
                return JSONResponse(refused.body, status_code=refused.status)

        return endpoint

    def _answered(self, call: str, answer: Answered, request: Request, body: bytes) -> Response:
        try:
            with self._house.faults.around(call):
                return answer(request, body, self._house.clock.now())
        except NoAnswer:
            raise
        except Trouble as trouble:
            status, said = _TOLD[trouble.code]
            after = trouble.retry_after
            headers = {"Retry-After": f"{after.total_seconds():.0f}"} if after else {}
            return JSONResponse({"status": status, **said}, status_code=status, headers=headers)

    def _take(self, request: Request, body: bytes, now: datetime) -> Response:
        is_batch = request.headers.get("x-restli-method", "").upper() == _BATCH
        found = _json_in(body)
        try:
            self._let_in(request, now)
            events = checked(found, self.account, now, is_batch=is_batch)
        except RefusedByLinkedIn as refused:
            result, sent = str(refused.status), _length_of(found)
            self.books.note(HeardRequest(at=now, events=sent, result=result, counted=False))
            raise
        statuses = [_status_of(self.account.refusal_of(event)) for event in events]
        taken = [one for one, status in zip(events, statuses, strict=True) if status == _CREATED]
        self._count([one for one in taken if self._is_on(one)], now)
        self.books.note(HeardRequest(at=now, events=len(events), result="200", counted=True))
        if not is_batch:
            return Response(status_code=_CREATED)
        return JSONResponse({"elements": [{"status": status} for status in statuses]})

    def _count(self, events: Sequence[Mapping[str, Any]], now: datetime) -> None:
        rules = [rule_of(event) for event in events]
        self.books.count(rules, events, now)

    def _is_on(self, event: Mapping[str, Any]) -> bool:
        rule = self.account.rules.get(rule_of(event))
        return rule is None or rule.enabled

    def _list(self, request: Request, _: bytes, now: datetime) -> Response:
        self._let_in(request, now)
        account = request.query_params.get("account", "").rpartition(":")[2]
        listed = [
            rule.as_json() for rule in self.account.rules.values() if rule.account in {"", account}
        ]
        return JSONResponse({"elements": listed, "paging": {"start": 0, "count": len(listed)}})

    def _token(self, _: Request, body: bytes, now: datetime) -> Response:
        try:
            return JSONResponse(self.sign_in.token(dict(parse_qsl(body.decode())), now))
        except ConsentRefused as refused:
            return JSONResponse({"error": refused.error}, status_code=400)

    async def _page(self, request: Request) -> Response:
        try:
            return HTMLResponse(self.sign_in.desk.page(request.query_params))
        except ConsentRefused as refused:
            return JSONResponse({"error": refused.error}, status_code=400)

    async def _decided(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            address = self.sign_in.desk.decided(form, self._house.clock.now())
        except ConsentRefused as refused:
            return JSONResponse({"error": refused.error}, status_code=400)
        return RedirectResponse(address, status_code=302)

    def _let_in(self, request: Request, now: datetime) -> None:
        version = request.headers.get("linkedin-version", "")
        if not version:
            sentence = "A version must be present. Please specify a version by adding the header."
            raise RefusedByLinkedIn(400, sentence, code="VERSION_MISSING")
        if _has_ended(version, now):
            raise RefusedByLinkedIn(426, "Version Header is Deprecated")
        if request.headers.get("x-restli-protocol-version") != "2.0.0":
            raise RefusedByLinkedIn(400, "Unsupported protocol version.")
        problem = self.sign_in.problem_of(request.headers.get("authorization", ""), now)
        if problem is not None:
            code = "REVOKED_ACCESS_TOKEN" if problem == 65601 else "INVALID_ACCESS_TOKEN"
            raise RefusedByLinkedIn(401, "Unauthorized", serviceErrorCode=problem, code=code)


def _has_ended(version: str, now: datetime) -> bool:
    """Each version lives for a year, until about the 15th."""
    if len(version) != 6 or not version.isdigit():
        return True
    months = (now.year - int(version[:4])) * 12 + now.month - int(version[4:])
    return months > _MONTHS_OF_A_VERSION or (months == _MONTHS_OF_A_VERSION and now.day > 15)


def _status_of(refusal: str) -> int:
    word, _, status = refusal.partition(" ")
    return int(status) if word == "element" else _CREATED


def _json_in(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _length_of(body: Any) -> int:
    elements = body.get("elements") if isinstance(body, Mapping) else None
    return len(elements) if isinstance(elements, list) else 1
