"""What must never stand in the log, and what must."""

import json
from collections.abc import Iterator

import pytest

from convsync import log
from convsync.errors import TransientError
from convsync.log import LogFormat, redacted
from convsync.retrying import RetryPolicy, keep_trying

SECRETS = {
    "e-mail": ("no contact max.muster+ads@example.co.uk", "max.muster"),
    "e-mail in a URL": ("GET /contacts?email=max%40example.com", "max%40"),
    "phone": ("called +49 (170) 123-4567", "123-4567"),
    "Google access token": ("sent ya29.a0AfH6SMBxyz_123", "a0AfH6"),
    "Google refresh token": ("with 1//0gAbCdEfGhIjK-lm", "0gAbCd"),
    "Google client secret": ("client GOCSPX-abcdefGHIJ", "abcdefGHIJ"),
    "client secret in a form": ("grant_type=x&client_secret=hunter2hunter&a=b", "hunter2"),
    "client secret in JSON": ('{"client_secret": "hunter 2 hunter"}', "hunter"),
    "refresh token in a dict": ("{'refresh_token': 'abc-def-ghi'}", "abc-def"),
    "developer token": ("developer-token: AbCdEfGhIjKlMnOpQrStUv", "AbCdEf"),
    "bearer header": ("Authorization: Bearer abc.def/ghi+jkl==", "abc.def"),
    "lower-case bearer": ("authorization 'bearer 0123456789abcdef'", "0123456789abcdef"),
    "basic header": ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcj"),
    "Zoho's header": ("Zoho-oauthtoken 1000.8cb99dxx.9be93b", "8cb99d"),
    "Zoho's refresh token": ("was 1000.8cb99dxxxxx9be93.9b8xxxx", "8cb99d"),
    "HubSpot's key": ("pat-eu1-12345678-90ab-cdef", "12345678"),
    "Salesforce's session": ("00D50000000IZ3Z!AQ0AQDpEDKYsn7ioKug2aSmg", "AQ0AQD"),
    "JWT": ("assertion eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln-bmF0", "eyJpc3"),
    "private key": (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----",
        "MIIEow",
    ),
    "private key, cut off": ("-----BEGIN PRIVATE KEY-----\nMIIEow", "MIIEow"),
    "database URL": ("postgresql+psycopg://ledger:hun/ter@2@db.example/ledger", "ter"),
    "database URL's query": ("postgresql://db.example/ledger?user=u&password=hunter2", "hunter2"),
    "Pipedrive's key": (
        "https://api.pipedrive.com/v1/deals?api_token=0123abcd&start=0",
        "0123abcd",
    ),
    "API key": ("key AIzaSyA-1234567890", "SyA-12"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_blanked_wherever_it_occurs(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "order cs-5f3a9c1be2d04711",
        "gclid Cj0KCQjw-abc_DEF123",
        "request fA9k-Qx_200",
        "at 2026-03-01T02:00:00+00:00 until 2026-03-02T02:00:00+01:00",
        "code: TOO_RECENT_EVENT, PROCESSING_ERROR_REASON_INVALID_GCLID",
        "postgresql://db.example/ledger is busy",
        "destinations.google: customer 1234567890 was refused with 403",
    ],
)
def test_redaction_keeps_what_identifies_a_fault(text: str) -> None:
    assert redacted(text) == text


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    yield
    log.configure(LogFormat.TEXT)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_fields_are_redacted_too_however_deep(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(LogFormat.JSON)
    log.info("a@b.example", headers={"api_token": "x1", "to": ["a@b.example"]}, rows=3)
    log.warning("failed", because=ValueError("Bearer abcdefgh"), refresh_token="x2")
    first, second = lines(capsys)
    assert first["event"] == "[e-mail]"
    assert first["headers"] == {"api_token": "[secret]", "to": ["[e-mail]"]}
    assert first["rows"] == 3
    assert second["because"] == "Bearer [token]"
    assert second["refresh_token"] == "[secret]"


def test_each_try_again_is_logged_with_its_wait_and_its_cause(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure(LogFormat.JSON)
    answers = iter([TransientError("busy, says a@b.example", retry_after_s=30), None])

    def call() -> str:
        if error := next(answers):
            raise error
        return "well"

    assert keep_trying(RetryPolicy(sleep=lambda _: None), call) == "well"
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("trying again", "warning")
    assert (line["attempt"], line["wait_s"]) == (1, 30.0)
    assert line["because"] == "busy, says [e-mail]"


def test_a_phase_reports_only_its_own_counts(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(LogFormat.JSON)
    with log.bound(run=7):
        with log.phase("read"):
            log.count("deals", 2)
            log.count("deals", 3)
        with pytest.raises(ValueError, match="away"), log.phase("send"):
            raise ValueError("away")
    log.info("after")
    read, send, after = lines(capsys)
    assert (read["event"], read["deals"], read["run"]) == ("read: done", 5, 7)
    assert (send["event"], "deals" in send) == ("send: stopped", False)
    assert "run" not in after
