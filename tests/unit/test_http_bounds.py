"""What no server can do to a run, and nothing around it can put in place of our credentials."""

import gzip
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import responses

from convsync import __version__, answer_body
from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.http import FixedHeader, Http
from convsync.retrying import RetryPolicy
from convsync.sandbox.certificate import this_process_certificate
from convsync.vendor_words import code_in, code_of, name_of


@contextmanager
def a_server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            answer(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def an_http(url: str, **more: Any) -> Http:
    policy = RetryPolicy(attempts=1, sleep=lambda _: None, **more)
    return Http(name="CRM", base_url=url, policy=policy, authorisation=TOKEN)


TOKEN = FixedHeader("Authorization", "Bearer ours")


def sent(handler: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    handler.send_response(200)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.long
def test_a_small_body_that_unpacks_to_a_huge_one_is_left_unread() -> None:
    bomb = gzip.compress(b'"' + b"a" * (answer_body.MOST_BYTES + 1) + b'"')
    assert len(bomb) < 200_000
    with (
        a_server(lambda asked: sent(asked, bomb, Content_Encoding="gzip")) as url,
        pytest.raises(UnexpectedResponseError, match=r"CRM GET /deals was answered with more than"),
    ):
        an_http(url).get("deals")


@pytest.mark.long
def test_a_compressed_answer_is_read_as_any_other() -> None:
    body = gzip.compress(json.dumps({"deals": list(range(50_000))}).encode())
    with a_server(lambda asked: sent(asked, body, Content_Encoding="gzip")) as url:
        assert len(an_http(url).get("deals")["deals"]) == 50_000


@pytest.mark.long
def test_a_body_that_drips_for_ever_ends() -> None:
    def drip(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        with closing(asked.wfile):
            for _ in range(10_000):
                asked.wfile.write(b" ")
                asked.wfile.flush()

    seconds = iter(range(0, 10_000_000, 100))
    with (
        a_server(drip) as url,
        pytest.raises(UnexpectedResponseError, match="no end after 300 seconds"),
    ):
        an_http(url, ticks=lambda: float(next(seconds))).get("deals")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@responses.activate
def test_nesting_without_end_is_an_answer_that_makes_no_sense(opening: str) -> None:
    responses.get("https://crm.example/deals", body=opening * 200_000)
    with pytest.raises(UnexpectedResponseError, match="nesting"):
        an_http("https://crm.example").get("deals")


@pytest.mark.parametrize(
    "number", ["1e999999999", "-1e-999999999", "1E99999999999999999999", "9" * 5_000, "NaN"]
)
@responses.activate
def test_a_number_beyond_all_calculation_is_no_number_and_its_neighbours_are(number: str) -> None:
    responses.get("https://crm.example/deals", body=f'{{"odd": {number}, "plain": 1.50}}')
    read = an_http("https://crm.example").get("deals")
    assert not Decimal(read["odd"]).is_finite()
    assert read["plain"] == Decimal("1.50")


@pytest.mark.long
def test_nothing_around_us_replaces_our_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str | None] = []

    def answer(asked: BaseHTTPRequestHandler) -> None:
        seen.append(asked.headers.get("Authorization"))
        sent(asked, b"{}")

    with a_server(answer) as url:
        an_http(url).get("deals")
    assert seen == ["Bearer ours"]


@responses.activate
def test_every_request_names_convsync_and_its_version() -> None:
    responses.get("https://crm.example/deals", json={})
    an_http("https://crm.example").get("deals")
    assert responses.calls[0].request.headers["User-Agent"] == f"convsync/{__version__}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://crm.example", "crm.example must use https"),
        ("ftp://crm.example", "must use https"),
        ("https://user:pass@crm.example", "contains a user or a password"),
    ],
)
def test_credentials_are_never_sent_unencrypted_to_another_machine(url: str, says: str) -> None:
    with pytest.raises(OperatorError, match=says) as refused:
        an_http(url).get("deals")
    assert "pass@" not in str(refused.value)


@pytest.mark.long
@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Other: b", "snowman ☃"])
def test_a_token_that_no_header_takes_is_a_persons_to_fix(token: str) -> None:
    with (
        a_server(lambda asked: sent(asked, b"{}")) as url,
        pytest.raises(OperatorError, match="Set it again") as refused,
    ):
        Http(name="CRM", base_url=url, authorisation=FixedHeader("X-Key", token)).get("deals")
    assert token not in str(refused.value)


def test_a_host_that_is_not_there_is_named() -> None:
    with pytest.raises(
        TransientError, match=r"cannot find the host nowhere\.invalid.* Correct url"
    ):
        an_http("https://nowhere.invalid").get("deals")


def test_an_untrusted_certificate_is_for_a_person_to_fix(tmp_path: Path) -> None:
    made = this_process_certificate()
    key = tmp_path / "key.pem"
    key.write_bytes(made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.path, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            with closing(listening.accept()[0]) as peer, suppress(OSError):
                context.wrap_socket(peer, server_side=True)

        Thread(target=shake_hands, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(OperatorError, match=r"certificate of 127\.0\.0\.1.*REQUESTS_CA_BUNDLE"):
            an_http(url).get("deals")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([{"errorCode": "MALFORMED_QUERY", "message": "x"}], "MALFORMED_QUERY"),
        ({"category": "VALIDATION_ERROR", "status": "error"}, "VALIDATION_ERROR"),
        (
            {"success": False, "code": "ERR_SCHEMA_VALIDATION_FAILED"},
            "ERR_SCHEMA_VALIDATION_FAILED",
        ),
        ({"error": {"code": "0x80060888", "message": "x"}}, "0x80060888"),
        ({"data": [{"code": "INVALID_DATA"}]}, "INVALID_DATA"),
        ({"error": "invalid_client"}, "invalid_client"),
        ({"name": "odoo.exceptions.AccessError"}, "odoo.exceptions.AccessError"),
        ({"error": {"data": {"name": "builtins.ValueError"}, "code": 200}}, "200"),
        ({"code": {"nested": 1}}, ""),
        ("text", ""),
        ([], ""),
        (None, ""),
    ],
)
def test_a_vendors_code_is_found_where_the_vendor_puts_it(body: Any, code: str) -> None:
    assert code_in(body) == code


OUTSIDE_TEXT = [
    "jane@example.org",
    "Jane Doe",
    "+49 30 7654321",
    "0307654321",
    "ya29.a0AfH6SMBxyz",
    "eyJhbGciOi.eyJzdWIi.x",
    "\x1b[31mRED",
    "A\u202eB",
    "X" * 81,
    "code\n",
]


@pytest.mark.parametrize("text", OUTSIDE_TEXT)
def test_what_does_not_look_like_a_code_or_name_is_never_repeated(text: str) -> None:
    assert (code_of(text), name_of(text)) == ("", "")


@pytest.mark.parametrize("text", OUTSIDE_TEXT)
@responses.activate
def test_no_message_repeats_an_answer(text: str) -> None:
    for body in ({"code": text}, [{"errorCode": text}], {"error": {"code": text}}):
        responses.upsert("GET", "https://crm.example/deals", json=body, status=400)
        with pytest.raises(ConvsyncError) as refused:
            an_http("https://crm.example").get("deals")
        assert text not in str(refused.value)
