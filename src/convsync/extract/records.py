"""Makes deals and sightings of rows, for every source whose rows have one header: CSV and SQL.

A header is compiled once into getters that know their column's position, so that a row costs no
look-up. A row comes with its number, and with what is wrong with it where its reader already knows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple, TypeVar

from convsync.errors import OperatorError
from convsync.extract.amounts import Amount
from convsync.extract.cells import Cells, folded, hashed_phone, text_of
from convsync.extract.mapping import (
    CellFormat,
    ClickColumns,
    DealColumns,
    MilestoneColumn,
    PersonColumns,
)
from convsync.extract.moments import Moment
from convsync.extract.problem import CellError
from convsync.extract.source import Quarantined
from convsync.model.click import (
    Candidate,
    Click,
    ClickId,
    ClickIdKind,
    MatchBasis,
    Sighting,
    click_ids_in_url,
    unwrapped,
)
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period

T = TypeVar("T")
Row = Sequence[object]
Getter = Callable[[Row], T]

_CONSENTS = {
    said: Consent(ad_user_data=said[0], ad_personalization=said[1])
    for said in product(ConsentStatus, repeat=2)
}


_LONGEST_ID = 200


class Numbered(NamedTuple):
    """A row, its number in the source, and its problem where the whole row is unsound."""

    number: int
    cells: Row
    problem: str | None = None


class Header:
    """The columns there are. `place` begins the place of every row: `deals.csv:`, `crm row `."""

    def __init__(self, names: Sequence[str], *, source: str, place: str) -> None:
        self.place = place
        self.last_mapped = -1
        """The position of the last column that is mapped."""
        self._source = source
        self._names = [name.strip() for name in names]
        self._unusable: list[str] = []

    def getter(self, column: str, read: Callable[[object], T]) -> Getter[T]:
        """Return what reads that column of a row; its errors name the column."""
        position = self._position(column)

        def get(row: Row) -> T:
            try:
                return read(row[position])
            except CellError as error:
                raise CellError(f"column '{column}' {error}") from None

        return get

    def getters(self, columns: Iterable[str], read: Callable[[object], T]) -> list[Getter[T]]:
        """Return a getter for each column."""
        return [self.getter(column, read) for column in columns]

    def optional(self, column: str | None, read: Callable[[object], T], otherwise: T) -> Getter[T]:
        """Return a getter, or where the column is not mapped one that always says `otherwise`."""
        return self.getter(column, read) if column is not None else lambda _row: otherwise

    def raise_if_unusable(self) -> None:
        """Raise OperatorError naming every mapped column that is missing or there twice."""
        if not self._unusable:
            return
        there = ", ".join(f"'{name}'" for name in self._names)
        raise OperatorError(
            f"{self._source}: {'; '.join(self._unusable)}. The columns there are: {there}."
            " Correct the mapping of this source."
        )

    def _position(self, column: str) -> int:
        times = self._names.count(column.strip())
        if times != 1:
            self._unusable.append(f"column '{column}' is {'there twice' if times else 'missing'}")
            return 0
        position = self._names.index(column.strip())
        self.last_mapped = max(self.last_mapped, position)
        return position


class ClickIdReader:
    """The click IDs of a row: those in columns of their own first, then those in the URL."""

    def __init__(self, columns: PersonColumns, cells: Cells, header: Header) -> None:
        self._bare = [
            (kind, header.getter(column, cells.text))
            for kind, column in (
                (ClickIdKind.GCLID, columns.gclid),
                (ClickIdKind.WBRAID, columns.wbraid),
                (ClickIdKind.GBRAID, columns.gbraid),
            )
            if column is not None
        ]
        self._url = header.optional(columns.landing_url, cells.text, "")

    def of(self, row: Row) -> tuple[ClickId, ...]:
        """Return a row's click IDs without repeats, those in columns of their own first."""
        found = [ClickId(kind, unwrapped(text)) for kind, get in self._bare if (text := get(row))]
        if url := self._url(row):
            found.extend(click_ids_in_url(url))
        return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)


