"""The sandbox is slow, silent, wrong or out of quota on order, and hands out tokens.

Told through Google's own clients and google-auth; nothing of convsync is used but the sandbox.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.ads import datamanager_v1 as dm
from google.api_core import exceptions
from google.auth.exceptions import InvalidOperation, RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account
from google.protobuf import json_format

from convsync.sandbox.faults import FaultPlan
from convsync.sandbox.server import Sandbox
from tests.contract.sandbox_switches import post

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
NO_ANSWERS = (requests.RequestException, json_format.ParseError, InvalidOperation)
SCOPE = "https://www.googleapis.com/auth/datamanager"


def a_request(*names: str) -> Any:
    body = {
        "destinations": [
            {
                "operating_account": {"account_type": "GOOGLE_ADS", "account_id": "1234567890"},
                "product_destination_id": "111",
            }
        ],
        "events": [
            {
                "transaction_id": name,
                "event_timestamp": "2025-12-31T10:00:00Z",
                "event_source": "OTHER",
                "ad_identifiers": {"gclid": f"click-of-{name}"},
            }
            for name in names
        ],
    }
    request = dm.IngestEventsRequest.pb(dm.IngestEventsRequest())
    return json_format.ParseDict(body, request)


def order(sandbox: Sandbox, kind: str | list[str], on: str = "ingest", **how: Any) -> None:
    when = {} if "every" in how else {"request": 1}
    post(sandbox, "/faults", [{"on": on, "kind": kind, **when, **how}])


def counted(sandbox: Sandbox) -> set[str]:
    return {name for page in sandbox.books.counted.values() for name in page}


def outcome(client: Any, name: str = "cs-1", **how: Any) -> str:
    """Send one event; say how it ended, as the client names it."""
    try:
        client.ingest_events(a_request(name), retry=None, **how)
    except (*NO_ANSWERS, exceptions.GoogleAPICallError) as no:
        return type(no).__name__
    return "OK"


# --- silence -------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "heard", "is_counted"),
    [
        pytest.param("crash", {"ServiceUnavailable", "ConnectionError"}, False, id="cut off"),
        pytest.param("hang", {"DeadlineExceeded", "ReadTimeout"}, False, id="no answer"),
        pytest.param("garbage", {"InternalServerError", "ParseError"}, True, id="nonsense"),
        pytest.param("expired_token", {"Unauthenticated", "InvalidOperation"}, False, id="token"),
        pytest.param("refused", {"PermissionDenied", "Forbidden"}, False, id="not allowed"),
        pytest.param("latency", {"OK"}, True, id="late"),
    ],
)
def test_a_call_can_go_wrong_in_worse_ways_than_an_error(
    sandbox: Sandbox, client: Any, kind: str, heard: set[str], *, is_counted: bool
) -> None:
    order(sandbox, kind, seconds=0.3 if kind == "latency" else 120)
    began = time.monotonic()
    assert outcome(client, timeout=0.5 if kind == "hang" else 60) in heard
    assert time.monotonic() - began < 60
    assert counted(sandbox) == ({"cs-1"} if is_counted else set())
    assert outcome(client) == "OK"


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("kind", ["crash", "internal", "unavailable_before", "garbage"])
def test_whether_a_failing_call_was_counted_can_be_chosen(
    sandbox: Sandbox, client: Any, kind: str, *, counts: bool
) -> None:
    order(sandbox, kind, counts=counts)
    assert outcome(client) != "OK"
    assert counted(sandbox) == ({"cs-1"} if counts else set())


def test_the_books_say_how_a_silent_call_ended(sandbox: Sandbox, client: Any) -> None:
    order(sandbox, ["crash", "garbage"])
    outcome(client)
    outcome(client)
    assert [(noted.result, noted.counted) for noted in sandbox.books.requests] == [
        ("UNAVAILABLE", False),
        ("INTERNAL", True),
    ]


def test_a_call_that_hangs_does_not_keep_the_sandbox_from_stopping() -> None:
    sandbox = Sandbox()
    with ThreadPoolExecutor(1) as elsewhere:
        with sandbox:
            order(sandbox, "hang", on="status", seconds=240)
            url = sandbox.http_url + "/v1/requestStatus:retrieve?requestId=1"
            waiting = elsewhere.submit(requests.get, url, timeout=300)
            time.sleep(0.2)
            began = time.monotonic()
        assert time.monotonic() - began < 60
        with pytest.raises(requests.ConnectionError):
            waiting.result()


def test_waiting_can_be_given_to_somebody_else_and_is_never_long() -> None:
    waited: list[float] = []
    faults = FaultPlan(waited.append)
    for seconds in (0.5, 3600):
        faults.wait(timedelta(seconds=seconds))
    assert waited == [0.5, 10]


# --- when ----------------------------------------------------------------------------------------


def test_every_third_call_fails_and_the_kinds_take_turns(
    sandbox: Sandbox, data_manager_clients: Any
) -> None:
    order(sandbox, ["internal", "unavailable_before"], every=3)
    heard = [outcome(data_manager_clients["grpc"], f"cs-{number}") for number in range(1, 10)]
    assert [how for how in heard if how != "OK"] == [
        "InternalServerError",
        "ServiceUnavailable",
        "InternalServerError",
    ]
    assert [heard.index(how) for how in ("InternalServerError", "ServiceUnavailable")] == [2, 5]


def test_several_kinds_from_one_call_on_happen_one_after_another(
    sandbox: Sandbox, data_manager_clients: Any
) -> None:
    order(sandbox, ["internal", "unavailable_before"], request=2)
    heard = [outcome(data_manager_clients["grpc"], f"cs-{number}") for number in range(1, 5)]
    assert heard == ["OK", "InternalServerError", "ServiceUnavailable", "OK"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"on": "ingest", "kind": "internal"}, id="never"),
        pytest.param({"on": "ingest", "kind": "internal", "request": 1, "every": 2}, id="twice"),
        pytest.param({"on": "ingest", "kind": [], "request": 1}, id="no kind"),
        pytest.param({"on": "ingest", "kind": "internal", "request": 1, "how": "?"}, id="unknown"),
    ],
)
def test_an_order_that_makes_no_sense_is_turned_away(
    sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    answer = requests.post(sandbox.http_url + "/faults", json=[fault], timeout=60)
    assert answer.status_code == 400


# --- quota ---------------------------------------------------------------------------------------


def details_of(error: exceptions.GoogleAPICallError) -> dict[str, dict[str, Any]]:
    as_json = [
        detail
        if isinstance(detail, dict)
        else {"@type": detail.DESCRIPTOR.full_name, **json_format.MessageToDict(detail)}
        for detail in error.details
    ]
    return {detail["@type"].rpartition(".")[2]: detail for detail in as_json}


@pytest.mark.long
def test_without_a_quota_any_number_of_calls_will_do(
    sandbox: Sandbox, data_manager_clients: Any
) -> None:
    for _ in range(310):
        data_manager_clients["grpc"].ingest_events(a_request("cs-1"))
    assert sandbox.books.totals()["most_often_sent"] == 310


def test_a_minute_has_its_share_and_the_next_one_another(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/quota", {"per_minute": 2})
    for second in (0, 20):
        sandbox.platform.clock.set(NOW + timedelta(seconds=second))
        assert outcome(client) == "OK"
    sandbox.platform.clock.set(NOW + timedelta(seconds=50))
    with pytest.raises(exceptions.TooManyRequests) as refused:
        client.ingest_events(a_request("cs-2"), retry=None)
    details = details_of(refused.value)
    assert details["ErrorInfo"]["metadata"] == {
        "quota_limit": "IngestionServiceWriteRequestsPerMinutePerProject"
    }
    assert details["RetryInfo"]["retryDelay"] == "10s"
    sandbox.platform.clock.set(NOW + timedelta(seconds=60))
    assert outcome(client) == "OK"


def test_a_day_has_its_share_and_says_so(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/quota", {"per_day": 1})
    assert outcome(client) == "OK"
    sandbox.platform.clock.set(NOW + timedelta(hours=5))
    with pytest.raises(exceptions.TooManyRequests) as refused:
        client.ingest_events(a_request("cs-2"), retry=None)
    limit = details_of(refused.value)["ErrorInfo"]["metadata"]["quota_limit"]
    assert limit == "IngestionServiceWriteRequestsPerDayPerProject"
    sandbox.platform.clock.set(NOW + timedelta(hours=6))  # midnight in California
    assert outcome(client) == "OK"


def test_reading_and_writing_are_counted_apart(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/quota", {"per_minute": 1})
    request_id = client.ingest_events(a_request("cs-1")).request_id
    assert client.retrieve_request_status({"request_id": request_id}, retry=None)
    with pytest.raises(exceptions.TooManyRequests):
        client.retrieve_request_status({"request_id": request_id}, retry=None)


# --- tokens --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key_file(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service account's key file, as the console would give it out."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    path = tmp_path_factory.mktemp("keys") / "sa.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "convsync@sandbox.example",
                "private_key": key.decode(),
                "token_uri": f"{running.http_url}/token",
            }
        )
    )
    return path


@pytest.fixture
def credentials(sandbox: Sandbox, key_file: Path) -> Any:
    # google-auth's loader is untyped.
    load: Any = service_account.Credentials.from_service_account_file
    return load(str(key_file), scopes=[SCOPE])


def test_over_tls_the_token_goes_along_and_the_certificate_holds(
    sandbox: Sandbox, credentials: Any
) -> None:
    # Given the service account itself, this client would sign its own tokens and ask for none.
    credentials.refresh(Request())
    client = dm.IngestionServiceClient(
        credentials=oauth2.Credentials(credentials.token),
        client_options={"api_endpoint": sandbox.google_ads_address},
    )
    assert outcome(client) == "OK"
    post(sandbox, "/tokens", {"expire": True})
    assert outcome(client) == "Unauthenticated"
    client.transport.close()


def test_a_token_that_was_called_back_is_refused_and_another_one_is_good(
    sandbox: Sandbox, credentials: Any
) -> None:
    with AuthorizedSession(credentials) as session:
        credentials.refresh(Request())
        first = credentials.token
        assert post(sandbox, "/tokens", {"expire": True}) == {"expired": 1}
        url = sandbox.http_url + "/v1/requestStatus:retrieve?requestId=1"
        stale = requests.get(url, headers={"Authorization": f"Bearer {first}"}, timeout=60)
        assert (stale.status_code, stale.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
        # The session hears 401, gets another token and asks again.
        assert session.get(url, timeout=60).status_code == 400
        assert credentials.token != first


def test_tokens_can_be_denied_or_short_lived(sandbox: Sandbox, credentials: Any) -> None:
    post(sandbox, "/tokens", {"refuse": True})
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(Request())
    post(sandbox, "/tokens", {"refuse": False, "expires_in": 60})
    credentials.refresh(Request())
    assert credentials.expired  # google-auth renews what is good for less than four minutes


def test_the_token_endpoint_can_fail_too(sandbox: Sandbox, credentials: Any) -> None:
    order(sandbox, "unavailable_before", on="token")
    with requests.Session() as session:
        answer = session.post(sandbox.http_url + "/token", data={"grant_type": "?"}, timeout=60)
    assert answer.status_code == 503
    credentials.refresh(Request())


def test_another_kind_of_grant_is_refused_in_the_words_of_oauth(sandbox: Sandbox) -> None:
    answer = requests.post(sandbox.http_url + "/token", data={"grant_type": "guess"}, timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
