"""The tables of the configuration file: what may stand in it, and what stands in for it."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from convsync.model.deal import WON
from convsync.model.rule import ClickPolicy
from convsync.settings.audience_tables import AudienceTable
from convsync.settings.collect_tables import SiteTable
from convsync.settings.cost_tables import CostsTable
from convsync.settings.digest_tables import DigestTable
from convsync.settings.money_tables import RatesTable, RevenueSource
from convsync.settings.platforms import AnyDestination
from convsync.settings.report_tables import ReportsTable
from convsync.settings.serve_tables import ServeTable
from convsync.settings.source_tables import ClickSource, DealSource
from convsync.settings.tell_tables import TellTable
from convsync.settings.value_tables import ValuesTable
from convsync.settings.values import (
    ActionId,
    Amount,
    AuditKey,
    Currency,
    DatabaseUrl,
    Days,
    InsteadOfAmount,
    Moves,
    Name,
    OptionalFile,
    Region,
    Table,
    Words,
    Zone,
)
from convsync.settings.watch_tables import AlertsTable, MetricsTable, SandboxTable, ScheduleTable

PREFIX = "CONVSYNC_"


class Company(Table):
    """The calendar, country and currency used when a source does not say otherwise."""

    time_zone: Zone | None = None
    country: Region | None = None
    currency: Currency | None = None


class Store(Table):
    """Where the ledger is kept: `sqlite:///file.db` (from the config's folder) or PostgreSQL."""

    url: DatabaseUrl = SecretStr("sqlite:///convsync.db")


class MilestoneTable(Table):
    """The agreement on one milestone: its definition in words, and the team that owns it."""

    definition: str = ""
    owner: str = ""
    next_within_days: Days | None = None


class AmountValue(Table):
    """The deal's amount, or a share of it."""

    kind: Literal["amount"]
    share: Decimal = Field(default=Decimal(1), gt=0, le=1)


class FixedValue(Table):
    """The same sum for every conversion."""

    kind: Literal["fixed"]
    amount: Amount
    currency: Currency


class TableValue(Table):
    """A sum by the deal's value of one segment attribute."""

    kind: Literal["table"]
    segment: str
    amounts: dict[str, Amount] = Field(min_length=1)
    otherwise: Amount | None = None
    currency: Currency


class ExpectedRuleValue(Table):
    """The value learned from the company's own deals, as accepted; `[values]` says how."""

    kind: Literal["expected"]


StatedValue = Annotated[
    AmountValue | FixedValue | TableValue | ExpectedRuleValue, Field(discriminator="kind")
]


class RevenueValue(Table):
    """What came in within so many days of the milestone; until then, the expected value.

    `if_nothing_came` says whether a conversion keeps its expected value once these days are over,
    or is worth zero.
    """

    kind: Literal["revenue"]
    within_days: Days
    expected: StatedValue = AmountValue(kind="amount")
    if_nothing_came: Literal["keep", "zero"] = "keep"


Value = Annotated[
    AmountValue | FixedValue | TableValue | ExpectedRuleValue | RevenueValue,
    Field(discriminator="kind"),
]


class Amounts(Table):
    """What to do about a zero, missing or absurd amount: "skip" the deal, or an amount instead."""

    zero: InsteadOfAmount = None
    missing: InsteadOfAmount = None
    absurd: InsteadOfAmount = None
    absurd_above: Decimal | None = Field(default=None, gt=0)


class Rule(Table):
    """A milestone that counts towards a conversion action. Its name is part of every order ID.

    `action_id` identifies the action at the platform: a number at Google, a name elsewhere. A
    milestone waits `hold_days` before it is sent, because it may change meanwhile. `when` names
    segments and their allowed values. `counts_beside` names rules that intentionally count the same
    milestone towards the same action.
    """

    milestone: str
    action_id: ActionId
    destination: str | None = None
    when: dict[str, Annotated[Words, Field(min_length=1)]] = Field(default_factory=dict)
    counts_beside: Words = ()
    value: Value = AmountValue(kind="amount")
    amounts: Amounts = Amounts()
    click_policy: ClickPolicy = ClickPolicy.LAST
    lookback_days: Days = 90
    hold_days: float = Field(default=0, ge=0, le=365)
    reuse_clicks: bool = False
    clock_skew_minutes: float = Field(default=0, ge=0, le=60)
    undone_by_loss: bool | None = None
    days_to_close_variable: str | None = None
    estimated_days_to_close: bool = False
    smallest_change: Decimal = Field(default=Decimal(0), ge=0, lt=1)

    @property
    def is_undone_by_loss(self) -> bool:
        """Return whether a later loss takes the conversion back: it does for a sale."""
        return self.milestone == WON if self.undone_by_loss is None else self.undone_by_loss


Destination = Annotated[AnyDestination, Field(discriminator="kind")]


class Limits(Table):
    """How unusual a plan, or how faulty a run, may be before a person has to look at it.

    What is usual is learned from 28 nights, with the floors in `guarding.SafetyLimits`.
    `unreadable` is how many new unreadable records a run may meet and still end with exit code 0;
    `clock_minutes` how far this machine's clock may differ from the servers'.
    """

    factor: int = Field(default=5, gt=0)
    small: int = Field(default=500, ge=0)
    retracted_share: Decimal = Field(default=Decimal("0.10"), ge=0, le=1)
    small_retraction: int = Field(default=20, ge=0)
    value_factor: int = Field(default=10, gt=1)
    unmatched_share: Decimal = Field(default=Decimal("0.50"), ge=0, le=1)
    small_unmatched: int = Field(default=20, ge=0)
    zero_from: int = Field(default=10, gt=0)
    vanished_share: Decimal = Field(default=Decimal("0.50"), ge=0, le=1)
    unreadable: int = Field(default=0, ge=0)
    clock_minutes: float = Field(default=10, gt=0, le=24 * 60)


class Keys(Table):
    """Which e-mails, phones and other keys link deals to clicks.

    A key that more deals have than this does not identify anybody, unless it is allowed.
    """

    shared_by_more_than: int = Field(default=5, ge=1)
    allowed: Words = ()


class Audit(Table):
    """How the audit log is protected: a key for its digests, and a file with a copy of its head.

    The key is a secret, CONVSYNC_AUDIT__KEY. `head_file` is relative to the config's folder; with
    false or "" there is none.
    """

    key: AuditKey | None = None
    head_file: OptionalFile = Path("convsync.audit-head")


class Privacy(Table):
    """How people are forgotten: the secret for the list of them, and the file with a copy of it.

    The key is a secret, CONVSYNC_PRIVACY__KEY. `erased_file` is relative to the config's folder;
    with false or "" there is none.
    """

    key: AuditKey | None = None
    erased_file: OptionalFile = Path("convsync.erased")


class Retry(Table):
    """How often a request is tried within one run; after that it is left to the next run."""

    attempts: int = Field(default=4, ge=1, le=20)
    first_wait_s: float = Field(default=1, ge=0, le=3600)
    longest_wait_s: float = Field(default=60, ge=0, le=3600)
    longest_asked_s: float = Field(default=300, ge=0, le=86_400)
    failures: int = Field(default=3, ge=1, le=100)


class Settings(BaseSettings):
    """The whole configuration. `folder` is the config file's, which relative paths start from."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
    )

    company: Company = Company()
    store: Store = Store()
    milestones: dict[Name, MilestoneTable] = {}
    deals: dict[Name, DealSource] = Field(min_length=1)
    clicks: dict[Name, ClickSource] = {}
    collect: dict[Name, SiteTable] = {}
    revenue: dict[Name, RevenueSource] = {}
    rules: dict[Name, Rule] = Field(min_length=1)
    destinations: dict[Name, Destination] = Field(min_length=1)
    values: ValuesTable = ValuesTable()
    audiences: dict[Name, AudienceTable] = {}
    tell: TellTable = TellTable()
    rates: RatesTable | None = None
    reports: ReportsTable = ReportsTable()
    costs: CostsTable = CostsTable()
    limits: Limits = Limits()
    keys: Keys = Keys()
    retry: Retry = Retry()
    audit: Audit = Audit()
    privacy: Privacy = Privacy()
    schedule: ScheduleTable = ScheduleTable()
    alerts: AlertsTable = AlertsTable()
    digest: DigestTable | None = None
    metrics: MetricsTable = MetricsTable()
    serve: ServeTable = ServeTable()
    sandbox: SandboxTable = SandboxTable()
    moved: Moves = {}
    folder: Path = Path()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `loading` has put together, and read no variable a second time."""
        return (init_settings,)


class Written(Settings):
    """What may be written: also templates, of which nothing is left once they are inherited."""

    templates: dict[Name, dict[str, Any]] = {}
