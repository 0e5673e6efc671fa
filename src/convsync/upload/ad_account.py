"""What a platform says of the ad account behind a destination: its settings, and what it received.

An `AdAccount` only reads. It stands beside `Destination` because the API that conversions are
sent to need not be one that can be asked anything. Words that are the platform's own (a status, a
client, an error's code) are kept in its spelling.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Protocol

from msgspec import Struct

from convsync.clock import Clock
from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.model.finding import Finding
from convsync.model.rule import ConversionRule


class UploadDay(Struct, frozen=True, kw_only=True):
    """What arrived in one day of the account's calendar."""

    day_on: date
    successful: int
    failed: int
    pending: int

    @property
    def total(self) -> int:
        """Return everything that arrived, whatever became of it."""
        return self.successful + self.failed + self.pending


class UploadAlert(Struct, frozen=True, kw_only=True):
    """An error and the share of conversions that had it, from 0 to 1."""

    code: str
    share: float


class UploadSummary(Struct, frozen=True, kw_only=True):
    """What the platform received by one client for one action, or (`action_id` None) for all.

    `client` is the platform's word for the way it came in. Status and alerts are those of the last
    full day; `days` are the last ones that had uploads.
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


class Received(Struct, frozen=True, kw_only=True):
    """What an account received lately, by every client, and whose each summary is.

    `ours` are those that hold the destination's own uploads, `others` the rest. `is_complete` says
    that what is missing there did not arrive; `note` is what the reader should know if it is not.
    """

    platform: str
    time_zone: str
    ours: Sequence[UploadSummary]
    others: Sequence[UploadSummary] = ()
    is_complete: bool = True
    note: str = ""


class CannotAsk(Struct, frozen=True, kw_only=True):
    """An account that nothing reads; `fix` is what would change that."""

    fix: str


class ClickReader(Protocol):
    """Reads the clicks of an ad account, which is known to the platform as `customer_id`.

    Days are those of `time_zone`; `days_back` is how long ago the first may be.
    """

    customer_id: str
    time_zone: str
    days_back: timedelta

    def clicks_on(self, day: date) -> Sequence[AdClick]:
        """Return the clicks of a day; raises what the methods of `Destination` raise."""


class CostReader(Protocol):
    """Reads what an ad account spends; money is in its `currency`, days are those of `time_zone`.

    Its methods raise what those of `Destination` raise.
    """

    customer_id: str
    time_zone: str
    currency: str

    def costs_between(self, view: CostView, first: date, last: date) -> Sequence[AdCost]:
        """Return what was spent from the first day to the last, told apart in one way."""

    def names_of(self, view: CostView, items: Sequence[str]) -> Mapping[str, str]:
        """Return what some places or audiences are called, by their IDs, as far as it is known."""

    def results_between(self, first: date, last: date) -> Sequence[AdResult]:
        """Return what the platform counts for the clicks of these days, by conversion action."""


class AdAccount(Protocol):
    """The account behind a destination. Its methods raise what those of `Destination` raise."""

    destination: str
    help_url: str

    def findings(self, rules: Sequence[ConversionRule], clock: Clock | None) -> Sequence[Finding]:
        """Return findings about the account and about what the rules count in it.

        What cannot be read is a finding too. `clock` is this machine's, to be compared with the
        platform's; None where it stands still.
        """

    def server_time(self) -> datetime | None:
        """Return what time it is at the platform, None where it cannot be asked."""

    def received(self) -> Received | CannotAsk:
        """Return what the platform received lately."""

    def clicks(self) -> AbstractContextManager[ClickReader | CannotAsk]:
        """Return what reads the account's clicks while it is entered."""

    def costs(self) -> AbstractContextManager[CostReader | CannotAsk]:
        """Return what reads the account's costs while it is entered."""
