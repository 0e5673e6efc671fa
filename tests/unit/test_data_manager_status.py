"""Verdicts of the Data Manager API: what is made of whatever `requestStatus:retrieve` answers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from convsync.errors import UnexpectedResponseError
from convsync.model.outcome import Blocked, Confirmed, Deferred, Outcome, Rejected
from convsync.model.statement import Batch, OrderId
from convsync.upload.destination import StillProcessing, Unknown, Verdict
from convsync.upload.google.data_manager_status import verdict_of
from tests.builders import ACTION, NOW, a_statement

PREFIX = "PROCESSING_ERROR_REASON_"
BAD, RECENT, THERE = (
    f"{PREFIX}{name}" for name in ("INVALID_GCLID", "TOO_RECENT_CLICK", "DUPLICATE_GCLID")
)
TERMS = f"{PREFIX}DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"
NEXT_YEARS = f"{PREFIX}MERCURY_RETROGRADE"
SIX_HOURS, DAY = timedelta(hours=6), timedelta(days=1)
COUNTED, REFUSED = Confirmed(), Rejected(code=BAD)
PUT_OFF = Deferred(code=RECENT, until=NOW + SIX_HOURS)


def error(reason: str, count: int | str, *rows: int | str) -> dict[str, Any]:
    said: dict[str, Any] = {"reason": reason, "recordCount": count}
    return said | ({"recordIndices": list(rows)} if rows else {})


def status(word: str, *errors: dict[str, Any], records: int | None = 3) -> dict[str, Any]:
    part: dict[str, Any] = {"requestStatus": word}
    if errors:
        part["errorInfo"] = {"errorCounts": list(errors)}
    if records is not None:
        part["eventsIngestionStatus"] = {"recordCount": str(records)}
    return {"requestStatusPerDestination": [part]}


def verdict(body: Mapping[str, Any], http_status: int = 200, rows: int = 3) -> Verdict:
    statements = [a_statement(OrderId(f"cs-{row}")) for row in range(rows)]
    return verdict_of(body, http_status, Batch(number=7, action=ACTION, statements=statements), NOW)


def counted_only(*said: str) -> Confirmed:
    return Confirmed(code="; ".join(said))


VERDICTS: dict[str, tuple[dict[str, Any], list[Outcome]]] = {
    "all counted": (status("SUCCESS"), [COUNTED] * 3),
    "all counted, and nobody says how many": (status("SUCCESS", records=None), [COUNTED] * 3),
    "one named": (
        status("PARTIAL_SUCCESS", error(BAD, "1", 1)),
        [COUNTED, REFUSED, COUNTED],
    ),
    "each named for itself": (
        status("PARTIAL_SUCCESS", error(BAD, 1, 2), error(RECENT, 1, "0")),
        [PUT_OFF, COUNTED, REFUSED],
    ),
    "all named": (
        status("FAILED", error(BAD, 2, 0, 1), error(RECENT, 1, 2)),
        [REFUSED, REFUSED, PUT_OFF],
    ),
    "only counted": (
        status("PARTIAL_SUCCESS", error(BAD, "2")),
        [counted_only(f"2 of 3: {BAD}")] * 3,
    ),
    "one named and one only counted": (
        status("PARTIAL_SUCCESS", error(BAD, 2, 0)),
        [REFUSED, *[counted_only(f"1 of 3: {BAD}")] * 2],
    ),
    "rows that do not exist": (
        status("PARTIAL_SUCCESS", error(BAD, 2, 0, 9), error(RECENT, 1, -1)),
        [REFUSED, *[counted_only(f"1 of 3: {BAD}", f"1 of 3: {RECENT}")] * 2],
    ),
    "all failed for one reason": (status("FAILED", error(BAD, "3")), [REFUSED] * 3),
    "all failed, as Google's pages spell it": (status("FAILURE", error(BAD, 3)), [REFUSED] * 3),
    "all failed, of which some wait": (
        status("FAILED", error(BAD, 2), error(RECENT, 1)),
        [Deferred(code=f"2 of 3: {BAD}; 1 of 3: {RECENT}", until=NOW + SIX_HOURS)] * 3,
    ),
    "all failed for several reasons": (
        status("FAILED", error(BAD, 2), error(f"{PREFIX}INVALID_EVENT", 1)),
        [Rejected(code=f"2 of 3: {BAD}; 1 of 3: {PREFIX}INVALID_EVENT")] * 3,
    ),
    "all failed, and some of them for being there already": (
        status("FAILED", error(THERE, 2), error(BAD, 1)),
        [Confirmed(code=f"2 of 3: {THERE}; 1 of 3: {BAD}", is_by_our_key=False)] * 3,
    ),
    "two reasons for one row": (
        status("PARTIAL_SUCCESS", error(BAD, 1, 0), error(RECENT, 1, 0)),
        [REFUSED, COUNTED, COUNTED],
    ),
    "an account that is not set up": (
        status("PARTIAL_SUCCESS", error(TERMS, 1, 1)),
        [COUNTED, Blocked(code=TERMS), COUNTED],
    ),
    "all failed, and nobody says why": (
        status("FAILED"),
        [Deferred(code="FAILED", until=NOW + DAY, is_unknown=True)] * 3,
    ),
    "a reason of next year": (
        status("PARTIAL_SUCCESS", error(NEXT_YEARS, 1, 2)),
        [COUNTED, COUNTED, Deferred(code=NEXT_YEARS, until=NOW + DAY, is_unknown=True)],
    ),
    "nothing where there should be something": (
        {"requestStatusPerDestination": [{"requestStatus": "SUCCESS", "errorInfo": None}]},
        [COUNTED] * 3,
    ),
}


@pytest.mark.parametrize(("body", "outcomes"), VERDICTS.values(), ids=VERDICTS)
def test_no_more_is_made_of_a_status_than_it_says(
    body: Mapping[str, Any], outcomes: list[Outcome]
) -> None:
    assert verdict(body) == outcomes


@pytest.mark.parametrize(
    "body", [status("PROCESSING"), {}, {"requestStatusPerDestination": []}], ids=str
)
def test_what_is_not_said_yet_is_asked_for_again(body: Mapping[str, Any]) -> None:
    assert verdict(body) == StillProcessing()


NONSENSE: dict[str, Any] = {
    "a status of next year": status("CANCELLED"),
    "a status that is none": status("REQUEST_STATUS_UNKNOWN"),
    "no status at all": {"requestStatusPerDestination": [{}]},
    "another request's records": status("SUCCESS", records=4),
    "two destinations": {"requestStatusPerDestination": [*status("SUCCESS").values(), {}]},
    "a word in place of the destinations": {"requestStatusPerDestination": "SUCCESS"},
    "a number in place of a destination": {"requestStatusPerDestination": [1]},
    "an error without a reason": status("FAILED", {"recordCount": 1}),
    "rows that are no numbers": status("FAILED", error(BAD, 1, "one")),
    "a count that is none": status("FAILED", error(BAD, "many")),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_a_nonsensical_status_settles_nothing(body: Mapping[str, Any]) -> None:
    with pytest.raises(UnexpectedResponseError, match="The status of batch 7"):
        verdict(body)


def a_refusal(*details: Any) -> dict[str, Any]:
    return {"error": {"code": 400, "details": list(details)}}


@pytest.mark.parametrize("reason", ["INVALID_REQUEST_ID", "NOT_FOUND"])
def test_an_unknown_request_is_distinguished(reason: str) -> None:
    assert verdict(a_refusal({"reason": reason}), 400) == Unknown()
    in_a_field = {"fieldViolations": [{"field": "request_id", "reason": reason}]}
    assert verdict(a_refusal(in_a_field), 400) == Unknown()


def test_a_status_no_longer_kept_is_a_code_of_every_row() -> None:
    old = a_refusal({"reason": "REQUEST_TOO_OLD"})
    assert verdict(old, 400) == [Confirmed(code="REQUEST_TOO_OLD")] * 3


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(a_refusal({"reason": "SOMETHING_ELSE"}), id="another reason"),
        pytest.param(a_refusal(), id="no reason"),
        pytest.param({"error": "not found"}, id="a word"),
        pytest.param({"error": {"details": {"reason": "NOT_FOUND"}}}, id="no list"),
        pytest.param({"error": {"details": ["NOT_FOUND", {"fieldViolations": ["x"]}]}}, id="words"),
        pytest.param({}, id="nothing"),
    ],
)
def test_any_other_refusal_settles_nothing(body: Mapping[str, Any]) -> None:
    with pytest.raises(UnexpectedResponseError, match="batch 7 was refused"):
        verdict(body, 404)
