"""Serving an application with uvicorn until it is stopped.

It listens on loopback unless told otherwise, and elsewhere only with TLS, or where somebody says
that a proxy ends it: neither what browsers report nor a password may cross a network in the clear.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from convsync.errors import OperatorError

PEER = "convsync.peer"
"""Under which name a request says who is at the other end of its connection, proxy or not."""
_WAITING_FOR_ACCEPT = 1_024


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate's chain and its key, as PEM files."""

    certificate: Path
    key: Path


def tls_of(certificate: Path | None, key: Path | None) -> Tls | None:
    """Return what options name, None for neither; OperatorError for one without the other."""
    if (certificate is None) != (key is None):
        raise OperatorError("--certificate and --certificate-key go together: give both.")
    return Tls(certificate, key) if certificate and key else None


def serve(
    application: Starlette,
    *,
    host: str,
    port: int,
    proxy: str | None,
    tls: Tls | None,
    carries: str,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; tell the address once it listens.

    `carries` says what comes in that nobody on the way may read. Raises OperatorError where it may
    not listen.
    """
    if tls is None and proxy is None and not is_loopback(host):
        raise OperatorError(
            f"--host {host} can be reached from outside, and {carries} would be readable: give"
            " --certificate and --certificate-key, or --proxy ADDRESS if a proxy there terminates"
            " TLS."
        )
    listening = _listening(host, port)
    try:
        server = uvicorn.Server(_configuration(application, proxy, tls))
    except OSError as error:
        raise OperatorError(f"The certificate cannot be used: {error}.") from error
    scheme = "http" if tls is None else "https"
    announce(f"{scheme}://{host}:{listening.getsockname()[1]}")
    with listening:
        server.run([listening])


def _configuration(application: Starlette, proxy: str | None, tls: Tls | None) -> uvicorn.Config:
    configuration = uvicorn.Config(
        application,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # it would hold visitors' addresses
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        ssl_certfile=None if tls is None else str(tls.certificate),
        ssl_keyfile=None if tls is None else str(tls.key),
    )
    configuration.load()
    configuration.loaded_app = _with_peer(configuration.loaded_app)
    return configuration


def _with_peer(application: ASGIApp) -> ASGIApp:
    """Note who is at the other end, before headers of a proxy say whom it forwards for."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        await application({**scope, PEER: scope.get("client")}, receive, send)

    return noting


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_WAITING_FOR_ACCEPT)
    except OSError as error:
        raise OperatorError(f"--port {port}: cannot listen on {host}: {error.strerror}.") from error


def is_loopback(host: str) -> bool:
    """Return whether whoever listens there is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
