"""The sandbox answers Google's own clients as Google would, over gRPC and over REST.

Nothing of convsync is used but the sandbox: what these tests accept, the real adapters may rely on.
"""

import base64
import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import requests
from google.ads import datamanager_v1 as dm
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.protobuf import json_format

from convsync.sandbox.server import Sandbox
from tests.contract.sandbox_switches import get, post

ACCOUNT, ACTION = "1234567890", "111"
PAGE = f"{ACCOUNT}/{ACTION}"
NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
INVALID_GCLID = "PROCESSING_ERROR_REASON_INVALID_GCLID"

IngestEventsRequest = type(dm.IngestEventsRequest.pb(dm.IngestEventsRequest()))


def a_hash(of: str = "ann@example.com") -> bytes:
    return hashlib.sha256(of.encode()).digest()


def an_event(transaction_id: str = "cs-1", **fields: Any) -> dict[str, Any]:
    return {
        "transaction_id": transaction_id,
        "event_timestamp": "2025-12-31T10:00:00Z",
        "event_source": "OTHER",
        "ad_identifiers": {"gclid": f"click-of-{transaction_id}"},
        "currency": "EUR",
        "conversion_value": 100.0,
        **fields,
    }


def a_destination(action: str = ACTION, **fields: Any) -> dict[str, Any]:
    account = {"account_type": "GOOGLE_ADS", "account_id": ACCOUNT}
    return {"operating_account": account, "product_destination_id": action, **fields}


def a_request(*events: dict[str, Any], **fields: Any) -> Any:
    body = {"destinations": [a_destination()], "encoding": "HEX", "events": events, **fields}
    return json_format.ParseDict(body, IngestEventsRequest())


def user_data(*emails: str) -> dict[str, Any]:
    return {"user_identifiers": [{"email_address": email} for email in emails]}


def counted(sandbox: Sandbox, page: str = PAGE) -> dict[str, Any]:
    pages: dict[str, dict[str, Any]] = get(sandbox, "/books")["counted"]
    return pages.get(page, {})


def details_of(error: exceptions.GoogleAPICallError) -> dict[str, dict[str, Any]]:
    """The typed details by name, whether they came as messages (gRPC) or as JSON (REST)."""
    as_json = [
        detail
        if isinstance(detail, dict)
        else {"@type": detail.DESCRIPTOR.full_name, **json_format.MessageToDict(detail)}
        for detail in error.details
    ]
    return {detail["@type"].rpartition(".")[2]: detail for detail in as_json}


def violations_of(error: exceptions.GoogleAPICallError) -> list[tuple[str, str]]:
    bad_request = details_of(error)["BadRequest"]
    return [(each["field"], each["reason"]) for each in bad_request["fieldViolations"]]


# --- what is counted -----------------------------------------------------------------------------


def test_an_accepted_event_is_counted_as_it_was_sent(sandbox: Sandbox, client: Any) -> None:
    event = an_event(
        user_data=user_data(a_hash().hex()),
        consent={"ad_user_data": "CONSENT_GRANTED"},
        user_properties={"customer_type": "RETURNING"},
        custom_variables=[{"variable": "days_to_close", "value": "12"}],
    )
    response = client.ingest_events(a_request(event))
    assert counted(sandbox) == {
        "cs-1": {
            "value": 100.0,
            "currency": "EUR",
            "count": 1,
            "sent": 1,
            "event_timestamp": "2025-12-31T10:00:00Z",
            "event_source": "OTHER",
            "ad_identifiers": {"gclid": "click-of-cs-1"},
            "user_data": user_data(a_hash().hex()),
            "consent": {"ad_user_data": "CONSENT_GRANTED"},
            "user_properties": {"customer_type": "RETURNING"},
            "custom_variables": [{"variable": "days_to_close", "value": "12"}],
            "history": [{"value": 100.0, "currency": "EUR"}],
        }
    }
    assert get(sandbox, "/books")["requests"] == [
        {
            "at": "2026-01-01T02:00:00Z",
            "request_id": response.request_id,
            "events": 1,
            "is_dry_run": False,
            "result": "OK",
            "counted": True,
            "call": "ingest",
        }
    ]


