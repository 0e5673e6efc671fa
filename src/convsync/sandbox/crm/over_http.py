"""The CRMs over HTTP: every vendor's API below its name, and the sandbox's own switches for them.

`/hubspot/crm/…` is what HubSpot serves at `/crm/…`. The switches stand under `/crms/`.
"""

import csv
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from convsync.sandbox import world as happenings
from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.crm.book import CrmStage, Outcome, Telling
from convsync.sandbox.crm.server import CrmRequest as CrmRequest
from convsync.sandbox.crm.server import Poison, Reply
from convsync.sandbox.crm.vendors import SERVERS, CrmOfVendor, Crms
from convsync.sandbox.untidy import Untidy, make_untidy, untidy_by_default
from convsync.sandbox.world import Change, World
from convsync.sandbox.world_csv import deals_in_csv

Endpoint = Callable[[Request], Awaitable[Response]]
Json = Any

_CHANGES: Mapping[str, Callable[[datetime, Mapping[str, Any]], Change]] = {
    "amount": lambda at, order: happenings.amount_changed(at, Decimal(str(order["amount"]))),
    "lost": lambda at, _: happenings.lost(at),
    "reopened": lambda at, _: happenings.reopened(at),
    "deleted": lambda at, _: happenings.deleted(at),
    "consent_withdrawn": lambda at, _: happenings.consent_withdrawn(at),
}
_EDITS: Mapping[str, Callable[[CrmOfVendor, Mapping[str, Any]], str]] = {
    "moved": lambda crm, edit: crm.book.move(edit["deal"], edit["stage"], _at(edit)).deal_id,
    "merged": lambda crm, edit: crm.merge(edit["deal"], edit["into"], _at(edit)).deal_id,
    "deleted": lambda crm, edit: crm.book.delete(edit["deal"], _at(edit)).deal_id,
    "restored": lambda crm, edit: crm.book.restore(edit["deal"], _at(edit)).deal_id,
    "archived": lambda crm, edit: crm.archive(edit["deal"], _at(edit)).deal_id,
    "hidden": lambda crm, edit: crm.book.hide(edit["deal"]).deal_id,
    "shown": lambda crm, edit: crm.book.show(edit["deal"]).deal_id,
}
"""What people do to single deals; each returns the ID of the deal as it is afterwards."""


