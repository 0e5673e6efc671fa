"""The numbers that Microsoft's errors come with, and our name of each.

https://learn.microsoft.com/en-us/advertising/guides/operation-error-codes
"""

from collections.abc import Mapping
from typing import Final

from convsync.upload.microsoft.offline_conversion_codes import CALL_RATE_EXCEEDED

NUMBERS: Final[Mapping[int, str]] = {
    0: "InternalError",
    100: "NullRequest",
    105: "InvalidCredentials",
    106: "UserIsNotAuthorized",
    108: "CompromisedCredentials",
    109: "AuthenticationTokenExpired",
    116: "RequestMissingHeaders",
    117: CALL_RATE_EXCEEDED,
    **dict.fromkeys((120, 122, 123, 124, 125), "CompromisedCredentials"),
    208: "InvalidAccount",
    1030: "AccountIdMissing",
    1102: "InvalidAccountId",
    5600: "OfflineConversionsNullOrEmpty",
    5601: "OfflineConversionBatchSizeExceedsLimit",
    5602: "OfflineConversionNull",
    5603: "OfflineConversionMSClickIdNullOrEmpty",
    5604: "OfflineConversionMSClickIdInvalid",
    5605: "OfflineConversionNameNullOrEmpty",
    5606: "OfflineConversionNameInvalid",
    5607: "OfflineConversionTimeInvalid",
    5608: "OfflineConversionTimeNullOrEmpty",
    5609: "OfflineConversionTimeOutOfWindow",
    5610: "OfflineConversionValueInvalid",
    5611: "OfflineConversionCurrencyInvalid",
    5612: "OfflineConversionsApplyFailed",
    5613: "OfflineConversionCustomerNotEnabled",
    5614: "OfflineConversionFutureTime",
    5615: "OfflineConversionGoalTooRecent",
    5616: "OfflineConversionBeforeClick",
    5617: "OfflineConversionOutsideGoalWindow",
    5618: "AdjustmentTypeInvalid",
    5619: "AdjustmentTimeNullOrEmpty",
    5620: "AdjustmentTimeBeforeConversion",
    5621: "AdjustmentTimeInvalid",
    5622: "AdjustmentFutureTime",
    5623: "AdjustmentTimeOutOfWindow",
    5624: "AdjustmentValueNotExpected",
    5625: "AdjustmentValueRequired",
    5626: "AdjustmentCurrencyRequired",
    5627: "RestateRetractNotSupported",
}
"""Our name of each documented number: what Microsoft calls it may differ, its number not."""