def test_the_same_transaction_id_restates_the_value_and_nothing_else(
    sandbox: Sandbox, client: Any
) -> None:
    client.ingest_events(a_request(an_event()))
    client.ingest_events(
        a_request(
            an_event(
                conversion_value=250.0,
                currency="USD",
                ad_identifiers={"gclid": "another"},
                event_timestamp="2025-12-31T23:00:00Z",
            )
        )
    )
    (conversion,) = counted(sandbox).values()
    assert (conversion["value"], conversion["currency"], conversion["sent"]) == (250.0, "USD", 2)
    assert conversion["history"] == [
        {"value": 100.0, "currency": "EUR"},
        {"value": 250.0, "currency": "USD"},
    ]
    assert conversion["ad_identifiers"] == {"gclid": "click-of-cs-1"}
    assert conversion["event_timestamp"] == "2025-12-31T10:00:00Z"


def test_user_data_is_added_only_where_there_was_none(sandbox: Sandbox, client: Any) -> None:
    first, second = user_data(a_hash("first").hex()), user_data(a_hash("second").hex())
    for event in (an_event(), an_event(user_data=first), an_event(user_data=second)):
        client.ingest_events(a_request(event))
    assert counted(sandbox)["cs-1"]["user_data"] == first


def test_an_event_without_a_transaction_id_is_counted_every_time(
    sandbox: Sandbox, client: Any
) -> None:
    for _ in range(2):
        client.ingest_events(a_request(an_event("")))
    assert len(counted(sandbox)) == 2


def test_an_event_goes_only_to_the_destinations_it_names(sandbox: Sandbox, client: Any) -> None:
    client.ingest_events(
        a_request(
            an_event("cs-1", destination_references=["won"]),
            an_event("cs-2"),
            destinations=[
                a_destination("111", reference="lead"),
                a_destination("222", reference="won"),
            ],
        )
    )
    assert {page: set(counted(sandbox, f"{ACCOUNT}/{page}")) for page in ("111", "222")} == {
        "111": {"cs-2"},
        "222": {"cs-1", "cs-2"},
    }


def test_one_id_under_two_actions_is_two_conversions(sandbox: Sandbox, client: Any) -> None:
    for action in ("111", "222"):
        client.ingest_events(a_request(an_event(), destinations=[a_destination(action)]))
    totals = get(sandbox, "/books?summary=1")
    assert (totals["conversions_counted"], totals["most_often_sent"]) == (2, 1)


def test_an_id_sent_by_many_threads_at_once_is_counted_once(sandbox: Sandbox, client: Any) -> None:
    request = a_request(*(an_event(f"cs-{row}") for row in range(50)))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client.ingest_events, [request] * 8))
    assert get(sandbox, "/books?summary=1") == {
        "requests": 8,
        "events_sent": 400,
        "conversions_counted": 50,
        "events_refused": 0,
        "most_often_sent": 8,
        "value": {PAGE: {"EUR": 5000.0}},
    }


# --- what is refused at the door -----------------------------------------------------------------

MISSING = "REQUIRED_FIELD_MISSING"
HEX, BASE64 = {"encoding": "HEX"}, {"encoding": "BASE64"}
EMAIL = "user_data.user_identifiers[0].email_address"
ELEVEN_HASHES = [a_hash(str(number)).hex() for number in range(11)]


def bad(case: str, field: str, reason: str, around: Any = HEX, **changed: Any) -> Any:
    """A row of the table: the changes to a good event, and what is said about them."""
    path = f"events.events[1].{field}".rstrip(".")
    return pytest.param(changed, around, path, reason, id=case)


