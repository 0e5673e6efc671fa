"""Deals out of a CRM's API: what every vendor's adapter hands over, and what becomes of it.

An adapter (a `Crm`, one file per vendor) speaks the vendor's API: it lists what changed in a
window, page by page, and completes each page with as few calls as the vendor allows: the stages the
deals went through, the people behind them, what their fields hold. `CrmDeals` makes Deals of that,
by the config's mapping, the same for all vendors. The decisions that shape it:

- Associations are read live with each deal, and deals are read again when a person behind them
  changes: a click ID that is added to a contact does not touch the deal.
- Whoever is behind a deal and refused, refused for the deal: one denial outweighs every consent.
- A click ID on a lead was seen when the lead was created, unless a field or the CRM's history of
  the field says when. One on a contact or deal may have been written at any time.
- The owner is the CRM's ID of a user, not a name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from convsync.errors import OperatorError, UnexpectedResponseError
from convsync.extract.cells import Cells, text_of
from convsync.extract.funnel import Entered, Funnel, MilestoneStages, Stage
from convsync.extract.mapping import (
    CONTACT,
    DEAL,
    LEAD,
    CellFormat,
    CrmMapping,
    MilestoneField,
    OnCreation,
    RecordFields,
)
from convsync.extract.problem import CellError
from convsync.extract.records import ClickIdReader, Header, PersonReader
from convsync.extract.source import Bookmark, Departed, Quarantined, Record
from convsync.model.click import Candidate, Click, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.deal import Deal, Milestone
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period

T = TypeVar("T")
P = ParamSpec("P")
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it no CRM held anything."""
FAR_AHEAD: Final = datetime(9999, 1, 1, tzinfo=UTC)
Fields = Mapping[str, Any]
History = Mapping[str, Sequence[tuple[Any, datetime]]]
"""What fields held over time, each value with the instant (aware UTC) it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact or lead behind a deal, as the CRM has it. It is hashed before it goes any further.

    `kind` is CONTACT or LEAD. `history` holds earlier values of click-ID fields, where the CRM
    keeps them.
    """

    kind: str
    record_id: str
    created_at: datetime | None = None
    fields: Fields = field(default_factory=dict, repr=False)
    history: History = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmDeal:
    """A deal as its CRM tells it, complete: with its stages' history and its people.

    `amount` is what the API wrote, text or number, in `currency`. `attributes` are what every CRM
    has under other names: owner, pipeline, stage, lost_reason; blank ones may be left out.
    """

    deal_id: str
    created_at: datetime | None
    modified_at: datetime | None
    entered: Sequence[Entered]
    amount: Any = None
    currency: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    fields: Fields = field(default_factory=dict, repr=False)
    history: History = field(default_factory=dict, repr=False)
    people: Sequence[Person] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some deals that were listed together, and deals that these show to have left the CRM.

    `place` is where to go on after them, if one can.
    """

    deals: Sequence[CrmDeal | Quarantined]
    departed: Sequence[Departed] = ()
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmField:
    """A field of a kind of record: `kind` is DEAL, CONTACT or LEAD, `longest` its length if known.

    `is_readable` is False where the API lists a field that these credentials may not read.
    """

    kind: str
    name: str
    label: str
    type: str
    longest: int | None = None
    is_readable: bool = True


class Crm(Protocol):
    """One vendor's API. Iterating and calling raise what `Http` raises.

    `lag` is how long the vendor's index trails behind, `overlap` how far each window reaches back
    into the one before; both may be overridden by the config.
    """

    lag: timedelta
    overlap: timedelta

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline of deals."""

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals, contacts and leads."""

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield every deal that was modified inside the window, or had a person who was.

        With `after`, a place in the same window, what stands before it may be left out.
        """

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal that may have entered a stage inside the period, and perhaps others."""

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield those of the deals that these credentials can see, by the vendor's batch calls."""

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield every deal that left the CRM inside the window, where the CRM tells of them."""

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what a hundred or so recent records of a kind hold in these fields."""


