"""The tables of the configuration file: what may stand in it, and what stands in for it."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from convsync.model.deal import WON
from convsync.model.rule import ClickPolicy
from convsync.settings.crms import CrmTable
from convsync.settings.deal_fields import DealFieldsTable
from convsync.settings.values import (
    AccountId,
    Amount,
    ApiUrl,
    AuditKey,
    ConsentWords,
    Credentials,
    Currency,
    CustomerWords,
    DatabaseUrl,
    DateFormats,
    Days,
    Digits,
    InsteadOfAmount,
    Minutes,
    Moves,
    Name,
    OptionalFile,
    Region,
    Separator,
    Table,
    TimeColumn,
    TimeColumnTable,
    Words,
    Zone,
    time_column,
)
from convsync.settings.watch_tables import AlertsTable, MetricsTable, ScheduleTable

PREFIX = "CONVSYNC_"
VALUE_ZERO = "value_zero"


class Company(Table):
    """Whose calendar and country stand where a source says nothing else."""

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


class Cells(Table):
    """How the cells of a source are written."""

    time_zone: Zone | None = None
    country: Region | None = None
    currency: Currency | None = None
    date_formats: DateFormats = ()
    value_separator: Separator | None = None
    decimal: Literal[".", ","] | None = None
    blank_words: Words = ()
    emails_are_hashed: bool = False
    phones_are_hashed: bool = False


class MilestoneColumnTable(TimeColumnTable):
    """The column of a milestone's time, and what other columns must say for it to count."""

    when: dict[str, Words] = Field(default_factory=dict)


def _named_conversion(value: Any) -> Any:
    words = [value] if isinstance(value, str) else value
    return {"column": "Conversion Time", "when": {"Conversion Name": words}}


class DealColumnsTable(DealFieldsTable):
    """Which column of a deal holds what, by the header's exact words."""

    deal_id: str
    created_at: TimeColumn | None = None
    modified_at: TimeColumn | None = None
    deleted: str | None = None


class _DealSource(Cells):
    columns: DealColumnsTable
    milestones: dict[str, Annotated[MilestoneColumnTable, BeforeValidator(time_column)]] = Field(
        min_length=1
    )
    segments: dict[str, str] = Field(default_factory=dict)
    consent: ConsentWords = ConsentWords()
    customer_type: CustomerWords = CustomerWords()
    deleted_words: Words = ("yes", "true", "1")
    rows_per_deal: Literal["one", "sum", "merge"] = "one"
    complete: bool = False
    reads_beside: Words = ()
    lag_minutes: Minutes = 0
    overlap_minutes: Minutes = 10


class FileTable(Table):
    """How a CSV file or a workbook is laid out."""

    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    skip_rows: int = Field(default=0, ge=0)
    stop_at: Words = ()
    sheet: str | None = None


class FileDealsTable(_DealSource, FileTable):
    """Deals from a file that an export replaces."""

    path: Path
    ignore_rows_without_id: bool = False


class CsvDealsTable(FileDealsTable):
    """Deals from a CSV file or a workbook, with columns of any name."""

    kind: Literal["csv"]


class GoogleTemplateTable(FileDealsTable):
    """Conversions as in Google's template for offline conversions, each row a deal of its own.

    `milestones` says which conversion names of the template mean which milestone.
    """

    kind: Literal["google_template"]
    columns: DealColumnsTable = DealColumnsTable(
        deal_id="Google Click ID",
        gclid="Google Click ID",
        amount="Conversion Value",
        currency="Conversion Currency",
    )
    date_formats: Words = ("%m/%d/%Y %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S")
    milestones: dict[str, Annotated[MilestoneColumnTable, BeforeValidator(_named_conversion)]] = (
        Field(min_length=1)
    )


class SqlDealsTable(_DealSource):
    """Deals from a table, a query (with `:since` and `:until` where it can), or a .sql file.

    `time_zones` gives columns whose times have no zone one of their own.
    """

    kind: Literal["sql"]
    url: DatabaseUrl
    query: str
    time_zones: dict[str, Zone] = Field(default_factory=dict)


class ClickColumnsTable(Table):
    """Which column of a click log holds what, by the header's exact words."""

    clicked_at: TimeColumn | None = None
    logged_at: TimeColumn | None = None
    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    msclkid: str | None = None
    fbclid: str | None = None
    li_fat_id: str | None = None
    ttclid: str | None = None
    landing_url: str | None = None
    crm_key: Words = ()
    visitor: Words = ()
    email: Words = ()
    phone: Words = ()
    country: str | None = None


class _ClickSource(Cells):
    columns: ClickColumnsTable
    lag_minutes: Minutes = 0
    overlap_minutes: Minutes = 10


class CsvClicksTable(_ClickSource, FileTable):
    """Clicks from a CSV file. Without a path it is only the mapping for `clicks import FILE`."""

    kind: Literal["csv"]
    path: Path | None = None


class SqlClicksTable(_ClickSource):
    """Clicks from a table, a query or a .sql file."""

    kind: Literal["sql"]
    url: DatabaseUrl
    query: str
    time_zones: dict[str, Zone] = Field(default_factory=dict)


DealSource = Annotated[
    CsvDealsTable | GoogleTemplateTable | SqlDealsTable | CrmTable, Field(discriminator="kind")
]
ClickSource = Annotated[CsvClicksTable | SqlClicksTable, Field(discriminator="kind")]


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


Value = Annotated[AmountValue | FixedValue | TableValue, Field(discriminator="kind")]


class Amounts(Table):
    """What a zero, a missing and an absurd amount do: "skip" the deal, or an amount instead."""

    zero: InsteadOfAmount = None
    missing: InsteadOfAmount = None
    absurd: InsteadOfAmount = None
    absurd_above: Decimal | None = Field(default=None, gt=0)


