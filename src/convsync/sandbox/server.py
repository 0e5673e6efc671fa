"""Starting and stopping the sandbox: in a test, in the demo, or as `convsync sandbox`."""

import ipaddress
import json
import signal
import sys
from contextlib import ExitStack
from datetime import timedelta
from threading import Event
from typing import Self

from convsync.sandbox.ad_platform import PROCESSING_TAKES, AdPlatform
from convsync.sandbox.books import Books
from convsync.sandbox.clock import Now, SandboxClock, machine_time
from convsync.sandbox.over_grpc import GrpcListener
from convsync.sandbox.over_http import HttpListener
from convsync.sandbox.receipts import Receipts


class Sandbox:
    """The ad platform, listening over HTTP and gRPC between `start` and `stop`.

    Port 0 lets the system choose. A host other than loopback needs a token, which then guards
    everything but Google's own endpoints.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        grpc_port: int = 0,
        now: Now = machine_time,
        processing_takes: timedelta = PROCESSING_TAKES,
        token: str | None = None,
    ) -> None:
        if not token and not _is_loopback(host):
            raise ValueError(f"{host} can be reached from outside: set a token, or use 127.0.0.1")
        self.platform = AdPlatform(
            clock=SandboxClock(now), receipts=Receipts(processing_takes=processing_takes)
        )
        self._host = host
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._token = token or None
        self._running = ExitStack()

    @property
    def books(self) -> Books:
        """What the platform has counted."""
        return self.platform.books

    @property
    def http_url(self) -> str:
        """Where REST and the sandbox's own endpoints are, once started."""
        return f"http://{self._host}:{self._http_port}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC is, once started."""
        return f"{self._host}:{self._grpc_port}"

    def start(self) -> Self:
        """Listen on both ports; on return both answer."""
        with ExitStack() as started:
            over_grpc = GrpcListener(self.platform, self._host, self._grpc_port)
            started.callback(over_grpc.stop)
            over_http = HttpListener(self.platform, self._host, self._http_port, self._token)
            started.callback(over_http.stop)
            self._running = started.pop_all()
        self._http_port, self._grpc_port = over_http.port, over_grpc.port
        return self

    def stop(self) -> None:
        """Stop listening; on return nothing is left running. The books stay readable."""
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(
    host: str = "127.0.0.1", http_port: int = 0, grpc_port: int = 0, *, token: str | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; first say on one line of standard output where."""
    asked_to_stop = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: asked_to_stop.set())
    with Sandbox(host=host, http_port=http_port, grpc_port=grpc_port, token=token) as sandbox:
        addresses = {"http": sandbox.http_url, "grpc": sandbox.grpc_address}
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        asked_to_stop.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