@pytest.mark.parametrize(
    ("changed", "around", "path", "reason"),
    [
        bad("no time", "event_timestamp", MISSING, event_timestamp=None),
        bad(
            "before there were ads",
            "event_timestamp",
            "EVENT_TIME_INVALID",
            event_timestamp="1970-01-01T00:00:01Z",
        ),
        bad(
            "in the future",
            "event_timestamp",
            "EVENT_TIME_INVALID",
            event_timestamp="2026-01-03T00:00:00Z",
        ),
        bad("no source", "event_source", MISSING, event_source=None),
        bad("no identifiers", "", "NO_IDENTIFIERS_PROVIDED", ad_identifiers=None),
        bad("an empty click ID", "", "NO_IDENTIFIERS_PROVIDED", ad_identifiers={"gclid": ""}),
        bad("a currency in lower case", "currency", "INVALID_CURRENCY_CODE", currency="eur"),
        bad("a value without a currency", "currency", "INVALID_CURRENCY_CODE", currency=None),
        bad("not a number", "conversion_value", "INVALID_NUMBER_FORMAT", conversion_value="NaN"),
        bad("65 characters", "transaction_id", "FIELD_VALUE_TOO_LONG", transaction_id="x" * 65),
        bad(
            "an unknown destination",
            "destination_references[0]",
            "INVALID_DESTINATION",
            destination_references=["nowhere"],
        ),
        bad(
            "an address in the clear",
            EMAIL,
            "INVALID_HEX_ENCODING",
            user_data=user_data("ann@example.com"),
        ),
        bad(
            "hex in capitals",
            EMAIL,
            "INVALID_SHA256_FORMAT",
            user_data=user_data(a_hash().hex().upper()),
        ),
        bad("hex too short", EMAIL, "INVALID_SHA256_FORMAT", user_data=user_data("abcd")),
        bad("not base64", EMAIL, "INVALID_BASE64_ENCODING", BASE64, user_data=user_data("a@b!")),
        bad(
            "base64 too short", EMAIL, "INVALID_SHA256_FORMAT", BASE64, user_data=user_data("YWJj")
        ),
        bad(
            "eleven identifiers",
            "user_data.user_identifiers",
            "TOO_MANY_USER_IDENTIFIERS",
            user_data=user_data(*ELEVEN_HASHES),
        ),
    ],
)
def test_a_bad_event_is_refused_by_the_name_of_its_field(
    sandbox: Sandbox,
    client: Any,
    changed: dict[str, Any],
    around: dict[str, Any],
    path: str,
    reason: str,
) -> None:
    request = a_request(an_event("cs-0"), an_event("cs-1") | changed, **around)
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(request)
    assert violations_of(refused.value) == [(path, reason)]
    assert counted(sandbox) == {}


def bad_destination(case: str, field: str, reason: str, **changed: Any) -> Any:
    path = f"destinations.destinations[0].{field}"
    return pytest.param({"destinations": [a_destination(**changed)]}, path, reason, id=case)


