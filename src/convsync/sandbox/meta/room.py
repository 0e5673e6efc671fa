"""Meta's Conversions API over HTTP: a request is taken or refused whole, and names no event.

What is not documented is read strictly: see `faults_of_events` and `books`. Trouble that was
ordered is told in Meta's words; HTTP's status is as unreliable as Meta's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import grpc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convsync.sandbox.event_books import HeardRequest
from convsync.sandbox.meta.books import MetaBooks
from convsync.sandbox.meta.faults_of_events import Fault, fault_in
from convsync.sandbox.room import House, Json
from convsync.sandbox.trouble import NoAnswer, Trouble

MOST_EVENTS = 1_000
VERSIONS = frozenset({"v25.0", "v26.0", "v27.0"})
EVENTS, DATASET = "meta_events", "meta_dataset"
_USAGE = "x-business-use-case-usage"

_TOKEN = Fault(190, None, "Zugriffsschlüssel ungültig")
_NO_DATASET = Fault(100, 33, "Objekt nicht vorhanden")
_VERSION = Fault(2635, None, "Version nicht mehr verfügbar")
_REQUEST = Fault(100, None, "Ungültiger Parameter")
_THROTTLED = Fault(80004, 2446079, "Zu viele Aufrufe")
_PERMISSION = Fault(200, None, "Berechtigung fehlt")
_AWAY = Fault(2, None, "Dienst vorübergehend nicht verfügbar")
_BROKEN = Fault(1, None, "Unbekannter Fehler")
_TOLD: Mapping[grpc.StatusCode, tuple[int, Fault]] = {
    grpc.StatusCode.UNAVAILABLE: (500, _AWAY),
    grpc.StatusCode.INTERNAL: (500, _BROKEN),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (400, _THROTTLED),
    grpc.StatusCode.UNAUTHENTICATED: (401, _TOKEN),
    grpc.StatusCode.PERMISSION_DENIED: (400, _PERMISSION),
}
"""How Meta tells of trouble: the status, and its numbers."""


class RefusedByMeta(Exception):  # noqa: N818 - an answer, not a failure of the sandbox
    """A request that is refused, for one fault."""

    def __init__(self, fault: Fault, status: int = 400, minutes: float | None = None) -> None:
        super().__init__(fault.title)
        self.fault = fault
        self.status = status
        self.minutes = minutes


@dataclass(slots=True, kw_only=True)
class MetaAccount:
    """What exists there. Where no datasets or tokens are set, any will do.

    `refusals` hold events back by their event_id, fbclid, lead_id or a hash, each with the code it
    gets: `100/2804001`. `short_by` is by how many events less than were sent an answer says that
    Meta received.
    """

    datasets: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()
    refusals: dict[str, str] = field(default_factory=dict)
    short_by: int = 0


class MetaRoom:
    """The room; see Room."""

    calls: Sequence[str] = (EVENTS, DATASET)

    def __init__(self, house: House) -> None:
        self._house = house
        self.books = MetaBooks()
        self.account = MetaAccount()

    def routes(self) -> Sequence[Route]:
        """Return the two endpoints of a dataset."""
        dataset = "/v{major:int}.{minor:int}/{dataset:int}"
        return [
            Route(f"{dataset}/events", self._served(EVENTS, self._take), methods=["POST"]),
            Route(dataset, self._served(DATASET, self._show), methods=["GET"]),
        ]

    def readers(self) -> Mapping[str, Callable[[], Json]]:
        """Return what can be read."""
        return {"books": self.books.as_json}

    def switches(self) -> Mapping[str, Callable[[Json], Json]]:
        """Return what can be set."""
        return {
            "datasets": self.set_datasets,
            "tokens": self.set_tokens,
            "refusals": self.set_refusals,
            "short": self.set_short,
        }

    def reset(self) -> None:
        """Be as at the start."""
        self.books.clear()
        self.account = MetaAccount()

    def set_datasets(self, body: Json) -> Json:
        """Let these datasets exist and no others; [] any: ["1234567890"]."""
        self.account.datasets = frozenset(map(str, body))
        return {"datasets": sorted(self.account.datasets)}

    def set_tokens(self, body: Json) -> Json:
        """Let these access tokens be valid and no others; [] any: ["EAAB…"]."""
        self.account.tokens = frozenset(map(str, body))
        return {"tokens": len(self.account.tokens)}

    def set_refusals(self, body: Json) -> Json:
        """Refuse requests with an event of these IDs: {"fbclid or event_id": "100/2804001"}."""
        self.account.refusals = {str(name): str(code) for name, code in body.items()}
        return {"refusals": len(self.account.refusals)}

    def set_short(self, body: Json) -> Json:
        """Say of so many events less that they were received: {"by": 1}."""
        self.account.short_by = int(body["by"])
        return {"by": self.account.short_by}

    def _served(
        self, call: str, answer: Callable[[str, Request, Any], Json]
    ) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> JSONResponse:
            body = await _json_of(request)
            try:
                return JSONResponse(
                    await run_in_threadpool(partial(self._answered, call, answer, request, body))
                )
            except RefusedByMeta as refused:
                return _as_meta_says(refused)

        return endpoint

    def _answered(
        self, call: str, answer: Callable[[str, Request, Any], Json], request: Request, body: Any
    ) -> Json:
        try:
            with self._house.faults.around(call):
                return answer(str(request.path_params["dataset"]), request, body)
        except NoAnswer:
            raise
        except Trouble as trouble:
            status, fault = _TOLD[trouble.code]
            named = Fault.named(trouble.error) if trouble.error else fault
            asked = trouble.retry_after.total_seconds() / 60 if trouble.retry_after else None
            raise RefusedByMeta(named, status, asked) from trouble

    def _show(self, dataset: str, request: Request, _: Any) -> Json:
        self._let_in(dataset, request, {})
        pages = [p for name, p in self.books.counted.items() if name.startswith(f"{dataset}/")]
        last = [event.came_at[-1] for page in pages for event in page.values()]
        fired = {"last_fired_time": max(last).strftime("%Y-%m-%dT%H:%M:%S%z")} if last else {}
        return {"id": dataset, "name": "CRM", "is_unavailable": False, **fired}

    def _take(self, dataset: str, request: Request, body: Any) -> Json:
        now = self._house.clock.now()
        events = body.get("data") if isinstance(body, dict) else None
        sent = len(events) if isinstance(events, list) else 0
        try:
            taken = self._checked(dataset, request, body, now)
        except RefusedByMeta as refused:
            result = f"{refused.fault.code}/{refused.fault.subcode or ''}".rstrip("/")
            self.books.note(HeardRequest(at=now, events=sent, result=result, counted=False))
            raise
        pages = [f"{dataset}/{event['event_name']}" for event in taken]
        self.books.count(pages, taken, now)
        self.books.note(HeardRequest(at=now, events=sent, result="200", counted=True))
        received = len(taken) - self.account.short_by
        return {"events_received": received, "messages": [], "fbtrace_id": "ASandboxTrace"}

    def _checked(
        self, dataset: str, request: Request, body: Any, now: datetime
    ) -> Sequence[Mapping[str, Any]]:
        """Return the events of a request that is taken; any bad one refuses all."""
        if not isinstance(body, dict):
            raise RefusedByMeta(_REQUEST)
        self._let_in(dataset, request, body)
        events = body.get("data")
        if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
            raise RefusedByMeta(_REQUEST)
        for event in events:
            if fault := fault_in(event, now) or self._ordered(event):
                raise RefusedByMeta(fault)
        return events

    def _let_in(self, dataset: str, request: Request, body: Mapping[str, Any]) -> None:
        version = "v{major}.{minor}".format(**request.path_params)
        if version not in VERSIONS:
            raise RefusedByMeta(_VERSION)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = str(body.get("access_token") or request.query_params.get("access_token") or bearer)
        if not token or (self.account.tokens and token not in self.account.tokens):
            raise RefusedByMeta(_TOKEN, 401)
        if self.account.datasets and dataset not in self.account.datasets:
            raise RefusedByMeta(_NO_DATASET)

    def _ordered(self, event: Mapping[str, Any]) -> Fault | None:
        """Return the fault that was ordered for an event, by whatever it is known by."""
        refusals = self.account.refusals
        if not refusals:
            return None
        who = event["user_data"]
        fbclid = str(who.get("fbc") or "").split(".", 3)[-1]
        names = [event.get("event_id"), fbclid, str(who.get("lead_id")), *(who.get("em") or ())]
        found = next((refusals[name] for name in names if name in refusals), None)
        return Fault.named(found) if found else None


async def _json_of(request: Request) -> Any:
    try:
        return await request.json() if await request.body() else None
    except ValueError:
        return None


def _as_meta_says(refused: RefusedByMeta) -> JSONResponse:
    fault = refused.fault
    error = {
        "message": f"(#{fault.code}) {fault.title}",
        "type": "OAuthException",
        "code": fault.code,
        "is_transient": fault in {_AWAY, _BROKEN},
        "error_user_title": fault.title,
        "error_user_msg": "Bitte überprüfe die Anfrage.",
        "fbtrace_id": "ASandboxTrace",
    }
    subcode = {} if fault.subcode is None else {"error_subcode": fault.subcode}
    usage = [{"type": "ads_management", "estimated_time_to_regain_access": refused.minutes}]
    headers = {} if refused.minutes is None else {_USAGE: _json({"1234567890": usage})}
    return JSONResponse({"error": error | subcode}, status_code=refused.status, headers=headers)


def _json(value: Any) -> str:
    return bytes(JSONResponse(value).body).decode()