class Rule(Table):
    """A milestone that counts towards a conversion action. Its name is part of every order ID.

    `when` names segments and the values one of which a deal must have in each. `counts_beside`
    names rules that are meant to count the same milestone towards the same action.
    """

    milestone: str
    action_id: Digits
    destination: str | None = None
    when: dict[str, Annotated[Words, Field(min_length=1)]] = Field(default_factory=dict)
    counts_beside: Words = ()
    value: Value = AmountValue(kind="amount")
    amounts: Amounts = Amounts()
    click_policy: ClickPolicy = ClickPolicy.LAST
    lookback_days: Days = 90
    undone_by_loss: bool | None = None
    days_to_close_variable: str | None = None
    estimated_days_to_close: bool = False
    smallest_change: Decimal = Field(default=Decimal(0), ge=0, lt=1)

    @property
    def is_undone_by_loss(self) -> bool:
        """Return whether a later loss takes the conversion back: it does for a sale."""
        return self.milestone == WON if self.undone_by_loss is None else self.undone_by_loss


class _Google(Table):
    """What both of Google's APIs have: who signs in, what may go out, and where to.

    `upload_window_days` and `settling_hours` are Google's 90 days and 6 hours; the former is widely
    stated but stands on no page of Google's we could read, so both can be set. `token_url` is where
    a refresh token gets access tokens; one on this machine stands in for Google's pages, too.
    """

    credentials: Credentials = "application_default"
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    token_url: ApiUrl = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    impersonate: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    enhanced_conversions: bool = False
    identifiers_need_consent: bool = True
    upload_window_days: Days = 90
    settling_hours: float = Field(default=6, ge=0, le=72)
    plaintext: bool = False
    timeout_s: float = Field(default=120, gt=0, le=3600)
    cloud_project: str = "default"
    requests_in_flight: int = Field(default=4, ge=1, le=32)


class DataManagerTable(_Google):
    """The Data Manager API, for one ad account.

    `retract_with` says how a conversion is taken back: by a value of zero, or by the destination of
    kind google_ads that it names. `read_with` names one whose credentials read the account, for the
    Data Manager API cannot be asked about it. The quotas are Google's, for uploads and for statuses
    each.
    """

    kind: Literal["data_manager"]
    operating_account: AccountId
    login_account: AccountId | None = None
    linked_account: AccountId | None = None
    event_source: Literal["WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER"] = "OTHER"
    retract_with: str = VALUE_ZERO
    read_with: str | None = None
    requests_per_minute: int | None = Field(default=300, ge=1)
    requests_per_day: int | None = Field(default=100_000, ge=1)
    endpoint: str = "datamanager.googleapis.com"
    rest_endpoint: str = "https://datamanager.googleapis.com"


class GoogleAdsTable(_Google):
    """The Google Ads API, for one ad account that uploaded by it before 2026-06-15.

    `google_ads_yaml` is the official client's own file; with credentials = "google_ads" and without
    it, the GOOGLE_ADS_* variables are read. Accounts that are written here go before both.
    """

    kind: Literal["google_ads"]
    customer_id: AccountId
    login_customer_id: AccountId | None = None
    linked_customer_id: AccountId | None = None
    developer_token: SecretStr | None = None
    google_ads_yaml: Path | None = None
    api_version: Literal["v23", "v24", "v25", "v26"] = "v26"
    custom_variables: dict[str, Digits] = Field(default_factory=dict)
    endpoint: str = "googleads.googleapis.com"
    ca_file: Path | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    requests_per_day: int | None = Field(default=None, ge=1)


Destination = Annotated[DataManagerTable | GoogleAdsTable, Field(discriminator="kind")]


class Limits(Table):
    """How unusual a plan, and how much amiss a run may be before a person has to look at it.

    What is usual is learned from 28 nights; what `guarding.SafetyLimits` says are its floors.
    `unreadable` is how many new unreadable records a run may meet and still end with code 0;
    `clock_minutes` how far this machine's clock may be from the servers'.
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
    """Which e-mails, phones and other keys join deals to clicks.

    One that more deals have than this says nothing of who is behind them, unless it is allowed.
    """

    shared_by_more_than: int = Field(default=5, ge=1)
    allowed: Words = ()


class Audit(Table):
    """How the audit log is protected: a key for its digests, and a file that repeats its head.

    The key is a secret, CONVSYNC_AUDIT__KEY. `head_file` is relative to the config's folder; false
    or "" keeps none.
    """

    key: AuditKey | None = None
    head_file: OptionalFile = Path("convsync.audit-head")


class Privacy(Table):
    """How people are forgotten: the secret of the list of them, and the file that repeats it.

    The key is a secret, CONVSYNC_PRIVACY__KEY. `erased_file` is relative to the config's folder;
    false or "" keeps none.
    """

    key: AuditKey | None = None
    erased_file: OptionalFile = Path("convsync.erased")


class Retry(Table):
    """How often a request is tried within one run; what is left then is the next run's."""

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
        env_prefix=PREFIX,
        env_nested_delimiter="__",
    )

    company: Company = Company()
    store: Store = Store()
    milestones: dict[Name, MilestoneTable] = {}
    deals: dict[Name, DealSource] = Field(min_length=1)
    clicks: dict[Name, ClickSource] = {}
    rules: dict[Name, Rule] = Field(min_length=1)
    destinations: dict[Name, Destination] = Field(min_length=1)
    limits: Limits = Limits()
    keys: Keys = Keys()
    retry: Retry = Retry()
    audit: Audit = Audit()
    privacy: Privacy = Privacy()
    schedule: ScheduleTable = ScheduleTable()
    alerts: AlertsTable = AlertsTable()
    metrics: MetricsTable = MetricsTable()
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