@pytest.mark.parametrize(
    ("changed", "path", "reason"),
    [
        pytest.param({"events": []}, "events", MISSING, id="no events"),
        pytest.param({"destinations": []}, "destinations", MISSING, id="no destinations"),
        pytest.param(
            {"destinations": [a_destination(str(number)) for number in range(11)]},
            "destinations",
            "TOO_MANY_DESTINATIONS",
            id="eleven destinations",
        ),
        pytest.param(
            {"events": [an_event(user_data=user_data(a_hash().hex()))], "encoding": None},
            "encoding",
            MISSING,
            id="hashes of unknown encoding",
        ),
        bad_destination("no conversion action", "product_destination_id", MISSING, action=""),
        bad_destination(
            "a resource name",
            "product_destination_id",
            "INVALID_CONVERSION_ACTION_ID",
            action="customers/1/conversionActions/2",
        ),
        bad_destination(
            "no account",
            "operating_account.account_id",
            MISSING,
            operating_account={"account_type": "GOOGLE_ADS"},
        ),
        bad_destination(
            "an account with dashes",
            "operating_account.account_id",
            "INVALID_FORMAT",
            operating_account={"account_type": "GOOGLE_ADS", "account_id": "123-456-7890"},
        ),
        bad_destination(
            "no account type",
            "operating_account.account_type",
            MISSING,
            operating_account={"account_id": ACCOUNT},
        ),
        bad_destination(
            "another vendor's account",
            "operating_account.account_type",
            "DESTINATION_ACCOUNT_TYPE_MISMATCH",
            operating_account={"account_type": "DATA_PARTNER", "account_id": ACCOUNT},
        ),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_its_field(
    sandbox: Sandbox, client: Any, changed: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(**{"events": [an_event()]} | changed))
    assert violations_of(refused.value) == [(path, reason)]


def test_two_destinations_of_one_name_are_both_refused(sandbox: Sandbox, client: Any) -> None:
    twins = [a_destination("111", reference="won"), a_destination("222", reference="won")]
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(an_event(), destinations=twins))
    assert violations_of(refused.value) == [
        (f"destinations.destinations[{index}].reference", "DUPLICATE_DESTINATION_REFERENCE")
        for index in range(2)
    ]


@pytest.mark.long
def test_one_event_too_many_is_refused(sandbox: Sandbox, client: Any) -> None:
    client.ingest_events(a_request(*[an_event()] * 2_000))
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(*[an_event()] * 2_001))
    assert violations_of(refused.value) == [("events", "TOO_MANY_EVENTS")]


def test_a_base64_hash_is_as_good_as_a_hex_one(sandbox: Sandbox, client: Any) -> None:
    hashed = base64.b64encode(a_hash()).decode()
    client.ingest_events(a_request(an_event(user_data=user_data(hashed)), encoding="BASE64"))
    assert counted(sandbox)["cs-1"]["user_data"] == user_data(hashed)


def test_a_purely_numeric_transaction_id_is_refused_though_a_dry_run_lets_it_pass(
    sandbox: Sandbox, client: Any
) -> None:
    events = [an_event(), an_event("20260101")]
    client.ingest_events(a_request(*events, validate_only=True))
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(*events))
    assert violations_of(refused.value) == [("events[1]", "INVALID_EVENT")]


def test_every_bad_row_is_named_and_none_of_the_good_ones_counted(
    sandbox: Sandbox, client: Any
) -> None:
    rows = [an_event(f"cs-{row}") for row in range(6)]
    rows[1] |= {"event_source": None, "currency": "€"}
    rows[4] |= {"event_source": None}
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(*rows))
    assert violations_of(refused.value) == [
        ("events.events[1].event_source", "REQUIRED_FIELD_MISSING"),
        ("events.events[1].currency", "INVALID_CURRENCY_CODE"),
        ("events.events[4].event_source", "REQUIRED_FIELD_MISSING"),
    ]
    assert counted(sandbox) == {}


def test_a_refusal_says_who_what_and_which_request(sandbox: Sandbox, client: Any) -> None:
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(an_event(event_source=None)))
    details = details_of(refused.value)
    (noted,) = get(sandbox, "/books")["requests"]
    assert details["ErrorInfo"]["domain"] == "datamanager.googleapis.com"
    assert details["RequestInfo"]["requestId"] == noted["request_id"]
    assert (noted["result"], noted["counted"]) == ("INVALID_ARGUMENT", False)


def test_rest_names_two_thousand_bad_rows_and_grpc_as_many_as_its_metadata_holds(
    sandbox: Sandbox, data_manager_clients: dict[str, Any]
) -> None:
    request = a_request(*[an_event(event_source=None)] * 2_000)
    named = {}
    for transport, client in data_manager_clients.items():
        with pytest.raises(exceptions.BadRequest) as refused:
            client.ingest_events(request)
        named[transport] = violations_of(refused.value)
    assert len(named["rest"]) == 2_000
    assert named["grpc"] == named["rest"][: len(named["grpc"])]
    assert len(named["grpc"]) > 50


