"""The Data Manager API over REST, OAuth's token endpoint and the sandbox's own switches."""

import asyncio
import socket
import time
from functools import partial
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import grpc
import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from convsync.sandbox import admin, data_manager, google_consent
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.crm.over_http import routes as crm_routes
from convsync.sandbox.crm.vendors import Crms
from convsync.sandbox.messages import IngestEventsRequest, Message, Reason
from convsync.sandbox.refusals import HTTP_STATUS, RefusedCall
from convsync.sandbox.tokens import TokenRefused
from convsync.sandbox.trouble import NoAnswer, Trouble

BACKLOG = 128
GARBAGE = "<html><title>502 Bad Gateway</title>"


class BreakableProtocol(H11Protocol):  # type: ignore[misc]
    """HTTP as usual, except that an endpoint can get hold of the connection, and cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the connection where the endpoints find it."""
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, "transport": transport}


class HangUp(Response):
    """No answer: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Cut it, and wait until that is noticed: uvicorn would answer for us."""
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class HttpListener:
    """Answers on one port from construction until `stop`."""

    def __init__(
        self, platform: AdPlatform, crms: Crms, host: str, port: int, token: str | None
    ) -> None:
        listening = socket.create_server((host, port), backlog=BACKLOG)
        # Inherited by every connection: without it each answer waits 40 ms for the client's ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(platform, crms, token),
                http=BreakableProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
            )
        )
        self._thread = Thread(
            target=self._server.run, args=([listening],), name="sandbox-http", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.002)

    def stop(self) -> None:
        """Hang up on everybody; nothing is left running."""
        self._server.should_exit = True
        self._thread.join()


def application(platform: AdPlatform, crms: Crms, admin_token: str | None) -> Starlette:
    """Google's endpoints, the CRMs' and the sandbox's own, as an ASGI application."""

    own = [
        *admin.routes(platform, admin_token),
        *crm_routes(
            crms,
            platform.clock,
            partial(admin.guarded, token=admin_token),
            on_world=platform.advertise,
        ),
    ]

    async def switches(_: Request) -> JSONResponse:
        return JSONResponse(admin.switches_among(own))

    return Starlette(
        routes=[
            *_of_google(platform),
            *google_consent.routes(platform),
            *(route for room in platform.rooms.values() for route in room.routes()),
            Route("/switches", switches),
            *own,
        ],
        exception_handlers={
            RefusedCall: _refused,
            TokenRefused: _token_refused,
            NoAnswer: partial(_no_answer, platform),
            Trouble: _troubled,
        },
    )


def _of_google(platform: AdPlatform) -> list[Route]:
    async def ingest(request: Request) -> JSONResponse:
        _check_token(platform, request)
        return await run_in_threadpool(_ingest, platform, await request.body())

    async def retrieve_status(request: Request) -> JSONResponse:
        _check_token(platform, request)
        request_id = request.query_params.get("requestId", "")
        return JSONResponse(
            await run_in_threadpool(data_manager.retrieve_status, platform, request_id)
        )

    async def token(request: Request) -> JSONResponse:
        return await run_in_threadpool(_issue_token, platform, await request.body())

    return [
        Route("/v1/events:ingest", ingest, methods=["POST"]),
        Route("/v1/requestStatus:retrieve", retrieve_status),
        Route("/token", token, methods=["POST"]),
    ]


def _ingest(platform: AdPlatform, body: bytes) -> JSONResponse:
    response = data_manager.ingest(platform, _read(body))
    return JSONResponse(json_format.MessageToDict(response))


def _read(body: bytes) -> Message:
    try:
        return json_format.Parse(body, IngestEventsRequest())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise RefusedCall(
            grpc.StatusCode.INVALID_ARGUMENT,
            Reason.INVALID_ARGUMENT,
            f"Invalid JSON payload received. {error}",
        ) from error


def _check_token(platform: AdPlatform, request: Request) -> None:
    platform.tokens.check(request.headers.get("authorization", ""))


def _issue_token(platform: AdPlatform, body: bytes) -> JSONResponse:
    with platform.faults.around("token"):
        form = dict(parse_qsl(body.decode()))
        return JSONResponse(platform.tokens.issue(form, platform.clock.now()))


async def _no_answer(platform: AdPlatform, _: Request, silence: Any) -> Response:
    if silence.silence == "garbage":
        return Response(GARBAGE, media_type="text/html")
    if silence.silence == "hang":
        await run_in_threadpool(platform.faults.wait, silence.lasting)
    return HangUp()


async def _token_refused(_: Request, refused: Any) -> JSONResponse:
    answer = {"error": refused.error, "error_description": refused.description}
    return JSONResponse(answer, status_code=400)


async def _troubled(_: Request, trouble: Any) -> JSONResponse:
    return await _refused(_, RefusedCall.from_trouble(trouble))


async def _refused(_: Request, refusal: Any) -> JSONResponse:
    return JSONResponse(refusal.as_json(), status_code=HTTP_STATUS[refusal.code])