class CrmDeals:
    """The deals of a CRM. Promises what DealSource does."""

    is_complete = False
    reads_all = False

    def __init__(
        self,
        name: str,
        crm: Crm,
        mapping: CrmMapping,
        cells: CellFormat,
        *,
        lag: timedelta | None = None,
        overlap: timedelta | None = None,
    ) -> None:
        self.name = name
        self.crm = crm
        self.mapping = mapping
        self.lag = crm.lag if lag is None else lag
        self.overlap = crm.overlap if overlap is None else overlap
        self._cells = cells

    def check_columns(self) -> None:
        """Raise OperatorError unless the CRM answers, and has every mapped stage and field."""
        with _as_documented(self.name):
            self._records()

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one that left the CRM in it."""
        with _as_documented(self.name):
            records = self._records()
            for page in self.crm.changed(window, after.place if after else None):
                yield from map(records.read, page.deals)
                yield from page.departed
                if page.place is not None:
                    yield Bookmark(page.place)
            yield from self.crm.departed(window)

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        with _as_documented(self.name):
            records = self._records()
            listed = chain.from_iterable(page.deals for page in self.crm.reached(period))
            for record in map(records.read, listed):
                if not isinstance(record, Deal) or any(
                    milestone.reached_at in period for milestone in record.milestones
                ):
                    yield record

    def read_named(self, deal_ids: Sequence[str]) -> Iterator[Record]:
        """Yield those of the deals that the CRM shows; it may add what they were merged into."""
        with _as_documented(self.name):
            records = self._records()
            for page in self.crm.named(deal_ids):
                yield from map(records.read, page.deals)

    def _records(self) -> "CrmRecords":
        raise_if_missing(self.name, self.mapping, self.crm.fields())
        stages = self.crm.stages()
        return CrmRecords(self.name, self.mapping, self._cells, stages)


class ForgetfulCrmDeals(CrmDeals):
    """The deals of a CRM that keeps no trace of deleted ones. Promises KeepsNoTrace, too."""

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed]:
        """Yield those of the deals that the CRM no longer has."""
        asked: Any = self.crm
        yield from asked.departed_among(deal_ids)


@contextmanager
def _as_documented(source: str) -> Iterator[None]:
    """Turn an answer that lacks what its documentation promises into an error that says so."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise UnexpectedResponseError(
            f"source '{source}': an answer of the CRM is not shaped as its documentation says"
            f" ({type(error).__name__}: {error}). Please report it."
        ) from error


def unreadable(mapping: CrmMapping, there: Sequence[CrmField]) -> Iterator[tuple[str, str]]:
    """Yield kind and name of every mapped field that is not there, or may not be read."""
    readable = {(field.kind, field.name) for field in there if field.is_readable}
    for kind, names in mapping.names.items():
        yield from ((kind, name) for name in names if (kind, name) not in readable)


def raise_if_missing(source: str, mapping: CrmMapping, there: Sequence[CrmField]) -> None:
    """Raise OperatorError naming every mapped field that the CRM does not have or may not tell."""
    problems = []
    for kind, found in groupby(unreadable(mapping, there), key=itemgetter(0)):
        readable = sorted(of.name for of in there if of.kind == kind and of.is_readable)
        named = ", ".join(f"'{name}'" for _, name in found)
        problems.append(
            f"{kind} field {named} is missing or may not be read; those there are:"
            f" {', '.join(readable)}"
        )
    if problems:
        raise OperatorError(
            f"source '{source}': {'. '.join(problems)}. Correct the mapping of this source, or"
            " grant the right to read them."
        )


