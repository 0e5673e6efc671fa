"""The one HTTP session: what is tried again, what is not, and what its errors say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
import responses

from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.http import Answer, FixedHeader, Http, Verdict
from convsync.retrying import RetryPolicy

URL = "https://crm.example/api"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_http(waits: list[float] | None = None, **changes: object) -> Http:
    policy = RetryPolicy(attempts=3, sleep=(waits if waits is not None else []).append)
    return Http(name="CRM", base_url=URL, policy=policy, clock=lambda: NOW, **changes)  # type: ignore[arg-type]


@responses.activate
def test_numbers_keep_every_digit() -> None:
    responses.get(
        f"{URL}/deals", body='{"amount": 1234567890123456.78, "id": 12345678901234567890}'
    )
    answer = an_http().get("deals")
    assert answer == {"amount": Decimal("1234567890123456.78"), "id": 12345678901234567890}


@pytest.mark.parametrize("text", ['"Id"\n', '"Id","Name"\n"1","שלום"\n'])
@responses.activate
def test_csv_is_its_text(text: str) -> None:
    responses.get(f"{URL}/deals", body=text.encode(), content_type="text/csv")
    assert an_http().get("deals") == text


@pytest.mark.parametrize("status", [204, 304])
@responses.activate
def test_an_empty_answer_is_none(status: int) -> None:
    responses.get(f"{URL}/deals", status=status)
    assert an_http().get("deals") is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@responses.activate
def test_a_transient_status_is_retried(status: int) -> None:
    responses.get(f"{URL}/deals", status=status)
    responses.get(f"{URL}/deals", json={"ok": True})
    http = an_http()
    assert http.get("deals") == {"ok": True}
    assert http.requests_made == 2


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("7", 7.0), ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0), ("soon", None), ("-3", 0.0)],
)
def test_retry_after_is_a_number_or_a_date(written: str, seconds: float | None) -> None:
    answer = Answer(
        place="CRM", status=429, headers={"Retry-After": written}, body=None, sent_at=NOW
    )
    assert answer.retry_after_s == seconds


@responses.activate
def test_a_wait_longer_than_a_run_should_take_is_not_waited_for() -> None:
    responses.get(f"{URL}/deals", status=429, headers={"Retry-After": "86400"})
    waits: list[float] = []
    with pytest.raises(TransientError) as stopped:
        an_http(waits).get("deals")
    assert (waits, stopped.value.retry_after_s) == ([], 86400)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UnexpectedResponseError),
        (401, OperatorError),
        (403, OperatorError),
        (404, UnexpectedResponseError),
        (302, OperatorError),
    ],
)
@responses.activate
def test_a_permanent_status_is_not_retried(status: int, error: type[ConvsyncError]) -> None:
    responses.get(f"{URL}/deals", status=status, headers={"Location": "https://elsewhere.example"})
    http = an_http()
    with pytest.raises(error):
        http.get("deals")
    assert http.requests_made == 1


@responses.activate
def test_a_connection_that_fails_says_so_without_the_query() -> None:
    responses.get(
        f"{URL}/deals", body=requests.ConnectionError("https://crm/?email=jane@x.example")
    )
    with pytest.raises(TransientError, match="ConnectionError") as stopped:
        an_http().get("deals", {"email": "jane@x.example"})
    assert "jane" not in str(stopped.value)


class Renewing:
    """Credentials that are stale until they are renewed, once."""

    def __init__(self) -> None:
        self.renewals = 0

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.renewals}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        assert refused == self.headers()
        self.renewals += 1
        return True


@responses.activate
def test_a_401_renews_the_credentials_once() -> None:
    who = Renewing()
    responses.get(f"{URL}/deals", status=401)
    responses.get(
        f"{URL}/deals",
        json=[],
        match=[responses.matchers.header_matcher({"Authorization": "Bearer 1"})],
    )
    assert an_http(authorisation=who).get("deals") == []
    assert who.renewals == 1


@responses.activate
def test_a_key_that_cannot_be_renewed_is_a_persons_to_fix() -> None:
    responses.get(f"{URL}/deals", status=401)
    with pytest.raises(OperatorError, match="credentials"):
        an_http(authorisation=FixedHeader("X-Key", "s3cret")).get("deals")


@responses.activate
def test_a_vendor_can_call_any_answer_fine_or_an_error() -> None:
    def judge(answer: Answer) -> Verdict:
        return "fine" if answer.status == 404 else OperatorError("an error inside")

    responses.get(f"{URL}/none", status=404, json={"found": 0})
    responses.get(f"{URL}/error", json={"error": 1})
    http = an_http(judge=judge)
    assert http.get("none") == {"found": 0}
    with pytest.raises(OperatorError, match="inside"):
        http.get("error")


@responses.activate
def test_a_link_to_another_host_is_not_followed() -> None:
    with pytest.raises(UnexpectedResponseError, match=r"another host, evil\.example"):
        an_http(authorisation=FixedHeader("X-Key", "s3cret")).get("https://evil.example/next")
    assert len(responses.calls) == 0


@responses.activate
def test_an_address_that_is_told_with_each_token_is_asked_for_at_each_request() -> None:
    responses.get("https://one.example/deals", json=1)
    responses.get("https://two.example/deals", json=2)
    told = iter(("https://one.example", "https://two.example/"))
    http = an_http()
    http.base_url = lambda: next(told)
    assert (http.get("deals"), http.get("deals")) == (1, 2)
