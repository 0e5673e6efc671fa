"""The Data Manager API over REST, and the sandbox's own switches, on one port."""

import socket
import time
from threading import Thread
from typing import Any

import grpc
import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convsync.sandbox import admin, data_manager
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.messages import IngestEventsRequest, Message, Reason
from convsync.sandbox.refusals import HTTP_STATUS, Refusal

BACKLOG = 128


class HttpListener:
    """Answers on one port from construction until `stop`."""

    def __init__(self, platform: AdPlatform, host: str, port: int, token: str | None) -> None:
        listening = socket.create_server((host, port), backlog=BACKLOG)
        # Inherited by every connection: without it each answer waits 40 ms for the client's ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(platform, token),
                http="h11",
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


def application(platform: AdPlatform, token: str | None) -> Starlette:
    """Google's endpoints and the sandbox's own, as an ASGI application."""

    async def ingest(request: Request) -> JSONResponse:
        return await run_in_threadpool(_ingest, platform, await request.body())

    async def retrieve_status(request: Request) -> JSONResponse:
        request_id = request.query_params.get("requestId", "")
        return JSONResponse(
            await run_in_threadpool(data_manager.retrieve_status, platform, request_id)
        )

    return Starlette(
        routes=[
            Route("/v1/events:ingest", ingest, methods=["POST"]),
            Route("/v1/requestStatus:retrieve", retrieve_status),
            *admin.routes(platform, token),
        ],
        exception_handlers={Refusal: _refused},
    )


def _ingest(platform: AdPlatform, body: bytes) -> JSONResponse:
    response = data_manager.ingest(platform, _read(body))
    return JSONResponse(json_format.MessageToDict(response))


def _read(body: bytes) -> Message:
    try:
        return json_format.Parse(body, IngestEventsRequest())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT,
            Reason.INVALID_ARGUMENT,
            f"Invalid JSON payload received. {error}",
        ) from error


async def _refused(_: Request, refusal: Any) -> JSONResponse:
    return JSONResponse(refusal.as_json(), status_code=HTTP_STATUS[refusal.code])
