"""What the Data Manager API's codes mean: its own spelling, and what to do about each.

`PROCESSING` holds the verdicts on single rows, asked for after the upload; `REFUSALS` the reasons
of a refused request. Both hold every value of the enum that the published client (0.9.4) knows.
What each code says is the text of that client; beyond it:

- Where Google gives no waiting time (TOO_RECENT_CLICK) six hours stand, as for the same error of
  the Google Ads API.
- DUPLICATE_GCLID speaks of a GCLID and a time, and of no key of ours; DUPLICATE_TRANSACTION_ID of
  ours.
- People whose account was refused put it right and expect their rows to go (googleads/
  google-ads-php 824 and 831, segmentio/segment-docs 6277), so what concerns the account blocks.
- NO_CONSENT is the advertiser's, not the person's: a setting. The other two are about the row.
- A click that Google does not find is ordinary where only e-mail or phone were sent
  (https://support.google.com/google-ads/answer/13321563).
"""

from collections.abc import Mapping
from dataclasses import replace

from convsync.model.takes import NO_IDENTIFIERS_LEFT, CodeMeaning
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
from convsync.upload.google.data_manager_never import ABOUT_OTHER_EVENTS, ABOUT_OTHER_REQUESTS

_ACCOUNT = (
    "Check operating_account (the account that owns the conversion action) and login_account, and "
    "that the credentials' e-mail is a user of that account: Admin › Access and security."
)
_CLICK = (
    "Send it through the account whose ads were clicked, or through the manager account that "
    "counts for it: "
    "the destination's operating_account. Or remove the click's source from the configuration."
)
_ACTION = (
    "Check the rule's action_id under Goals › Conversions: it must be enabled, of the type Website "
    "(import from clicks), not externally attributed, and belong to operating_account."
)
_ENHANCED = (
    "Turn on enhanced conversions for leads and accept the customer data terms under Goals › "
    "Settings in Google Ads, or set enhanced_conversions = false."
)
_VARIABLE = (
    "Create and enable the custom variable under Goals › Conversions › Custom variables, or remove "
    "days_to_close_variable from the rule."
)
_EVERY = "Let the action count every conversion under Goals › Conversions."
_CONSENT = "Map the CRM's consent field in the source's [consent] table, if the person did agree."
_TELL_US = "Tell convsync's authors the code and the request ID."
_MANGLED = "Make sure that the form and the CRM store click IDs complete, with their capitals."
_TERMS = blocked("The terms for enhanced conversions are not accepted.", _ENHANCED)
_NEVER_SENT = row("The code is about something that convsync never sends.", _TELL_US)
_MADE_WRONG = row("Google finds a fault with a field of the conversion.", _TELL_US)

