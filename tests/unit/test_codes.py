"""Every code that the vendors' packages know has a meaning; every other one is kept and put off."""

from collections.abc import Callable, Iterable, Mapping, Set
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from google.ads import datamanager_v1

from convsync.model.outcome import Blocked, Confirmed, Deferred, NotMatched, Rejected
from convsync.model.statement import Operation
from convsync.model.takes import CODES, CodeMeaning
from convsync.upload.codes import (
    Class,
    Concern,
    Meaning,
    blocked,
    counted,
    outcome_of,
    row,
    rows_concerned,
    stop,
    unknown_click,
    wait,
)
from convsync.upload.google import google_ads_codes as ads
from convsync.upload.google.data_manager_codes import PROCESSING, REFUSALS
from convsync.upload.google.data_manager_codes import explain_code as explain_dm
from tests.builders import SOMEBODY, a_statement

NOW = datetime(2026, 3, 3, 2, tzinfo=UTC)
VERSIONS = ("v23", "v24", "v25", "v26")


def names_in(name: str, version: str = "v26") -> Set[str]:
    """Return the names in an enum of the Google Ads API's errors, which is named in CamelCase."""
    module = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    errors = import_module(f"google.ads.googleads.{version}.errors.types.{module}")
    return {value.name for value in getattr(getattr(errors, f"{name}Enum"), name)}


@pytest.mark.parametrize(
    ("values", "table"),
    [
        pytest.param(datamanager_v1.ErrorReason, REFUSALS, id="ErrorReason"),
        pytest.param(datamanager_v1.ProcessingErrorReason, PROCESSING, id="ProcessingErrorReason"),
    ],
)
def test_every_value_of_data_managers_enum_is_in_the_table_and_nothing_else_is(
    values: Iterable[Any], table: Mapping[str, Meaning]
) -> None:
    assert {value.name for value in values} == set(table)


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("ConversionUploadError", ads.CONVERSION_UPLOAD),
        ("ConversionAdjustmentUploadError", ads.CONVERSION_ADJUSTMENT_UPLOAD),
        ("NotAllowlistedError", ads.NOT_ALLOWLISTED),
        ("QuotaError", ads.QUOTA),
    ],
)
def test_every_value_of_google_ads_enum_is_in_the_table_and_nothing_else_is(
    name: str, table: Mapping[str, Meaning], version: str
) -> None:
    assert names_in(name, version) == set(table)


def test_the_families_are_fields_of_the_vendors_error_code() -> None:
    errors = import_module("google.ads.googleads.v26.errors.types.errors")
    fields = {field.name for field in errors.ErrorCode.pb(errors.ErrorCode()).DESCRIPTOR.fields}
    assert set(ads.FAMILIES) <= fields
    assert set(ads.FAMILIES) >= ads.TRANSIENT


@pytest.mark.parametrize("family", [name for name in ads.FAMILIES if ads.FAMILIES[name].prefix])
def test_every_exception_to_a_family_is_a_value_of_it(family: str) -> None:
    camel = "".join(part.capitalize() for part in family.split("_"))
    assert set(ads.FAMILIES[family].values) <= names_in(camel)


@pytest.mark.parametrize(
    "table",
    [REFUSALS, PROCESSING, ads.CONVERSION_UPLOAD, ads.CONVERSION_ADJUSTMENT_UPLOAD, ads.QUOTA],
)
def test_what_a_person_can_fix_says_how_and_what_waits_says_how_long(
    table: Mapping[str, Meaning],
) -> None:
    for code, meaning in table.items():
        is_for_a_person = meaning.what in {Class.BLOCKED, Class.STOP}
        assert not is_for_a_person or meaning.fix, code
        assert bool(meaning.sentence) != meaning.is_unknown, code
        assert (meaning.wait > timedelta(0)) == (meaning.what is Class.WAIT), code


