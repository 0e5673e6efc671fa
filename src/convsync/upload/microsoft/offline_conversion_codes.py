"""What the codes of offline conversions mean at Microsoft, by name (`error_numbers` has the rest).

Sources: https://learn.microsoft.com/en-us/advertising/guides/operation-error-codes, and the names
that the pages of the daily summary have added since, whose numbers stand nowhere. So an error is
read by its name, and by its number where its name is new. A duplicate is none of them: it is
dropped without a word, and only the reports know.
"""

from collections.abc import Mapping
from typing import Final

from convsync.model.takes import CodeMeaning
from convsync.upload.codes import Concern, Meaning, blocked, explained, row, stop, wait
from convsync.upload.microsoft.takes import ADJUSTMENT_WITHOUT_CLICK

_SIGN_IN = (
    "Sign in with `convsync auth microsoft`, and check developer_token: a token of Microsoft's "
    "sandbox does not work in production."
)
_ACCOUNTS = (
    "Check account_id (the ad account) and customer_id (its manager), both under Accounts & "
    "Billing, and that the person who signed in is a user of that account."
)
_GOAL = (
    "The rule's action_id must be the name of an offline conversion goal of this account, word for "
    "word: Conversions › Conversion goals."
)
_ENHANCED = (
    "Turn on enhanced conversions for the goal (Conversions › Conversion goals), or set "
    "enhanced_conversions = false."
)
_SUPPORT = "Ask Microsoft's support, with the tracking ID: the customer is not enabled for it."
_TELL_US = "Tell convsync's authors the code and the tracking ID."
_MANGLED = (
    "Make sure that the form and the CRM store the complete msclkid: 32 digits and letters a to f."
)
_DATES = "Check the milestone's date and the source's time_zone."

_OURS = stop("convsync made a request that Microsoft does not accept.", _TELL_US)
_IDENTITY = stop("Microsoft refuses this way of signing in, or finds it compromised.", _SIGN_IN)
_ACCOUNT = stop("The ad account does not exist, or this person has no access to it.", _ACCOUNTS)
_NO_GOAL = blocked("The account has no such offline conversion goal.", _GOAL, Concern.ALL)
_BAD_CLICK = row("The msclkid cannot be read.", _MANGLED)
_BAD_HASH = row(
    "A hashed e-mail or phone does not have the form that Microsoft requires.", _TELL_US
)
_EXTERNAL = row("The code is about external attribution, which convsync never sends.", _TELL_US)
_NOT_APPLIED = wait(
    "Microsoft had an error, and does not say whether it accepted the row.", hours=1
)

MEANINGS: Final[Mapping[str, Meaning]] = {
    "InternalError": _NOT_APPLIED,
    "OfflineConversionsApplyFailed": _NOT_APPLIED,
    "NullRequest": _OURS,
    "RequestMissingHeaders": _OURS,
    "InvalidCredentials": stop("Microsoft refuses the access token or developer token.", _SIGN_IN),
    "UserIsNotAuthorized": _ACCOUNT,
    "AuthenticationTokenExpired": stop(
        "The access token has expired, and so has the renewed one.", _SIGN_IN
    ),
    "CompromisedCredentials": _IDENTITY,
    "InvalidAccount": _ACCOUNT,
    "InvalidAccountId": _ACCOUNT,
    "AccountIdMissing": _ACCOUNT,
    "OfflineConversionsNullOrEmpty": _OURS,
    "OfflineConversionBatchSizeExceedsLimit": _OURS,
    "OfflineConversionNull": _OURS,
    "OfflineConversionMSClickIdNullOrEmpty": _BAD_CLICK,
    "OfflineConversionMSClickIdInvalid": _BAD_CLICK,
    "OfflineConversionNameNullOrEmpty": _OURS,
    "OfflineConversionNameInvalid": _NO_GOAL,
    "OfflineConversionTimeInvalid": _OURS,
    "OfflineConversionTimeNullOrEmpty": _OURS,
    "OfflineConversionTimeOutOfWindow": row(
        "The conversion is older than the 90 days that Microsoft accepts.",
        "Run convsync every night; what is this old can no longer be reported.",
    ),
    "OfflineConversionValueInvalid": row(
        "Microsoft does not accept this value.",
        "Correct the amount in the CRM, or the rule's value.",
    ),
    "OfflineConversionCurrencyInvalid": row(
        "Microsoft does not accept this currency.", "Correct the deal's currency in the CRM."
    ),
    "OfflineConversionCustomerNotEnabled": blocked(
        "The customer is not enabled for offline conversions.", _SUPPORT, Concern.ALL
    ),
    "OfflineConversionFutureTime": wait(
        "By Microsoft's clock the conversion is in the future.",
        "If it happens often, correct this machine's clock.",
        hours=1,
    ),
    "OfflineConversionGoalTooRecent": wait(
        "The goal was created less than two hours ago.", hours=2
    ),
    "OfflineConversionBeforeClick": row("The conversion is earlier than its click.", _DATES),
    "OfflineConversionOutsideGoalWindow": row(
        "The click is older than the goal's conversion window.",
        "Lengthen the window of the goal (90 days at most), or count an earlier milestone.",
    ),
    "AdjustmentTypeInvalid": _OURS,
    "AdjustmentTimeNullOrEmpty": _OURS,
    "AdjustmentTimeBeforeConversion": row("The adjustment is earlier than its conversion.", _DATES),
    "AdjustmentTimeInvalid": _OURS,
    "AdjustmentFutureTime": wait(
        "By Microsoft's clock the adjustment is in the future.",
        "If it happens often, correct this machine's clock.",
        hours=1,
    ),
    "AdjustmentTimeOutOfWindow": row(
        "The conversion is older than the 90 days in which Microsoft adjusts it. It stays as it "
        "was counted.",
        "Nothing: count an earlier milestone, if deals often change this late.",
    ),
    "AdjustmentValueNotExpected": _OURS,
    "AdjustmentValueRequired": _OURS,
    "AdjustmentCurrencyRequired": _OURS,
    "RestateRetractNotSupported": blocked(
        "The goal does not accept adjustments.",
        "Count in a goal of the type offline conversion that accepts them, or ask Microsoft's "
        "support with the tracking ID.",
        Concern.ALL,
    ),
    "NotEligibleForEnhancedConversions": blocked(
        "The goal does not accept conversions that have only hashes.", _ENHANCED
    ),
    "ConversionEmailAddressIsNotHashed": _BAD_HASH,
    "ConversionPhoneNumberIsNotHashed": _BAD_HASH,
    "ExternalAttributionRequiredFieldEmpty": _EXTERNAL,
    "ExternalAttributionModelTooLong": _EXTERNAL,
    "ExternalAttributionCreditValueInvalid": _EXTERNAL,
    "GoalNotEligibleForExternalAttribution": _EXTERNAL,
    ADJUSTMENT_WITHOUT_CLICK: row(
        "The conversion was counted by a hashed e-mail or phone alone, and how Microsoft would "
        "identify it is not documented. It stays as it was counted.",
        "Set adjust_identifiers = true, if you have seen that it works in your account.",
    ),
}
"""Every code by its name, and ours."""

CALL_RATE_EXCEEDED: Final = "CallRateExceeded"
OUTCOME_UNKNOWN: Final = frozenset({"InternalError", "OfflineConversionsApplyFailed"})
RENEWABLE: Final = frozenset({"InvalidCredentials", "AuthenticationTokenExpired"})
"""Refusals that a new access token can put right."""


def explain_code(code: str) -> CodeMeaning | None:
    """Return what a code of Microsoft's means, None for one that stands in no table."""
    return explained(code, MEANINGS)