_P = "PROCESSING_ERROR_REASON_"
PROCESSING: Mapping[str, Meaning] = {
    f"{_P}UNSPECIFIED": UNKNOWN,
    f"{_P}INTERNAL_ERROR": wait("Google had an internal error.", hours=6),
    f"{_P}TOO_RECENT_CLICK": wait("The click is too recent for Google to know it.", hours=6),
    f"{_P}DUPLICATE_GCLID": counted(
        "A conversion of the same click and time already exists.", is_by_our_key=False
    ),
    f"{_P}DUPLICATE_TRANSACTION_ID": counted("This order ID was counted before."),
    f"{_P}CLICK_NOT_FOUND": unknown_click(
        "Google knows no click of this person or click ID.",
        "Nothing for single deals: they did not come from an ad. " + _MANGLED,
    ),
    f"{_P}INVALID_CLICK": unknown_click(
        "Google cannot trace the conversion to a click on one of its ads.", _MANGLED
    ),
    f"{_P}EVENT_TOO_OLD": row(
        "The conversion is older than Google accepts.", "Run convsync every night."
    ),
    f"{_P}INVALID_GCLID": row("The gclid cannot be decoded.", _MANGLED),
    f"{_P}INVALID_GBRAID": row("The gbraid cannot be decoded.", _MANGLED),
    f"{_P}INVALID_WBRAID": row("The wbraid cannot be decoded.", _MANGLED),
    f"{_P}INVALID_AD_IDENTIFIERS": row("The click ID is not valid.", _MANGLED),
    f"{_P}CONVERSION_PRECEDES_CLICK": row(
        "The conversion is earlier than its click.",
        "Check the milestone's date and the source's time_zone.",
    ),
    f"{_P}INVALID_EVENT": _MADE_WRONG,
    f"{_P}INVALID_FORMAT": _MADE_WRONG,
    f"{_P}INVALID_CUSTOM_VARIABLE": row("The custom variable is not valid.", _VARIABLE),
    f"{_P}ORIGINAL_CONVERSIONS_NOT_FOUND": row("Google does not find the conversion to correct."),
    f"{_P}DENIED_CONSENT": row(
        "The person, or the account's default for all, refused the use of their data."
    ),
    f"{_P}UNKNOWN_CONSENT": row("Google could not tell whether the person agreed.", _CONSENT),
    f"{_P}NO_CONSENT": blocked(
        "The advertiser has not let Google's core platform services use the data.",
        "Agree to it in the account's settings for linked services in Google Ads.",
    ),
    f"{_P}CUSTOM_VARIABLE_NOT_ENABLED": blocked("The custom variable is off.", _VARIABLE),
    f"{_P}DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": _TERMS,
    "PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": blocked(
        "The click was on an ad of another account.", _CLICK
    ),
    f"{_P}INVALID_OPERATING_ACCOUNT_FOR_CLICK": blocked(
        "The click was on an ad of another account.", _CLICK
    ),
    f"{_P}ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": blocked(
        "The action counts one conversion per click, and such an action accepts no gbraid or "
        "wbraid.",
        _EVERY,
    ),
    f"{_P}EXTERNAL_ATTRIBUTION_DATA_MISSING": blocked(
        "The action is externally attributed, which uploads do not support.", _ACTION
    ),
    **dict.fromkeys((f"{_P}{name}" for name in ABOUT_OTHER_EVENTS), _NEVER_SENT),
}

_DATA_TERMS = blocked(
    "The customer data terms are not accepted in the account.", _ENHANCED, Concern.IDENTIFIERS
)
_NO_ACCESS = stop("Google does not let these credentials send anything to the account.", _ACCOUNT)
_WRONG_ACCOUNT = stop("The accounts of the request do not belong together.", _ACCOUNT)