class CrmRecords:
    """Makes Deals of one CRM's records. Making one raises OperatorError for unknown stages."""

    def __init__(
        self, source: str, mapping: CrmMapping, form: CellFormat, stages: Sequence[Stage]
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._cells = cells = Cells(form)
        self._default_currency = form.currency
        by_stage = {
            name: named
            for name, named in mapping.milestones.items()
            if isinstance(named, MilestoneStages)
        }
        self._funnel = Funnel(by_stage, stages, source=source)
        self._readers = {
            DEAL: _RecordReader(mapping.deal, cells, MatchBasis.DEAL),
            LEAD: _RecordReader(mapping.lead, cells, MatchBasis.LEAD),
            CONTACT: _RecordReader(mapping.contact, cells, MatchBasis.CONTACT),
        }

    def read(self, record: CrmDeal | Quarantined) -> Deal | Quarantined:
        """Return the deal, or what is wrong with it."""
        if isinstance(record, Quarantined):
            return record
        try:
            return self._deal(record)
        except CellError as error:
            return Quarantined(
                place=f"deal {record.deal_id}",
                problem=str(error),
                deal_id=record.deal_id,
            )

    def _deal(self, record: CrmDeal) -> Deal:
        own = Person(
            kind=DEAL, record_id=record.deal_id, fields=record.fields, history=record.history
        )
        read = [self._readers[person.kind].read(person) for person in (own, *record.people)]
        amount, currency = self._money(record)
        return Deal(
            source=self._source,
            deal_id=record.deal_id,
            created_at=record.created_at,
            modified_at=record.modified_at,
            milestones=(*self._funnel.reached(record.entered), *self._by_field(record)),
            amount=amount,
            currency=currency,
            clicks=tuple(dict.fromkeys(click for person in read for click in person.clicks)),
            keys=tuple(dict.fromkeys(key for person in read for key in person.keys)),
            identifiers=Identifiers(
                emails=_distinct(person.identifiers.emails for person in read),
                phones=_distinct(person.identifiers.phones for person in read),
            ),
            consent=Consent(
                ad_user_data=_strictest(person.consent.ad_user_data for person in read),
                ad_personalization=_strictest(person.consent.ad_personalization for person in read),
            ),
            customer_type=self._customer_type(record),
            segments=self._segments(record),
        )

    def _by_field(self, record: CrmDeal) -> Iterator[Milestone]:
        for name, how in self._mapping.milestones.items():
            if isinstance(how, OnCreation) and record.created_at is not None:
                yield Milestone(name, record.created_at)
            if isinstance(how, MilestoneField):
                moment = _of_field(how.field, record.fields, self._cells.moment)
                if isinstance(moment, datetime):
                    yield Milestone(name, moment)
                elif moment is not None:
                    yield Milestone(name, self._cells.end_of(moment), is_whole_day=True)

    def _money(self, record: CrmDeal) -> tuple[Any, str | None]:
        """Return amount and currency, never the account's: a deal without one says so."""
        mapping, cells = self._mapping, self._cells
        if mapping.amount is None:
            amount = cells.amount(record.amount)
        else:
            amount = _of_field(mapping.amount, record.fields, cells.amount)
        if mapping.currency is None:
            currency = cells.currency(record.currency)
        else:
            currency = _of_field(mapping.currency, record.fields, cells.currency)
        beside = amount.currency if amount else None
        return amount and amount.number, currency or beside or self._default_currency

    def _customer_type(self, record: CrmDeal) -> CustomerType | None:
        name = self._mapping.customer_type
        return None if name is None else self._cells.customer_type(record.fields.get(name))

    def _segments(self, record: CrmDeal) -> dict[str, str]:
        named = {
            name: _of_field(name_of_field, record.fields, self._cells.text)
            for name, name_of_field in self._mapping.segments.items()
        }
        said = {**record.attributes, **named}
        return {name: text for name, text in said.items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What one record says of a deal."""

    clicks: Sequence[Candidate]
    keys: Sequence[Key]
    identifiers: Identifiers
    consent: Consent


class _RecordReader:
    """Reads the records of one kind."""

    def __init__(self, fields: RecordFields, cells: Cells, basis: MatchBasis) -> None:
        self._names = fields.names
        self._basis = basis
        self._cells = cells
        header = Header(self._names, source="the CRM", place="")
        self._click_ids = ClickIdReader(fields, cells, header)
        self._clicked = header.optional(fields.clicked_at, cells.instant, None)
        self._click_fields = fields.click_ids
        self._person = PersonReader(fields, cells, header)
        unspecified = ConsentStatus.UNSPECIFIED
        self._user_data = header.optional(fields.ad_user_data, cells.consent, unspecified)
        self._personal = header.optional(fields.ad_personalization, cells.consent, unspecified)

    def read(self, record: Person) -> _Read:
        row = self._row(record.fields)
        identifiers = self._person.identifiers(row)
        own = Key(KeyKind.CRM, record.record_id)
        return _Read(
            clicks=[Candidate(click, self._basis) for click in self._clicks(record, row)],
            keys=[own, *self._person.keys(row, identifiers)],
            identifiers=identifiers,
            consent=Consent(
                ad_user_data=self._user_data(row), ad_personalization=self._personal(row)
            ),
        )

    def _clicks(self, record: Person, row: Sequence[object]) -> Iterator[Click]:
        seen_at = self._clicked(row) or (record.created_at if record.kind == LEAD else None)
        dated = {
            click_id: at
            for name in self._click_fields
            for value, at in sorted(
                record.history.get(name, ()), key=lambda written: written[1], reverse=True
            )
            for click_id in self._click_ids.of(self._row({name: value}))
        }
        for click_id in dict.fromkeys((*self._click_ids.of(row), *dated)):
            yield Click(click_id=click_id, clicked_at=dated.get(click_id, seen_at))

    def _row(self, fields: Fields) -> list[object]:
        return [fields.get(name) for name in self._names]


def _of_field(name: str, fields: Fields, read: Any) -> Any:
    try:
        return read(fields.get(name))
    except CellError as error:
        raise CellError(f"field '{name}' {error}") from None


def _distinct(groups: Iterator[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _strictest(said: Iterator[ConsentStatus]) -> ConsentStatus:
    statuses = set(said)
    for status in (ConsentStatus.DENIED, ConsentStatus.GRANTED):
        if status in statuses:
            return status
    return ConsentStatus.UNSPECIFIED


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items so many at a time, as batch calls take them."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def built(
    deal_id: str, build: Callable[P, CrmDeal], *record: P.args, **more: P.kwargs
) -> CrmDeal | Quarantined:
    """Return the deal that is built of a record, or that its shape is not the vendor's."""
    try:
        return build(*record, **more)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        about = f"'{error.args[0]}'" if isinstance(error, KeyError) else type(error).__name__
        return Quarantined(
            place=f"deal {deal_id}",
            problem=f"its record is not shaped as the CRM's documentation says ({about}): look at"
            " it in the CRM, or report it",
            deal_id=deal_id,
        )


def is_first_read(window: Period) -> bool:
    """Return whether a window is of everything: then every deal comes, with everybody behind it."""
    return window.since < LONG_AGO


def ever_since(period: Period) -> Period:
    """Return the time since a period began: what moved in the period was modified in it."""
    return Period(since=period.since, until=FAR_AHEAD)


def instant(text: object) -> datetime | None:
    """Return the instant an API's timestamp states, None for none; without a zone it is UTC."""
    written = text_of(text)
    if not written:
        return None
    moment = datetime.fromisoformat(written)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
