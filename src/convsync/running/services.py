"""What a run works with, and what it reports at its end."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from convsync.clock import SERVERS, Clock, ServerClocks, system_clock
from convsync.decisions.whoami import os_user
from convsync.errors import OperatorError
from convsync.extract.field_writer import WriteBackTerms
from convsync.extract.source import ClickSource, DealSource
from convsync.model.audience import Audience
from convsync.model.comeback import TellTerms
from convsync.model.definition import Definitions
from convsync.model.revenue import MoneyTerms
from convsync.model.rule import Agreement, ConversionRule
from convsync.model.takes import Takes
from convsync.model.terms import Moved, PrivacySettings, RunLimits, SharedKeys
from convsync.model.write_back import ToWriteBack
from convsync.plan import PlanSummary
from convsync.process.stopping import Stop
from convsync.report.closing import Closing
from convsync.retrying import RetryPolicy
from convsync.running.guarding import SafetyLimits
from convsync.sending.settling import Uploaded
from convsync.store import account
from convsync.store.database import Database, OnStep, ignore_step
from convsync.store.quarantine import Entry
from convsync.store.retired import Retired
from convsync.upload.destination import Destination

if TYPE_CHECKING:
    from convsync.extract.revenue import RevenueSource
    from convsync.values.history import LearningTerms


class Progress(Protocol):
    """Hears how far a run has come."""

    def expect(self, stage: str, total: int) -> None:
        """Note how many records of a stage there will be, once that is known."""

    def advance(self, stage: str, count: int) -> None:
        """Note that `count` more records of a stage are done."""


class NoProgress:
    """Hears nothing."""

    def expect(self, stage: str, total: int) -> None:
        """Do nothing."""

    def advance(self, stage: str, count: int) -> None:
        """Do nothing."""


class Counted:
    """Counts how far a run has come, for whoever watches it from elsewhere, and tells who hears."""

    def __init__(self, hears: Progress) -> None:
        self._hears = hears
        self._done: Counter[str] = Counter()
        self._totals: dict[str, int] = {}

    def expect(self, stage: str, total: int) -> None:
        """Count it, and pass it on."""
        self._totals[stage] = self._done[stage] + total
        self._hears.expect(stage, total)

    def advance(self, stage: str, count: int) -> None:
        """Count it, and pass it on."""
        self._done[stage] += count
        self._hears.advance(stage, count)

    def so_far(self) -> dict[str, tuple[int, int | None]]:
        """Return what is done of each stage, and of how many where that is known."""
        return {stage: (done, self._totals.get(stage)) for stage, done in self._done.items()}


def _say_nothing(_: Closing) -> None:
    """Let a run end without a word."""


def _ask_nobody() -> None:
    """Leave the machine's clock alone."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a run works with, made by `wiring`.

    `account_keys` are the accounts that know what each destination sent, by its name.
    `learning` is how values are learned, where a rule sends them. `ask_the_time` has a server say
    what time it is, into `servers`, where there is one to ask; `by` is who answers for a plan that
    is forced or released.
    """

    database: Database
    rules: Sequence[ConversionRule]
    takes: Mapping[str, Takes]
    deal_sources: Sequence[DealSource]
    click_sources: Sequence[ClickSource]
    destinations: Callable[[str], Destination]
    account_keys: Mapping[str, str] = field(default_factory=dict)
    revenue_sources: "Sequence[RevenueSource]" = ()
    money: MoneyTerms = field(default_factory=MoneyTerms)
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    moved: Moved = field(default_factory=Moved)
    run_limits: RunLimits = field(default_factory=RunLimits)
    shared_keys: SharedKeys = field(default_factory=SharedKeys)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    funnel: Sequence[str] = ()
    audiences: Sequence[Audience] = ()
    write_backs: Sequence[WriteBackTerms] = ()
    tell: TellTerms | None = None
    learning: "LearningTerms | None" = None
    definitions: Definitions = field(default_factory=dict)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = system_clock
    real_clock: Clock = system_clock
    servers: ServerClocks = SERVERS
    ask_the_time: Callable[[], None] = _ask_nobody
    on_step: OnStep = ignore_step
    progress: Progress = field(default_factory=NoProgress)
    stop: Stop = field(default_factory=Stop)
    on_close: Callable[[Closing], None] = _say_nothing
    head_file: Path | None = None
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    by: str = field(default_factory=os_user)

    @property
    def needs_origins(self) -> bool:
        """True where a rule's values go by where a deal began."""
        return any(rule.needs_origins for rule in self.rules)

    def require_right_clock(self) -> None:
        """Raise OperatorError where a server's clock is too far from our own."""
        skew, allowed = self.servers.largest, self.run_limits.clock_tolerance
        if skew is not None and skew.certain > allowed:
            raise OperatorError(
                f"This machine's clock says {skew.ours:%Y-%m-%d %H:%M:%S} UTC, {skew.server} says"
                f" {skew.theirs:%Y-%m-%d %H:%M:%S} UTC. Nothing was read beyond what had been, and"
                " nothing was sent. Set the clock, then run again; [limits] clock_minutes says how"
                f" far it may be off ({allowed.total_seconds() / 60:g})."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did. `exit_code` is what the process ends with; `problems` say why it is not 0."""

    run_id: int
    plan: PlanSummary
    uploaded: Uploaded
    sums: account.Sums
    quarantined: int
    problems: Sequence[str]
    retired: Sequence[Retired] = ()
    unreadable: Sequence[Entry] = ()
    """The first records that a preview could not read."""
    to_write_back: Sequence[ToWriteBack] = ()
    """What a preview found that CRMs lack."""

    @property
    def exit_code(self) -> int:
        """Return 0 where all is well, waiting included; 1 where rows or work were left."""
        return 1 if self.uploaded.rejected or self.problems else 0
