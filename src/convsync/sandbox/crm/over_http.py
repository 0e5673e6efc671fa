"""The CRMs over HTTP: every vendor's API below its name, and the sandbox's own switches for them.

`/hubspot/crm/…` is what HubSpot serves at `/crm/…`. The switches of
`switches` stand under `/crms/NAME/`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from convsync.sandbox import world as happenings
from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.crm.server import Request as CrmRequest
from convsync.sandbox.crm.switches import SWITCHES, Turn
from convsync.sandbox.crm.vendors import SERVERS, Crms
from convsync.sandbox.world import Change, World

Endpoint = Callable[[Request], Awaitable[Response]]
Json = Any

_CHANGES: Mapping[str, Callable[[datetime, Mapping[str, Any]], Change]] = {
    "amount": lambda at, order: happenings.amount_changed(at, Decimal(str(order["amount"]))),
    "lost": lambda at, _: happenings.lost(at),
    "reopened": lambda at, _: happenings.reopened(at),
    "deleted": lambda at, _: happenings.deleted(at),
    "consent_withdrawn": lambda at, _: happenings.consent_withdrawn(at),
}


def routes(
    crms: Crms,
    clock: SandboxClock,
    guarded: Callable[[Endpoint], Endpoint],
    on_world: Callable[[World], None],
) -> list[Route]:
    """Return every vendor's paths, and the switches behind the sandbox's token.

    `on_world` hears of a world that the CRMs follow from now on.
    """

    def turn_of(request: Request, body: bytes) -> Turn:
        return Turn(
            crm=crms[request.path_params["vendor"]],
            body=body,
            query=request.query_params,
            now=clock.now(),
        )

    def switch(name: str, turned: Callable[[Turn], Json]) -> Route:
        @wraps(turned)
        def turn(request: Request, body: bytes) -> Json:
            return turned(turn_of(request, body))

        return _switch(f"/crms/{{vendor}}/{name}", turn, guarded)

    async def id_of(request: Request) -> Response:
        name, crm = request.path_params["deal"], crms[request.path_params["vendor"]]
        return JSONResponse({"id": crm.feed.id_of(name)})

    async def requests_made(request: Request) -> Response:
        crm = crms[request.path_params["vendor"]]
        return JSONResponse(crm.server.requests)

    return [
        _switch("/crms/world", _following(crms, on_world), guarded),
        *(switch(name, turned) for name, turned in SWITCHES.items()),
        Route("/crms/{vendor}/deals/{deal}", guarded(id_of)),
        Route("/crms/{vendor}/requests", guarded(requests_made)),
        *(
            Route(f"/{name}/{{path:path}}", _vendor(crms, name), methods=["GET", "POST", "PATCH"])
            for name in SERVERS
        ),
    ]


def _switch(
    path: str, turn: Callable[[Request, bytes], Json], guarded: Callable[[Endpoint], Endpoint]
) -> Route:
    """Return the route that turns a switch, and refuses what it does not take."""

    @wraps(turn)
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return JSONResponse(await run_in_threadpool(turn, request, body))
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
            return JSONResponse({"error": problem}, status_code=400)

    return Route(path, guarded(endpoint), methods=["POST"])


def _following(crms: Crms, on_world: Callable[[World], None]) -> Callable[[Request, bytes], Json]:
    def set_world(_: Request, body: bytes) -> Json:
        """`{"seed": 7, "deals": 2500, "ends_at": …, "days": 150, "changes": {ID: [{…}]}}`.

        With `until` nothing happens after that instant, however far the clock goes.
        """
        order = json.loads(body)
        until, world = order.get("until"), world_of(order)
        crms.follow(world, until and datetime.fromisoformat(until))
        on_world(world)
        return {}

    return set_world


def world_of(order: Mapping[str, Any]) -> World:
    """Return the world that JSON describes, with what people did to its deals."""
    world = World(
        seed=int(order["seed"]),
        deals=int(order["deals"]),
        ends_at=datetime.fromisoformat(order["ends_at"]),
        days=int(order["days"]),
    )
    for deal_id, changes in order.get("changes", {}).items():
        for change in changes:
            at = datetime.fromisoformat(change["at"])
            world = world.with_changes({deal_id: _CHANGES[change["kind"]](at, change)})
    return world


def _vendor(crms: Crms, name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asked = CrmRequest(
            method=request.method,
            path=f"/{request.path_params['path']}",
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=await request.body(),
            base_url=f"{request.url.scheme}://{request.url.netloc}/{name}",
        )
        reply = await run_in_threadpool(crms[name].answer, asked)
        headers = {"Content-Type": reply.media_type, **reply.headers}
        return Response(reply.encoded(), status_code=reply.status, headers=headers)

    return endpoint
