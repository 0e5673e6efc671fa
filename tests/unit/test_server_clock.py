"""What time it is at a platform, by whatever its endpoint answers."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from convsync.errors import TransientError, UnexpectedResponseError
from convsync.sandbox.certificate import this_process_certificate
from convsync.upload.google.server_clock import server_time

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


class Platform(BaseHTTPRequestHandler):
    """Answers with the status that a path names, at noon; `/undated` without a Date."""

    def do_HEAD(self) -> None:
        """Answer."""
        path = self.path.rpartition("/")[2]
        self.send_response_only(200 if path == "undated" else int(path))
        if path != "undated":
            self.send_header("date", f"{NOON:%a, %d %b %Y %H:%M:%S} GMT")
        self.send_header("Location", "http://127.0.0.1:1/nobody")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Platform) as serving:
        if getattr(request, "param", "http") == "https":
            ours = this_process_certificate()
            key = ours.path.with_suffix(".key")
            key.write_bytes(ours.key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(ours.path, key)
            serving.socket = context.wrap_socket(serving.socket, server_side=True)
        Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


def at(server: ThreadingHTTPServer, path: object, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_port}/{path}"


@pytest.mark.parametrize("status", [200, 302, 403, 404, 503])
def test_any_answer_tells_the_time(server: ThreadingHTTPServer, status: int) -> None:
    assert server_time(at(server, status)) == NOON


def test_an_answer_without_a_date_is_unexpected(server: ThreadingHTTPServer) -> None:
    with pytest.raises(UnexpectedResponseError, match="without a Date"):
        server_time(at(server, "undated"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "file:///etc/hostname"])
def test_whoever_does_not_answer_may_later(url: str) -> None:
    with pytest.raises(TransientError, match="did not answer"):
        server_time(url)


def test_the_environments_proxy_is_asked(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", at(server, ""))
    assert server_time("http://platform.example/404") == NOON


@pytest.mark.parametrize("server", ["https"], indirect=True)
def test_over_tls_the_environments_authority_is_believed_and_nobody_else(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TransientError, match="did not answer"):
        server_time(at(server, 200, "https"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(this_process_certificate().path))
    assert server_time(at(server, 200, "https")) == NOON