REFUSALS: Mapping[str, Meaning] = {
    **dict.fromkeys(
        ABOUT_OTHER_REQUESTS,
        stop("The code is about something that convsync never sends.", _TELL_US),
    ),
    "ERROR_REASON_UNSPECIFIED": UNKNOWN,
    "INTERNAL_ERROR": wait("Google had an internal error.", hours=1),
    "DEADLINE_EXCEEDED": wait("Google took too long to answer.", hours=1),
    "RESOURCE_EXHAUSTED": wait("The Cloud project's quota is used up.", hours=1),
    "CONVERSION_ACTION_TOO_RECENTLY_CREATED": wait(
        "The conversion action was created only just now.", hours=6
    ),
    # nothing gets past these
    "PERMISSION_DENIED": _NO_ACCESS,
    "NOT_FOUND": _NO_ACCESS,
    "NOT_ALLOWLISTED": _NO_ACCESS,
    "INVALID_DESTINATION": _WRONG_ACCOUNT,
    "DESTINATION_ACCOUNT_TYPE_MISMATCH": _WRONG_ACCOUNT,
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": _WRONG_ACCOUNT,
    "DIFFERENT_LOGIN_ACCOUNTS_NOT_ALLOWED_FOR_DATA_PARTNER": _WRONG_ACCOUNT,
    "UNSUPPORTED_OPERATING_ACCOUNT_FOR_DATA_PARTNER": _WRONG_ACCOUNT,
    "UNSUPPORTED_LINKED_ACCOUNT_FOR_DATA_PARTNER": _WRONG_ACCOUNT,
    "LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT": _WRONG_ACCOUNT,
    "REQUIRED_PREREQUISITE_LINK_MISSING": _WRONG_ACCOUNT,
    # the account's set-up
    "TERMS_AND_CONDITIONS_NOT_SIGNED": blocked(
        "Required terms are not accepted in the account.",
        "Accept them in Google Ads: Goals › Settings, and Admin.",
        Concern.ALL,
    ),
    "ADVERTISER_TOS_NOT_ACCEPTED": blocked(
        "The advertiser has not accepted the partner's terms.",
        "Accept them in Google Ads: Goals › Settings, and Admin.",
        Concern.ALL,
    ),
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": blocked(
        "The account has campaigns without the EU's declaration on political advertising.",
        "Make the declaration for each campaign under its settings in Google Ads.",
        Concern.ALL,
    ),
    "INVALID_CONVERSION_ACTION_ID": blocked(
        "The account has no such conversion action.", _ACTION, Concern.ALL
    ),
    "INVALID_CONVERSION_ACTION_TYPE": blocked(
        "The conversion action does not accept uploads.", _ACTION, Concern.ALL
    ),
    "EVENT_SOURCE_AND_DESTINATION_MISMATCH": blocked(
        "The destination's event_source does not suit the conversion action.",
        "Set the destination's event_source. " + _ACTION,
        Concern.ALL,
    ),
    "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": blocked(
        "Enhanced conversions for leads are off in the account.", _ENHANCED, Concern.IDENTIFIERS
    ),
    "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": blocked(
        "Google's customer data policy excludes this account from enhanced conversions.",
        "Ask your Google representative, or set enhanced_conversions = false.",
        Concern.IDENTIFIERS,
    ),
    "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": _DATA_TERMS,
    "CUSTOM_VARIABLE_NOT_ENABLED": blocked(
        "The custom variable is off.", _VARIABLE, Concern.VARIABLES
    ),
    "CUSTOM_VARIABLE_NOT_FOUND": blocked(
        "The account has no such custom variable.", _VARIABLE, Concern.VARIABLES
    ),
    "INVALID_AD_IDENTIFIER_FOR_ACCOUNT": blocked(
        "The click was on an ad of another account.", _CLICK
    ),
    # the row
    "NO_IDENTIFIERS_PROVIDED": row(
        "Neither a click ID nor a hashed e-mail or phone was sent, and Google requires one."
    ),
    "INVALID_CURRENCY_CODE": row(
        "The currency is not an ISO 4217 code.", "Correct the deal's currency in the CRM."
    ),
    "EVENT_TIME_INVALID": row(
        "The time is in the future or too far in the past.", "Check the milestone's date."
    ),
    "CUSTOM_VARIABLE_VALUE_CONTAINS_PII": row("The custom variable's value names a person."),
    "INVALID_CUSTOM_VARIABLE_VALUE": row("The custom variable's value is not valid."),
    **dict.fromkeys(
        (
            "REQUIRED_FIELD_MISSING",
            "INVALID_FORMAT",
            "INVALID_NUMBER_FORMAT",
            "INVALID_HEX_ENCODING",
            "INVALID_BASE64_ENCODING",
            "INVALID_SHA256_FORMAT",
            "INVALID_ENUM_VALUE",
            "INVALID_EVENT",
            "INVALID_ARGUMENT",
            "TOO_MANY_USER_IDENTIFIERS",
            "TOO_MANY_ELEMENTS",
            "TOO_FEW_ELEMENTS",
            "FIELD_VALUE_TOO_LONG",
            "FIELD_VALUE_TOO_SHORT",
        ),
        _MADE_WRONG,
    ),
}

NO_LONGER_KEPT = "REQUEST_TOO_OLD"
"""The code of a verdict that was asked for too late: about fifty days after the upload."""
_OURS: Mapping[str, Meaning] = {
    NO_LONGER_KEPT: counted("The verdict was asked for too late; Google keeps it for fifty days.")
}


def explain_code(code: str) -> CodeMeaning | None:
    """Return what a code of the Data Manager API, or of ours about it, means; None: not known."""
    found = explained(code, _OURS, PROCESSING, REFUSALS)
    if found is not None and code == NO_IDENTIFIERS_LEFT:
        way = "set retract_with, which takes back by order ID, for what changes within 54 days."
        return replace(found, fix=f"Nothing where consent was withdrawn; for later ones {way}")
    return found
