"""What the Data Manager API's codes mean: its own spelling, and what is to be done about each.

`PROCESSING` holds the verdicts on single rows, asked for after the upload; `REFUSALS` the reasons
of a refused request. A code that stands in neither is kept as it came, and its row is put off for a
day. The classes follow the reference of 2026-11
(https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason); where Google gives
no waiting time (TOO_RECENT_CLICK) six hours stand, as for the same error of the Google Ads API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from convsync.model.outcome import Confirmed, Deferred, Outcome, Rejected


class Class(StrEnum):
    """What is to be done about a code."""

    COUNTED = "counted"
    WAIT = "wait"
    ROW = "row"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class, and for WAIT how long; for STOP the mend."""

    what: Class
    wait: timedelta = timedelta(0)
    mend: str = ""


COUNTED = Meaning(Class.COUNTED)
ROW = Meaning(Class.ROW)
SIX_HOURS = Meaning(Class.WAIT, timedelta(hours=6))
NEXT_DAY = Meaning(Class.WAIT, timedelta(hours=24))

_TERMS = Meaning(
    Class.ROW,
    mend="Accept the customer data terms under Goals › Settings in Google Ads, or set "
    "enhanced_conversions = false.",
)

PROCESSING: Mapping[str, Meaning] = {
    "PROCESSING_ERROR_REASON_DUPLICATE_GCLID": COUNTED,
    "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID": COUNTED,
    "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK": SIX_HOURS,
    "PROCESSING_ERROR_REASON_INTERNAL_ERROR": SIX_HOURS,
    "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND": ROW,
    "PROCESSING_ERROR_REASON_EVENT_TOO_OLD": ROW,
    "PROCESSING_ERROR_REASON_INVALID_GCLID": ROW,
    "PROCESSING_ERROR_REASON_INVALID_GBRAID": ROW,
    "PROCESSING_ERROR_REASON_INVALID_WBRAID": ROW,
    "PROCESSING_ERROR_REASON_INVALID_AD_IDENTIFIERS": ROW,
    "PROCESSING_ERROR_REASON_CONVERSION_PRECEDES_CLICK": ROW,
    "PROCESSING_ERROR_REASON_INVALID_CLICK": ROW,
    "PROCESSING_ERROR_REASON_INVALID_EVENT": ROW,
    "PROCESSING_ERROR_REASON_INVALID_FORMAT": ROW,
    "PROCESSING_ERROR_REASON_INVALID_CUSTOM_VARIABLE": ROW,
    "PROCESSING_ERROR_REASON_INVALID_MERCHANT_ID": ROW,
    "PROCESSING_ERROR_REASON_ORIGINAL_CONVERSIONS_NOT_FOUND": ROW,
    "PROCESSING_ERROR_REASON_DENIED_CONSENT": ROW,
    "PROCESSING_ERROR_REASON_NO_CONSENT": ROW,
    "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT": ROW,
    "PROCESSING_ERROR_REASON_CUSTOM_VARIABLE_NOT_ENABLED": ROW,
    "PROCESSING_ERROR_REASON_DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": _TERMS,
    "PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": ROW,
    "PROCESSING_ERROR_REASON_INVALID_OPERATING_ACCOUNT_FOR_CLICK": ROW,
    "PROCESSING_ERROR_REASON_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": ROW,
    "PROCESSING_ERROR_REASON_EXTERNAL_ATTRIBUTION_DATA_MISSING": ROW,
}

_ACCOUNT = (
    "Check operating_account (the account that owns the conversion action) and login_account, and "
    "that the credentials' e-mail is a user of that account: Admin › Access and security."
)
_ACTION = (
    "Check the rule's action_id under Goals › Conversions: it must be of the type Website (import "
    "from clicks) and belong to operating_account."
)
_ENHANCED = (
    "Turn on enhanced conversions for leads and accept the customer data terms under Goals › "
    "Settings, or set enhanced_conversions = false."
)


def _stop(mend: str) -> Meaning:
    return Meaning(Class.STOP, mend=mend)


REFUSALS: Mapping[str, Meaning] = {
    "PERMISSION_DENIED": _stop(_ACCOUNT),
    "NOT_ALLOWLISTED": _stop(_ACCOUNT),
    "INVALID_DESTINATION": _stop(_ACCOUNT),
    "DESTINATION_ACCOUNT_TYPE_MISMATCH": _stop(_ACCOUNT),
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": _stop(_ACCOUNT),
    "TERMS_AND_CONDITIONS_NOT_SIGNED": _stop(_ENHANCED),
    "ADVERTISER_TOS_NOT_ACCEPTED": _stop(_ENHANCED),
    "INVALID_CONVERSION_ACTION_ID": _stop(_ACTION),
    "INVALID_CONVERSION_ACTION_TYPE": _stop(_ACTION),
    "EVENT_SOURCE_AND_DESTINATION_MISMATCH": _stop(_ACTION),
    "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": _stop(_ENHANCED),
    "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": _stop(_ENHANCED),
    "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": _stop(_ENHANCED),
    "CONVERSION_ACTION_TOO_RECENTLY_CREATED": SIX_HOURS,
    "INVALID_AD_IDENTIFIER_FOR_ACCOUNT": ROW,
    "REQUIRED_FIELD_MISSING": ROW,
    "INVALID_FORMAT": ROW,
    "INVALID_NUMBER_FORMAT": ROW,
    "INVALID_HEX_ENCODING": ROW,
    "INVALID_BASE64_ENCODING": ROW,
    "INVALID_SHA256_FORMAT": ROW,
    "INVALID_CURRENCY_CODE": ROW,
    "INVALID_ENUM_VALUE": ROW,
    "INVALID_EVENT": ROW,
    "INVALID_ARGUMENT": ROW,
    "NO_IDENTIFIERS_PROVIDED": ROW,
    "TOO_MANY_USER_IDENTIFIERS": ROW,
    "EVENT_TIME_INVALID": ROW,
    "FIELD_VALUE_TOO_LONG": ROW,
    "FIELD_VALUE_TOO_SHORT": ROW,
    "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": ROW,
    "CUSTOM_VARIABLE_NOT_ENABLED": ROW,
    "INVALID_CUSTOM_VARIABLE_VALUE": ROW,
    "CUSTOM_VARIABLE_NOT_FOUND": ROW,
}


def outcome_of(code: str, table: Mapping[str, Meaning], now: datetime) -> Outcome:
    """Return what a code on a row means; an unknown one is kept and tried again the next day."""
    meaning = table.get(code, NEXT_DAY)
    match meaning.what:
        case Class.COUNTED:
            return Confirmed(code=code)
        case Class.WAIT:
            return Deferred(code=code, until=now + meaning.wait)
        case Class.ROW | Class.STOP:
            return Rejected(code=code)