@pytest.mark.parametrize(
    ("family", "value", "operation", "code", "what"),
    [
        pytest.param(
            "conversion_upload_error",
            "ORDER_ID_ALREADY_IN_USE",
            Operation.COUNT,
            "ORDER_ID_ALREADY_IN_USE",
            Class.COUNTED,
            id="already there",
        ),
        pytest.param(
            "conversion_adjustment_upload_error",
            "CONVERSION_ALREADY_RETRACTED",
            Operation.RETRACT,
            "CONVERSION_ALREADY_RETRACTED",
            Class.COUNTED,
            id="already taken back",
        ),
        pytest.param(
            "conversion_adjustment_upload_error",
            "CONVERSION_ALREADY_RETRACTED",
            Operation.RESTATE,
            "CONVERSION_ALREADY_RETRACTED",
            Class.ROW,
            id="what was taken back cannot be restated",
        ),
        pytest.param(
            "conversion_upload_error",
            "99",
            Operation.COUNT,
            "conversion_upload_error.99",
            Class.WAIT,
            id="a number that is not known yet",
        ),
        pytest.param(
            "conversion_upload_error",
            "UNKNOWN",
            Operation.COUNT,
            "conversion_upload_error.UNKNOWN",
            Class.WAIT,
            id="UNKNOWN",
        ),
        pytest.param(
            "not_allowlisted_error",
            "UNKNOWN",
            Operation.COUNT,
            "not_allowlisted_error.UNKNOWN",
            Class.STOP,
            id="not allow-listed, for whatever",
        ),
        pytest.param(
            "error_code_901",
            "7",
            Operation.COUNT,
            "error_code_901.7",
            Class.WAIT,
            id="an enum that is not known yet",
        ),
        pytest.param(
            "date_error",
            "LATER_THAN_MAXIMUM_DATE",
            Operation.COUNT,
            "date_error.LATER_THAN_MAXIMUM_DATE",
            Class.ROW,
            id="a field of the row",
        ),
        pytest.param(
            "campaign_error",
            "DUPLICATE_CAMPAIGN_NAME",
            Operation.COUNT,
            "campaign_error.DUPLICATE_CAMPAIGN_NAME",
            Class.WAIT,
            id="an error that has no business here",
        ),
    ],
)
def test_a_code_of_the_google_ads_api_keeps_its_spelling_and_has_a_meaning(
    family: str, value: str, operation: Operation, code: str, what: Class
) -> None:
    kept, meaning = ads.meaning_of(family, value, operation)
    assert (kept, meaning.what) == (code, what)


def test_not_being_allow_listed_is_answered_with_the_way_to_the_data_manager_api() -> None:
    _, meaning = ads.meaning_of(
        "not_allowlisted_error", "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", Operation.COUNT
    )
    assert 'kind = "data_manager"' in meaning.fix
    assert "counted is sent again" in meaning.fix


@pytest.mark.parametrize("table", [REFUSALS, PROCESSING])
def test_an_unknown_code_is_kept_and_deferred_for_a_day(
    table: Mapping[str, Meaning],
) -> None:
    code, tomorrow = "INVENTED_NEXT_YEAR", NOW + timedelta(days=1)
    kept = Deferred(code=code, until=tomorrow, is_unknown=True)
    assert outcome_of(code, table, a_statement(), NOW) == kept


A_PERSON = a_statement(click_id=None, identifiers=SOMEBODY)


def test_each_class_has_its_outcome() -> None:
    table = {
        "here": counted("It is there."),
        "theirs": counted("Something is there.", is_by_our_key=False),
        "later": wait("Not yet.", hours=24),
        "later, once": wait("Not found.", hours=24, is_once=True),
        "account": blocked("It is off.", "Turn it on."),
        "never": row("It is wrong."),
        "halt": stop("Nothing goes.", "Fix it."),
        "nobody": unknown_click("No such click."),
    }
    tomorrow = NOW + timedelta(days=1)
    outcomes = {code: outcome_of(code, table, a_statement(), NOW) for code in table}
    assert outcomes == {
        "here": Confirmed(code="here"),
        "theirs": Confirmed(code="theirs", is_by_our_key=False),
        "later": Deferred(code="later", until=tomorrow),
        "later, once": Deferred(code="later, once", until=tomorrow, is_once=True),
        "account": Blocked(code="account"),
        "never": Rejected(code="never"),
        "halt": Rejected(code="halt"),
        "nobody": Rejected(code="nobody"),
    }
    assert outcome_of("nobody", table, A_PERSON, NOW) == NotMatched(code="nobody")


NO_CLICKS = ["CLICK_NOT_FOUND", "INVALID_CLICK"]


@pytest.mark.parametrize(
    ("code", "table"),
    [
        *((f"PROCESSING_ERROR_REASON_{code}", PROCESSING) for code in NO_CLICKS),
        ("CLICK_NOT_FOUND", ads.CONVERSION_UPLOAD),
        ("EVENT_NOT_FOUND", ads.CONVERSION_UPLOAD),
    ],
)
def test_a_person_without_a_known_click_is_ordinary_and_a_click_id_is_not(
    code: str, table: Mapping[str, Meaning]
) -> None:
    assert outcome_of(code, table, A_PERSON, NOW) == NotMatched(code=code)
    assert outcome_of(code, table, a_statement(), NOW) == Rejected(code=code)