class PersonReader:
    """Who is behind a row: hashed e-mails and phones, and the keys that join deals and clicks."""

    def __init__(self, columns: PersonColumns, cells: Cells, header: Header) -> None:
        self._emails = header.getters(columns.emails, cells.hashed_emails)
        self._phones = header.getters(columns.phones, cells.text)
        self._region = header.optional(columns.country, cells.region, cells.region(None))
        self._keys = [
            (kind, get)
            for kind, names in (
                (KeyKind.CRM, columns.crm_keys),
                (KeyKind.VISITOR, columns.visitors),
            )
            for get in header.getters(names, cells.text)
        ]

    def identifiers(self, row: Row) -> Identifiers:
        """Return the hashes of a row's e-mails and phones."""
        emails = [email for get in self._emails for email in get(row)]
        phones = self._hashed_phones(row) if self._phones else []
        if not emails and not phones:
            return NO_IDENTIFIERS
        return Identifiers(emails=_distinct(emails), phones=_distinct(phones))

    def keys(self, row: Row, identifiers: Identifiers) -> list[Key]:
        """Return what joins a row to clicks."""
        keys = [Key(kind, text) for kind, get in self._keys if (text := get(row))]
        keys += [Key(KeyKind.EMAIL, email) for email in identifiers.emails]
        keys += [Key(KeyKind.PHONE, phone) for phone in identifiers.phones]
        return keys

    def _hashed_phones(self, row: Row) -> list[str]:
        region = self._region(row)
        return [phone for get in self._phones if (phone := hashed_phone(get(row), region))]


class DealRecords:
    """Reads the rows under one header as the deals of `source`.

    Making one raises OperatorError where the mapping names columns that are not there. The deal's
    own ID is always the first of its keys.
    """

    def __init__(self, source: str, columns: DealColumns, form: CellFormat, header: Header) -> None:
        cells = self._cells = Cells(form)
        self._source = source
        self._place = header.place
        self._default_currency = form.currency
        self._deal_id = header.getter(columns.deal_id, _deal_id)
        self._created_at = header.optional(columns.created_at, cells.instant, None)
        self._modified = header.optional(columns.modified_at, cells.moment, None)
        self._milestones = [
            (name, _milestone_getter(column, cells, header))
            for name, column in columns.milestones.items()
        ]
        self._amount = header.optional(columns.amount, cells.amount, None)
        self._currency = header.optional(columns.currency, cells.currency, None)
        self._click_ids = ClickIdReader(columns, cells, header)
        self._clicked = header.optional(columns.clicked_at, cells.moment, None)
        self._person = PersonReader(columns, cells, header)
        unspecified = ConsentStatus.UNSPECIFIED
        self._user_data = header.optional(columns.ad_user_data, cells.consent, unspecified)
        self._personal = header.optional(columns.ad_personalization, cells.consent, unspecified)
        self._customer_type = header.optional(columns.customer_type, cells.customer_type, None)
        self._segments = [
            (name, header.getter(column, cells.text)) for name, column in columns.segments.items()
        ]
        self._is_deleted = header.optional(columns.deleted, cells.is_deleted, otherwise=False)
        header.raise_if_unusable()

    def every(self, rows: Iterable[Numbered]) -> Iterator[Deal | Quarantined]:
        """Yield every row."""
        return _read(rows, lambda row: self._deal(row, self._modified(row)), self._quarantined)

    def changed(self, rows: Iterable[Numbered], window: Period) -> Iterator[Deal | Quarantined]:
        """Yield the rows modified inside the window, and those that do not say when."""

        def read(row: Row) -> Deal | None:
            modified = self._modified(row)
            if modified is None or _touches(modified, window, self._cells):
                return self._deal(row, modified)
            return None

        return _read(rows, read, self._quarantined)

    def reached(self, rows: Iterable[Numbered], period: Period) -> Iterator[Deal | Quarantined]:
        """Yield the rows that reached any mapped milestone inside the period."""

        def read(row: Row) -> Deal | None:
            if any(milestone.reached_at in period for milestone in self._reached(row)):
                return self._deal(row, self._modified(row))
            return None

        return _read(rows, read, self._quarantined)

    def _deal(self, row: Row, modified: Moment | None) -> Deal:
        deal_id = self._deal_id(row)
        amount = self._amount(row)
        identifiers = self._person.identifiers(row)
        return Deal(
            source=self._source,
            deal_id=deal_id,
            created_at=self._created_at(row),
            modified_at=None if modified is None else self._cells.start_of(modified),
            milestones=self._reached(row),
            amount=None if amount is None else amount.number,
            currency=self._currency_of(row, amount),
            clicks=self._clicks(row),
            keys=(Key(KeyKind.CRM, deal_id), *self._person.keys(row, identifiers)),
            identifiers=identifiers,
            consent=_CONSENTS[self._user_data(row), self._personal(row)],
            customer_type=self._customer_type(row),
            segments={name: text for name, get in self._segments if (text := get(row))},
            gone=Gone.DELETED if self._is_deleted(row) else None,
        )

    def _reached(self, row: Row) -> tuple[Milestone, ...]:
        reached = []
        for name, get in self._milestones:
            moment = get(row)
            if isinstance(moment, datetime):
                reached.append(Milestone(name, moment))
            elif moment is not None:
                reached.append(Milestone(name, self._cells.end_of(moment), is_whole_day=True))
        return tuple(reached)

    def _clicks(self, row: Row) -> tuple[Candidate, ...]:
        if not (click_ids := self._click_ids.of(row)):
            return ()
        clicked_at, is_whole_day = _began(self._clicked(row), self._cells)
        clicks = [
            Click(click_id=click_id, clicked_at=clicked_at, is_whole_day=is_whole_day)
            for click_id in click_ids
        ]
        return tuple([Candidate(click, MatchBasis.DEAL) for click in clicks])

    def _currency_of(self, row: Row, amount: Amount | None) -> str | None:
        stated = self._currency(row)
        beside = amount.currency if amount else None
        if stated and beside and stated != beside:
            raise CellError(f"the amount is written in {beside}, the currency column says {stated}")
        return stated or beside or self._default_currency

    def _quarantined(self, number: int, row: Row, problem: str) -> Quarantined:
        try:
            deal_id = self._deal_id(row) if row else None
        except CellError:
            deal_id = None
        if deal_id and not deal_id.isprintable():
            deal_id = None
        return Quarantined(place=f"{self._place}{number}", problem=problem, deal_id=deal_id)


