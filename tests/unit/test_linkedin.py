"""LinkedIn's events, sentences and versions: what a batch looks like, and what a refusal names."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from convsync.errors import OperatorError, TransientError
from convsync.http import Answer
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.identifiers import Identifiers
from convsync.model.money import Money
from convsync.model.outcome import Blocked, Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.model.statement import Operation, Statement
from convsync.model.takes import OPERATION_NOT_TAKEN, TOO_OLD_TO_COUNT
from convsync.upload.linkedin.answers import outcomes_of
from convsync.upload.linkedin.conversions_api_codes import MEANINGS, explain_code
from convsync.upload.linkedin.events import request_of
from convsync.upload.linkedin.takes import linkedin
from convsync.upload.linkedin.versions import NEWEST, is_listed, last_day_of
from tests.builders import NOW, a_statement, usd
from tests.contract.destination_suite import a_batch

TAKES = linkedin(repeats_unanswered=False)
CLICK = ClickId(ClickIdKind.LI_FAT_ID, "2ff4d0aa-8a6e-4a2f-9d5c-000000000001")
TIME = (
    "Conversion time should be within 90 days and not exceed current time, indices {} (0-indexed)."
)
METHOD = (
    "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API, "
    "indices [0] (0-indexed)"
)


def a_linkedin_statement(**changes: Any) -> Statement:
    return a_statement(**({"click_id": CLICK} | changes))


def answered(status: int, body: Any = None, **headers: str) -> Answer:
    return Answer(place="linkedin", status=status, headers=headers, body=body, sent_at=NOW)


def read(answer: Answer, rows: int = 1) -> list[Outcome]:
    batch = a_batch(*[a_linkedin_statement()] * rows)
    return list(outcomes_of(answer, batch, NOW, destination="linkedin"))


def test_an_event_says_what_was_planned_but_not_when_it_is_sent() -> None:
    event_at = datetime(2026, 3, 2, 15, 4, 5, 123_000, tzinfo=UTC)
    statement = a_linkedin_statement(event_at=event_at, value=usd(99))
    assert request_of(a_batch(statement)) == {
        "elements": [
            {
                "conversion": f"urn:lla:llaPartnerConversion:{statement.action.action_id}",
                "conversionHappenedAt": 1772463845123,
                "conversionValue": {"currencyCode": "USD", "amount": "99"},
                "eventId": statement.order_id,
                "user": {
                    "userIds": [
                        {
                            "idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
                            "idValue": CLICK.value,
                        }
                    ]
                },
            }
        ]
    }


def test_an_amount_is_text_in_digits_whatever_its_size() -> None:
    huge = Money(amount=usd(1).amount * 10**9, currency="USD")
    (event,) = request_of(a_batch(a_linkedin_statement(value=huge)))["elements"]
    assert event["conversionValue"]["amount"] == "1000000000"


def test_at_most_five_e_mails_go_out_behind_the_click() -> None:
    who = Identifiers(emails=tuple(str(n) * 64 for n in range(7)))
    (event,) = request_of(a_batch(a_linkedin_statement(identifiers=who)))["elements"]
    kinds = [one["idType"] for one in event["user"]["userIds"]]
    assert kinds == ["LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", *["SHA256_EMAIL"] * 5]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"event_at": NOW - timedelta(days=90)}, None, id="ninety days old"),
        pytest.param(
            {"event_at": NOW - timedelta(days=90, seconds=1)}, TOO_OLD_TO_COUNT, id="older"
        ),
        pytest.param({"operation": Operation.RESTATE}, OPERATION_NOT_TAKEN, id="a correction"),
        pytest.param({"operation": Operation.RETRACT}, OPERATION_NOT_TAKEN, id="taking back"),
    ],
)
def test_rows_linkedin_does_not_accept_are_known_beforehand(
    changes: dict[str, Any], code: str | None
) -> None:
    assert TAKES.refusal_of(a_linkedin_statement(**changes), NOW) == code


def test_an_unanswered_request_is_repeated_only_where_its_owner_says_so() -> None:
    statement = a_linkedin_statement()
    assert not TAKES.repeats.may_repeat(statement, NOW, NOW)
    assert linkedin(repeats_unanswered=True).repeats.are_always_safe


def test_each_element_is_counted_by_its_own_status() -> None:
    statuses = [{"status": 201}, {"status": 409}, {}, {"status": 201}]
    first, second, third, fourth = read(answered(200, {"elements": statuses}), rows=4)
    assert (first, fourth) == (Confirmed(), Confirmed())
    for outcome, code in ((second, "element 409"), (third, "element")):
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.is_unknown) == (code, True)


@pytest.mark.parametrize("body", [None, {}, {"elements": [{"status": 201}]}, [], "created"])
def test_an_answer_that_is_not_about_each_event_is_about_none(body: Any) -> None:
    with pytest.raises(TransientError) as raised:
        read(answered(200, body), rows=2)
    assert not raised.value.surely_not_taken


def test_rows_that_are_too_old_are_rejected_and_the_others_go_again() -> None:
    answer = answered(400, {"status": 400, "message": TIME.format("[0, 3]")})
    late, again = Rejected(code="400/TIME"), Untried()
    assert read(answer, rows=4) == [late, again, again, late]


def test_misshapen_rows_are_rejected_by_their_first_fault_and_the_others_go_again() -> None:
    sentence = (
        "Index: 1, ERROR :: /conversionValue/amount :: field is required but not found and has no "
        "default value\nERROR :: /user/userInfo/firstName :: field is required\n"
        "Index: 3, ERROR :: /user :: unrecognized field found but not allowed\n"
    )
    assert read(answered(422, {"message": sentence}), rows=4) == [
        Untried(),
        Rejected(code="422 /conversionValue/amount"),
        Untried(),
        Rejected(code="422 /user"),
    ]
    assert explain_code("422 /user") == explain_code("422")


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(422, "Invalid Urn format. Invalid prefix.", "422"), (422, "", "422")],
)
def test_a_refusal_that_names_no_row_is_halved_until_one_stands_alone(
    status: int, message: str, code: str
) -> None:
    answer = answered(status, {"message": message})
    assert read(answer, rows=3) == [Untried()] * 3
    assert read(answer) == [Rejected(code=code)]


def test_a_row_that_was_never_sent_is_not_judged() -> None:
    answer = answered(400, {"message": TIME.format("[7]")})
    assert read(answer, rows=2) == [Untried()] * 2


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (403, "No ad accounts found", "403"),
        (403, "Not enough permissions to access", "403"),
        (400, METHOD, "400/METHOD"),
    ],
)
def test_what_is_wrong_with_the_conversion_rule_blocks_all_its_rows(
    status: int, message: str, code: str
) -> None:
    answer = answered(status, {"message": message})
    assert read(answer, rows=3) == [Blocked(code=code)] * 3


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN"}, "65600.*auth linkedin"),
        (401, {"serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN"}, "65601.*revoked"),
        (401, None, "401.*auth linkedin"),
        (426, {"message": "Version Header is Deprecated"}, "426.*api_version"),
        (400, {"code": "VERSION_MISSING"}, "VERSION_MISSING"),
    ],
)
def test_what_a_person_has_to_fix_stops(status: int, body: Any, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        read(answered(status, body), rows=2)


def test_a_spent_limit_was_not_taken_and_is_over_with_the_minute() -> None:
    with pytest.raises(TransientError) as raised:
        read(answered(429, {"status": 429}))
    assert raised.value.surely_not_taken
    assert raised.value.retry_after_s == 60


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_transient_failure_may_have_been_accepted(status: int) -> None:
    with pytest.raises(TransientError) as raised:
        read(answered(status))
    assert not raised.value.surely_not_taken


@pytest.mark.parametrize("status", [400, 409, 413])
def test_a_refusal_of_next_year_is_kept_and_tried_again(status: int) -> None:
    (outcome,) = read(answered(status, {"message": "Something new"}))
    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.is_unknown) == (str(status), True)


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code, meaning in MEANINGS.items():
        assert meaning.sentence, code
        assert meaning.fix, code


@pytest.mark.parametrize(
    ("version", "ends_on", "listed"),
    [
        ("202603", date(2027, 3, 16), True),
        ("202607", date(2027, 7, 15), False),
        ("202612", date(2027, 12, 15), False),
    ],
)
def test_a_version_ends_about_a_year_after_its_month(
    version: str, ends_on: date, *, listed: bool
) -> None:
    assert last_day_of(version) == ends_on
    assert is_listed(version) is listed
    assert last_day_of(NEWEST) > date(2027, 1, 1)
