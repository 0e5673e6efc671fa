"""What the Google Ads API's codes mean (v26; the enums are the same from v23 on).

An error's code is a value of one of some 180 enums, and the enum's name in the `ErrorCode` message
(`conversion_upload_error`) is half of its meaning. Four enums are spelled out value by value; of
the others the name decides, with exceptions. A value that stands nowhere is kept and put off.

What each code says is the text of the installed client, whose enums also name the waiting times of
six and twenty-four hours. Where the class is not the first that comes to mind:

- What concerns the account blocks its rows and refuses none: people put the account right and
  expect the rows to go (googleads/google-ads-php 824 and 831, segmentio/segment-docs 6277). A click
  of another account (INVALID_CUSTOMER_FOR_CLICK, UNAUTHORIZED_CUSTOMER) is one of these.
- CLICK_CONVERSION_ALREADY_EXISTS speaks of a click and a time, and of no key of ours: the
  conversion that is there may be another deal's. ORDER_ID_ALREADY_IN_USE is about ours.
- What matches no click is ordinary for a conversion sent by e-mail or phone alone, "you can safely
  ignore this" (https://support.google.com/google-ads/answer/13321563).
- A restatement "already there" for the same adjustment time may be one of an older value: a batch
  left over from a broken-off run and a fresh correction go out under the same time of day. It waits
  an hour, and is restated under a newer time, so that the ledger claims nothing that is not so.
- What an adjustment does not find may not have been processed yet, which takes Google a day. What
  it does not find a day later either is not there.
- A retracted conversion cannot be restated: a deal lost and won again stays taken back, and the
  refusal says so.
- Duplicates within a request are all left out by Google, so the next day parts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from convsync.model.statement import Operation
from convsync.model.takes import CodeMeaning
from convsync.process.guides import located
from convsync.upload.codes import (
    UNKNOWN,
    Concern,
    Meaning,
    blocked,
    counted,
    explained,
    row,
    stop,
    unknown_click,
    wait,
)

TO_DATA_MANAGER = (
    "Since 2026-06-15 Google takes uploads by the Google Ads API only from those who made them "
    'before. Add a destination with kind = "data_manager" '
    f"({located('config/csv.toml')} shows one), name it in each rule's `destination`, and run "
    "again: order IDs stay the same, and nothing that was counted is sent again."
)
_CUSTOMER = (
    "Upload to the account that owns the conversion action: set customer_id to it (Goals › "
    "Conversions shows the owner), and login_customer_id to the manager account you go through."
)
_CLICK = (
    "Send it through the account whose ads were clicked, or through the manager account that "
    "counts for it: "
    "the destination's customer_id. Or remove the click's source from the configuration."
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
    "in the destination's custom_variables, or remove days_to_close_variable from the rule."
)
_VALUE = "Let the action use different values for each conversion under Goals › Conversions."
_EVERY = "Let the action count every conversion under Goals › Conversions."
_TELL_US = "Tell convsync's authors the code and the request ID."
_PROJECT = (
    "Check the Cloud project of the credentials: the Google Ads API must be enabled in it and "
    "approved for production at console.cloud.google.com/google/ads-apis/overview."
)
_ACCESS = (
    "The credentials must carry the scope adwords, and their e-mail must be a user of the account "
    "or of login_customer_id: Admin › Access and security."
)
_MANGLED = "Make sure that the form and the CRM store click IDs complete, with their capitals."
_DATES = "Check the milestone's date and the source's time_zone."
VERSION_FIX = "Set the destination's api_version to one that Google still serves."

_EXTERNAL = blocked("The action is externally attributed, which uploads do not support.", _ACTION)
_TERMS = blocked("The customer data terms are not accepted in the account.", _ENHANCED)
_POLICY = blocked(
    "Google's customer data policy excludes this account from enhanced conversions.",
    "Ask your Google representative, or set enhanced_conversions = false.",
)
_NO_ACTION = blocked("The account has no such conversion action.", _ACTION, Concern.ALL)
_WRONG_TYPE = blocked("The conversion action does not accept uploads.", _ACTION, Concern.ALL)
_NEW_ACTION = wait("The conversion action was created less than six hours ago.", hours=6)
_OURS = stop("convsync made a request that Google does not accept.", _TELL_US)
_TWICE = wait("Google considers two rows of the request the same, and accepted neither.", hours=24)
_NAMES_A_PERSON = row("The data sent names a person.", _TELL_US)
_BAD_IDENTIFIER = row(
    "A hashed e-mail or phone does not have the form that Google requires.", _TELL_US
)
_A_CALL = row("The code is about calls, which convsync never sends.", _TELL_US)

CONVERSION_UPLOAD: Mapping[str, Meaning] = {
    "UNSPECIFIED": UNKNOWN,
    "UNKNOWN": UNKNOWN,
    "ORDER_ID_ALREADY_IN_USE": counted("This order ID was counted before."),
    "CLICK_CONVERSION_ALREADY_EXISTS": counted(
        "A conversion of the same click and second already exists.", is_by_our_key=False
    ),
    "CALL_CONVERSION_ALREADY_EXISTS": counted(
        "A conversion of the same call and second already exists.", is_by_our_key=False
    ),
    "TOO_RECENT_EVENT": wait("The click is less than six hours old.", hours=6),
    "TOO_RECENT_CONVERSION_ACTION": _NEW_ACTION,
    "TOO_RECENT_CALL": wait("The call is less than six hours old.", hours=6),
    "DUPLICATE_ORDER_ID": _TWICE,
    "DUPLICATE_CLICK_CONVERSION_IN_REQUEST": _TWICE,
    "DUPLICATE_CALL_CONVERSION_IN_REQUEST": _TWICE,
    "UNPARSEABLE_GCLID": row("The gclid cannot be decoded.", _MANGLED),
    "UNPARSEABLE_WBRAID": row("The wbraid cannot be decoded.", _MANGLED),
    "UNPARSEABLE_GBRAID": row("The gbraid cannot be decoded.", _MANGLED),
    "CONVERSION_PRECEDES_EVENT": row("The conversion is earlier than its click.", _DATES),
    "EXPIRED_EVENT": row(
        "The click is older than the action's click-through window.",
        "Lengthen the window under Goals › Conversions, or count an earlier milestone.",
    ),
    "EVENT_NOT_FOUND": unknown_click(
        "Google cannot trace the conversion to a click on one of its ads.", _MANGLED
    ),
    "CLICK_NOT_FOUND": unknown_click(
        "Google knows no click of this person.",
        "Nothing for single deals: they did not come from an ad.",
    ),
    "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME": row(
        "The click was before conversion tracking was set up in the account."
    ),
    "CONVERSION_TRACKING_NOT_ENABLED_AT_CALL_TIME": _A_CALL,
    "EXPIRED_CALL": _A_CALL,
    "CALL_NOT_FOUND": _A_CALL,
    "CONVERSION_PRECEDES_CALL": _A_CALL,
    "UNPARSEABLE_CALLERS_PHONE_NUMBER": _A_CALL,
    "INVALID_CUSTOMER_FOR_CALL": _A_CALL,
    "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": _NAMES_A_PERSON,
    "ORDER_ID_CONTAINS_PII": _NAMES_A_PERSON,
    "CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY": row(
        "The click's app, or the person, did not agree to tracking (Apple's policy)."
    ),
    "INVALID_USER_IDENTIFIER": _BAD_IDENTIFIER,
    "UNSUPPORTED_USER_IDENTIFIER": _BAD_IDENTIFIER,
    "GBRAID_WBRAID_BOTH_SET": row("A gbraid and a wbraid were sent together.", _TELL_US),
    "INVALID_CUSTOMER_FOR_CLICK": blocked("The click was on an ad of another account.", _CLICK),
    "UNAUTHORIZED_CUSTOMER": blocked(
        "The click was on an ad of an account that the credentials do not reach.", _CUSTOMER
    ),
    "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": blocked(
        "The action counts one conversion per click, and such an action accepts no gbraid or "
        "wbraid.",
        _EVERY,
    ),
    "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": _EXTERNAL,
    "EXTERNAL_ATTRIBUTION_DATA_NOT_SET_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": _EXTERNAL,
    "ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": _EXTERNAL,
    "EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION_NOT_PERMITTED_WITH_USER_IDENTIFIER": _EXTERNAL,
    "NO_CONVERSION_ACTION_FOUND": _NO_ACTION,
    "INVALID_CONVERSION_ACTION_TYPE": _WRONG_TYPE,
    "CUSTOM_VARIABLE_NOT_ENABLED": blocked(
        "The custom variable is off.", _VARIABLE, Concern.VARIABLES
    ),
    "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": _POLICY,
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": _TERMS,
    "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": blocked(
        "Enhanced conversions for leads are off in the account.", _ENHANCED
    ),
    "TOO_MANY_CONVERSIONS_IN_REQUEST": _OURS,
    "INVALID_JOB_ID": _OURS,
}

CONVERSION_ADJUSTMENT_UPLOAD: Mapping[str, Meaning] = {
    "UNSPECIFIED": UNKNOWN,
    "UNKNOWN": UNKNOWN,
    "CONVERSION_ALREADY_RETRACTED": counted("The conversion was taken back before."),
    "CONVERSION_ALREADY_ENHANCED": counted("The conversion was enhanced before."),
    "RESTATEMENT_ALREADY_EXISTS": wait("The conversion was restated at the same time.", hours=1),
    "MORE_RECENT_RESTATEMENT_FOUND": wait("The conversion was restated later.", hours=1),
    "TOO_RECENT_CONVERSION_ACTION": _NEW_ACTION,
    "TOO_RECENT_CONVERSION": wait("The conversion is less than a day old.", hours=24),
    "CONVERSION_NOT_FOUND": wait(
        "Google does not find the conversion to correct, or not yet.",
        hours=24,
        is_once=True,
    ),
    "DUPLICATE_ADJUSTMENT_IN_REQUEST": _TWICE,
    "DUPLICATE_ENHANCEMENT_IN_REQUEST": _TWICE,
    "CONVERSION_EXPIRED": row("The conversion is older than Google corrects (54 days)."),
    "ADJUSTMENT_PRECEDES_CONVERSION": row("The correction is earlier than the conversion.", _DATES),
    "TOO_MANY_ADJUSTMENTS": row("The conversion was corrected too often."),
    "MISSING_ORDER_ID_FOR_WEBPAGE": row("The conversion has no order ID.", _TELL_US),
    "ORDER_ID_CONTAINS_PII": _NAMES_A_PERSON,
    "INVALID_USER_IDENTIFIER": _BAD_IDENTIFIER,
    "UNSUPPORTED_USER_IDENTIFIER": _BAD_IDENTIFIER,
    "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE": blocked(
        "The action always uses its default value, so nothing can be restated.", _VALUE
    ),
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": _TERMS,
    "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT": blocked(
        "The conversion action does not accept enhancements.", _ACTION
    ),
    "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCEMENT": _POLICY,
    "NO_CONVERSION_ACTION_FOUND": _NO_ACTION,
    "INVALID_CONVERSION_ACTION_TYPE": _WRONG_TYPE,
    "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET": _OURS,
    "TOO_MANY_ADJUSTMENTS_IN_REQUEST": _OURS,
    "INVALID_JOB_ID": _OURS,
}
RESTATING: Mapping[str, Meaning] = {
    "CONVERSION_ALREADY_RETRACTED": row(
        "The conversion was taken back, and Google does not restate such conversions."
    )
}
"""Where a code means something else for a restatement than for a retraction."""

_CLOSED = stop(
    "Uploads through the Google Ads API are closed to this Cloud project.", TO_DATA_MANAGER
)
NOT_ALLOWLISTED: Mapping[str, Meaning] = {
    "UNSPECIFIED": _CLOSED,
    "UNKNOWN": _CLOSED,
    "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": _CLOSED,
}

_SPENT = wait("The Cloud project's quota is used up.", hours=1)
QUOTA: Mapping[str, Meaning] = {
    "UNSPECIFIED": _SPENT,
    "UNKNOWN": _SPENT,
    "RESOURCE_EXHAUSTED": _SPENT,
    "RESOURCE_TEMPORARILY_EXHAUSTED": _SPENT,
    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": _SPENT,
    "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": _SPENT,
    "PAYMENTS_PROFILE_ACTIVATION_RATE_LIMIT_EXCEEDED": _SPENT,
    "ACCESS_PROHIBITED": stop("The Cloud project may not use the API.", _PROJECT),
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


_NO_ACCESS = stop("Google gives these credentials no access to the account.", _ACCESS)
_NO_PROJECT = stop("The Cloud project may not use the API.", _PROJECT)
_WRONG_CUSTOMER = stop("The request names an account that does not fit it.", _CUSTOMER)
_LATER = wait("Google had an internal error.", hours=1)
_A_FIELD = row("Google finds a fault with a field of the conversion.", _TELL_US)

FAMILIES: Mapping[str, Family] = {
    "conversion_upload_error": Family(values=CONVERSION_UPLOAD),
    "conversion_adjustment_upload_error": Family(values=CONVERSION_ADJUSTMENT_UPLOAD),
    "not_allowlisted_error": Family(values=NOT_ALLOWLISTED),
    "quota_error": Family(values=QUOTA),
    **dict(
        [
            # the request: nothing gets through until a person has fixed it
            _named("authentication_error", _NO_ACCESS),
            _named(
                "authorization_error",
                _NO_ACCESS,
                CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION=_NO_PROJECT,
                CLOUD_PROJECT_NOT_UNDER_ORGANIZATION=_NO_PROJECT,
                PROJECT_DISABLED=_NO_PROJECT,
                DEVELOPER_TOKEN_NOT_APPROVED=_NO_PROJECT,
                DEVELOPER_TOKEN_NOT_ON_ALLOWLIST=_CLOSED,
            ),
            _named("header_error", _WRONG_CUSTOMER),
            _named("customer_error", _WRONG_CUSTOMER),
            _named("resource_access_denied_error", _WRONG_CUSTOMER),
            _named("operation_access_denied_error", _WRONG_CUSTOMER),
            _named("partial_failure_error", _OURS),
            _named("size_limit_error", _OURS),
            _named(
                "request_error",
                _WRONG_CUSTOMER,
                UNSUPPORTED_VERSION=stop("Google no longer serves this version.", VERSION_FIX),
                CLOUD_PROJECT_NOT_FOUND=_NO_PROJECT,
                RPC_DEADLINE_TOO_SHORT=stop(
                    "The request had too little time.", "Set a longer timeout_s."
                ),
                RESOURCE_NOT_FOUND=_NO_ACTION,
                BAD_RESOURCE_ID=_NO_ACTION,
                RESOURCE_NAME_MALFORMED=_NO_ACTION,
                REQUIRED_FIELD_MISSING=_A_FIELD,
                INVALID_ENUM_VALUE=_A_FIELD,
            ),
            # the server: the same again, later
            _named("internal_error", _LATER, ERROR_CODE_NOT_PUBLISHED=UNKNOWN),
            _named("database_error", _LATER, DATA_CONSTRAINT_VIOLATION=_A_FIELD),
            # the row: a field of it
            _named("collection_size_error", _A_FIELD),
            _named("currency_code_error", _A_FIELD),
            _named("currency_error", _A_FIELD),
            _named("date_error", _A_FIELD),
            _named("date_range_error", _A_FIELD),
            _named("distinct_error", _A_FIELD),
            _named("enum_error", _A_FIELD),
            _named("field_error", _A_FIELD),
            _named("id_error", _A_FIELD),
            _named("mutate_error", _A_FIELD),
            _named("not_empty_error", _A_FIELD),
            _named("null_error", _A_FIELD),
            _named("range_error", _A_FIELD),
            _named("string_format_error", _A_FIELD),
            _named("string_length_error", _A_FIELD),
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


_SPELLED_OUT = [family.values for family in FAMILIES.values() if not family.prefix]


def explain_code(code: str) -> CodeMeaning | None:
    """Return what a code of the Google Ads API, as it is kept, or of ours means; None: unknown."""
    if found := explained(code, *_SPELLED_OUT):
        return found
    family, _, value = code.partition(".")
    known = FAMILIES.get(family)
    if known is None or value.isdecimal() or value in _SAYS_NOTHING:
        return None
    return explained(value, {value: known.values.get(value, known.others)})