def routes(
    crms: Crms,
    clock: SandboxClock,
    guarded: Callable[[Endpoint], Endpoint],
    on_world: Callable[[World], None],
) -> list[Route]:
    """Return every vendor's paths, and the switches behind the sandbox's token.

    `on_world` hears of a world that the CRMs follow from now on.
    """

    def switch(path: str, turn: Callable[..., Json]) -> Route:
        @wraps(turn)
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                return JSONResponse(await run_in_threadpool(turn, request, body))
            except (KeyError, TypeError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
                return JSONResponse({"error": problem}, status_code=400)

        return Route(path, guarded(endpoint), methods=["POST"])

    def set_world(_: Request, body: bytes) -> Json:
        """`{"seed": 7, "deals": 2500, "ends_at": …, "days": 150, "changes": {ID: [{…}]}}`.

        With `until` nothing happens after that instant, however far the clock goes.
        """
        order = json.loads(body)
        until, world = order.get("until"), world_of(order)
        crms.follow(world, until and datetime.fromisoformat(until))
        on_world(world)
        return {}

    def load_csv(request: Request, body: bytes) -> Json:
        """An export as `convsync sandbox` documents it; its local times are Europe/Berlin's."""
        crm = crms[request.path_params["vendor"]]
        zone = ZoneInfo(request.query_params.get("time_zone", "Europe/Berlin"))
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
        return {"deals": crm.feed.take(deals_in_csv(rows, zone), clock.now())}

    def add_faults(request: Request, body: bytes) -> Json:
        """`[{"request": 3, "status": 429, "headers": {}, "body": {}}]`; the next request is 1."""
        server = crms[request.path_params["vendor"]].server
        for fault in json.loads(body):
            number = int(fault.pop("request"))
            server.faults[number] = Reply(**fault)
        return {"planned": len(server.faults)}

    def add_poisons(request: Request, body: bytes) -> Json:
        """`[{"path": "/batch/read$", "holding": ID, "status": 400, "body": {}}]`; [] heals all.

        With `times` it answers so many requests, or parts of batches, and is over.
        """
        server = crms[request.path_params["vendor"]].server
        server.poisons = [
            Poison(
                path=one.pop("path"),
                holding=one.pop("holding", ""),
                times=one.pop("times", None),
                reply=Reply(**one),
            )
            for one in json.loads(body)
        ]
        return {"poisoned": len(server.poisons)}

    def add_edits(request: Request, body: bytes) -> Json:
        """`[{"deal": ID, "kind": "moved", "stage": "won", "at": …}]`, by the CRM's own IDs.

        Kinds are moved, merged (`into`), deleted, restored, archived, hidden and shown. Several
        moves at one instant have equal stamps, in the order given.
        """
        crm = crms[request.path_params["vendor"]]
        return {"edited": [_EDITS[edit["kind"]](crm, edit) for edit in json.loads(body)]}

    def set_stages(request: Request, body: bytes) -> Json:
        """`[{"key": "setup", "name": "Set up", "position": 1, "pipeline": "Onboarding"}]`.

        Those of a known key are replaced, so that a stage can be renamed; others are added.
        """
        book = crms[request.path_params["vendor"]].book
        given = [
            CrmStage(**{**one, "outcome": Outcome(one.get("outcome", "open"))})
            for one in json.loads(body)
        ]
        there = {stage.key: stage for stage in (*book.stages, *given)}
        book.stages = tuple(there.values())
        return {"stages": len(there)}

    def be_untidy(request: Request, body: bytes) -> Json:
        """`{"at": …, "handed_over": true, "merged": true, "at_once": true, "limited": true}`.

        With `at` alone, what config/sandbox/untidy.toml says has happened by then.
        """
        crm, order = crms[request.path_params["vendor"]], json.loads(body)
        at = datetime.fromisoformat(order.pop("at"))
        what = Untidy(**order) if order else untidy_by_default()
        return {"made": make_untidy(crm, what, at)}

    def set_stuck(request: Request, body: bytes) -> Json:
        """`{"path": "/search$"}`: such paths repeat their first answer; `null` for it ends that."""
        crms[request.path_params["vendor"]].server.stuck = json.loads(body)["path"]
        return {}

    def tell_less(request: Request, body: bytes) -> Json:
        """`{"telling": "lags"}`: how much histories tell; records always tell the present."""
        crms[request.path_params["vendor"]].book.telling = Telling(json.loads(body)["telling"])
        return {}

    async def id_of(request: Request) -> Response:
        name, crm = request.path_params["deal"], crms[request.path_params["vendor"]]
        return JSONResponse({"id": crm.feed.id_of(name)})

    async def requests_made(request: Request) -> Response:
        crm = crms[request.path_params["vendor"]]
        return JSONResponse(crm.server.requests)

    return [
        switch("/crms/world", set_world),
        switch("/crms/{vendor}/deals.csv", load_csv),
        switch("/crms/{vendor}/faults", add_faults),
        switch("/crms/{vendor}/poisons", add_poisons),
        switch("/crms/{vendor}/history", tell_less),
        switch("/crms/{vendor}/edits", add_edits),
        switch("/crms/{vendor}/stages", set_stages),
        switch("/crms/{vendor}/stuck", set_stuck),
        switch("/crms/{vendor}/untidy", be_untidy),
        Route("/crms/{vendor}/deals/{deal}", guarded(id_of)),
        Route("/crms/{vendor}/requests", guarded(requests_made)),
        *(
            Route(f"/{name}/{{path:path}}", _vendor(crms, name), methods=["GET", "POST"])
            for name in SERVERS
        ),
    ]


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


def _at(edit: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(edit["at"])


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
