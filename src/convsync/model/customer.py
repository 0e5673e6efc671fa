"""What a customer was to the company when the deal was created; None if unknown.

Google tells new customers from returning ones, and bids for them apart:
https://support.google.com/google-ads/answer/14007601
"""

from enum import StrEnum


class CustomerType(StrEnum):
    """The Data Manager API's three; the Google Ads API has no word for the last."""

    NEW = "new"
    RETURNING = "returning"
    REENGAGED = "reengaged"
