"""The Data Manager road's two halves without the call between them: what is said, what is answered.

Against the vendor's own messages; whole uploads are in `tests/contract`, verdicts beside this.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf import json_format
from google.rpc import error_details_pb2
from msgspec import structs
from requests import Response

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.money import MOST, Money
from convsync.model.outcome import Blocked, Deferred, Outcome, Rejected, Untried
from convsync.model.statement import Batch, Operation, OrderId, Statement
from convsync.upload.google.data_manager_refusals import (
    A_DAYS_QUOTA_S,
    outcomes_of_refusal,
    refusal_of,
    response_json,
)
from convsync.upload.google.data_manager_requests import RequestAccounts, request_of
from convsync.upload.google.takes import CLICK_IDS
from tests.builders import ACTION, NOW, SOMEBODY, a_statement, usd

ACCOUNT = RequestAccounts(operating="1234567890")


def a_batch(*statements: Statement, number: int = 7) -> Batch:
    return Batch(number=number, action=ACTION, statements=statements)


def of_many(count: int) -> Batch:
    return a_batch(
        *(
            a_statement(OrderId(f"cs-{row}"), click_id=ClickId(ClickIdKind.GCLID, f"click-{row}"))
            for row in range(count)
        )
    )


# --- what is said --------------------------------------------------------------------------------


def said(*statements: Statement, account: RequestAccounts = ACCOUNT) -> dict[str, Any]:
    request: dict[str, Any] = json_format.MessageToDict(
        request_of(a_batch(*statements), account), preserving_proto_field_name=True
    )
    return request


def fields_in(statement: Statement) -> dict[str, Any]:
    (event,) = said(statement)["events"]
    return dict(event)


def test_a_conversion_is_said_as_google_reads_it() -> None:
    statement = a_statement(
        identifiers=Identifiers(emails=("a" * 64,), phones=("b" * 64,)),
        customer_type=CustomerType.REENGAGED,
    )
    assert said(structs.replace(statement, variables={"days_to_close": "12"})) == {
        "destinations": [
            {
                "operating_account": {"account_type": "GOOGLE_ADS", "account_id": "1234567890"},
                "product_destination_id": "123",
            }
        ],
        "encoding": "HEX",
        "events": [
            {
                "transaction_id": statement.order_id,
                "event_timestamp": "2026-03-02T15:00:00Z",
                "event_source": "OTHER",
                "currency": "USD",
                "conversion_value": 100.0,
                "ad_identifiers": {"gclid": "Cj0KCQ-one"},
                "consent": {"ad_user_data": "CONSENT_GRANTED"},
                "user_data": {
                    "user_identifiers": [{"email_address": "a" * 64}, {"phone_number": "b" * 64}]
                },
                "user_properties": {"customer_type": "REENGAGED"},
                "custom_variables": [{"variable": "days_to_close", "value": "12"}],
            }
        ],
    }


def test_whoever_signs_in_for_another_is_named_beside_the_account_that_owns_the_action() -> None:
    account = RequestAccounts(operating="1", login="2", linked="3", event_source="PHONE")
    (destination,) = said(a_statement(), account=account)["destinations"]
    accounts = {name: destination[f"{name}_account"] for name in ("operating", "login", "linked")}
    assert {name: each["account_id"] for name, each in accounts.items()} == {
        "operating": "1",
        "login": "2",
        "linked": "3",
    }
    assert {each["account_type"] for each in accounts.values()} == {"GOOGLE_ADS"}
    (event,) = said(a_statement(), account=account)["events"]
    assert event["event_source"] == "PHONE"


def test_an_encoding_is_named_only_where_something_is_encoded() -> None:
    assert "encoding" not in said(a_statement())
    assert said(a_statement(), a_statement(identifiers=SOMEBODY))["encoding"] == "HEX"


@pytest.mark.parametrize("kind", sorted(CLICK_IDS))
def test_exactly_one_click_id_is_sent(kind: ClickIdKind) -> None:
    event = fields_in(a_statement(click_id=ClickId(kind, "x")))
    assert event["ad_identifiers"] == {kind.value: "x"}


def test_without_a_click_the_person_stands_alone() -> None:
    event = fields_in(a_statement(click_id=None, identifiers=SOMEBODY))
    assert "ad_identifiers" not in event
    assert event["user_data"]


@pytest.mark.parametrize("phones", [0, 4, 30])
def test_at_most_ten_identifiers_are_sent_in_order(phones: int) -> None:
    who = Identifiers(
        emails=tuple(hashed(f"{n}@example.com") for n in range(8)),
        phones=tuple(hashed(f"+4930{n}") for n in range(phones)),
    )
    sent = fields_in(a_statement(identifiers=who))["user_data"]["user_identifiers"]
    expected = [{"email_address": email} for email in who.emails]
    expected += [{"phone_number": phone} for phone in who.phones]
    assert sent == expected[:10]


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        pytest.param(UNSPECIFIED, None, id="nothing is claimed"),
        pytest.param(
            Consent(ad_user_data=ConsentStatus.GRANTED, ad_personalization=ConsentStatus.DENIED),
            {"ad_user_data": "CONSENT_GRANTED", "ad_personalization": "CONSENT_DENIED"},
            id="each for itself",
        ),
        pytest.param(
            Consent(ad_personalization=ConsentStatus.GRANTED),
            {"ad_personalization": "CONSENT_GRANTED"},
            id="one of them",
        ),
    ],
)
def test_only_what_a_person_said_is_claimed(
    consent: Consent, expected: Mapping[str, str] | None
) -> None:
    assert fields_in(a_statement(consent=consent)).get("consent") == expected


@pytest.mark.parametrize(
    ("amount", "currency", "number"),
    [
        pytest.param("0", "EUR", 0.0, id="nothing is said as zero"),
        pytest.param("0.01", "EUR", 0.01, id="a cent"),
        pytest.param("12500", "JPY", 12500.0, id="a currency without cents"),
        pytest.param("12.345", "KWD", 12.345, id="a currency of three places"),
        pytest.param("1234567.891234", "EUR", 1234567.891234, id="millionths"),
        pytest.param(str(MOST), "VND", 1e12, id="the most there may be"),
    ],
)
def test_money_is_said_to_the_last_place(amount: str, currency: str, number: float) -> None:
    event = fields_in(a_statement(value=Money(amount=Decimal(amount), currency=currency)))
    assert (event["conversion_value"], event["currency"]) == (number, currency)


def test_a_retraction_says_zero_and_does_not_leave_it_out() -> None:
    request = request_of(a_batch(a_statement(value=usd(0), operation=Operation.RETRACT)), ACCOUNT)
    assert request.events[0].HasField("conversion_value")


@pytest.mark.parametrize(
    ("at", "written"),
    [
        pytest.param(
            datetime(2026, 3, 2, 15, 0, 0, 123456, UTC), "2026-03-02T15:00:00.123456Z", id="micros"
        ),
        pytest.param(
            datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-03-29T01:30:00Z",
            id="another zone",
        ),
        pytest.param(
            datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), "1969-12-31T23:59:59Z", id="-1"
        ),
    ],
)
def test_times_are_said_as_instants(at: datetime, written: str) -> None:
    assert fields_in(a_statement(event_at=at))["event_timestamp"] == written


def test_the_same_batch_is_said_in_the_same_bytes() -> None:
    requests = {request_of(of_many(3), ACCOUNT).SerializeToString() for _ in range(3)}
    assert len(requests) == 1


# --- what is answered ----------------------------------------------------------------------------


def violations(*named: tuple[str, str]) -> Any:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, reason=reason)
            for field, reason in named
        ]
    )


def info(reason: str, **metadata: str) -> Any:
    return error_details_pb2.ErrorInfo(reason=reason, metadata=metadata)


def refused(
    count: int, *details: Any, error: type[exceptions.GoogleAPICallError] | None = None
) -> Sequence[Outcome]:
    cause = (error or exceptions.InvalidArgument)("somebody@example.com", details=details)
    return outcomes_of_refusal(refusal_of(cause), of_many(count), NOW, destination="google")


UNTRIED = Untried()
MISSING = Rejected(code="REQUIRED_FIELD_MISSING")


def test_named_rows_are_rejected_and_the_others_go_again() -> None:
    named = violations(
        ("events.events[1].event_source", "REQUIRED_FIELD_MISSING"),
        ("events.events[3].user_data.user_identifiers[9]", "INVALID_SHA256_FORMAT"),
    )
    assert refused(5, info("INVALID_ARGUMENT"), named) == [
        UNTRIED,
        MISSING,
        UNTRIED,
        Rejected(code="INVALID_SHA256_FORMAT"),
        UNTRIED,
    ]


def test_a_bare_event_is_a_row_too() -> None:
    assert refused(2, violations(("events[0]", "INVALID_FORMAT"))) == [
        Rejected(code="INVALID_FORMAT"),
        UNTRIED,
    ]


def test_a_violation_without_a_reason_has_that_of_the_refusal_or_its_status() -> None:
    unnamed = violations(("events[0]", ""))
    assert refused(1, info("INVALID_FORMAT"), unnamed) == [Rejected(code="INVALID_FORMAT")]
    assert refused(1, unnamed) == [Rejected(code="INVALID_ARGUMENT")]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_several_reasons_on_a_row_the_gravest_decides(*, is_reversed: bool) -> None:
    named = [
        ("events[0].currency", "OF_NEXT_YEAR"),
        ("events[0].event_source", "REQUIRED_FIELD_MISSING"),
    ]
    assert refused(1, violations(*(reversed(named) if is_reversed else named))) == [MISSING]


def test_rows_that_do_not_exist_reject_none_that_do() -> None:
    beyond = violations(("events[2]", "REQUIRED_FIELD_MISSING"))
    assert refused(2, info("INVALID_ARGUMENT"), beyond) == [UNTRIED, UNTRIED]
    both = violations(("events[7]", "INVALID_FORMAT"), ("events[0]", "REQUIRED_FIELD_MISSING"))
    assert refused(2, both) == [MISSING, UNTRIED]


@pytest.mark.parametrize("field", ["", "destinations[0]", "encoding", "events", "events[-1]"])
def test_a_violation_of_no_row_is_halved_until_the_row_stands_alone(field: str) -> None:
    named = violations((field, "INVALID_FORMAT"))
    assert refused(2, named) == [UNTRIED] * 2
    assert refused(1, named) == [Rejected(code="INVALID_FORMAT")]


def test_a_refusal_that_says_nothing_at_all_is_halved_too() -> None:
    assert refused(2) == [UNTRIED] * 2
    assert refused(1) == [Rejected(code="INVALID_ARGUMENT")]


def test_an_unknown_reason_is_kept_and_deferred() -> None:
    kept = Deferred(code="OF_NEXT_YEAR", until=NOW + timedelta(days=1), is_unknown=True)
    assert refused(2, violations(("events[1]", "OF_NEXT_YEAR"))) == [UNTRIED, kept]
    assert refused(1, info("OF_NEXT_YEAR")) == [kept]


def test_a_reason_to_wait_that_names_no_row_is_every_rows() -> None:
    until = NOW + timedelta(hours=6)
    assert (
        refused(3, info("CONVERSION_ACTION_TOO_RECENTLY_CREATED"))
        == [Deferred(code="CONVERSION_ACTION_TOO_RECENTLY_CREATED", until=until)] * 3
    )


def test_a_refusal_of_the_whole_request_stops_the_run_and_names_the_fix() -> None:
    asked = error_details_pb2.RequestInfo(request_id="req-1")
    with pytest.raises(OperatorError, match=r"batch 7: .*\(request req-1\)") as raised:
        refused(3, asked, info("NOT_ALLOWLISTED"))
    assert "operating_account" in str(raised.value)


NO_ACTION = "INVALID_CONVERSION_ACTION_ID"
NO_TERMS = "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"
OTHERS_CLICK = "INVALID_AD_IDENTIFIER_FOR_ACCOUNT"


def test_what_an_action_is_refused_for_blocks_every_row_at_once() -> None:
    named = violations(("destinations[0]", NO_ACTION))
    assert refused(3, named) == [Blocked(code=NO_ACTION)] * 3
    assert refused(3, named, error=exceptions.NotFound) == [Blocked(code=NO_ACTION)] * 3


@pytest.mark.parametrize("place", ["events[2].user_data", "destinations[0]"])
def test_what_identifiers_are_refused_for_blocks_every_row_that_has_some(place: str) -> None:
    known = a_statement(identifiers=SOMEBODY)
    batch = a_batch(known, a_statement(), known, a_statement())
    cause = exceptions.InvalidArgument("", details=[violations((place, NO_TERMS))])
    blocked = Blocked(code=NO_TERMS)
    assert outcomes_of_refusal(refusal_of(cause), batch, NOW, destination="google") == [
        blocked,
        UNTRIED,
        blocked,
        UNTRIED,
    ]


def test_a_click_of_another_account_blocks_its_own_row_alone() -> None:
    assert refused(2, violations(("events[1].ad_identifiers", OTHERS_CLICK))) == [
        UNTRIED,
        Blocked(code=OTHERS_CLICK),
    ]


def test_a_row_that_is_wrong_is_refused_for_that_though_its_account_is_wrong_too() -> None:
    both = violations(
        ("destinations[0]", NO_ACTION), ("events[0].currency", "REQUIRED_FIELD_MISSING")
    )
    assert refused(2, both) == [MISSING, Blocked(code=NO_ACTION)]


@pytest.mark.parametrize("error", [exceptions.Unauthenticated, exceptions.PermissionDenied])
def test_a_refusal_of_the_credentials_names_the_scope(
    error: type[exceptions.GoogleAPICallError],
) -> None:
    with pytest.raises(OperatorError, match=r"www\.googleapis\.com/auth/datamanager"):
        refused(1, error=error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.Aborted,
        exceptions.Cancelled,
        exceptions.Unknown,
    ],
)
def test_an_answer_that_may_have_been_lost_says_so_and_quotes_nobody(
    error: type[exceptions.GoogleAPICallError],
) -> None:
    with pytest.raises(TransientError) as raised:
        refused(2, error=error)
    assert raised.value.surely_not_taken is False
    assert "@" not in str(raised.value)


PER_DAY = info("RESOURCE_EXHAUSTED", quota_limit="IngestionServiceWriteRequestsPerDayPerProject")
PER_MINUTE = info(
    "RESOURCE_EXHAUSTED", quota_limit="IngestionServiceWriteRequestsPerMinutePerProject"
)


def asks_for(seconds: int) -> Any:
    delay = error_details_pb2.RetryInfo()
    delay.retry_delay.FromTimedelta(timedelta(seconds=seconds))
    return delay


@pytest.mark.parametrize(
    ("details", "wait_s"),
    [
        pytest.param([PER_MINUTE, asks_for(17)], 17, id="a minute's, with a delay"),
        pytest.param([PER_MINUTE], None, id="a minute's, without one"),
        pytest.param([PER_DAY], A_DAYS_QUOTA_S, id="a day's"),
        pytest.param([PER_DAY, asks_for(7200)], 7200, id="a day's, with a delay"),
        pytest.param([], None, id="nobody says whose"),
    ],
)
def test_a_spent_quota_has_told_nothing_and_says_how_long_to_wait(
    details: list[Any], wait_s: float | None
) -> None:
    with pytest.raises(TransientError) as raised:
        refused(2, *details, error=exceptions.ResourceExhausted)
    assert (raised.value.retry_after_s, raised.value.surely_not_taken) == (wait_s, True)


@pytest.mark.parametrize("error", [exceptions.NotFound, exceptions.DataLoss])
def test_a_status_that_an_upload_should_never_have_is_unexpected(
    error: type[exceptions.GoogleAPICallError],
) -> None:
    with pytest.raises(UnexpectedResponseError, match="should never happen"):
        refused(2, error=error)


# --- what is answered for a status, before it is one ---------------------------------------------


def an_answer(code: int, body: str, **headers: str) -> Response:
    response = Response()
    response.status_code = code
    response._content = body.encode()
    response.headers.update({name.replace("_", "-"): text for name, text in headers.items()})
    return response


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        pytest.param(an_answer(429, "", Retry_After="12"), 12, id="a header"),
        pytest.param(an_answer(429, "<html>"), None, id="no JSON"),
        pytest.param(an_answer(429, "[1]"), None, id="no object"),
        pytest.param(an_answer(503, '{"error": "gone"}'), None, id="an error that is a word"),
        pytest.param(
            an_answer(429, '{"error": {"details": [{"retryDelay": "31.5s"}, "and more"]}}'),
            31,
            id="a delay in the body",
        ),
        pytest.param(
            an_answer(
                429, '{"error": {"details": [{"metadata": {"quota_limit": "ReadRequestsPerDay"}}]}}'
            ),
            A_DAYS_QUOTA_S,
            id="a day's quota",
        ),
    ],
)
def test_a_status_that_cannot_be_had_now_says_when(answer: Response, wait_s: float | None) -> None:
    with pytest.raises(TransientError) as raised:
        response_json(answer, "google")
    assert raised.value.retry_after_s == wait_s


@pytest.mark.parametrize("code", [401, 403])
def test_a_status_that_is_withheld_is_for_a_person_to_fix(code: int) -> None:
    with pytest.raises(OperatorError, match="auth/datamanager"):
        response_json(an_answer(code, "{}"), "google")


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null"])
def test_a_status_that_is_no_object_is_unexpected(body: str) -> None:
    with pytest.raises(UnexpectedResponseError):
        response_json(an_answer(200, body), "google")
