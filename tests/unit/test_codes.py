"""Every code that the vendors' packages know has a meaning; every other one is kept and put off."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from google.ads import datamanager_v1

from convsync.model.outcome import Confirmed, Deferred, Rejected
from convsync.model.statement import Operation
from convsync.upload.codes import COUNTED, NEXT_DAY, ROW, Class, Meaning, outcome_of, stop
from convsync.upload.google import google_ads_codes as ads
from convsync.upload.google.data_manager_codes import PROCESSING, REFUSALS

NOW = datetime(2026, 3, 3, 2, tzinfo=UTC)
VERSIONS = ("v23", "v24", "v25", "v26")


def an_enum(name: str, version: str = "v26") -> Iterable[Any]:
    """Return one of the Google Ads API's enums of errors, by its name in CamelCase."""
    module = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    errors = import_module(f"google.ads.googleads.{version}.errors.types.{module}")
    values: Iterable[Any] = getattr(getattr(errors, f"{name}Enum"), name)
    return values


@pytest.mark.parametrize(
    ("values", "table"),
    [
        pytest.param(datamanager_v1.ErrorReason, REFUSALS, id="ErrorReason"),
        pytest.param(datamanager_v1.ProcessingErrorReason, PROCESSING, id="ProcessingErrorReason"),
        *(
            pytest.param(an_enum(name, version), table, id=f"{name} {version}")
            for name, table in {
                "ConversionUploadError": ads.CONVERSION_UPLOAD,
                "ConversionAdjustmentUploadError": ads.CONVERSION_ADJUSTMENT_UPLOAD,
                "NotAllowlistedError": ads.NOT_ALLOWLISTED,
                "QuotaError": ads.QUOTA,
            }.items()
            for version in VERSIONS
        ),
    ],
)
def test_every_value_of_the_enum_is_in_the_table_and_nothing_else_is(
    values: Iterable[Any], table: Mapping[str, Meaning]
) -> None:
    assert {value.name for value in values} == set(table)


def test_the_families_are_fields_of_the_vendors_error_code() -> None:
    errors = import_module("google.ads.googleads.v26.errors.types.errors")
    fields = {field.name for field in errors.ErrorCode.pb(errors.ErrorCode()).DESCRIPTOR.fields}
    assert set(ads.FAMILIES) <= fields
    assert set(ads.FAMILIES) >= ads.TRANSIENT


@pytest.mark.parametrize("family", [name for name in ads.FAMILIES if ads.FAMILIES[name].prefix])
def test_every_exception_to_a_family_is_a_value_of_it(family: str) -> None:
    camel = "".join(part.capitalize() for part in family.split("_"))
    assert set(ads.FAMILIES[family].values) <= {value.name for value in an_enum(camel)}


@pytest.mark.parametrize(
    "table",
    [REFUSALS, PROCESSING, ads.CONVERSION_UPLOAD, ads.CONVERSION_ADJUSTMENT_UPLOAD, ads.QUOTA],
)
def test_what_stops_a_run_says_how_to_mend_it_and_what_waits_says_how_long(
    table: Mapping[str, Meaning],
) -> None:
    for code, meaning in table.items():
        assert bool(meaning.mend) or meaning.what is not Class.STOP, code
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
    assert 'kind = "data_manager"' in meaning.mend
    assert "counted is sent again" in meaning.mend


@pytest.mark.parametrize("table", [REFUSALS, PROCESSING])
def test_a_code_that_no_table_knows_is_kept_and_put_off_for_a_day(
    table: Mapping[str, Meaning],
) -> None:
    code, tomorrow = "INVENTED_NEXT_YEAR", NOW + timedelta(days=1)
    kept = Deferred(code=code, until=tomorrow, is_unknown=True)
    assert outcome_of(code, table, NOW) == kept


def test_each_class_has_its_outcome() -> None:
    table = {"here": COUNTED, "later": NEXT_DAY, "never": ROW, "halt": stop("Mend it.")}
    assert outcome_of("here", table, NOW) == Confirmed(code="here")
    assert outcome_of("later", table, NOW) == Deferred(code="later", until=NOW + timedelta(days=1))
    assert outcome_of("never", table, NOW) == Rejected(code="never")
    assert outcome_of("halt", table, NOW) == Rejected(code="halt")
