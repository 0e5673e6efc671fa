"""What the Google Ads API's codes mean (v26; the enums are the same from v23 on).

An error's code is a value of one of some 180 enums, and the enum's name in the `ErrorCode` message
(`conversion_upload_error`) is half of its meaning. Four enums are spelled out value by value; of
the others the name decides, with exceptions. A value that stands nowhere is kept and put off.

Where the class is not the first that comes to mind:

- A restatement "already there" for the same adjustment time may be one of an older value: a batch
  left over from a broken-off run and a fresh correction go out under the same time of day. It waits
  an hour, and is restated under a newer time, so that the ledger claims nothing that is not so.
- What an adjustment does not find may not have been processed yet, which takes Google a day. What
  it does not find a day later either is not there.
- A retracted conversion cannot be restated: a deal lost and won again stays taken back, and the
  refusal says so.
- Duplicates within a request are all left out by Google, so the next day parts them.
- A click of another account (INVALID_CUSTOMER_FOR_CLICK) is a matter of that row, for a CRM may
  know clicks of accounts that convsync does not; UNAUTHORIZED_CUSTOMER is a matter of the set-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from convsync.model.statement import Operation
from convsync.upload.codes import (
    COUNTED,
    NEXT_DAY,
    ONE_HOUR,
    ROW,
    SIX_HOURS,
    UNKNOWN,
    Meaning,
    row,
    stop,
)

TO_DATA_MANAGER = (
    "Since 2026-06-15 Google takes uploads by the Google Ads API only from those who made them "
    'before. Add a destination with kind = "data_manager" (config/csv.toml shows one), name it in '
    "each rule's `destination`, and run again: order IDs stay the same, and nothing that was "
    "counted is sent again."
)
_CUSTOMER = (
    "Upload to the account that owns the conversion action: set customer_id to it (Goals › "
    "Conversions shows the owner), and login_customer_id to the manager account you go through."
)
_ACTION = (
    "Check the rule's action_id under Goals › Conversions: it must exist, be enabled, be of the "
    "type Website (import from clicks), and not be externally attributed."
)
_ENHANCED = (
    "Turn on enhanced conversions for leads and accept the customer data terms under Goals › "
    "Settings, or set enhanced_conversions = false."
)
_VARIABLE = (
    "Enable the custom variable under Goals › Conversions › Custom variables and check its number "
    "in the destination's custom_variables, or take days_to_close_variable out of the rule."
)
_VALUE = (
    "The action always uses its default value, so that it cannot be corrected: let it use "
    "different values for each conversion under Goals › Conversions."
)
_OURS = "This is a mistake of convsync's: tell its authors the code and the request."
_PROJECT = (
    "Check the Cloud project of the credentials: the Google Ads API must be enabled in it and "
    "approved for production at console.cloud.google.com/google/ads-apis/overview."
)
_ACCESS = (
    "The credentials must carry the scope adwords, and their e-mail must be a user of the account "
    "or of login_customer_id: Admin › Access and security."
)
VERSION_MEND = "Set the destination's api_version to one that Google still serves."

CONVERSION_UPLOAD: Mapping[str, Meaning] = {
    "UNSPECIFIED": UNKNOWN,
    "UNKNOWN": UNKNOWN,
    "ORDER_ID_ALREADY_IN_USE": COUNTED,
    "CLICK_CONVERSION_ALREADY_EXISTS": COUNTED,
    "CALL_CONVERSION_ALREADY_EXISTS": COUNTED,
    "TOO_RECENT_EVENT": SIX_HOURS,
    "TOO_RECENT_CONVERSION_ACTION": SIX_HOURS,
    "TOO_RECENT_CALL": SIX_HOURS,
    "DUPLICATE_ORDER_ID": NEXT_DAY,
    "DUPLICATE_CLICK_CONVERSION_IN_REQUEST": NEXT_DAY,
    "DUPLICATE_CALL_CONVERSION_IN_REQUEST": NEXT_DAY,
    "UNPARSEABLE_GCLID": ROW,
    "UNPARSEABLE_WBRAID": ROW,
    "UNPARSEABLE_GBRAID": ROW,
    "CONVERSION_PRECEDES_EVENT": ROW,
    "EXPIRED_EVENT": ROW,
    "EVENT_NOT_FOUND": ROW,
    "CLICK_NOT_FOUND": ROW,
    "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME": ROW,
    "CONVERSION_TRACKING_NOT_ENABLED_AT_CALL_TIME": ROW,
    "EXPIRED_CALL": ROW,
    "CALL_NOT_FOUND": ROW,
    "CONVERSION_PRECEDES_CALL": ROW,
    "UNPARSEABLE_CALLERS_PHONE_NUMBER": ROW,
    "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": ROW,
    "ORDER_ID_CONTAINS_PII": ROW,
    "CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY": ROW,
    "INVALID_USER_IDENTIFIER": ROW,
    "UNSUPPORTED_USER_IDENTIFIER": ROW,
    "GBRAID_WBRAID_BOTH_SET": ROW,
    "INVALID_CUSTOMER_FOR_CLICK": row(_CUSTOMER),
    "INVALID_CUSTOMER_FOR_CALL": row(_CUSTOMER),
    "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": row(
        "Let the action count every conversion, or leave out clicks that have only a braid."
    ),
    "UNAUTHORIZED_CUSTOMER": stop(_CUSTOMER),
    "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": stop(_ACTION),
    "EXTERNAL_ATTRIBUTION_DATA_NOT_SET_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": stop(_ACTION),
    "ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": stop(_ACTION),
    "EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION_NOT_PERMITTED_WITH_USER_IDENTIFIER": stop(_ACTION),
    "NO_CONVERSION_ACTION_FOUND": stop(_ACTION),
    "INVALID_CONVERSION_ACTION_TYPE": stop(_ACTION),
    "CUSTOM_VARIABLE_NOT_ENABLED": stop(_VARIABLE),
    "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": stop(_ENHANCED),
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": stop(_ENHANCED),
    "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": stop(_ENHANCED),
    "TOO_MANY_CONVERSIONS_IN_REQUEST": stop(_OURS),
    "INVALID_JOB_ID": stop(_OURS),
}

CONVERSION_ADJUSTMENT_UPLOAD: Mapping[str, Meaning] = {
    "UNSPECIFIED": UNKNOWN,
    "UNKNOWN": UNKNOWN,
    "CONVERSION_ALREADY_RETRACTED": COUNTED,
    "CONVERSION_ALREADY_ENHANCED": COUNTED,
    "RESTATEMENT_ALREADY_EXISTS": ONE_HOUR,
    "MORE_RECENT_RESTATEMENT_FOUND": ONE_HOUR,
    "TOO_RECENT_CONVERSION_ACTION": SIX_HOURS,
    "TOO_RECENT_CONVERSION": NEXT_DAY,
    "CONVERSION_NOT_FOUND": NEXT_DAY,
    "DUPLICATE_ADJUSTMENT_IN_REQUEST": NEXT_DAY,
    "DUPLICATE_ENHANCEMENT_IN_REQUEST": NEXT_DAY,
    "CONVERSION_EXPIRED": ROW,
    "ADJUSTMENT_PRECEDES_CONVERSION": ROW,
    "TOO_MANY_ADJUSTMENTS": ROW,
    "MISSING_ORDER_ID_FOR_WEBPAGE": ROW,
    "ORDER_ID_CONTAINS_PII": ROW,
    "INVALID_USER_IDENTIFIER": ROW,
    "UNSUPPORTED_USER_IDENTIFIER": ROW,
    "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE": stop(_VALUE),
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": stop(_ENHANCED),
    "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT": stop(_ACTION),
    "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCEMENT": stop(_ENHANCED),
    "NO_CONVERSION_ACTION_FOUND": stop(_ACTION),
    "INVALID_CONVERSION_ACTION_TYPE": stop(_ACTION),
    "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET": stop(_OURS),
    "TOO_MANY_ADJUSTMENTS_IN_REQUEST": stop(_OURS),
    "INVALID_JOB_ID": stop(_OURS),
}
WAITED_FOR_ONCE = frozenset({"CONVERSION_NOT_FOUND"})
"""Codes that are final the second time they are given to a row."""
RESTATING: Mapping[str, Meaning] = {"CONVERSION_ALREADY_RETRACTED": ROW}
"""Where a code means something else for a restatement than for a retraction."""

NOT_ALLOWLISTED: Mapping[str, Meaning] = {
    "UNSPECIFIED": stop(TO_DATA_MANAGER),
    "UNKNOWN": stop(TO_DATA_MANAGER),
    "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": stop(TO_DATA_MANAGER),
}

QUOTA: Mapping[str, Meaning] = {
    "UNSPECIFIED": ONE_HOUR,
    "UNKNOWN": ONE_HOUR,
    "RESOURCE_EXHAUSTED": ONE_HOUR,
    "RESOURCE_TEMPORARILY_EXHAUSTED": ONE_HOUR,
    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": ONE_HOUR,
    "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": ONE_HOUR,
    "PAYMENTS_PROFILE_ACTIVATION_RATE_LIMIT_EXCEEDED": ONE_HOUR,
    "ACCESS_PROHIBITED": stop(_PROJECT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One enum of the `ErrorCode` message: values with a meaning, and that of every other value.

    A value that even the installed package does not know is put off, whatever its family. `prefix`
    stands before the code where the value alone would not say what it is about.
    """

    values: Mapping[str, Meaning] = field(default_factory=dict)
    others: Meaning = UNKNOWN
    prefix: str = ""


