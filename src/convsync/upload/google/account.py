"""What an ad account says of itself: the settings that decide what counts, and what it received.

An `AccountReader` only reads. It stands beside `Destination` because the road by which conversions
go out need not be one that can be asked anything: the Data Manager API tells nothing of an account.
Words that are the platform's own (a status, a type) are kept in its spelling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The settings of an ad account.

    `conversion_customer` is the account that owns the conversion actions, "" where that was not
    told; `has_enhanced_conversions` is None where the account does not say.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadDay:
    """What arrived in one day of the account's calendar."""

    day_on: date
    successful: int
    failed: int
    pending: int

    @property
    def total(self) -> int:
        """Return everything that arrived, whatever became of it."""
        return self.successful + self.failed + self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAlert:
    """An error and the share of conversions that had it, from 0 to 1."""

    code: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSummary:
    """What the platform received by one client for one action, or (`action_id` None) for all.

    `client` is the platform's word for the way it came in. Status and alerts are those of the last
    full day; `days` are the last seven that had uploads.
    """

    client: str
    action_id: str | None
    action_name: str
    status: str
    total: int
    successful: int
    pending: int
    last_upload_on: date | None
    days: Sequence[UploadDay] = ()
    alerts: Sequence[UploadAlert] = ()

    @property
    def success_rate(self) -> float | None:
        """Return the share that was taken, None of nothing."""
        return self.successful / self.total if self.total else None

    @property
    def pending_rate(self) -> float | None:
        """Return the share that is not processed yet, None of nothing."""
        return self.pending / self.total if self.total else None


class AccountReader(Protocol):
    """Reads one ad account. Its methods raise what those of `Destination` raise."""

    name: str

    def account(self) -> AccountFacts:
        """Return the account's settings."""

    def actions(self) -> Sequence[ConversionActionFacts]:
        """Return every conversion action the account can use, whatever its status."""

    def upload_summaries(self) -> Sequence[UploadSummary]:
        """Return what the platform received lately, in all and by action."""

    def close(self) -> None:
        """Give back the connection."""
