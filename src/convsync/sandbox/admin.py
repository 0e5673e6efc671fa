"""The sandbox's own endpoints: set the clock, switch on faults, read the books, start over.

None of them exists at Google. They are open on loopback, and want a token anywhere else.
"""

import hmac
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convsync.sandbox.account import AccountClick, Action
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.advertising import Restating
from convsync.sandbox.clock import rfc3339
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.on_call import HeardPing

TOKEN_HEADER = "X-Sandbox-Token"  # noqa: S105 - the header's name


class NotListeningError(Exception):
    """Nobody is on call at the moment."""


Json = Any
Reader = Callable[[AdPlatform, Mapping[str, str]], Json]
Switch = Callable[[AdPlatform, Json], Json]
Endpoint = Callable[[Request], Awaitable[JSONResponse]]


def read_clock(platform: AdPlatform, _: Mapping[str, str]) -> Json:
    """What time it is, and whether time stands still."""
    return {"now": rfc3339(platform.clock.now()), "frozen": platform.clock.is_frozen}


def read_books(platform: AdPlatform, query: Mapping[str, str]) -> Json:
    """Everything counted and refused, or with `?summary=1` only the totals."""
    return platform.books.totals() if query.get("summary") == "1" else platform.books.as_json()


def read_lists(platform: AdPlatform, _: Mapping[str, str]) -> Json:
    """Who is on which list of people now: hashes, by the list's number."""
    return platform.user_lists.as_json(platform.clock.now())


def read_alerts(platform: AdPlatform, _: Mapping[str, str]) -> Json:
    """Every alert that the webhook heard, oldest first."""
    return platform.on_call.alerts


def read_pings(platform: AdPlatform, _: Mapping[str, str]) -> Json:
    """Every ping that the dead man's switch heard, oldest first."""
    return [asdict(ping) for ping in platform.on_call.pings]


def hear_alert(platform: AdPlatform, body: Json) -> Json:
    """What Apprise's `json://` sends, or any JSON."""
    if platform.on_call.refuses:
        raise NotListeningError
    platform.on_call.alerts.append(body)
    return {}


def set_on_call(platform: AdPlatform, body: Json) -> Json:
    """`{"refuse": true}` lets webhook and switch answer 503, `{"refuse": false}` listen again."""
    platform.on_call.refuses = bool(body["refuse"])
    return {"refuse": platform.on_call.refuses}


def set_clock(platform: AdPlatform, body: Json) -> Json:
    """`{"now": "2026-01-01T02:00:00Z"}` stops the clock there; `{"now": null}` lets it go on."""
    platform.clock.set(body["now"] and datetime.fromisoformat(body["now"]))
    return read_clock(platform, {})


def set_actions(platform: AdPlatform, body: Json) -> Json:
    """`[{"account": "1234567890", "id": "111", "type": "UPLOAD_CLICKS"}]`, and no others."""
    platform.set_actions(Action.from_json(action) for action in body)
    return {"actions": len(platform.actions)}


def set_account(platform: AdPlatform, body: Json) -> Json:
    """`{"allowlisted": false}` changes every customer, with an `"id"` only that one."""
    changes = dict(body)
    platform.set_account(changes.pop("id", None), changes)
    return {"accounts": len(platform.accounts)}


def set_clicks(platform: AdPlatform, body: Json) -> Json:
    """`{"<click ID>": "2026-01-01T09:00:00Z"}`, in place of all clicks before."""
    platform.clicks = {str(name): AccountClick.from_json(click) for name, click in body.items()}
    return {"clicks": len(platform.clicks)}


def set_verdicts(platform: AdPlatform, body: Json) -> Json:
    """`{"<click ID>": "PROCESSING_ERROR_REASON_…"}`, in place of all verdicts before."""
    platform.verdicts = {str(identifier): str(reason) for identifier, reason in body.items()}
    return {"verdicts": len(platform.verdicts)}


def add_faults(platform: AdPlatform, body: Json) -> Json:
    """`[{"on": "ingest", "request": 2, "kind": "unavailable_after"}]`, on top of those planned."""
    faults = [PlannedFault.from_json(fault, platform.calls) for fault in body]
    for fault in faults:
        platform.faults.add(fault)
    return {"added": len(faults)}


def set_quota(platform: AdPlatform, body: Json) -> Json:
    """`{"per_minute": 300, "per_day": 100000}`; what is not named is not limited."""
    limits = {"per_minute": None, "per_day": None} | body
    platform.quota.set(**limits)
    return limits