def _named(name: str, others: Meaning, **values: Meaning) -> tuple[str, Family]:
    return name, Family(values=values, others=others, prefix=f"{name}.")


FAMILIES: Mapping[str, Family] = {
    "conversion_upload_error": Family(values=CONVERSION_UPLOAD),
    "conversion_adjustment_upload_error": Family(values=CONVERSION_ADJUSTMENT_UPLOAD),
    "not_allowlisted_error": Family(values=NOT_ALLOWLISTED),
    "quota_error": Family(values=QUOTA),
    **dict(
        [
            # the request: nothing gets through until a person has mended it
            _named("authentication_error", stop(_ACCESS)),
            _named(
                "authorization_error",
                stop(_ACCESS),
                CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION=stop(_PROJECT),
                CLOUD_PROJECT_NOT_UNDER_ORGANIZATION=stop(_PROJECT),
                PROJECT_DISABLED=stop(_PROJECT),
                DEVELOPER_TOKEN_NOT_APPROVED=stop(_PROJECT),
                DEVELOPER_TOKEN_NOT_ON_ALLOWLIST=stop(TO_DATA_MANAGER),
            ),
            _named("header_error", stop(_CUSTOMER)),
            _named("customer_error", stop(_CUSTOMER)),
            _named("resource_access_denied_error", stop(_CUSTOMER)),
            _named("operation_access_denied_error", stop(_CUSTOMER)),
            _named("partial_failure_error", stop(_OURS)),
            _named("size_limit_error", stop(_OURS)),
            _named(
                "request_error",
                stop(_CUSTOMER),
                UNSUPPORTED_VERSION=stop(VERSION_MEND),
                CLOUD_PROJECT_NOT_FOUND=stop(_PROJECT),
                RPC_DEADLINE_TOO_SHORT=stop("Set a longer timeout_s."),
                RESOURCE_NOT_FOUND=stop(_ACTION),
                BAD_RESOURCE_ID=stop(_ACTION),
                RESOURCE_NAME_MALFORMED=stop(_ACTION),
                REQUIRED_FIELD_MISSING=ROW,
                INVALID_ENUM_VALUE=ROW,
            ),
            # the server: the same again, later
            _named("internal_error", ONE_HOUR, ERROR_CODE_NOT_PUBLISHED=UNKNOWN),
            _named("database_error", ONE_HOUR, DATA_CONSTRAINT_VIOLATION=ROW),
            # the row: a field of it
            _named("collection_size_error", ROW),
            _named("currency_code_error", ROW),
            _named("currency_error", ROW),
            _named("date_error", ROW),
            _named("date_range_error", ROW),
            _named("distinct_error", ROW),
            _named("enum_error", ROW),
            _named("field_error", ROW),
            _named("id_error", ROW),
            _named("mutate_error", ROW),
            _named("not_empty_error", ROW),
            _named("null_error", ROW),
            _named("range_error", ROW),
            _named("string_format_error", ROW),
            _named("string_length_error", ROW),
        ]
    ),
}

