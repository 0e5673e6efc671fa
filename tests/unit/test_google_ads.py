"""The Google Ads road's two halves without the call between them: what is said, what is answered.

Against the vendor's own messages; whole uploads are in `tests/contract`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.protobuf import json_format
from msgspec import structs

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.outcome import Blocked, Confirmed, Deferred, NotMatched, Rejected, Untried
from convsync.model.statement import Batch, Operation, OrderId, Statement
from convsync.upload.google.google_ads_answers import outcomes_of, outcomes_of_refusal
from convsync.upload.google.google_ads_api import Api, Customer
from convsync.upload.google.google_ads_requests import adjustments_request_of, upload_request_of
from convsync.upload.google.takes import CLICK_IDS
from tests.builders import ACTION, DENIED, GRANTED, NOW, WON_AT, a_statement, usd

API = Api()
CUSTOMER = Customer(customer_id="1234567890", variables={"days_to_close": "77"})
DAY = timedelta(days=1)
DATA_CONSTRAINT_VIOLATION = 3


def a_batch(*statements: Statement, number: int = 7) -> Batch:
    return Batch(number=number, action=ACTION, statements=statements)


def of_many(count: int, operation: Operation = Operation.COUNT) -> Batch:
    return a_batch(
        *(
            a_statement(
                OrderId(f"cs-{row}"),
                operation=operation,
                click_id=ClickId(ClickIdKind.GCLID, f"click-{row}"),
            )
            for row in range(count)
        )
    )


# --- what is said --------------------------------------------------------------------------------


def fields_in(statement: Statement) -> dict[str, Any]:
    request = upload_request_of(a_batch(statement), CUSTOMER, API)
    row: dict[str, Any] = json_format.MessageToDict(
        request.conversions[0], preserving_proto_field_name=True
    )
    return row


def test_a_conversion_is_said_as_google_reads_it() -> None:
    assert fields_in(structs.replace(a_statement(), variables={"days_to_close": "12"})) == {
        "gclid": "Cj0KCQ-one",
        "conversion_action": "customers/1234567890/conversionActions/123",
        "conversion_date_time": "2026-03-02 15:00:00+00:00",
        "conversion_value": 100.0,
        "currency_code": "USD",
        "order_id": a_statement().order_id,
        "consent": {"ad_user_data": "GRANTED"},
        "custom_variables": [
            {
                "conversion_custom_variable": "customers/1234567890/conversionCustomVariables/77",
                "value": "12",
            }
        ],
    }


def test_the_request_lets_rows_fail_alone_and_carries_the_batchs_number() -> None:
    request = upload_request_of(of_many(2), CUSTOMER, API)
    assert (request.customer_id, request.partial_failure) == ("1234567890", True)
    assert (request.job_id, request.validate_only) == (7, False)
    assert [row.order_id for row in request.conversions] == ["cs-0", "cs-1"]


@pytest.mark.parametrize("number", [0, 2**31])
def test_a_number_that_is_no_job_id_is_not_sent(number: int) -> None:
    request = upload_request_of(a_batch(a_statement(), number=number), CUSTOMER, API)
    assert not request.HasField("job_id")


@pytest.mark.parametrize("kind", sorted(CLICK_IDS))
def test_exactly_one_click_id_is_sent(kind: ClickIdKind) -> None:
    said = fields_in(a_statement(click_id=ClickId(kind, "x")))
    assert {name: said[name] for name in ("gclid", "gbraid", "wbraid") if name in said} == {
        kind.value: "x"
    }


@pytest.mark.parametrize("kind", [ClickIdKind.GBRAID, ClickIdKind.WBRAID])
def test_no_custom_variable_goes_out_with_a_braid(kind: ClickIdKind) -> None:
    braided = a_statement(click_id=ClickId(kind, "x"))
    assert "custom_variables" not in fields_in(
        structs.replace(braided, variables={"days_to_close": "12"})
    )


def test_a_custom_variable_without_a_number_names_the_setting() -> None:
    statement = a_statement(variables={"segment": "smb"})
    with pytest.raises(OperatorError, match=r"'segment'.*custom_variables"):
        upload_request_of(a_batch(statement), CUSTOMER, API)


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        pytest.param(UNSPECIFIED, None, id="nothing is claimed"),
        pytest.param(GRANTED, {"ad_user_data": "GRANTED"}, id="granted"),
        pytest.param(DENIED, {"ad_user_data": "DENIED"}, id="denied"),
        pytest.param(
            Consent(ad_personalization=ConsentStatus.GRANTED), None, id="personalization is refused"
        ),
    ],
)
def test_consent_for_personalization_is_never_sent(
    consent: Consent, said: Mapping[str, str] | None
) -> None:
    assert fields_in(a_statement(consent=consent)).get("consent") == said


def test_at_most_five_identifiers_are_sent_hashed_and_in_order() -> None:
    emails = tuple(hashed(f"{n}@example.com") for n in range(4))
    phones = tuple(hashed(f"+4930{n}") for n in range(4))
    said = fields_in(a_statement(identifiers=Identifiers(emails=emails, phones=phones)))
    assert said["user_identifiers"] == [
        *({"hashed_email": email} for email in emails),
        {"hashed_phone_number": phones[0]},
    ]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (None, None),
        (CustomerType.NEW, "NEW"),
        (CustomerType.RETURNING, "RETURNING"),
        (CustomerType.REENGAGED, None),
    ],
)
def test_a_type_of_customer_is_said_where_google_has_a_word_for_it(
    kind: CustomerType | None, said: str | None
) -> None:
    assert fields_in(a_statement(customer_type=kind)).get("customer_type") == said


def test_two_deals_of_one_click_in_one_second_are_told_apart() -> None:
    statements = [a_statement(OrderId(f"cs-{n}")) for n in range(3)]
    request = upload_request_of(a_batch(*statements), CUSTOMER, API)
    assert [row.conversion_date_time for row in request.conversions] == [
        "2026-03-02 15:00:00+00:00",
        "2026-03-02 14:59:59+00:00",
        "2026-03-02 14:59:58+00:00",
    ]


def test_the_same_batch_is_said_in_the_same_bytes() -> None:
    said = {upload_request_of(of_many(3), CUSTOMER, API).SerializeToString() for _ in range(3)}
    assert len(said) == 1


def test_a_correction_names_the_order_and_the_time_of_correction() -> None:
    restated = a_statement(OrderId("cs-1"), value=usd("70.50"), operation=Operation.RESTATE)
    retracted = a_statement(OrderId("cs-2"), value=usd(0), operation=Operation.RETRACT)
    request = adjustments_request_of(a_batch(restated, retracted), CUSTOMER, API, NOW)
    said = json_format.MessageToDict(request, preserving_proto_field_name=True)
    common = {
        "conversion_action": "customers/1234567890/conversionActions/123",
        "adjustment_date_time": "2026-03-03 03:00:00+00:00",
    }
    assert said["conversion_adjustments"] == [
        {
            **common,
            "order_id": "cs-1",
            "adjustment_type": "RESTATEMENT",
            "restatement_value": {"adjusted_value": 70.5, "currency_code": "USD"},
        },
        {**common, "order_id": "cs-2", "adjustment_type": "RETRACTION"},
    ]
    assert request.partial_failure


# --- what is answered ----------------------------------------------------------------------------


def an_error(
    family: str = "conversion_upload_error",
    number: int = 3,
    *,
    row: int | None = 0,
    path: Sequence[tuple[str, int | None]] = (),
    delay_s: int | None = None,
) -> Any:
    failure = API.failure()
    error = failure.errors.add()
    setattr(error.error_code, family, number)
    if row is not None:
        element = error.location.field_path_elements.add()
        element.field_name, element.index = "conversions", row
    for name, index in path:
        element = error.location.field_path_elements.add()
        element.field_name = name
        if index is not None:
            element.index = index
    if delay_s is not None:
        error.details.quota_error_details.retry_delay.seconds = delay_s
    return error


def a_failure(*errors: Any) -> Any:
    failure = API.failure(request_id="req-1")
    failure.errors.extend(errors)
    return failure


def a_response(batch: Batch, *errors: Any, code: int = 3) -> Any:
    response = type(uploads_response()).FromString(b"")
    if errors:
        response.partial_failure_error.code = code
        response.partial_failure_error.details.add().Pack(a_failure(*errors))
    failed = {error.location.field_path_elements[0].index for error in errors if rows_of(error)}
    for row, statement in enumerate(batch.statements):
        result = response.results.add()
        if row not in failed:
            result.conversion_action = statement.action.action_id
    return response


def rows_of(error: Any) -> bool:
    return bool(error.location.field_path_elements)


def uploads_response() -> Any:
    from google.ads.googleads.v26.services.types import conversion_upload_service as service

    return service.UploadClickConversionsResponse.pb(service.UploadClickConversionsResponse())


def answered(batch: Batch, *errors: Any) -> Sequence[Any]:
    return outcomes_of(a_response(batch, *errors), API, batch, NOW, destination="ads")


UNPARSEABLE_GCLID, TOO_RECENT_EVENT, ORDER_ID_IN_USE, NO_ACTION = 3, 44, 15, 53
CLICK_EXISTS, CLICK_NOT_FOUND = 23, 33


def test_without_an_error_every_row_is_confirmed() -> None:
    assert answered(of_many(3)) == [Confirmed()] * 3


def test_one_failure_holds_the_errors_of_many_rows() -> None:
    outcomes = answered(
        of_many(5),
        an_error(number=UNPARSEABLE_GCLID, row=1),
        an_error(number=TOO_RECENT_EVENT, row=2),
        an_error(number=ORDER_ID_IN_USE, row=4),
    )
    assert outcomes == [
        Confirmed(),
        Rejected(code="UNPARSEABLE_GCLID"),
        Deferred(code="TOO_RECENT_EVENT", until=NOW + timedelta(hours=6)),
        Confirmed(),
        Confirmed(code="ORDER_ID_ALREADY_IN_USE"),
    ]


def test_the_row_is_the_first_index_of_a_path_and_not_the_last() -> None:
    error = an_error(row=1, path=[("user_identifiers", 2), ("hashed_email", None)])
    assert answered(of_many(3), error) == [
        Confirmed(),
        Rejected(code="UNPARSEABLE_GCLID"),
        Confirmed(),
    ]


def test_an_index_of_zero_is_an_index() -> None:
    assert answered(of_many(2), an_error(row=0))[0] == Rejected(code="UNPARSEABLE_GCLID")


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_several_errors_on_a_row_the_worst_decides(*, is_reversed: bool) -> None:
    errors = [
        an_error(number=ORDER_ID_IN_USE, row=0),
        an_error(number=TOO_RECENT_EVENT, row=0),
        an_error(number=UNPARSEABLE_GCLID, row=0),
        an_error(number=ORDER_ID_IN_USE, row=1),
        an_error(number=TOO_RECENT_EVENT, row=1),
    ]
    outcomes = answered(of_many(3), *(reversed(errors) if is_reversed else errors))
    assert outcomes == [
        Rejected(code="UNPARSEABLE_GCLID"),
        Deferred(code="TOO_RECENT_EVENT", until=NOW + timedelta(hours=6)),
        Confirmed(),
    ]


def kept(code: str) -> Deferred:
    return Deferred(code=code, until=NOW + DAY, is_unknown=True)


def test_an_unknown_error_number_is_kept_and_deferred() -> None:
    outcomes = answered(of_many(2), an_error(number=977, row=1))
    assert outcomes[1] == kept("conversion_upload_error.977")


def test_an_unknown_enum_is_kept_and_deferred() -> None:
    unknown = an_error(row=1)
    unknown.error_code.Clear()
    unknown.error_code.MergeFromString(bytes([0xA8, 0x46, 0x07]))  # field 1125, varint 7
    outcomes = answered(of_many(2), unknown)
    assert outcomes == [Confirmed(), kept("error_code_1125.7")]


def test_a_row_with_an_empty_error_code_is_deferred_too() -> None:
    empty = an_error(row=0)
    empty.error_code.Clear()
    assert answered(of_many(1), empty) == [kept("error_code.0")]


def test_an_unpublished_code_is_kept() -> None:
    error = an_error("internal_error", 3, row=0)
    error.details.unpublished_error_code = "SomethingNew.HAPPENED"
    (outcome, _) = answered(of_many(2), error)
    assert outcome.code == "internal_error.ERROR_CODE_NOT_PUBLISHED.SomethingNew.HAPPENED"


def test_an_error_of_no_row_is_that_of_every_row_that_was_not_taken() -> None:
    batch = of_many(3)
    response = a_response(batch, an_error(number=TOO_RECENT_EVENT, row=None))
    response.results[1].Clear()
    outcomes = outcomes_of(response, API, batch, NOW, destination="ads")
    wait = Deferred(code="TOO_RECENT_EVENT", until=NOW + timedelta(hours=6))
    assert outcomes == [Confirmed(), wait, Confirmed()]


def answer_of(batch: Batch, *errors: Any, results: Sequence[bool]) -> Any:
    """Return a response with so many results, some of them empty."""
    response = a_response(batch, *errors)
    del response.results[:]
    for is_taken in results:
        result = response.results.add()
        if is_taken:
            result.conversion_action = batch.action.action_id
    return response


@pytest.mark.parametrize(
    ("results", "errors", "silent"),
    [
        pytest.param([], [], 3, id="no results"),
        pytest.param([True, True], [], 1, id="too few results"),
        pytest.param([True, False, True], [], 1, id="an empty one without an error"),
        pytest.param([False, False, True], [0], 1, id="two empty ones and one error"),
        pytest.param([True], [0], 2, id="too few beside an error"),
    ],
)
def test_a_row_without_a_result_and_without_an_error_has_no_answer(
    results: list[bool], errors: list[int], silent: int
) -> None:
    batch = of_many(3)
    response = answer_of(batch, *(an_error(row=row) for row in errors), results=results)
    with pytest.raises(TransientError, match=rf"no answer for {silent} of 3 rows") as raised:
        outcomes_of(response, API, batch, NOW, destination="ads")
    assert not raised.value.surely_not_taken
    outcomes_of(response, API, batch, NOW, destination="ads", is_dry_run=True)


def test_results_of_rows_that_were_not_sent_are_nobodys() -> None:
    batch = of_many(2)
    response = answer_of(batch, results=[True] * 5)
    assert outcomes_of(response, API, batch, NOW, destination="ads") == [Confirmed()] * 2


def test_an_error_of_a_row_that_was_not_sent_costs_none_that_was_taken() -> None:
    batch = of_many(3)
    response = answer_of(batch, an_error(row=7), results=[True, False, True])
    assert outcomes_of(response, API, batch, NOW, destination="ads") == [
        Confirmed(),
        Rejected(code="UNPARSEABLE_GCLID"),
        Confirmed(),
    ]


@pytest.mark.parametrize("value", [b"", b"\xff\xff\xff"])
def test_an_unreadable_failure_defers_the_rows_that_were_not_accepted(value: bytes) -> None:
    batch = of_many(2)
    response = a_response(batch, an_error(row=1))
    detail = response.partial_failure_error.details[0]
    detail.value = value
    outcomes = outcomes_of(response, API, batch, NOW, destination="ads")
    assert outcomes == [
        Confirmed(),
        kept("partial_failure.INVALID_ARGUMENT"),
    ]


def test_an_error_on_every_row_stops_the_run_and_names_the_request() -> None:
    batch = of_many(3)
    errors = [an_error("not_allowlisted_error", 2, row=row) for row in range(3)]
    with pytest.raises(OperatorError) as raised:
        answered(batch, *errors)
    message = str(raised.value)
    assert "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE" in message
    assert "request req-1" in message
    assert 'kind = "data_manager"' in message


def test_a_stopping_error_on_some_rows_rejects_none_and_settles_the_others() -> None:
    outcomes = answered(
        of_many(3),
        an_error("not_allowlisted_error", 2, row=0),
        an_error(number=UNPARSEABLE_GCLID, row=1),
    )
    assert outcomes == [Untried(), Rejected(code="UNPARSEABLE_GCLID"), Confirmed()]


def test_what_the_account_is_refused_for_blocks_the_row_and_lets_the_others_go() -> None:
    errors = [an_error(number=NO_ACTION, row=0), an_error(number=TOO_RECENT_EVENT, row=0)]
    assert answered(of_many(2), *errors) == [
        Blocked(code="NO_CONVERSION_ACTION_FOUND"),
        Confirmed(),
    ]


def test_every_row_blocked_is_no_reason_to_stop_what_other_actions_have_to_say() -> None:
    errors = [an_error(number=NO_ACTION, row=row) for row in range(2)]
    assert answered(of_many(2), *errors) == [Blocked(code="NO_CONVERSION_ACTION_FOUND")] * 2


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_two_reasons_for_being_there_our_own_key_decides(*, is_reversed: bool) -> None:
    errors = [an_error(number=ORDER_ID_IN_USE), an_error(number=CLICK_EXISTS)]
    assert answered(of_many(1), *(reversed(errors) if is_reversed else errors)) == [
        Confirmed(code="ORDER_ID_ALREADY_IN_USE")
    ]
    assert answered(of_many(1), an_error(number=CLICK_EXISTS)) == [
        Confirmed(code="CLICK_CONVERSION_ALREADY_EXISTS", is_by_our_key=False)
    ]


def test_a_person_google_knows_no_click_of_is_ordinary() -> None:
    person = a_statement(click_id=None, identifiers=Identifiers(emails=(hashed("a@b.example"),)))
    batch = a_batch(person, a_statement())
    not_found = [an_error(number=CLICK_NOT_FOUND, row=row) for row in range(2)]
    assert answered(batch, *not_found) == [
        NotMatched(code="CLICK_NOT_FOUND"),
        Rejected(code="CLICK_NOT_FOUND"),
    ]


def test_a_quota_spent_on_every_row_is_waited_for_as_long_as_the_server_says() -> None:
    errors = [an_error("quota_error", 4, row=row, delay_s=30 + row) for row in range(2)]
    with pytest.raises(TransientError, match="RESOURCE_TEMPORARILY_EXHAUSTED") as raised:
        answered(of_many(2), *errors)
    assert (raised.value.retry_after_s, raised.value.surely_not_taken) == (31, True)


NOT_FOUND = ("conversion_adjustment_upload_error", 5)


def test_an_adjustment_whose_conversion_is_not_found_is_tried_once_more() -> None:
    batch = of_many(1, Operation.RETRACT)
    assert answered(batch, an_error(*NOT_FOUND)) == [
        Deferred(code="CONVERSION_NOT_FOUND", until=NOW + DAY, is_once=True)
    ]


def test_an_internal_error_on_every_row_may_have_been_heard() -> None:
    with pytest.raises(TransientError) as raised:
        answered(of_many(2), *(an_error("internal_error", 4, row=row) for row in range(2)))
    assert not raised.value.surely_not_taken


@pytest.mark.parametrize(
    ("family", "number"),
    [("quota_error", 2), ("internal_error", 4), ("database_error", 2)],
)
def test_a_wrong_moment_for_some_rows_leaves_these_to_a_request_of_their_own(
    family: str, number: int
) -> None:
    errors = an_error(family, number, row=1, delay_s=90), an_error(family, number, row=2)
    assert answered(of_many(3), *errors) == [Confirmed(), Untried(), Untried()]


def test_a_field_that_the_database_refuses_is_no_wrong_moment() -> None:
    errors = [an_error("database_error", DATA_CONSTRAINT_VIOLATION, row=row) for row in range(2)]
    assert (
        answered(of_many(2), *errors)
        == [Rejected(code="database_error.DATA_CONSTRAINT_VIOLATION")] * 2
    )


@pytest.mark.parametrize(
    ("number", "operation", "outcome"),
    [
        (4, Operation.RETRACT, Confirmed(code="CONVERSION_ALREADY_RETRACTED")),
        (4, Operation.RESTATE, Rejected(code="CONVERSION_ALREADY_RETRACTED")),
        (
            5,
            Operation.RESTATE,
            Deferred(code="CONVERSION_NOT_FOUND", until=NOW + DAY, is_once=True),
        ),
        (6, Operation.RESTATE, Rejected(code="CONVERSION_EXPIRED")),
        (
            13,
            Operation.RESTATE,
            Deferred(code="RESTATEMENT_ALREADY_EXISTS", until=NOW + timedelta(hours=1)),
        ),
    ],
)
def test_a_correction_s_code_is_read_by_its_operation(
    number: int, operation: Operation, outcome: Any
) -> None:
    error = an_error("conversion_adjustment_upload_error", number, row=0)
    assert answered(of_many(1, operation), error) == [outcome]


# --- what is refused -----------------------------------------------------------------------------


class Call(grpc.RpcError):
    """A call that ended badly, as gRPC has it."""

    def __init__(self, code: grpc.StatusCode, failure: Any = None) -> None:
        self._code = code
        self._failure = failure

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "somebody@example.com could not be uploaded"

    def trailing_metadata(self) -> Any:
        if self._failure is None:
            return [("request-id", "req-1")]
        return [(API.failure_key, self._failure.SerializeToString())]


def refused(batch: Batch, code: str, *errors: Any, failure: Any = None) -> Sequence[Any]:
    found = a_failure(*errors) if errors else failure
    error = exceptions.from_grpc_error(Call(grpc.StatusCode[code], found))
    return outcomes_of_refusal(error, API, batch, NOW, destination="ads")


@pytest.mark.parametrize(
    "code",
    ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED", "ABORTED", "UNKNOWN"],
)
def test_a_refusal_in_passing_is_tried_again_and_quotes_no_body(code: str) -> None:
    with pytest.raises(TransientError, match=rf"ads did not take batch 7: {code}\.") as raised:
        refused(of_many(2), code)
    assert raised.value.retry_after_s is None
    assert "@" not in str(raised.value)


def test_an_exhausted_quota_says_how_long_to_wait_in_its_trailing_metadata() -> None:
    with pytest.raises(TransientError, match="RESOURCE_EXHAUSTED") as raised:
        refused(
            of_many(1), "RESOURCE_EXHAUSTED", an_error("quota_error", 2, row=None, delay_s=3600)
        )
    assert raised.value.retry_after_s == 3600


def test_a_transient_error_under_any_status_is_tried_again() -> None:
    with pytest.raises(TransientError, match=r"database_error\.CONCURRENT_MODIFICATION"):
        refused(of_many(1), "INVALID_ARGUMENT", an_error("database_error", 2, row=None))


@pytest.mark.parametrize(
    ("code", "family", "number", "said"),
    [
        ("PERMISSION_DENIED", "not_allowlisted_error", 2, 'kind = "data_manager"'),
        ("PERMISSION_DENIED", "authorization_error", 2, "the scope adwords"),
        ("PERMISSION_DENIED", "authorization_error", 32, "approved for production"),
        ("UNAUTHENTICATED", "authentication_error", 15, "the scope adwords"),
        ("RESOURCE_EXHAUSTED", "quota_error", 3, "the Google Ads API must be enabled"),
        ("INVALID_ARGUMENT", "request_error", 38, "api_version"),
        ("INVALID_ARGUMENT", "header_error", 3, "login_customer_id"),
    ],
)
def test_a_refusal_of_the_whole_request_stops_the_run_and_names_the_fix(
    code: str, family: str, number: int, said: str
) -> None:
    with pytest.raises(OperatorError, match=r"request req-1") as raised:
        refused(of_many(2), code, an_error(family, number, row=None))
    assert said in str(raised.value)


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_a_refusal_of_the_credentials_names_the_scope(code: str) -> None:
    with pytest.raises(OperatorError, match=r"www\.googleapis\.com/auth/adwords"):
        refused(of_many(1), code)


def test_a_version_that_is_no_longer_served_names_the_setting() -> None:
    with pytest.raises(OperatorError, match="api_version"):
        refused(of_many(1), "UNIMPLEMENTED")


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "DATA_LOSS"])
def test_a_refusal_that_says_nothing_is_unexpected(code: str) -> None:
    with pytest.raises(UnexpectedResponseError, match=code):
        refused(of_many(1), code)


def test_a_request_refused_for_a_row_costs_only_that_row() -> None:
    outcomes = refused(of_many(3), "INVALID_ARGUMENT", an_error("field_error", 2, row=1))
    assert outcomes == [Untried(), Rejected(code="field_error.REQUIRED"), Untried()]


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"])
def test_a_request_refused_for_its_action_blocks_all_of_its_rows(status: str) -> None:
    error = an_error("conversion_upload_error", NO_ACTION, row=None)
    assert refused(of_many(2), status, error) == [Blocked(code="NO_CONVERSION_ACTION_FOUND")] * 2


def test_a_request_refused_for_no_row_is_halved_until_the_row_stands_alone() -> None:
    error = an_error("field_error", 4, row=None)
    assert refused(of_many(2), "INVALID_ARGUMENT", error) == [Untried(), Untried()]
    assert refused(of_many(1), "INVALID_ARGUMENT", error) == [
        Rejected(code="field_error.INVALID_VALUE")
    ]


def test_times_are_sent_in_utc_whatever_zone_they_are_in() -> None:
    at = datetime(2026, 3, 2, 16, tzinfo=UTC).astimezone()
    assert fields_in(a_statement(event_at=at))["conversion_date_time"].endswith("16:00:00+00:00")
    assert WON_AT.tzinfo is UTC
