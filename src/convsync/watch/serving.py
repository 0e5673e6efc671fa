"""`/metrics` over HTTP, for Prometheus to read, and `/healthz`, for whoever restarts containers.

It listens on loopback unless told otherwise, and then asks for a token:
`Authorization: Bearer …`, in Prometheus' configuration `authorization: {credentials_file: …}`.
"""

import hmac
import socket
from threading import Thread

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from convsync import log
from convsync.errors import ConvsyncError, OperatorError
from convsync.process.serving import is_loopback
from convsync.watch.metrics import Look, registry_of


def application(look: Look, token: str | None) -> Starlette:
    """Return both pages; figures are read at each request. Only `/metrics` asks who is there."""

    async def metrics(request: Request) -> Response:
        if token is not None and not _shows(request, token):
            return PlainTextResponse("Show the bearer token of [metrics] token.\n", 401)
        try:
            text = await run_in_threadpool(lambda: generate_latest(registry_of(look)))
        except ConvsyncError as error:
            log.warning("the figures cannot be read", because=str(error))
            return PlainTextResponse("The ledger cannot be read; the log says why.\n", 503)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])


def _shows(request: Request, token: str) -> bool:
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(shown.encode(), token.encode())


class Server:
    """Listens from construction until `stop`. Port 0 lets the system choose."""

    def __init__(self, look: Look, *, host: str, port: int, token: str | None) -> None:
        if token is None and not is_loopback(host):
            raise OperatorError(
                f"--metrics-host {host} can be reached from outside: set CONVSYNC_METRICS__TOKEN,"
                " or listen on 127.0.0.1."
            )
        try:
            listening = socket.create_server((host, port))
        except OSError as error:
            raise OperatorError(
                f"--metrics-port {port}: cannot listen on {host}: {error.strerror}."
            ) from error
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(look, token),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
            )
        )
        self._thread = Thread(
            target=self._server.run, args=([listening],), name="metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Hang up; nothing is left running."""
        self._server.should_exit = True
        self._thread.join()