TRANSIENT = frozenset({"quota_error", "internal_error", "database_error"})
"""Families that say nothing about what was sent, only that it was the wrong moment."""

ABOUT_THE_CLICK = frozenset(
    {
        "UNPARSEABLE_GCLID",
        "UNPARSEABLE_WBRAID",
        "UNPARSEABLE_GBRAID",
        "EVENT_NOT_FOUND",
        "CLICK_NOT_FOUND",
        "EXPIRED_EVENT",
        "CONVERSION_PRECEDES_EVENT",
        "INVALID_CUSTOMER_FOR_CLICK",
        "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME",
    }
)
"""Codes that a made-up click earns, and that say nothing about the set-up."""


def meaning_of(family: str, value: str, operation: Operation) -> tuple[str, Meaning]:
    """Return an error's code as it is kept, and what it asks for.

    `value` is the vendor's spelling, or its number where the installed package knows no spelling.
    """
    known = FAMILIES.get(family)
    if known is None or value.isdecimal() or value in _SAYS_NOTHING:
        meaning = UNKNOWN if known is None else known.values.get(value, UNKNOWN)
        return f"{family}.{value}", meaning
    if operation is Operation.RESTATE and value in RESTATING:
        return value, RESTATING[value]
    return f"{known.prefix}{value}", known.values.get(value, known.others)


_SAYS_NOTHING = frozenset({"UNSPECIFIED", "UNKNOWN"})
