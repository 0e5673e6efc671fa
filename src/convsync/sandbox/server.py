"""Starting and stopping the sandbox: in a test, in the demo, or as `convsync sandbox`."""

import ipaddress
import json
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Self

from convsync.sandbox.ad_platform import PROCESSING_TAKES, AdPlatform
from convsync.sandbox.books import Books
from convsync.sandbox.certificate import this_process_certificate
from convsync.sandbox.clock import Now, SandboxClock, machine_time
from convsync.sandbox.crm.vendors import Crms
from convsync.sandbox.google_ads.over_grpc import GoogleAdsHandler
from convsync.sandbox.over_grpc import GrpcListener, data_manager_api, user_lists_api
from convsync.sandbox.over_http import HttpListener
from convsync.sandbox.receipts import Receipts


class Sandbox:
    """The ad platform, listening over HTTP, gRPC and gRPC with TLS between `start` and `stop`.

    Port 0 lets the system choose. A host other than loopback needs a token, which then guards
    everything but Google's own endpoints.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        grpc_port: int = 0,
        google_ads_port: int = 0,
        now: Now = machine_time,
        processing_takes: timedelta = PROCESSING_TAKES,
        token: str | None = None,
    ) -> None:
        if not token and not _is_loopback(host):
            raise ValueError(f"{host} can be reached from outside: set a token, or use 127.0.0.1")
        self.platform = AdPlatform(
            clock=SandboxClock(now), receipts=Receipts(processing_takes=processing_takes)
        )
        self.crms = Crms(self.platform.clock)
        self._host = host
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._google_ads_port = google_ads_port
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
        """Where gRPC is, once started: both APIs, in the clear."""
        return f"{self._host}:{self._grpc_port}"

    @property
    def google_ads_address(self) -> str:
        """Where gRPC with TLS is, once started: both APIs, with `certificate` as trusted root."""
        host = "localhost" if _is_loopback(self._host) else self._host
        return f"{host}:{self._google_ads_port}"

    @property
    def certificate(self) -> Path:
        """The PEM file to put into GRPC_DEFAULT_SSL_ROOTS_FILE_PATH before any other use of TLS."""
        return this_process_certificate().path

    @property
    def addresses(self) -> dict[str, str]:
        """Where everything is, once started, by name."""
        return {
            "http": self.http_url,
            "grpc": self.grpc_address,
            "google_ads": self.google_ads_address,
            "certificate": str(self.certificate),
        }

    def start(self) -> Self:
        """Listen on all ports; on return all answer."""
        with ExitStack() as started:
            self.platform.faults.hold()
            over_grpc = GrpcListener(
                [
                    data_manager_api(self.platform),
                    user_lists_api(self.platform),
                    GoogleAdsHandler(self.platform),
                ],
                self._host,
                self._grpc_port,
                self._google_ads_port,
                this_process_certificate(),
            )
            started.callback(over_grpc.stop)
            over_http = HttpListener(
                self.platform, self.crms, self._host, self._http_port, self._token
            )
            started.callback(over_http.stop)
            started.callback(self.platform.faults.let_go)
            self._running = started.pop_all()
        self._http_port, self._grpc_port = over_http.port, over_grpc.port
        self._google_ads_port = over_grpc.tls_port
        return self

    def stop(self) -> None:
        """Stop listening; on return nothing is left running. The books stay readable."""
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def as_json(sandbox: Sandbox) -> str:
    """Return where a sandbox listens, as a line of JSON."""
    return json.dumps(sandbox.addresses) + "\n"


def serve(
    host: str = "127.0.0.1",
    http_port: int = 0,
    grpc_port: int = 0,
    *,
    google_ads_port: int | None = None,
    token: str | None = None,
    at: datetime | None = None,
    announce: Callable[[Sandbox], str] = as_json,
) -> None:
    """Serve until SIGINT or SIGTERM; first write to standard output what `announce` returns.

    Unless it is told, TLS is on the port after gRPC's. With `at`, an aware instant, the clock
    stands there until it is set.
    """
    if google_ads_port is None:
        google_ads_port = grpc_port and grpc_port + 1
    asked_to_stop = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: asked_to_stop.set())
    with Sandbox(
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        google_ads_port=google_ads_port,
        token=token,
    ) as sandbox:
        if at is not None:
            sandbox.platform.clock.set(at)
        sys.stdout.write(announce(sandbox))
        sys.stdout.flush()
        asked_to_stop.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