@pytest.mark.parametrize(
    ("code", "table", "is_ours"),
    [
        ("PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID", PROCESSING, True),
        ("PROCESSING_ERROR_REASON_DUPLICATE_GCLID", PROCESSING, False),
        ("ORDER_ID_ALREADY_IN_USE", ads.CONVERSION_UPLOAD, True),
        ("CLICK_CONVERSION_ALREADY_EXISTS", ads.CONVERSION_UPLOAD, False),
        ("CONVERSION_ALREADY_RETRACTED", ads.CONVERSION_ADJUSTMENT_UPLOAD, True),
    ],
)
def test_already_there_says_whose_key_it_names(
    code: str, table: Mapping[str, Meaning], *, is_ours: bool
) -> None:
    outcome = outcome_of(code, table, a_statement(), NOW)
    assert outcome == Confirmed(code=code, is_by_our_key=is_ours)


BLOCKING = [
    "TERMS",
    "ENHANCED_CONVERSIONS",
    "ONE_PER_CLICK",
    "INVALID_CONVERSION_ACTION",
    "NO_CONVERSION_ACTION",
    "CUSTOM_VARIABLE_NOT_ENABLED",
    "CUSTOM_VARIABLE_NOT_FOUND",
    "INVALID_CUSTOMER_FOR_CLICK",
    "INVALID_OPERATING_ACCOUNT_FOR_CLICK",
    "OPERATING_ACCOUNT_MISMATCH",
    "UNAUTHORIZED_CUSTOMER",
    "INVALID_AD_IDENTIFIER_FOR_ACCOUNT",
    "EXTERNAL",
    "DEFAULT_CONVERSION_VALUE",
]


@pytest.mark.parametrize(
    "table", [REFUSALS, PROCESSING, ads.CONVERSION_UPLOAD, ads.CONVERSION_ADJUSTMENT_UPLOAD]
)
@pytest.mark.parametrize("part", BLOCKING)
def test_a_refusal_because_of_the_account_rejects_no_row_for_good(
    part: str, table: Mapping[str, Meaning]
) -> None:
    about = {code: meaning.what for code, meaning in table.items() if part in code}
    assert set(about.values()) <= {Class.BLOCKED}, about


PEOPLE = [a_statement(identifiers=SOMEBODY), a_statement(), a_statement(identifiers=SOMEBODY)]


@pytest.mark.parametrize(
    ("concern", "rows"),
    [
        (Concern.NAMED, []),
        (Concern.ALL, [0, 1, 2]),
        (Concern.IDENTIFIERS, [0, 2]),
        (Concern.VARIABLES, [0, 1, 2]),  # none has any: whoever is meant is among them
    ],
)
def test_rows_that_share_a_blocked_ones_fate_are_known(concern: Concern, rows: list[int]) -> None:
    assert list(rows_concerned(blocked("Off.", "On.", concern), PEOPLE)) == rows
    assert list(rows_concerned(row("Wrong."), PEOPLE)) == []


@pytest.mark.parametrize(
    ("explain", "code", "sentence"),
    [
        (explain_dm, "CUSTOM_VARIABLE_NOT_FOUND", "The account has no such custom variable."),
        (explain_dm, "2 of 9: PROCESSING_ERROR_REASON_INVALID_GCLID; 1 of 9: X", "The gclid"),
        (explain_dm, "REQUEST_TOO_OLD", "The verdict was asked for too late"),
        (explain_dm, "NO_IDENTIFIERS_LEFT", "The conversion was counted by hashed"),
        (ads.explain_code, "EXPIRED_EVENT", "The click is older than the action's"),
        (ads.explain_code, "date_error.INVALID_DATE", "Google finds a fault with a field"),
        (ads.explain_code, "TOO_OLD_TO_CORRECT", "The conversion is older than the platform"),
    ],
)
def test_a_code_is_explained_in_a_sentence(
    explain: Callable[[str], CodeMeaning | None], code: str, sentence: str
) -> None:
    found = explain(code)
    assert found is not None
    assert found.sentence.startswith(sentence)


@pytest.mark.parametrize("explain", [explain_dm, ads.explain_code])
@pytest.mark.parametrize("code", ["OF_NEXT_YEAR", "conversion_upload_error.977", "x_error.Y"])
def test_an_unknown_code_is_not_explained(
    explain: Callable[[str], CodeMeaning | None], code: str
) -> None:
    assert explain(code) is None


@pytest.mark.parametrize("code", CODES)
def test_our_own_codes_are_explained_at_both_roads(code: str) -> None:
    assert explain_dm(code) is not None
    assert ads.explain_code(code) is not None
