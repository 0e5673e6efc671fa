"""Which column means what, and how to read its cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from convsync.extract.funnel import MilestoneStages
from convsync.model.click import ClickIdKind
from convsync.model.customer import CustomerType

DEAL, CONTACT, LEAD = "deal", "contact", "lead"
"""The kinds of record a CRM has."""
OWNER = "owner"
ATTRIBUTES = (OWNER, "pipeline", "stage")
"""The segments of every CRM's deals, mapped or not: IDs and words of the set-up, no free text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFormat:
    """How the cells of one source are written.

    `time_zone` is the zone of timestamps without one and of bare dates; None means that every
    timestamp must carry its own. `date_formats` are strptime formats tried after ISO 8601, and
    names of `extract/date_formats.py`. In `date_columns` midnight means the whole day.
    `value_separator` parts the values of a cell that holds several. `joins_plain_hashes` where
    another source of the company has e-mails or phones that were hashed before, and
    `keeps_plain_hashes` where a platform finds people by such hashes (`plain_hashes`).
    Where `has_decimal_comma` is not declared, None, the decimal sign is a dot.
    `blank_words` mean "nothing" in any cell but a deal's ID. Words are compared without regard to
    case and surrounding space; a word that is both granted and denied is denied, and one of two
    types of customer says nothing. A word about consent that is in none of the three lists is
    unclear.
    """

    time_zone: tzinfo | None = None
    date_formats: tuple[str, ...] = ()
    date_columns: frozenset[str] = frozenset()
    value_separator: str | None = None
    has_decimal_comma: bool | None = None
    blank_words: frozenset[str] = frozenset()
    currency: str | None = None
    phone_region: str | None = None
    emails_are_hashed: bool = False
    phones_are_hashed: bool = False
    joins_plain_hashes: bool = False
    keeps_plain_hashes: bool = False
    granted_words: frozenset[str] = frozenset()
    denied_words: frozenset[str] = frozenset()
    unspecified_words: frozenset[str] = frozenset()
    customer_words: Mapping[CustomerType, frozenset[str]] = field(default_factory=dict)
    deleted_words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneColumn:
    """The column that holds when a milestone was reached.

    `when` names other columns and the words they must all hold for it to count, such as a stage;
    where they do not, the time is not even read.
    """

    column: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickIdFields:
    """Which fields hold a click ID: one for each of `ClickIdKind`, and one with a whole URL."""

    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    msclkid: str | None = None
    fb_lead_id: str | None = None
    fbclid: str | None = None
    li_fat_id: str | None = None
    ttclid: str | None = None
    landing_url: str | None = None

    @property
    def click_ids(self) -> tuple[str, ...]:
        """Return the fields that hold a click ID, bare or in a URL."""
        return _named(*(name for _, name in bare_columns(self)), self.landing_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFields(ClickIdFields):
    """Which field of a record holds what: click IDs, and whose they are. None, (): not there."""

    clicked_at: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    country: str | None = None
    ad_user_data: str | None = None
    ad_personalization: str | None = None
    consented_at: str | None = None
    crm_keys: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return every field, once each."""
        consent = (self.ad_user_data, self.ad_personalization, self.consented_at)
        single = (self.clicked_at, self.country, *consent)
        several = (*self.emails, *self.phones, *self.crm_keys, *self.visitors)
        return _named(*self.click_ids, *single, *several)


@dataclass(frozen=True, kw_only=True)
class DealFields:
    """Which field holds what of a deal itself, for every source. None: not there, or not mapped.

    It has no slots, because DealColumns inherits from two.
    """

    created_at: str | None = None
    modified_at: str | None = None
    amount: str | None = None
    currency: str | None = None
    customer_type: str | None = None
    deleted: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Return every field that holds something of the deal itself, once each."""
        single = (self.created_at, self.modified_at, self.amount, self.currency)
        return _named(*single, self.customer_type, self.deleted, *self.segments.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DealColumns(RecordFields, DealFields):
    """The columns of a deal, by the header's exact words. None and () mean: not there."""

    deal_id: str
    milestones: Mapping[str, MilestoneColumn]
    id_columns: tuple[str, ...] = ()
    """The columns that name a deal together, where none does alone; their digest is its ID."""

    @property
    def all_names(self) -> tuple[str, ...]:
        """Return every column that is mapped, once each."""
        reached = [
            name
            for milestone in self.milestones.values()
            for name in (milestone.column, *milestone.when)
        ]
        return _named(self.deal_id, *self.id_columns, *self.names, *self.own_names, *reached)


@dataclass(frozen=True, slots=True)
class MilestoneField:
    """A field of the deal that holds when a milestone was reached, an instant or a bare date."""

    field: str


@dataclass(frozen=True, slots=True)
class OnCreation:
    """The milestone is reached when the deal is created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmMapping(DealFields):
    """What a CRM's stages and fields mean. Milestones stand in the funnel's order.

    What DealFields names is taken instead of what the CRM itself tells.
    """

    milestones: Mapping[str, MilestoneStages | MilestoneField | OnCreation]
    deal: RecordFields = field(default_factory=RecordFields)
    contact: RecordFields = field(default_factory=RecordFields)
    lead: RecordFields = field(default_factory=RecordFields)

    @property
    def deal_fields(self) -> tuple[str, ...]:
        """Return every field of a deal to read, once each."""
        reached = (of.field for of in self.milestones.values() if isinstance(of, MilestoneField))
        return _named(*self.deal.names, *self.own_names, *reached)

    @property
    def stage_words(self) -> Mapping[str, tuple[str, ...]]:
        """Return the words that name the stages of each milestone."""
        return {
            name: of.stages
            for name, of in self.milestones.items()
            if isinstance(of, MilestoneStages)
        }

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return the fields to read of each kind of record."""
        return {DEAL: self.deal_fields, CONTACT: self.contact.names, LEAD: self.lead.names}


def _named(*fields: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for field in fields if field))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickColumns(ClickIdFields):
    """The columns of a click log, by the header's exact words. None and () mean: not there.

    `logged_at` is when a row was written, and what windows are drawn on. Without it a log is read
    whole every time: a click may be logged long after it happened, and must not be missed.
    `direct_visit` says of a row that nobody clicked then: its ID is that of an older click.
    """

    clicked_at: str | None = None
    direct_visit: str | None = None
    logged_at: str | None = None
    crm_keys: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    country: str | None = None

    @property
    def all_names(self) -> tuple[str, ...]:
        """Return every column to read, once each."""
        single = (self.clicked_at, self.direct_visit, self.logged_at, self.country)
        several = (*self.crm_keys, *self.visitors, *self.emails, *self.phones)
        return _named(*self.click_ids, *single, *several)


PersonColumns = RecordFields | ClickColumns
"""What says which click IDs a row has, and whose they are."""


def bare_columns(columns: ClickIdFields) -> Iterator[tuple[ClickIdKind, str]]:
    """Yield the columns that hold nothing but a click ID, in order of preference."""
    for kind in ClickIdKind:
        column: str | None = getattr(columns, kind.value)
        if column is not None:
            yield kind, column