def test_a_dry_run_counts_nothing_and_has_no_status(sandbox: Sandbox, client: Any) -> None:
    request_id = client.ingest_events(a_request(an_event(), validate_only=True)).request_id
    assert counted(sandbox) == {}
    with pytest.raises(exceptions.BadRequest, match="request ID is not valid"):
        client.retrieve_request_status({"request_id": request_id})


# --- conversion actions --------------------------------------------------------------------------

ACTIONS = [
    {"account": ACCOUNT, "id": "111", "type": "UPLOAD_CLICKS"},
    {"account": ACCOUNT, "id": "222", "type": "WEBPAGE"},
    {"account": "5550001111", "id": "333", "type": "UPLOAD_CLICKS"},
]


@pytest.mark.parametrize(
    ("action", "field", "reason"),
    [
        pytest.param("999", "product_destination_id", "INVALID_CONVERSION_ACTION_ID", id="unknown"),
        pytest.param("222", "product_destination_id", "INVALID_CONVERSION_ACTION_TYPE", id="a tag"),
        pytest.param("333", "operating_account", "INVALID_DESTINATION", id="somebody else's"),
    ],
)
def test_only_a_click_upload_action_of_the_operating_account_will_do(
    sandbox: Sandbox, client: Any, action: str, field: str, reason: str
) -> None:
    post(sandbox, "/actions", ACTIONS)
    client.ingest_events(a_request(an_event()))
    with pytest.raises(exceptions.BadRequest) as refused:
        client.ingest_events(a_request(an_event(), destinations=[a_destination(action)]))
    assert violations_of(refused.value) == [(f"destinations.destinations[0].{field}", reason)]


