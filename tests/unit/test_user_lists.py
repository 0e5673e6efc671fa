"""Customer Match by the Data Manager API: requests, verdicts, and what refusals mean."""

from typing import Any

import pytest
from google.ads import datamanager_v1 as dm

from convsync.errors import UnexpectedResponseError
from convsync.model.audience import ListTerms
from convsync.model.identifiers import Identifiers, hashed
from convsync.upload.google import user_list_codes
from convsync.upload.google.data_manager_codes import REFUSALS
from convsync.upload.google.data_manager_requests import RequestAccounts
from convsync.upload.google.user_list_requests import (
    changed_list,
    headers_of,
    ingest_request,
    new_list,
    remove_request,
)
from convsync.upload.google.user_list_status import members_verdict
from convsync.upload.member_lists import Done

ACCOUNT = RequestAccounts(operating="1234567890", login="5555555555")
ANN = Identifiers(emails=(hashed("ann@example.com"),), phones=(hashed("+4915112345678"),))
TERMS = ListTerms(display_name="Lost", description="Lost deals.", membership_days=90)
P = "PROCESSING_ERROR_REASON_"


def test_an_addition_says_that_both_uses_were_agreed_to_and_the_terms_accepted() -> None:
    request = ingest_request(ACCOUNT, "42", [ANN])
    granted = dm.ConsentStatus.CONSENT_GRANTED
    assert (request.consent.ad_user_data, request.consent.ad_personalization) == (granted, granted)
    said = request.terms_of_service.customer_match_terms_of_service_status
    assert said == dm.TermsOfServiceStatus.ACCEPTED
    assert request.encoding == dm.Encoding.HEX
    (destination,) = request.destinations
    assert destination.product_destination_id == "42"
    assert destination.login_account.account_id == "5555555555"
    (member,) = request.audience_members
    email, phone = member.composite_data.user_data.user_identifiers
    assert (email.email_address, phone.phone_number) == (ANN.emails[0], ANN.phones[0])


def test_a_removal_names_all_identifiers_and_neither_consent_nor_terms() -> None:
    request = remove_request(ACCOUNT, "42", [ANN])
    fields = {field.name for field, _ in request.ListFields()}
    assert fields == {"destinations", "audience_members", "encoding"}
    (member,) = request.audience_members
    assert len(member.composite_data.user_data.user_identifiers) == 2


def test_a_new_list_is_of_people_of_our_own_and_lasts_whole_days() -> None:
    new = new_list("ours-1", TERMS)
    assert (new.integration_code, new.display_name) == ("ours-1", "Lost")
    assert new.membership_duration.seconds == 90 * 86_400
    assert changed_list(ACCOUNT, "42", TERMS).name == (
        "accountTypes/GOOGLE_ADS/accounts/1234567890/userLists/42"
    )


def test_calls_about_lists_say_who_signs_in() -> None:
    assert headers_of(ACCOUNT) == [("login-account", "accountTypes/GOOGLE_ADS/accounts/5555555555")]
    assert headers_of(RequestAccounts(operating="1234567890")) == []


def a_status(word: str, **errors: int) -> dict[str, Any]:
    counts = [{"reason": code, "recordCount": str(count)} for code, count in errors.items()]
    part: dict[str, Any] = {"requestStatus": word, "errorInfo": {"errorCounts": counts}}
    return {"requestStatusPerDestination": [part]}


@pytest.mark.parametrize(
    ("body", "done"),
    [
        ({}, Done.PENDING),
        (a_status("PROCESSING"), Done.PENDING),
        (a_status("SUCCESS"), Done.ALL),
        (a_status("PARTIAL_SUCCESS", A=1), Done.SOME),
        (a_status("FAILED", A=2), Done.NOTHING),
        (a_status("FAILURE", A=2), Done.NOTHING),
    ],
)
def test_a_status_says_how_much_was_done(body: dict[str, Any], done: Done) -> None:
    assert members_verdict(body, 200, "r-1").done is done


@pytest.mark.parametrize(
    ("code", "is_due_again"),
    [(f"{P}INTERNAL_ERROR", True), (f"{P}NO_CONSENT", False), (f"{P}NEVER_SEEN", False)],
)
def test_only_an_error_of_googles_own_is_worth_another_try(code: str, is_due_again: bool) -> None:
    verdict = members_verdict(a_status("PARTIAL_SUCCESS", **{code: 3}), 200, "r-1")
    assert (verdict.codes, verdict.is_due_again) == ({code: 3}, is_due_again)


def test_a_match_rate_is_said_as_a_range() -> None:
    body = a_status("SUCCESS")
    said = {"recordCount": "1", "uploadMatchRateRange": "MATCH_RATE_RANGE_61_TO_70"}
    status = {"compositeDataIngestionStatus": said}
    body["requestStatusPerDestination"][0]["audienceMembersIngestionStatus"] = status
    assert members_verdict(body, 200, "r-1").match_rate == "61 to 70"


@pytest.mark.parametrize("reason", ["INVALID_REQUEST_ID", "REQUEST_TOO_OLD"])
def test_a_request_that_is_not_known_any_more_is_planned_again(reason: str) -> None:
    body = {"error": {"details": [{"reason": reason}]}}
    assert members_verdict(body, 400, "r-1").done is Done.UNKNOWN


@pytest.mark.parametrize(
    ("body", "http_status"),
    [
        (a_status("DONE"), 200),
        ({"requestStatusPerDestination": [{}]}, 200),
        ({"requestStatusPerDestination": [{}, {}]}, 200),
        ({"error": {"details": [{"reason": "INVALID_ARGUMENT"}]}}, 400),
    ],
)
def test_a_status_that_makes_no_sense_settles_nothing(
    body: dict[str, Any], http_status: int
) -> None:
    with pytest.raises(UnexpectedResponseError, match="r-1"):
        members_verdict(body, http_status, "r-1")


def test_every_code_that_stops_is_one_of_googles_and_has_a_fix() -> None:
    known = {reason.name for reason in dm.ErrorReason}
    assert user_list_codes.STOPS.keys() <= known & REFUSALS.keys()
    assert all(fix.endswith((".", "6299717")) for fix in user_list_codes.STOPS.values())
    processed = {reason.name for reason in dm.ProcessingErrorReason}
    assert user_list_codes.PROCESSED.keys() | user_list_codes.REPEATED <= processed
