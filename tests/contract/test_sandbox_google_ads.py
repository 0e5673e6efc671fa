"""The sandbox answers the unmodified GoogleAdsClient as the Google Ads API would.

What it does with each row of an upload is written down in `tests/conformance/cases.py`; here is the
rest: versions, credentials, queries, diagnostics and trouble.
"""

import json
import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.interceptors import (
    ExceptionInterceptor,
    LoggingInterceptor,
    MetadataInterceptor,
)
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.protobuf import json_format

from convsync.sandbox.server import Sandbox
from tests.contract.sandbox_switches import post

CUSTOMER = "1234567890"
PAGE = f"{CUSTOMER}/111"
ACTION = f"customers/{CUSTOMER}/conversionActions/111"
NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
VERSIONS = ["v23", "v24", "v25", "v26"]


@cache
def client_of(address: str, version: str = "v26") -> Any:
    return GoogleAdsClient(
        credentials=AnonymousCredentials(),
        endpoint=address,
        use_proto_plus=False,
        version=version,
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return client_of(sandbox.google_ads_address)


def uploading(client: Any, *order_ids: str, **around: Any) -> Any:
    body = {
        "customer_id": CUSTOMER,
        "partial_failure": True,
        "conversions": [
            {
                "gclid": f"click-of-{order_id}",
                "conversion_action": ACTION,
                "conversion_date_time": "2025-12-31 10:00:00+00:00",
                "conversion_value": 100.0,
                "currency_code": "EUR",
                "order_id": order_id,
            }
            for order_id in order_ids
        ],
        **around,
    }
    return json_format.ParseDict(body, client.get_type("UploadClickConversionsRequest"))


def upload(client: Any, *order_ids: str, timeout: float = 5, **around: Any) -> Any:
    service = client.get_service("ConversionUploadService")
    request = uploading(client, *order_ids, **around)
    return service.upload_click_conversions(request=request, timeout=timeout)


def retract(client: Any, order_id: str) -> Any:
    service = client.get_service("ConversionAdjustmentUploadService")
    adjustment = {
        "order_id": order_id,
        "conversion_action": ACTION,
        "adjustment_type": "RETRACTION",
        "adjustment_date_time": "2026-01-01 01:00:00+00:00",
    }
    body = {
        "customer_id": CUSTOMER,
        "partial_failure": True,
        "conversion_adjustments": [adjustment],
    }
    request = json_format.ParseDict(body, client.get_type("UploadConversionAdjustmentsRequest"))
    return service.upload_conversion_adjustments(request=request, timeout=60)


def search(client: Any, query: str, **how: Any) -> list[dict[str, Any]]:
    service = client.get_service("GoogleAdsService")
    rows = service.search(customer_id=CUSTOMER, query=query, timeout=60, **how)
    return [as_json(row) for row in rows]


def as_json(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def counted(sandbox: Sandbox) -> set[str]:
    return set(sandbox.books.counted[PAGE])


def codes_of(failure: Any) -> list[tuple[str, str]]:
    codes = []
    for error in type(failure).pb(failure).errors:
        ((field, value),) = error.error_code.ListFields()
        codes.append((field.name, field.enum_type.values_by_number[value].name))
    return codes


# --- reaching it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_every_installed_version_is_answered_in_its_own_messages(
    sandbox: Sandbox, version: str
) -> None:
    client = client_of(sandbox.google_ads_address, version)
    response = upload(client, "cs-0")
    assert response.DESCRIPTOR.full_name.startswith(f"google.ads.googleads.{version}.")
    assert [result.gclid for result in response.results] == ["click-of-cs-0"]
    assert counted(sandbox) == {"cs-0"}
    again = upload(client, "cs-0")
    (detail,) = again.partial_failure_error.details
    assert detail.type_url.endswith(f"google.ads.googleads.{version}.errors.GoogleAdsFailure")
    with pytest.raises(GoogleAdsException) as refused:
        search(client, "SELECT customer.shoe_size FROM customer")
    assert codes_of(refused.value.failure) == [("query_error", "UNRECOGNIZED_FIELD")]


def test_a_field_exists_only_in_the_versions_that_have_it(sandbox: Sandbox) -> None:
    setting = "customer.conversion_tracking_setting"
    old, new = "enhanced_conversions_for_leads_enabled", "effective_enablement_setting"
    answers = {}
    for version in ("v25", "v26"):
        client = client_of(sandbox.google_ads_address, version)
        for field in (old, new):
            try:
                (row,) = search(client, f"SELECT {setting}.{field} FROM customer")
                answer = row["customer"]["conversion_tracking_setting"][field]
            except GoogleAdsException:
                answer = None
            answers[version, field] = answer
    assert answers == {
        ("v25", old): True,
        ("v25", new): None,
        ("v26", old): None,
        ("v26", new): "ON",
    }


def test_a_version_that_is_not_installed_is_not_answered(sandbox: Sandbox) -> None:
    path = "/google.ads.googleads.v9.services.GoogleAdsService/Search"
    with grpc.insecure_channel(sandbox.grpc_address) as channel:
        call: Any = channel.unary_unary(path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_google_ads_sandbox_also_accepts_unencrypted_connections(
    sandbox: Sandbox, client: Any
) -> None:
    service = type(client.get_service("GoogleAdsService"))
    with grpc.insecure_channel(sandbox.grpc_address) as channel:
        intercepted = grpc.intercept_channel(
            channel,
            MetadataInterceptor("no token", None, None),
            LoggingInterceptor(logging.getLogger(__name__), "v26", "localhost"),
            ExceptionInterceptor("v26", use_proto_plus=True),
        )
        transport = service.get_transport_class("grpc")(channel=intercepted)
        rows = service(transport=transport).search(
            customer_id=CUSTOMER, query="SELECT customer.id FROM customer"
        )
        assert [row.customer.id for row in rows] == [int(CUSTOMER)]


def test_a_client_made_from_configuration_alone_gets_in(sandbox: Sandbox, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    account = {
        "type": "service_account",
        "client_email": "convsync@sandbox.example",
        "private_key": key.decode(),
        "token_uri": f"{sandbox.http_url}/token",
    }
    (tmp_path / "sa.json").write_text(json.dumps(account))
    settings = {
        "json_key_file_path": str(tmp_path / "sa.json"),
        "use_proto_plus": False,
        "endpoint": sandbox.google_ads_address,
    }
    client: Any = GoogleAdsClient.load_from_dict(settings)
    upload(client, "cs-0")
    assert counted(sandbox) == {"cs-0"}
    post(sandbox, "/tokens", {"expire": True})
    with pytest.raises(GoogleAdsException) as refused:
        upload(client, "cs-1")
    assert codes_of(refused.value.failure) == [("authentication_error", "OAUTH_TOKEN_EXPIRED")]


@pytest.mark.long
def test_nothing_of_google_ads_is_loaded_until_it_is_called() -> None:
    script = (
        "import sys\n"
        "from convsync.sandbox.server import Sandbox\n"
        "with Sandbox() as sandbox: assert sandbox.google_ads_address and sandbox.certificate\n"
        "print(any(name.startswith('google.ads.googleads') for name in sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


# --- uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", [None, 17, 2**31 - 1])
def test_a_job_has_the_number_it_was_given_or_a_large_one(
    sandbox: Sandbox, client: Any, job_id: int | None
) -> None:
    around = {} if job_id is None else {"job_id": job_id}
    answered = upload(client, "cs-0", **around).job_id
    assert answered == job_id if job_id else 2**31 <= answered < 2**63


def test_one_upload_by_many_threads_at_once_is_counted_once(sandbox: Sandbox, client: Any) -> None:
    order_ids = [f"cs-{row}" for row in range(50)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: upload(client, *order_ids), range(8)))
    assert sum(answer.partial_failure_error.code == 0 for answer in answers) == 1
    totals = sandbox.books.totals()
    assert (totals["conversions_counted"], totals["most_often_sent"]) == (50, 8)
    assert totals["value"] == {PAGE: {"EUR": 5000.0}}


def test_the_books_tell_both_apis_and_the_end_of_each_call(sandbox: Sandbox, client: Any) -> None:
    upload(client, "cs-0")
    retract(client, "cs-0")
    upload(client, "cs-1", validate_only=True)
    books = sandbox.books.as_json()
    assert [(noted["call"], noted["result"], noted["counted"]) for noted in books["requests"]] == [
        ("google_ads_upload", "OK", True),
        ("google_ads_adjustment", "OK", True),
        ("google_ads_upload", "OK", False),
    ]
    conversion = books["counted"][PAGE]["cs-0"]
    assert conversion["history"] == [
        {"value": 100.0, "currency": "EUR"},
        {"value": 0.0, "currency": "EUR"},
    ]
    assert (conversion["count"], conversion["event_timestamp"]) == (0, "2025-12-31T10:00:00Z")
    assert books["totals"]["conversions_counted"] == 0


@pytest.mark.parametrize(
    ("verdict", "known", "value"),
    [
        pytest.param("conversion_upload_error.9999", "conversion_upload_error", 9999, id="a code"),
        pytest.param("tomorrows_error.7", None, None, id="a kind of code"),
    ],
)
def test_the_sandbox_can_return_codes_that_only_a_newer_server_knows(
    sandbox: Sandbox, client: Any, verdict: str, known: str | None, value: int | None
) -> None:
    post(sandbox, "/verdicts", {"click-of-cs-0": verdict})
    (detail,) = upload(client, "cs-0").partial_failure_error.details
    failure = type(client.get_type("GoogleAdsFailure")).FromString(detail.value)
    (error,) = failure.errors
    assert error.error_code.WhichOneof("error_code") == known
    assert known is None or getattr(error.error_code, known) == value
    assert error.location.field_path_elements[0].index == 0
    assert error.error_code.ByteSize() > 0


def test_one_verdict_is_said_in_the_words_of_either_api(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/verdicts", {"click-of-cs-0": "PROCESSING_ERROR_REASON_INVALID_GCLID"})
    upload(client, "cs-0")
    (refused,) = sandbox.books.as_json()["refused"]
    assert refused["reason"] == "conversion_upload_error.UNPARSEABLE_GCLID"


# --- trouble -------------------------------------------------------------------------------------

# Where an answer cannot be read, google-ads 34 stumbles over logging that.
NONSENSE = TypeError


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "heard", "is_counted"),
    [
        pytest.param("unavailable_before", exceptions.ServiceUnavailable, False, id="gone before"),
        pytest.param("unavailable_after", exceptions.ServiceUnavailable, True, id="gone after"),
        pytest.param("internal", exceptions.InternalServerError, False, id="broken"),
        pytest.param("resource_exhausted", exceptions.ResourceExhausted, False, id="no quota"),
        pytest.param("crash", exceptions.ServiceUnavailable, False, id="cut off"),
        pytest.param("hang", exceptions.DeadlineExceeded, False, id="no answer"),
        pytest.param("garbage", NONSENSE, True, id="nonsense"),
        pytest.param("expired_token", GoogleAdsException, False, id="token"),
        pytest.param("refused", GoogleAdsException, False, id="not allowed"),
    ],
)
def test_an_upload_fails_as_planned_and_the_next_one_does_not(
    sandbox: Sandbox, client: Any, kind: str, heard: type[Exception], *, is_counted: bool
) -> None:
    fault = {"on": "google_ads_upload", "request": 1, "kind": kind}
    post(sandbox, "/faults", [fault | ({"seconds": 120} if kind == "hang" else {})])
    began = time.monotonic()
    with pytest.raises(heard):
        upload(client, "cs-0", timeout=0.5 if kind == "hang" else 60)
    assert time.monotonic() - began < 60
    assert counted(sandbox) == ({"cs-0"} if is_counted else set())
    upload(client, "cs-1")
    assert "cs-1" in counted(sandbox)


@pytest.mark.parametrize("kind", ["internal", "garbage", "crash"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["search", "stream"])
def test_a_query_can_fail_too(sandbox: Sandbox, client: Any, kind: str, *, is_stream: bool) -> None:
    post(sandbox, "/faults", [{"on": "search", "request": 1, "kind": kind}])
    service = client.get_service("GoogleAdsService")
    ask = service.search_stream if is_stream else service.search
    with pytest.raises((exceptions.GoogleAPICallError, NONSENSE)):
        list(ask(customer_id=CUSTOMER, query="SELECT customer.id FROM customer", retry=None))
    assert search(client, "SELECT customer.id FROM customer")


def test_an_adjustment_can_be_made_and_its_answer_lost(sandbox: Sandbox, client: Any) -> None:
    upload(client, "cs-0")
    fault = {"on": "google_ads_adjustment", "request": 1, "kind": "unavailable_after"}
    post(sandbox, "/faults", [fault])
    with pytest.raises(exceptions.ServiceUnavailable):
        retract(client, "cs-0")
    assert sandbox.books.counted[PAGE]["cs-0"].count == 0


def test_an_exhausted_quota_says_how_long_to_wait(sandbox: Sandbox, client: Any) -> None:
    fault = {"on": "google_ads_upload", "request": 1, "kind": "resource_exhausted", "seconds": 90}
    post(sandbox, "/faults", [fault])
    with pytest.raises(exceptions.ResourceExhausted) as refused:
        upload(client, "cs-0")
    metadata = dict(refused.value.errors[0].trailing_metadata())
    encoded = metadata["google.ads.googleads.v26.errors.googleadsfailure-bin"]
    (error,) = type(client.get_type("GoogleAdsFailure")).FromString(encoded).errors
    assert error.details.quota_error_details.retry_delay.seconds == 90
    assert error.error_code.WhichOneof("error_code") == "quota_error"


def test_a_request_can_be_refused_for_any_reason(sandbox: Sandbox, client: Any) -> None:
    error = "authorization_error.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"
    fault = {"on": "search", "request": 1, "kind": "refused", "error": error}
    post(sandbox, "/faults", [fault])
    with pytest.raises(GoogleAdsException) as refused:
        search(client, "SELECT customer.id FROM customer")
    assert refused.value.error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert codes_of(refused.value.failure) == [tuple(error.split("."))]
    assert refused.value.request_id == refused.value.failure.request_id


# --- queries -------------------------------------------------------------------------------------

ACTIONS = [
    {"account": CUSTOMER, "id": "111", "name": "Qualified", "category": "QUALIFIED_LEAD"},
    {
        "account": CUSTOMER,
        "id": "222",
        "name": "Won",
        "category": "CONVERTED_LEAD",
        "counting_type": "ONE_PER_CLICK",
        "click_through_lookback_window_days": 60,
        "default_value": 12.5,
        "primary_for_goal": False,
    },
    {"account": CUSTOMER, "id": "333", "name": "Form", "type": "WEBPAGE", "status": "HIDDEN"},
    {"account": "42", "id": "444", "name": "Somebody else's"},
]


def names_where(client: Any, condition: str) -> list[str]:
    query = f"SELECT conversion_action.name FROM conversion_action {condition}"
    return [row["conversion_action"]["name"] for row in search(client, query)]


def test_the_customer_is_as_it_was_set(sandbox: Sandbox, client: Any) -> None:
    settings = {
        "currency_code": "CHF",
        "time_zone": "Europe/Zurich",
        "auto_tagging_enabled": False,
        "google_ads_conversion_customer": "42",
        "accepted_customer_data_terms": False,
    }
    post(sandbox, "/account", settings)
    setting = "customer.conversion_tracking_setting"
    (row,) = search(
        client,
        f"""SELECT customer.id, customer.currency_code, customer.time_zone,
        customer.auto_tagging_enabled, customer.test_account,
        {setting}.google_ads_conversion_customer, {setting}.conversion_tracking_status,
        {setting}.accepted_customer_data_terms FROM customer""",
    )
    assert row["customer"] == {
        "resource_name": f"customers/{CUSTOMER}",
        "id": CUSTOMER,
        "currency_code": "CHF",
        "time_zone": "Europe/Zurich",
        "auto_tagging_enabled": False,
        "test_account": False,
        "conversion_tracking_setting": {
            "google_ads_conversion_customer": "customers/42",
            "conversion_tracking_status": "CONVERSION_TRACKING_MANAGED_BY_SELF",
            # Terms not accepted are not on the wire: this field is not an optional one.
        },
    }


def test_a_conversion_action_has_every_field_a_check_asks_for(
    sandbox: Sandbox, client: Any
) -> None:
    post(sandbox, "/actions", ACTIONS)
    fields = [
        *("id", "name", "status", "type", "category", "owner_customer", "counting_type"),
        *("click_through_lookback_window_days", "primary_for_goal"),
        *("include_in_conversions_metric", "value_settings.default_value"),
        *("value_settings.default_currency_code", "value_settings.always_use_default_value"),
    ]
    selected = ", ".join(f"conversion_action.{field}" for field in fields)
    (row,) = search(
        client, f"SELECT {selected} FROM conversion_action WHERE conversion_action.id = 222"
    )
    assert row["conversion_action"] == {
        "resource_name": f"customers/{CUSTOMER}/conversionActions/222",
        "id": "222",
        "name": "Won",
        "status": "ENABLED",
        "type_": "UPLOAD_CLICKS",
        "category": "CONVERTED_LEAD",
        "owner_customer": f"customers/{CUSTOMER}",
        "counting_type": "ONE_PER_CLICK",
        "click_through_lookback_window_days": "60",
        "primary_for_goal": False,
        "include_in_conversions_metric": True,
        "value_settings": {
            "default_value": 12.5,
            "default_currency_code": "EUR",
            "always_use_default_value": False,
        },
    }


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        pytest.param("", ["Qualified", "Won", "Form"], id="all that are the customer's"),
        pytest.param("WHERE conversion_action.id = 222", ["Won"], id="equal"),
        pytest.param("WHERE conversion_action.id != 222", ["Qualified", "Form"], id="not equal"),
        pytest.param("WHERE conversion_action.id > 222", ["Form"], id="greater"),
        pytest.param("WHERE conversion_action.id IN (111, 333)", ["Qualified", "Form"], id="in"),
        pytest.param("WHERE conversion_action.id NOT IN (111, 333)", ["Won"], id="not in"),
        pytest.param('where conversion_action.name = "Won"', ["Won"], id="small letters"),
        pytest.param("WHERE conversion_action.name LIKE '%o%'", ["Won", "Form"], id="like"),
        pytest.param("WHERE conversion_action.status = 'HIDDEN'", ["Form"], id="a constant"),
        pytest.param(
            "WHERE conversion_action.type = UPLOAD_CLICKS "
            "AND conversion_action.id BETWEEN 2 AND 200",
            ["Qualified"],
            id="and, between",
        ),
        pytest.param("WHERE conversion_action.primary_for_goal = FALSE", ["Won"], id="a statement"),
        pytest.param(
            "ORDER BY conversion_action.name DESC LIMIT 2;", ["Won", "Qualified"], id="order, limit"
        ),
        pytest.param("WHERE conversion_action.app_id IS NOT NULL", [], id="not null"),
        pytest.param(
            "WHERE conversion_action.app_id IS NULL AND conversion_action.name NOT LIKE '%o%'",
            ["Qualified"],
            id="null, not like",
        ),
        pytest.param("PARAMETERS include_drafts=true", ["Qualified", "Won", "Form"], id="more"),
    ],
)
def test_a_condition_picks_what_it_says(
    sandbox: Sandbox, client: Any, condition: str, names: list[str]
) -> None:
    post(sandbox, "/actions", ACTIONS)
    assert names_where(client, condition) == names


A_NAME = "SELECT conversion_action.name FROM conversion_action WHERE conversion_action."


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param("", "EXPECTED_SELECT", id="nothing"),
        pytest.param("DELETE FROM customer", "EXPECTED_SELECT", id="not a query"),
        pytest.param("SELECT customer.id", "EXPECTED_FROM", id="from nowhere"),
        pytest.param("SELECT shoe.size FROM shoe", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", id="shoes"),
        pytest.param("SELECT customer.shoe FROM customer", "UNRECOGNIZED_FIELD", id="no field"),
        pytest.param("SELECT customer FROM customer", "BAD_FIELD_NAME", id="a resource"),
        pytest.param(
            "SELECT conversion_action.type_ FROM conversion_action",
            "UNRECOGNIZED_FIELD",
            id="a field as Python has it",
        ),
        pytest.param(
            "SELECT customer.conversion_tracking_setting FROM customer",
            "PROHIBITED_FIELD_IN_SELECT_CLAUSE",
            id="a message",
        ),
        pytest.param(
            "SELECT campaign.id FROM conversion_action",
            "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
            id="another resource",
        ),
        pytest.param(f"{A_NAME}shoe = 1", "UNRECOGNIZED_FIELD", id="where no field"),
        pytest.param(f"{A_NAME}id ~ 1", "BAD_SYMBOL", id="a symbol"),
        pytest.param(f"{A_NAME}id LIKES 1", "BAD_OPERATOR", id="an operator"),
        pytest.param(f"{A_NAME}id = 'x'", "BAD_NUMBER", id="no number"),
        pytest.param(f"{A_NAME}type = 'SHOE'", "BAD_ENUM_CONSTANT", id="no constant"),
        pytest.param(f"{A_NAME}primary_for_goal = 1", "BAD_VALUE", id="no statement"),
        pytest.param(f"{A_NAME}name = 'x", "STRING_NOT_TERMINATED", id="no end of a string"),
        pytest.param(f"{A_NAME}id IN 1", "EXPECTED_LIST", id="no list"),
        pytest.param(f"{A_NAME}id IN ()", "PROHIBITED_EMPTY_LIST_IN_CONDITION", id="no values"),
        pytest.param(f"{A_NAME}id BETWEEN 1, 2", "EXPECTED_AND", id="no and"),
        pytest.param(f"{A_NAME}id =", "UNEXPECTED_END_OF_QUERY", id="no value"),
        pytest.param(f"{A_NAME}id = 1 GROUP BY x", "UNEXPECTED_INPUT", id="too much"),
        pytest.param(f"{A_NAME}id = 1 LIMIT many", "BAD_LIMIT_VALUE", id="no limit"),
        pytest.param(f"{A_NAME}id = 1 LIMIT 0", "LIMIT_VALUE_TOO_LOW", id="limit of none"),
        pytest.param(f"{A_NAME}id = 1 ORDER name", "EXPECTED_BY", id="no by"),
        pytest.param(
            "SELECT click_view.gclid FROM click_view",
            "EXPECTED_FILTERS_ON_DATE_RANGE",
            id="clicks of any day",
        ),
        pytest.param(
            "SELECT click_view.gclid FROM click_view WHERE segments.date DURING LAST_7_DAYS",
            "DATE_RANGE_TOO_WIDE",
            id="clicks of several days",
        ),
        pytest.param(
            "SELECT click_view.gclid FROM click_view WHERE segments.date = 'today'",
            "INVALID_DATE_FORMAT",
            id="clicks of no day",
        ),
        pytest.param(
            "SELECT click_view.gclid FROM click_view WHERE segments.date DURING LENT",
            "INVALID_VALUE_WITH_DURING_OPERATOR",
            id="clicks of a season",
        ),
        pytest.param(
            "SELECT click_view.gclid FROM click_view "
            "WHERE segments.date = '2025-12-31' AND segments.device = MOBILE",
            "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
            id="a segment not selected",
        ),
        pytest.param(
            "SELECT segments.conversion_action, metrics.cost_micros FROM campaign",
            "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
            id="costs by conversion action",
        ),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(client: Any, query: str, reason: str) -> None:
    with pytest.raises(GoogleAdsException) as refused:
        search(client, query)
    assert codes_of(refused.value.failure) == [("query_error", reason)]


def test_the_stream_has_the_same_rows_and_names_their_fields(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/actions", ACTIONS)
    query = "SELECT conversion_action.id FROM conversion_action"
    service = client.get_service("GoogleAdsService")
    (part,) = service.search_stream(customer_id=CUSTOMER, query=query, timeout=60)
    assert [as_json(row) for row in part.results] == search(client, query)
    assert list(part.field_mask.paths) == ["conversion_action.id"]
    assert part.request_id


def test_many_rows_come_in_pages_and_the_client_turns_them(sandbox: Sandbox, client: Any) -> None:
    rows = [{"campaign.id": number, "metrics.clicks": 1} for number in range(10_001)]
    sandbox.platform.set_account(None, {"tables": {"campaign": rows}})
    query = "SELECT campaign.id, metrics.clicks FROM campaign"
    service = client.get_service("GoogleAdsService")
    pages = list(service.search(customer_id=CUSTOMER, query=query, timeout=60).pages)
    assert [len(page.results) for page in pages] == [10_000, 1]
    parts = list(service.search_stream(customer_id=CUSTOMER, query=query, timeout=60))
    assert [len(part.results) for part in parts] == [10_000, 1]


def test_a_page_size_is_refused(client: Any) -> None:
    body = {"customer_id": CUSTOMER, "query": "SELECT customer.id FROM customer", "page_size": 10}
    request = json_format.ParseDict(body, client.get_type("SearchGoogleAdsRequest"))
    with pytest.raises(GoogleAdsException) as refused:
        client.get_service("GoogleAdsService").search(request=request, timeout=60)
    assert codes_of(refused.value.failure) == [("request_error", "PAGE_SIZE_NOT_SUPPORTED")]


def test_any_resource_of_the_api_can_be_given_rows(sandbox: Sandbox, client: Any) -> None:
    rows = [
        {"campaign.name": "Brand", "segments.date": "2025-12-31", "metrics.all_conversions": 3.5},
        {"campaign.name": "Brand", "segments.date": "2025-12-30", "metrics.all_conversions": 1.0},
    ]
    query = """SELECT campaign.name, segments.date, metrics.all_conversions FROM campaign
    WHERE segments.date DURING YESTERDAY"""
    assert search(client, query) == []
    post(sandbox, "/account", {"tables": {"campaign": rows}})
    (row,) = search(client, query)
    assert row["metrics"] == {"all_conversions": 3.5}


# --- clicks --------------------------------------------------------------------------------------


def test_clicks_are_shown_on_the_day_of_the_account(sandbox: Sandbox, client: Any) -> None:
    post(
        sandbox,
        "/clicks",
        {
            "G1": {
                "at": "2025-12-30T23:30:00Z",
                "click_view.keyword_info.text": "crm",
                "campaign.name": "Brand",
                "segments.device": "MOBILE",
            },
            "G2": "2025-12-30T22:30:00Z",
        },
    )
    query = """SELECT click_view.gclid, click_view.keyword_info.text, campaign.name,
    segments.device, segments.date FROM click_view WHERE segments.date = '2025-12-31'"""
    (row,) = search(client, query)
    assert row == {
        "click_view": {
            "resource_name": f"customers/{CUSTOMER}/clickViews/2025-12-31~G1",
            "gclid": "G1",
            "keyword_info": {"text": "crm"},
        },
        "campaign": {"name": "Brand"},
        "segments": {"device": "MOBILE", "date": "2025-12-31"},
    }


@pytest.mark.parametrize(
    "on_the_day",
    [
        "segments.date BETWEEN '2025-12-31' AND '2025-12-31'",
        "segments.date >= '2025-12-31' AND segments.date <= '2025-12-31'",
        "segments.date DURING YESTERDAY",
    ],
)
def test_one_day_can_be_said_in_several_ways(
    sandbox: Sandbox, client: Any, on_the_day: str
) -> None:
    clicks = {f"G{day}": f"2025-12-{day}T12:00:00Z" for day in (30, 31)}
    post(sandbox, "/clicks", clicks)
    rows = search(client, f"SELECT click_view.gclid FROM click_view WHERE {on_the_day}")
    assert [row["click_view"]["gclid"] for row in rows] == ["G31"]


@pytest.mark.parametrize(("day", "is_shown"), [("2025-10-03", True), ("2025-10-02", False)])
def test_clicks_are_shown_for_ninety_days(
    sandbox: Sandbox, client: Any, day: str, *, is_shown: bool
) -> None:
    post(sandbox, "/clicks", {"G1": f"{day}T12:00:00Z"})
    query = f"SELECT click_view.gclid FROM click_view WHERE segments.date = '{day}'"
    if is_shown:
        assert len(search(client, query)) == 1
        return
    with pytest.raises(GoogleAdsException) as refused:
        search(client, query)
    assert codes_of(refused.value.failure) == [("date_error", "EARLIER_THAN_MINIMUM_DATE")]


# --- upload diagnostics --------------------------------------------------------------------------

CLIENT = "offline_conversion_upload_client_summary"
BY_ACTION = "offline_conversion_upload_conversion_action_summary"


def summary(client: Any, resource: str = CLIENT, *more: str) -> list[dict[str, Any]]:
    fields = [
        *("client", "status", "total_event_count", "successful_event_count"),
        *("last_upload_date_time", "daily_summaries", "job_summaries", "alerts", *more),
    ]
    selected = ", ".join(f"{resource}.{field}" for field in fields)
    return [row[resource] for row in search(client, f"SELECT {selected} FROM {resource}")]


def test_there_are_no_diagnostics_before_the_first_upload(sandbox: Sandbox, client: Any) -> None:
    assert summary(client) == []


def test_diagnostics_tell_days_jobs_and_the_errors_of_the_last_day(
    sandbox: Sandbox, client: Any
) -> None:
    upload(client, "cs-0", "cs-1", job_id=1)
    sandbox.platform.clock.set(NOW + timedelta(days=1))
    upload(client, "cs-0", "cs-2", "cs-3", "cs-4", job_id=2)
    (told,) = summary(client, CLIENT, "success_rate")
    assert told == {
        "resource_name": f"customers/{CUSTOMER}/offlineConversionUploadClientSummaries/"
        "GOOGLE_ADS_API",
        "client": "GOOGLE_ADS_API",
        "status": "NEEDS_ATTENTION",
        "total_event_count": "6",
        "successful_event_count": "5",
        "success_rate": 5 / 6,
        "last_upload_date_time": "2026-01-02 03:00:00",  # Berlin
        "daily_summaries": [
            {"upload_date": "2026-01-01", "successful_count": "2"},
            {"upload_date": "2026-01-02", "successful_count": "3", "failed_count": "1"},
        ],
        "job_summaries": [
            {"job_id": "1", "successful_count": "2"},
            {"job_id": "2", "successful_count": "3", "failed_count": "1"},
        ],
        "alerts": [
            {
                "error": {"conversion_upload_error": "ORDER_ID_ALREADY_IN_USE"},
                "error_percentage": 0.25,
            }
        ],
    }


def test_diagnostics_are_told_by_conversion_action_as_well(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/actions", ACTIONS)
    upload(client, "cs-0")
    (told,) = summary(client, BY_ACTION, "conversion_action_id", "conversion_action_name")
    assert (told["conversion_action_id"], told["conversion_action_name"]) == ("111", "Qualified")
    assert (told["status"], told["successful_event_count"]) == ("EXCELLENT", "1")


def test_after_four_weeks_there_is_no_recent_upload(sandbox: Sandbox, client: Any) -> None:
    upload(client, "cs-0")
    sandbox.platform.clock.set(NOW + timedelta(days=29))
    assert [told["status"] for told in summary(client)] == ["NO_RECENT_UPLOAD"]


def test_alerts_can_be_scripted(sandbox: Sandbox, client: Any) -> None:
    alert = {"error": "conversion_upload_error.EXPIRED_EVENT", "percentage": 0.4, "action": "111"}
    post(sandbox, "/account", {"alerts": [alert]})
    for resource in (CLIENT, BY_ACTION):
        (told,) = summary(client, resource)
        assert told["status"] == "NEEDS_ATTENTION"
        assert told["alerts"] == [
            {"error": {"conversion_upload_error": "EXPIRED_EVENT"}, "error_percentage": 0.4}
        ]


# --- switches ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/account", {"shoe_size": 42}, id="an unknown setting"),
        pytest.param("/clicks", {"G1": "2026-01-01T00:00:00"}, id="a click without a time zone"),
        pytest.param("/actions", [{"account": "1", "id": "2", "shoe": 1}], id="a strange action"),
        pytest.param("/quota", {"per_hour": 3}, id="a quota of another kind"),
    ],
)
def test_a_switch_that_does_not_exist_is_turned_away(
    sandbox: Sandbox, path: str, body: Any
) -> None:
    answer = requests.post(sandbox.http_url + path, json=body, timeout=60)
    assert answer.status_code == 400


def test_a_reset_takes_everything_back(sandbox: Sandbox, client: Any) -> None:
    post(sandbox, "/account", {"id": "42", "currency_code": "CHF"})
    post(sandbox, "/account", {"allowlisted": False})
    post(sandbox, "/clicks", {"click-of-cs-0": "2026-01-01T00:00:00Z"})
    post(sandbox, "/verdicts", {"cs-0": "EVENT_NOT_FOUND"})
    post(sandbox, "/faults", [{"on": "google_ads_upload", "every": 1, "kind": "internal"}])
    post(sandbox, "/reset", None)
    assert upload(client, "cs-0").partial_failure_error.code == 0