def test_an_account_without_any_action_is_out_of_reach(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/actions", ACTIONS)
    stranger = {"account_type": "GOOGLE_ADS", "account_id": "42"}
    with pytest.raises(exceptions.Forbidden) as refused:
        client.ingest_events(
            a_request(an_event(), destinations=[a_destination(operating_account=stranger)])
        )
    assert details_of(refused.value)["ErrorInfo"]["reason"] == "PERMISSION_DENIED"


# --- what becomes of it --------------------------------------------------------------------------


def status_of(sandbox: Sandbox, request_id: str) -> dict[str, Any]:
    statuses = get(sandbox, f"/v1/requestStatus:retrieve?requestId={request_id}")
    (status,) = statuses["requestStatusPerDestination"]
    return dict(status)


@pytest.mark.parametrize(
    ("bad_clicks", "outcome"),
    [
        pytest.param([], "SUCCESS", id="none refused"),
        pytest.param(["click-of-cs-1"], "PARTIAL_SUCCESS", id="one refused"),
        pytest.param(["click-of-cs-0", "click-of-cs-1"], "FAILED", id="all refused"),
    ],
)
def test_the_verdict_is_told_half_an_hour_later(
    sandbox: Sandbox, client: Any, bad_clicks: list[str], outcome: str
) -> None:
    post(sandbox, "/verdicts", dict.fromkeys(bad_clicks, INVALID_GCLID))
    request_id = client.ingest_events(a_request(an_event("cs-0"), an_event("cs-1"))).request_id
    outcomes = []
    for wait in (timedelta(0), HALF_AN_HOUR - timedelta(seconds=1), HALF_AN_HOUR):
        sandbox.platform.clock.set(NOW + wait)
        (status,) = client.retrieve_request_status(
            {"request_id": request_id}
        ).request_status_per_destination
        outcomes.append(status.request_status.name)
    assert outcomes == ["PROCESSING", "PROCESSING", outcome]
    assert status.events_ingestion_status.record_count == 2
    assert len(counted(sandbox)) == 2 - len(bad_clicks)


def test_a_refused_row_is_told_by_its_index_though_the_published_client_cannot_see_it(
    sandbox: Sandbox, client: Any
) -> None:
    post(sandbox, "/verdicts", {"click-of-cs-1": INVALID_GCLID, "click-of-cs-2": INVALID_GCLID})
    denied = {"ad_user_data": "CONSENT_DENIED"}
    rows = [an_event(f"cs-{row}") for row in range(4)]
    rows[3] |= {"consent": denied}
    request_id = client.ingest_events(a_request(*rows)).request_id
    sandbox.platform.clock.set(NOW + HALF_AN_HOUR)
    assert status_of(sandbox, request_id)["errorInfo"]["errorCounts"] == [
        {"reason": INVALID_GCLID, "recordCount": "2", "recordIndices": [1, 2]},
        {
            "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT",
            "recordCount": "1",
            "recordIndices": [3],
        },
    ]
    (status,) = client.retrieve_request_status(
        {"request_id": request_id}
    ).request_status_per_destination
    assert [count.reason.name for count in status.error_info.error_counts] == [
        INVALID_GCLID,
        "PROCESSING_ERROR_REASON_DENIED_CONSENT",
    ]


def test_a_reason_newer_than_the_client_reaches_it_as_unspecified(
    sandbox: Sandbox, client: Any
) -> None:
    post(sandbox, "/verdicts", {"click-of-cs-1": "PROCESSING_ERROR_REASON_OF_NEXT_YEAR"})
    request_id = client.ingest_events(a_request(an_event())).request_id
    sandbox.platform.clock.set(NOW + HALF_AN_HOUR)
    (status,) = client.retrieve_request_status(
        {"request_id": request_id}
    ).request_status_per_destination
    (count,) = status.error_info.error_counts
    assert count.reason.name == "PROCESSING_ERROR_REASON_UNSPECIFIED"
    (raw,) = status_of(sandbox, request_id)["errorInfo"]["errorCounts"]
    assert raw["reason"] == "PROCESSING_ERROR_REASON_OF_NEXT_YEAR"


DENIED, GRANTED = {"ad_user_data": "CONSENT_DENIED"}, {"ad_user_data": "CONSENT_GRANTED"}


@pytest.mark.parametrize(
    ("of_the_request", "of_the_event", "is_counted"),
    [
        pytest.param(None, None, True, id="nobody says"),
        pytest.param(None, DENIED, False, id="the event denies"),
        pytest.param(DENIED, None, False, id="the request denies"),
        pytest.param(DENIED, GRANTED, True, id="the event overrides the request"),
    ],
)
def test_an_event_counts_unless_its_consent_is_denied(
    sandbox: Sandbox, client: Any, of_the_request: Any, of_the_event: Any, *, is_counted: bool
) -> None:
    client.ingest_events(a_request(an_event(consent=of_the_event), consent=of_the_request))
    assert bool(counted(sandbox)) is is_counted
    assert [refused["transaction_id"] for refused in get(sandbox, "/books")["refused"]] == (
        [] if is_counted else ["cs-1"]
    )


def test_an_event_refused_once_counts_when_sent_again_without_the_cause(
    sandbox: Sandbox, client: Any
) -> None:
    post(sandbox, "/verdicts", {"click-of-cs-1": "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"})
    client.ingest_events(a_request(an_event()))
    post(sandbox, "/verdicts", {})
    client.ingest_events(a_request(an_event()))
    assert counted(sandbox)["cs-1"]["sent"] == 2
    assert get(sandbox, "/books?summary=1")["events_sent"] == 2


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        pytest.param(timedelta(days=50), None, id="50 days"),
        pytest.param(timedelta(days=51), "REQUEST_TOO_OLD", id="51 days"),
    ],
)
def test_a_status_is_kept_for_fifty_days(
    sandbox: Sandbox, client: Any, later: timedelta, reason: str | None
) -> None:
    request_id = client.ingest_events(a_request(an_event())).request_id
    sandbox.platform.clock.set(NOW + later)
    if reason is None:
        assert client.retrieve_request_status({"request_id": request_id})
        return
    with pytest.raises(exceptions.BadRequest) as refused:
        client.retrieve_request_status({"request_id": request_id})
    assert violations_of(refused.value) == [("request_id", reason)]


