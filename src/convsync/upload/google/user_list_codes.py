"""What the Data Manager API's codes mean for lists and their members, and what to do about each.

A code that stands in none of these is about the shape of a request. Those named in `REPEATED` pass
by themselves: whoever is concerned is added again the next night.
https://developers.google.com/data-manager/api/devguides/audiences/google-ads/customer-match/create-audience
"""

from collections.abc import Mapping

_ACCOUNT = (
    "Check operating_account and login_account, and that the credentials' e-mail is a user of that"
    " account: Admin › Access and security."
)
_TERMS = (
    "Accept the Customer Match terms in Google Ads: Tools › Shared library › Audience manager, or"
    " Admin › Policy."
)
_POLICY = (
    "The account must have a good history of policy and payment; ask your Google representative:"
    " https://support.google.com/adspolicy/answer/6299717"
)
_LIST = (
    "The list was removed, or is another account's. Give the audience another name: a new list is"
    " made for it."
)
_SETTINGS = "Change the audience's display_name, definition or membership_days."

STOPS: Mapping[str, str] = {
    "PERMISSION_DENIED": _ACCOUNT,
    "NOT_FOUND": _LIST,
    "NOT_ALLOWLISTED": _POLICY,
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": _POLICY,
    "ADVERTISER_TOS_NOT_ACCEPTED": _TERMS,
    "TERMS_AND_CONDITIONS_NOT_SIGNED": _TERMS,
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": (
        "Declare for each campaign of the account whether it is political advertising in the EU:"
        " the campaign's settings in Google Ads."
    ),
    "INVALID_DESTINATION": _ACCOUNT,
    "DESTINATION_ACCOUNT_TYPE_MISMATCH": _ACCOUNT,
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": _ACCOUNT,
    "USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT": _POLICY,
    "INVALID_USER_LIST_ID": _LIST,
    "INVALID_USER_LIST_TYPE": _LIST,
    "USER_LIST_MUTATION_NOT_SUPPORTED": _LIST,
    "SENSITIVE_USER_LIST_IMMUTABLE": _LIST,
    "OWNERSHIP_REQUIRED_FOR_UPDATE": _LIST,
    "DISPLAY_NAME_ALREADY_USED": (
        "The account has a list of this name that this ledger did not make, and may hold people"
        " whom nobody would take off it. Remove or rename it in Google Ads, or set the audience's"
        " display_name."
    ),
    "USER_LIST_NAME_RESERVED": _SETTINGS,
    "INVALID_DISPLAY_NAME": _SETTINGS,
    "INVALID_DESCRIPTION": _SETTINGS,
    "MEMBERSHIP_DURATION_TOO_LONG": _SETTINGS,
    "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES": _POLICY,
}
"""Codes that nothing gets past until a person has acted, and what they can do."""

_P = "PROCESSING_ERROR_REASON_"
REPEATED = frozenset({f"{_P}INTERNAL_ERROR", f"{_P}UNSPECIFIED"})
_CONSENT = (
    "Google counts these people as not having agreed to both uses of their data. Check the"
    " account's own consent settings: convsync sends nobody who has not agreed."
)
PROCESSED: Mapping[str, str] = {
    f"{_P}INTERNAL_ERROR": "Google had an internal error; they are added again the next night.",
    f"{_P}DENIED_CONSENT": _CONSENT,
    f"{_P}NO_CONSENT": _CONSENT,
    f"{_P}UNKNOWN_CONSENT": _CONSENT,
    f"{_P}INVALID_FORMAT": "Tell convsync's authors the code and the request ID.",
}
"""Codes about some members of a request that was taken."""


def explain(code: str) -> str:
    """Return what to do about a code, "" where that is not known."""
    return STOPS.get(code) or PROCESSED.get(code, "")
