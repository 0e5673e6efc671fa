"""The settings of an ad account at Google that decide what counts, and who reads them.

The Data Manager API tells nothing of an account, so a reader goes by the Google Ads API, whichever
road conversions take. Google's words (a status, a type) are kept in its spelling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.upload.ad_account import UploadSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The settings of an ad account.

    `conversion_customer` is the account that owns the conversion actions, "" where that is not
    known; `has_enhanced_conversions` is None where the account does not say.
    """

    customer_id: str
    currency: str
    time_zone: str
    has_auto_tagging: bool
    has_accepted_terms: bool
    has_enhanced_conversions: bool | None
    conversion_customer: str = ""
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionActionFacts:
    """A conversion action. `click_through_days` is its window, None where it has none."""

    action_id: str
    name: str
    status: str
    type: str
    owner: str
    counting_type: str
    click_through_days: int | None
    always_uses_default_value: bool
    default_value: float
    default_currency: str
    is_primary: bool = True


class AccountReader(Protocol):
    """Reads one ad account. Its methods raise what those of `Destination` raise."""

    name: str

    def account(self) -> AccountFacts:
        """Return the account's settings."""

    def actions(self) -> Sequence[ConversionActionFacts]:
        """Return every conversion action the account can use, whatever its status."""

    def upload_summaries(self) -> Sequence[UploadSummary]:
        """Return what the platform received lately, in all and by action."""

    def clicks_on(self, day: date) -> Sequence[AdClick]:
        """Return the clicks of a day of the account's calendar, of the last 90."""

    def costs_between(self, view: CostView, first: date, last: date) -> Sequence[AdCost]:
        """Return what was spent in days of the account's calendar, told apart in one way."""

    def names_of(self, view: CostView, items: Sequence[str]) -> Mapping[str, str]:
        """Return what some places or audiences are called, by their IDs, as far as it is known."""

    def results_between(self, first: date, last: date) -> Sequence[AdResult]:
        """Return what is counted for clicks of these days, by conversion action."""

    def close(self) -> None:
        """Give back the connection."""