def test_an_unknown_request_id_is_refused(sandbox: Sandbox, client: Any) -> None:
    with pytest.raises(exceptions.BadRequest) as refused:
        client.retrieve_request_status({"request_id": "never-heard-of-it"})
    assert violations_of(refused.value) == [("request_id", "INVALID_REQUEST_ID")]


# --- trouble -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "heard", "is_counted"),
    [
        pytest.param("unavailable_before", exceptions.ServiceUnavailable, False, id="gone before"),
        pytest.param("unavailable_after", exceptions.ServiceUnavailable, True, id="gone after"),
        pytest.param("resource_exhausted", exceptions.TooManyRequests, False, id="no quota"),
        pytest.param("internal", exceptions.InternalServerError, False, id="broken"),
    ],
)
def test_the_second_call_fails_as_planned_and_the_third_does_not(
    sandbox: Sandbox, client: Any, kind: str, heard: type[Exception], *, is_counted: bool
) -> None:
    post(sandbox, "/faults", [{"on": "ingest", "request": 2, "kind": kind}])
    client.ingest_events(a_request(an_event("cs-1")), retry=None)
    with pytest.raises(heard):
        client.ingest_events(a_request(an_event("cs-2")), retry=None)
    client.ingest_events(a_request(an_event("cs-3")), retry=None)
    assert ("cs-2" in counted(sandbox)) is is_counted
    assert [request["counted"] for request in get(sandbox, "/books")["requests"]] == [
        True,
        is_counted,
        True,
    ]


def test_a_call_the_client_repeats_after_a_lost_answer_is_counted_once(
    sandbox: Sandbox, client: Any
) -> None:
    post(sandbox, "/faults", [{"on": "ingest", "request": 1, "kind": "unavailable_after"}])
    at_once = Retry(if_exception_type(exceptions.ServiceUnavailable), initial=0.01)
    client.ingest_events(a_request(an_event()), retry=at_once)
    (conversion,) = counted(sandbox).values()
    assert (conversion["value"], conversion["sent"]) == (100.0, 2)


def test_a_status_call_can_fail_too(sandbox: Sandbox, client: Any) -> None:
    request_id = client.ingest_events(a_request(an_event())).request_id
    post(sandbox, "/faults", [{"on": "status", "request": 1, "kind": "unavailable_before"}])
    with pytest.raises(exceptions.ServiceUnavailable):
        client.retrieve_request_status({"request_id": request_id}, retry=None)
    assert client.retrieve_request_status({"request_id": request_id}, retry=None)


