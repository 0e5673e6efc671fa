"""Meta's events and answers: what a batch looks like, and what every number means."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convsync.errors import OperatorError, TransientError
from convsync.http import Answer
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.identifiers import Identifiers
from convsync.model.money import Money
from convsync.model.outcome import Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.model.statement import Operation, Statement
from convsync.model.takes import OPERATION_NOT_TAKEN, TOO_OLD_TO_COUNT
from convsync.upload.meta.answers import outcomes_of
from convsync.upload.meta.conversions_api_codes import (
    MEANINGS,
    PASSING,
    THROTTLED,
    explain_code,
)
from convsync.upload.meta.events import Dataset, fbc_of, request_of
from convsync.upload.meta.takes import VALUE_NEGATIVE, meta
from tests.builders import NOW, a_statement, usd
from tests.contract.destination_suite import a_batch

CLICKED_AT = datetime(2026, 3, 1, 9, 30, 15, 250_000, tzinfo=UTC)
DATASET = Dataset(dataset_id="1234567890123456", crm_name="HubSpot", access_token="a-token")
TAKES = meta("system_generated")


def an_event(**changes: Any) -> Mapping[str, Any]:
    """Return the one event of a request about a conversion."""
    (event,) = request_of(a_batch(a_meta_statement(**changes)), DATASET)["data"]
    assert isinstance(event, dict)
    return event


def a_meta_statement(**changes: Any) -> Statement:
    known: dict[str, Any] = {
        "click_id": ClickId(ClickIdKind.FBCLID, "IwAR-x_Y"),
        "clicked_at": CLICKED_AT,
    }
    return a_statement(**(known | changes))


def answered(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(place="meta", status=status, headers=headers or {}, body=body, sent_at=NOW)


def refused(code: int, subcode: int | None = None, status: int = 400, **more: Any) -> Answer:
    error = {"code": code, "error_subcode": subcode, "fbtrace_id": "AbC1", **more}
    return answered(status, {"error": error})


def read(answer: Answer, rows: int = 1) -> list[Outcome]:
    batch = a_batch(*[a_meta_statement()] * rows)
    return list(outcomes_of(answer, batch, NOW, destination="meta"))


def test_an_event_says_what_was_planned_but_not_when_it_is_sent() -> None:
    statement = a_meta_statement(variables={"days_to_close": "12"}, value=usd(99))
    assert an_event(variables={"days_to_close": "12"}, value=usd(99)) == {
        "event_name": statement.action.action_id,
        "event_time": int(statement.event_at.timestamp()),
        "event_id": statement.order_id,
        "action_source": "system_generated",
        "user_data": {"fbc": "fb.1.1772357415250.IwAR-x_Y"},
        "custom_data": {
            "days_to_close": "12",
            "event_source": "crm",
            "lead_event_source": "HubSpot",
            "value": 99.0,
            "currency": "USD",
            "order_id": statement.order_id,
        },
    }


def test_an_fbclid_without_a_time_was_seen_by_the_milestone() -> None:
    event_at = NOW - timedelta(days=1)
    event = an_event(clicked_at=None, event_at=event_at)
    assert event["user_data"] == {"fbc": fbc_of("IwAR-x_Y", event_at)}


def test_hashes_are_sent_in_lists_with_or_without_a_click() -> None:
    who = Identifiers(emails=("a" * 64, "b" * 64), phones=("c" * 64,))
    assert an_event(click_id=None, identifiers=who)["user_data"] == {
        "em": ["a" * 64, "b" * 64],
        "ph": ["c" * 64],
    }


def test_at_most_ten_identifiers_go_out_and_e_mails_go_first() -> None:
    who = Identifiers(emails=("a" * 64,) * 9, phones=("c" * 64,) * 3)
    found = an_event(identifiers=who)["user_data"]
    assert (len(found["em"]), len(found["ph"])) == (9, 1)


def test_test_events_and_the_apps_proof_go_out_only_where_they_are_set() -> None:
    batch = a_batch(a_meta_statement())
    assert set(request_of(batch, DATASET)) == {"data"}
    known = Dataset(dataset_id="1", test_event_code="TEST1", access_token="t", app_secret="s")
    assert set(request_of(batch, known)) == {"data", "test_event_code", "appsecret_proof"}
    assert "t" not in repr(known).split("access_token")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, None, id="as it should be"),
        pytest.param({"event_at": NOW - timedelta(days=7)}, None, id="seven days old"),
        pytest.param(
            {"event_at": NOW - timedelta(days=7, seconds=1)}, TOO_OLD_TO_COUNT, id="older"
        ),
        pytest.param({"value": usd(-1)}, VALUE_NEGATIVE, id="a value below zero"),
        pytest.param({"operation": Operation.RESTATE}, OPERATION_NOT_TAKEN, id="a correction"),
        pytest.param({"operation": Operation.RETRACT}, OPERATION_NOT_TAKEN, id="taking back"),
        pytest.param(
            {"click_id": ClickId(ClickIdKind.FB_LEAD_ID, "1234567890123456")}, None, id="a lead"
        ),
        pytest.param(
            {"click_id": ClickId(ClickIdKind.FB_LEAD_ID, "12345678901234")},
            "LEAD_ID_MALFORMED",
            id="a lead's ID that lost a digit",
        ),
    ],
)
def test_a_row_that_would_make_meta_refuse_the_request_is_known_beforehand(
    changes: dict[str, Any], code: str | None
) -> None:
    statement = a_meta_statement(**({"event_at": NOW - timedelta(days=1)} | changes))
    assert TAKES.refusal_of(statement, NOW) == code
    assert code is None or code in {TOO_OLD_TO_COUNT, OPERATION_NOT_TAKEN} or explain_code(code)


def test_a_shops_sales_may_be_older_and_are_never_repeated() -> None:
    takes = meta("physical_store")
    statement = a_meta_statement(event_at=NOW - timedelta(days=60))
    assert takes.refusal_of(statement, NOW) is None
    assert not takes.repeats.may_repeat(statement, NOW, NOW)


def test_all_are_counted_where_all_were_received() -> None:
    answer = answered(200, {"events_received": 3, "messages": [], "fbtrace_id": "A"})
    assert read(answer, rows=3) == [Confirmed()] * 3


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"events_received": 2, "messages": []}, id="one less"),
        pytest.param({"events_received": 3, "messages": ["something"]}, id="a message"),
        pytest.param({"events_received": "3"}, id="a text"),
        pytest.param({}, id="nothing"),
        pytest.param(None, id="no body"),
        pytest.param([], id="a list"),
    ],
)
def test_any_other_answer_leaves_all_of_them_unknown(body: Any) -> None:
    with pytest.raises(TransientError) as raised:
        read(answered(200, body), rows=3)
    assert not raised.value.surely_not_taken


@pytest.mark.parametrize("code", THROTTLED)
def test_a_throttled_request_was_not_accepted_and_says_when_to_retry(code: str) -> None:
    usage = '{"1": [{"estimated_time_to_regain_access": 2}, {"call_count": 100}]}'
    headers = {"x-business-use-case-usage": usage}
    body = {"error": {"code": int(code)}}
    with pytest.raises(TransientError) as raised:
        read(answered(400, body, headers))
    assert raised.value.surely_not_taken
    assert raised.value.retry_after_s == 120


@pytest.mark.parametrize("code", PASSING)
def test_a_transient_failure_may_have_been_accepted(code: str) -> None:
    with pytest.raises(TransientError) as raised:
        read(refused(int(code), status=500))
    assert not raised.value.surely_not_taken


def test_an_error_meta_calls_transient_is_transient_whatever_its_code() -> None:
    with pytest.raises(TransientError):
        read(refused(100, 2804001, is_transient=True))


@pytest.mark.parametrize("status", [400, 401, 500])
@pytest.mark.parametrize(
    ("code", "subcode", "said"),
    [
        (190, 463, "190/463, trace AbC1.*access_token"),
        (190, None, "190.*access_token"),
        (100, 33, "100/33.*dataset_id"),
        (10, None, "ads_management"),
        (294, None, "ads_management"),
        (368, None, "Account quality"),
    ],
)
def test_an_error_for_a_person_to_fix_stops_the_run_whatever_the_status(
    code: int, subcode: int | None, said: str, status: int
) -> None:
    with pytest.raises(OperatorError, match=said):
        read(refused(code, subcode, status), rows=3)


@pytest.mark.parametrize("subcode", [2804001, 2804003, 2804009, 2804050, None])
def test_a_refused_event_is_rejected_alone_and_not_judged_among_others(
    subcode: int | None,
) -> None:
    code = f"100/{subcode}" if subcode else "100"
    assert read(refused(100, subcode)) == [Rejected(code=code)]
    assert read(refused(100, subcode), rows=2) == [Untried()] * 2
    assert explain_code(code)


@pytest.mark.parametrize(("code", "subcode"), [(100, 2899999), (4711, None), (4711, 5)])
def test_a_number_of_next_year_is_kept_and_tried_again(code: int, subcode: int | None) -> None:
    (outcome,) = read(refused(code, subcode))
    assert isinstance(outcome, Deferred)
    assert outcome.is_unknown
    assert outcome.code == (f"{code}/{subcode}" if subcode else str(code))
    assert explain_code(outcome.code) is None


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code, meaning in MEANINGS.items():
        assert meaning.sentence, code
        assert meaning.fix, code


def test_money_goes_out_as_a_number() -> None:
    value = Money(amount=usd(0).amount + 19, currency="EUR")
    assert an_event(value=value)["custom_data"]["value"] == 19
