"""The browser comes back: one listener on this machine's loopback, for as long as it is awaited.

It takes the answer to the question that was asked, known by its state, and lets everything else go
by, so that no page that happens to know the port can end the wait.
"""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from convsync.errors import OperatorError

PATH = "/callback"
_DONE = (
    b"<!doctype html><meta charset=utf-8><title>convsync</title>"
    b"<p>convsync has its answer. You can close this window and go back to the terminal.</p>"
)


class Callback:
    """Listens on 127.0.0.1 between entering and leaving. Port 0 lets the system choose.

    Raises OperatorError where the port is taken.
    """

    def __init__(self, port: int, *, ticks: Callable[[], float] = time.monotonic) -> None:
        try:
            self._server = _Server(port)
        except OSError as error:
            raise OperatorError(
                f"Port {port} of this machine is taken ({error.strerror}). Name another with"
                " --port, and register its address with the app."
            ) from None
        self._ticks = ticks

    @property
    def redirect_uri(self) -> str:
        """Return the address that is registered with the app, and that the browser comes back to.

        https://www.rfc-editor.org/rfc/rfc8252#section-7.3
        """
        return redirect_uri(self._server.server_port)

    def wait(self, state: str, seconds: float) -> str:
        """Return the whole address the browser came back with; OperatorError where none came."""
        self._server.awaited = state
        until = self._ticks() + seconds
        while not self._server.answer:
            left = until - self._ticks()
            if left <= 0:
                raise OperatorError(
                    f"Nobody agreed within {seconds / 60:.0f} minutes. Begin again, and answer on"
                    " the page."
                )
            self._server.timeout = left
            self._server.handle_request()
        return f"{self.redirect_uri}?{urlsplit(self._server.answer).query}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.server_close()


def redirect_uri(port: int) -> str:
    """Return the address of the listener on a port."""
    return f"http://localhost:{port}{PATH}"


class _Server(HTTPServer):
    awaited = ""
    answer = ""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # a connection that says nothing keeps nobody waiting

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        is_ours = asked.path == PATH and parse_qs(asked.query).get("state") == [self.server.awaited]
        self.send_response(200 if is_ours else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if is_ours:
            self.wfile.write(_DONE)
            self.server.answer = self.path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing: the address holds the code."""