def test_an_exhausted_quota_says_which_and_for_how_long(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/faults", [{"on": "ingest", "request": 1, "kind": "resource_exhausted"}])
    with pytest.raises(exceptions.TooManyRequests) as refused:
        client.ingest_events(a_request(an_event()))
    details = details_of(refused.value)
    assert details["ErrorInfo"]["reason"] == "RESOURCE_EXHAUSTED"
    assert "PerMinute" in details["ErrorInfo"]["metadata"]["quota_limit"]
    assert details["RetryInfo"]["retryDelay"] == "30s"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"on": "ingest", "request": 1, "kind": "meteor"}, id="an unknown kind"),
        pytest.param({"on": "lunch", "request": 1, "kind": "internal"}, id="an unknown call"),
        pytest.param({"on": "ingest", "request": 0, "kind": "internal"}, id="a call in the past"),
        pytest.param({"on": "ingest"}, id="half a fault"),
    ],
)
def test_a_fault_that_makes_no_sense_is_turned_away(
    sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    answer = requests.post(sandbox.http_url + "/faults", json=[fault], timeout=60)
    assert answer.status_code == 400
    assert answer.json()["error"]


# --- JSON as others write it ---------------------------------------------------------------------


@pytest.mark.parametrize(("source", "encoding"), list(product([5, "OTHER"], [1, "HEX"])), ids=str)
def test_enums_may_be_names_or_numbers(
    sandbox: Sandbox, source: int | str, encoding: int | str
) -> None:
    body = {
        "destinations": [a_destination()],
        "events": [an_event(event_source=source)],
        "encoding": encoding,
    }
    assert post(sandbox, "/v1/events:ingest", body)["requestId"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"evnets": []}', id="an unknown field"),
        pytest.param(b"\xff", id="not text"),
    ],
)
def test_json_that_is_not_a_request_is_refused_in_the_same_shape(
    sandbox: Sandbox, body: bytes
) -> None:
    answer = requests.post(sandbox.http_url + "/v1/events:ingest", data=body, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


# --- the sandbox itself --------------------------------------------------------------------------


def test_a_clock_that_was_set_stands_still_until_it_is_let_go(sandbox: Sandbox) -> None:
    post(sandbox, "/clock", {"now": "2026-03-01T09:00:00+01:00"})
    assert get(sandbox, "/clock") == {"now": "2026-03-01T08:00:00Z", "frozen": True}
    post(sandbox, "/clock", {"now": None})
    assert get(sandbox, "/clock")["frozen"] is False


def test_a_time_without_a_zone_is_turned_away(sandbox: Sandbox) -> None:
    answer = requests.post(
        sandbox.http_url + "/clock", json={"now": "2026-03-01T09:00:00"}, timeout=60
    )
    assert answer.status_code == 400


def test_a_reset_leaves_nothing_behind(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/actions", ACTIONS)
    post(sandbox, "/verdicts", {"click-of-cs-1": INVALID_GCLID})
    post(sandbox, "/faults", [{"on": "ingest", "request": 3, "kind": "internal"}])
    client.ingest_events(a_request(an_event("cs-1"), an_event("cs-2")))
    post(sandbox, "/reset", None)
    empty = get(sandbox, "/books")
    assert (empty["counted"], empty["refused"], empty["requests"]) == ({}, [], [])
    for _ in range(3):
        client.ingest_events(a_request(an_event(), destinations=[a_destination("999")]))
    assert counted(sandbox, f"{ACCOUNT}/999")["cs-1"]["sent"] == 3


def test_a_host_that_others_can_reach_needs_a_token() -> None:
    with pytest.raises(ValueError, match="set a token"):
        Sandbox(host="0.0.0.0")


def test_with_a_token_the_books_open_only_to_those_who_show_it() -> None:
    with Sandbox(token="open-sesame") as sandbox:
        books = sandbox.http_url + "/books"
        shown = [{}, {"X-Sandbox-Token": "guess"}, {"X-Sandbox-Token": "open-sesame"}]
        answers = [requests.get(books, headers=headers, timeout=60) for headers in shown]
    assert [answer.status_code for answer in answers] == [401, 401, 200]


def test_a_stopped_sandbox_leaves_no_thread_and_can_be_started_again() -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert get(sandbox, "/clock")["frozen"] is False
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=60)
            assert not thread.is_alive()


@pytest.fixture
def served() -> Iterator[subprocess.Popen[str]]:
    command = "from convsync.sandbox.server import serve; serve()"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", command], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.long
@pytest.mark.parametrize("asked_by", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_served_sandbox_says_where_it_is_and_goes_when_asked(
    served: subprocess.Popen[str], asked_by: signal.Signals
) -> None:
    assert served.stdout is not None
    where = json.loads(served.stdout.readline())
    assert requests.get(where["http"] + "/books?summary=1", timeout=60).ok
    assert where["grpc"].startswith("127.0.0.1:")
    served.send_signal(asked_by)
    assert served.wait(timeout=60) == 0