class SightingRecords:
    """Reads the rows under one header as click sightings. A row without a click ID is none.

    Making one raises OperatorError where the mapping names columns that are not there.
    """

    def __init__(self, columns: ClickColumns, form: CellFormat, header: Header) -> None:
        self._cells = Cells(form)
        self._place = header.place
        self._seen = header.optional(columns.clicked_at, self._cells.moment, None)
        self._logged = header.optional(columns.logged_at, self._cells.moment, None)
        self._click_ids = ClickIdReader(columns, self._cells, header)
        self._person = PersonReader(columns, self._cells, header)
        header.raise_if_unusable()

    def logged(self, rows: Iterable[Numbered], window: Period) -> Iterator[Sighting | Quarantined]:
        """Yield the sightings logged inside the window, and those that do not say when."""

        def read(row: Row) -> Sighting | None:
            logged = self._logged(row)
            if logged is None or _touches(logged, window, self._cells):
                return self._sighting(row)
            return None

        return _read(rows, read, self._quarantined)

    def _sighting(self, row: Row) -> Sighting | None:
        if not (click_ids := self._click_ids.of(row)):
            return None
        seen_at, is_whole_day = _began(self._seen(row), self._cells)
        return Sighting(
            click_ids=click_ids,
            seen_at=seen_at,
            is_whole_day=is_whole_day,
            keys=tuple(self._person.keys(row, self._person.identifiers(row))),
        )

    def _quarantined(self, number: int, _row: Row, problem: str) -> Quarantined:
        return Quarantined(place=f"{self._place}{number}", problem=problem)


def _read(
    rows: Iterable[Numbered],
    read: Callable[[Row], T | None],
    quarantined: Callable[[int, Row, str], Quarantined],
) -> Iterator[T | Quarantined]:
    for number, row, problem in rows:
        try:
            if problem:
                raise CellError(problem)
            record = read(row)
        except CellError as error:
            yield quarantined(number, row, str(error))
        else:
            if record is not None:
                yield record


def _deal_id(cell: object) -> str:
    deal_id = text_of(cell)
    if not deal_id:
        raise CellError("is empty: every deal needs its own ID")
    if len(deal_id) > _LONGEST_ID:
        raise CellError(f"is longer than {_LONGEST_ID} characters: map the column of the ID")
    if "\0" in deal_id:
        raise CellError("holds a NUL character: correct it in the CRM")
    return deal_id


def _milestone_getter(
    column: MilestoneColumn, cells: Cells, header: Header
) -> Getter[Moment | None]:
    get = header.getter(column.column, cells.moment)
    conditions = [
        (header.getter(other, cells.word), folded(words)) for other, words in column.when.items()
    ]
    if not conditions:
        return get

    def get_if_counted(row: Row) -> Moment | None:
        for word, words in conditions:
            if word(row) not in words:
                return None
        return get(row)

    return get_if_counted


def _touches(moment: Moment, window: Period, cells: Cells) -> bool:
    """Return whether an instant lies in the window, or a bare date has any instant in it."""
    if isinstance(moment, datetime):
        return moment in window
    next_day = cells.end_of(moment) + timedelta(seconds=1)
    return cells.start_of(moment) < window.until and window.since < next_day


def _began(moment: Moment | None, cells: Cells) -> tuple[datetime | None, bool]:
    if moment is None:
        return None, False
    return cells.start_of(moment), not isinstance(moment, datetime)


def _distinct(hashes: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hashes)) if len(hashes) > 1 else tuple(hashes)