def set_restating(platform: AdPlatform, body: Json) -> Json:
    """`{"days": 7, "share": 0.1}`: so long a day of a world shows so much more than in the end."""
    platform.restating = Restating(days=int(body["days"]), share=float(body["share"]))
    return asdict(platform.restating)


def set_tokens(platform: AdPlatform, body: Json) -> Json:
    """`{"expire": true}` calls back what was given out, `{"refuse": true}` gives out no more."""
    wanted = {"expire": False, "refuse": False, "expires_in": platform.tokens.lifetime} | body
    platform.tokens.is_refusing = bool(wanted["refuse"])
    platform.tokens.lifetime = int(wanted["expires_in"])
    return {"expired": platform.tokens.expire() if wanted["expire"] else 0}


def reset(platform: AdPlatform, _: Json) -> Json:
    """As it was at the start."""
    platform.reset()
    return {}


READERS: dict[str, Reader] = {
    "/clock": read_clock,
    "/books": read_books,
    "/lists": read_lists,
    "/webhook": read_alerts,
    "/ping": read_pings,
}
SWITCHES: dict[str, Switch] = {
    "/clock": set_clock,
    "/account": set_account,
    "/actions": set_actions,
    "/clicks": set_clicks,
    "/verdicts": set_verdicts,
    "/faults": add_faults,
    "/quota": set_quota,
    "/restating": set_restating,
    "/tokens": set_tokens,
    "/webhook": hear_alert,
    "/on-call": set_on_call,
    "/reset": reset,
}


def routes(platform: AdPlatform, token: str | None) -> list[Route]:
    """Every endpoint, behind the token if there is one."""
    return [
        *(
            Route(path, guarded(_reading(platform, reader), token), methods=["GET"])
            for path, reader in READERS.items()
        ),
        *(
            Route(path, guarded(_switching(platform, switch), token), methods=["POST"])
            for path, switch in SWITCHES.items()
        ),
        *_of_rooms(platform, token),
        Route("/ping{what:path}", guarded(_pinged(platform), token), methods=["POST"]),
    ]


def _of_rooms(platform: AdPlatform, token: str | None) -> Iterator[Route]:
    """Yield the readers and switches of the other platforms, each under its platform's name."""
    for name, room in platform.rooms.items():
        for what, read in room.readers().items():
            endpoint = _reading(platform, _from_room(read))
            yield Route(f"/{name}/{what}", guarded(endpoint, token), methods=["GET"])
        for what, switch in room.switches().items():
            endpoint = _switching(platform, _for_room(switch))
            yield Route(f"/{name}/{what}", guarded(endpoint, token), methods=["POST"])


def _from_room(read: Callable[[], Json]) -> Reader:
    def of_room(_platform: AdPlatform, _query: Mapping[str, str]) -> Json:
        return read()

    return of_room


def _for_room(switch: Callable[[Json], Json]) -> Switch:
    @wraps(switch)
    def turned(_platform: AdPlatform, body: Json) -> Json:
        return switch(body)

    return turned


def _reading(platform: AdPlatform, reader: Reader) -> Endpoint:
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(reader, platform, request.query_params))

    return endpoint


def switches_among(routes: Iterable[Route]) -> dict[str, str]:
    """Return what can be set, by path, and the JSON that each switch takes."""
    return {
        route.path.removeprefix("/"): inspect.getdoc(route.endpoint) or ""
        for route in routes
        if "POST" in (route.methods or ()) and route.endpoint.__doc__
    }


def _switching(platform: AdPlatform, switch: Switch) -> Endpoint:
    @wraps(switch)
    async def endpoint(request: Request) -> JSONResponse:
        try:
            body = await request.json() if await request.body() else None
            return JSONResponse(await run_in_threadpool(switch, platform, body))
        except NotListeningError:
            return JSONResponse({"error": "nobody listens"}, status_code=503)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return endpoint


def _pinged(platform: AdPlatform) -> Endpoint:
    async def endpoint(request: Request) -> JSONResponse:
        if platform.on_call.refuses:
            return JSONResponse({"error": "nobody listens"}, status_code=503)
        text = (await request.body()).decode(errors="replace")
        platform.on_call.pings.append(HeardPing(what=request.path_params["what"], text=text))
        return JSONResponse({})

    return endpoint


def guarded(endpoint: Endpoint, token: str | None) -> Endpoint:
    """Return an endpoint that asks for the token, if there is one."""
    if token is None:
        return endpoint

    @wraps(endpoint)
    async def asked_for_token(request: Request) -> JSONResponse:
        shown = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(shown.encode(), token.encode()):
            return JSONResponse({"error": f"{TOKEN_HEADER} is missing or wrong"}, status_code=401)
        return await endpoint(request)

    return asked_for_token
