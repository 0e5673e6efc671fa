"""Counts the cells of one column as they come, and keeps nothing of them but counts and shapes."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from statistics import median
from typing import Any, Final

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.cells import CellReader, text_of
from convsync.extract.looks import MappedColumn, Role
from convsync.model.consent import ConsentStatus
from convsync.model.key import KeyKind
from convsync.profile.facts import ColumnProfile, Seen, Sign, TimeSample
from convsync.profile.holders import Holders
from convsync.profile.signs import SIGNS, word_shown

_MOST_WORDS: Final = 1_000
_THREE_DECIMALS: Final = re.compile(r"[^0-9.,]*[0-9]{1,3}\.[0-9]{3}[^0-9.,]*\Z")
"""As text alone: what a database hands over as a number has no sign that groups."""
_NUMBERS_FIRST: Final = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}(?![0-9])")
_MONTHS: Final = 12
_MONTHS_NEEDED: Final = 4
_AN_HOUR: Final = timedelta(hours=1)
_LOCAL: Final = re.compile(r".*[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?\Z", re.DOTALL)
_HOUR: Final = re.compile(r"([0-9]{1,2}):[0-9]{2}")
_KEYS: Final = {
    Role.EMAIL: KeyKind.EMAIL,
    Role.PHONE: KeyKind.PHONE,
    Role.CRM_KEY: KeyKind.CRM,
    Role.VISITOR: KeyKind.VISITOR,
}


class Context:
    """What the cells of one record share: the readers, the deal, and the country of its phones."""

    def __init__(
        self,
        cells: CellReader,
        as_dates: CellReader,
        holders: Holders,
        zone: tzinfo | None = None,
    ) -> None:
        self.cells = cells
        self.zone = zone
        self.as_dates = as_dates
        self.holders = holders
        self.region: str | None = None
        self.place = ""
        self.deal = 0

    def begin(self, place: str, deal: int) -> None:
        """Turn to the next record, which stands there and is of this deal."""
        self.place = place
        self.deal = deal
        self.region = self.cells.region(None)


class ColumnCounter:
    """Counts what one column holds; each cell is read as it would be, and then asked for signs."""

    def __init__(self, column: MappedColumn, context: Context) -> None:
        self._column = column
        self._context = context
        self._tests = SIGNS.get(column.role, ())
        self._read = _reader_of(column, context)
        self._text = text_of if column.role is Role.DEAL_ID else context.cells.text
        self._times: Counter[int] = Counter()
        self._readable = 0
        self._example = ""
        self._signs: dict[Sign, Seen] = {}

    def add(self, cell: object) -> None:
        """Count a cell of the record that the context has turned to."""
        try:
            text = self._text(cell)
        except CellError as error:
            self._note(Sign.UNREADABLE, type(cell).__name__, str(error))
            return
        if not text:
            return
        self._times[hash(text)] += 1
        self._example = self._example or shape_of(text)
        try:
            found = self._read(cell)
        except CellError as error:
            found = None
            self._note(Sign.UNREADABLE, text, str(error))
        else:
            self._readable += self._is_readable(found)
        for sign, shows in self._tests:
            if shows(text, found):
                self._note(sign, text)
        if found is not None:
            self._count(cell, text, found)

    def profile(self) -> ColumnProfile:
        """Return what was counted."""
        return ColumnProfile(
            column=self._column,
            filled=self._times.total(),
            readable=self._readable,
            distinct=len(self._times),
            most_alike=max(self._times.values(), default=0),
            example=self._example,
            signs=self._signs,
            **self._more(),
        )

    def _is_readable(self, found: Any) -> bool:
        return bool(found)

    def _count(self, cell: object, text: str, found: Any) -> None:
        """Count what a column of this kind alone has."""

    def _more(self) -> dict[str, Any]:
        return {}

    def _note(self, sign: Sign, text: str, problem: str = "") -> None:
        seen = self._signs.get(sign)
        self._signs[sign] = (
            Seen(1, shape_of(text), self._context.place, problem)
            if seen is None
            else Seen(seen.count + 1, seen.example, seen.place, seen.problem)
        )


class _Countries(ColumnCounter):
    """Says in which country the phones behind it are dialled."""

    def add(self, cell: object) -> None:
        self._context.region = self._context.cells.region(cell)
        super().add(cell)


class _ClickIds(ColumnCounter):
    def __init__(self, column: MappedColumn, context: Context) -> None:
        super().__init__(column, context)
        self._lengths: Counter[int] = Counter()

    def _count(self, cell: object, text: str, found: Any) -> None:
        self._lengths.update(len(one.click_id.value) for one in found)

    def _more(self) -> dict[str, Any]:
        return {"lengths": dict(self._lengths)}


class _Times(ColumnCounter):
    """Counts midnights as the column would be read if it were declared a date."""

    def __init__(self, column: MappedColumn, context: Context) -> None:
        super().__init__(column, context)
        self._as_date = context.as_dates.moment_in(column.name)
        self._hours: Counter[int] = Counter()
        self._sample: TimeSample | None = None
        self._months: set[int] = set()

    def _count(self, cell: object, text: str, found: Any) -> None:
        if self._sample is None:
            self._sample = TimeSample(text, _moment_shown(found))
        day = found
        if isinstance(found, datetime):
            local = found.astimezone(self._context.zone) if self._context.zone else found
            day = local.date()
            if sign := _sign_of_clock_change(local, text):
                self._note(sign, text)
        if _NUMBERS_FIRST.match(text) and day.day <= _MONTHS:
            self._note(Sign.SWAPPABLE, text)
            self._months.add(day.month)
        if not isinstance(found, datetime):
            return
        if self._may_be_date(cell):
            self._note(Sign.MIDNIGHT, text)
        elif not (found.minute or found.second or found.microsecond):
            self._note(Sign.FULL_HOUR, text)
            self._hours[found.hour] += 1

    def _may_be_date(self, cell: object) -> bool:
        try:
            return not isinstance(self._as_date(cell), datetime)
        except CellError:  # midnight, on a day that ends beyond the calendar
            return True

    def _more(self) -> dict[str, Any]:
        if len(self._months) < _MONTHS_NEEDED:  # they may all be of its first days
            self._signs.pop(Sign.SWAPPABLE, None)
        return {"hours": dict(self._hours), "sample": self._sample}


def _sign_of_clock_change(local: datetime, text: str) -> Sign | None:
    """Return whether a time without a zone is in an hour that a clock change repeats or skips."""
    if not _LOCAL.match(text) or local.tzinfo is None:
        return None
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return Sign.REPEATED_HOUR
    before = (local.astimezone(UTC) - _AN_HOUR).astimezone(local.tzinfo)
    if before.utcoffset() == local.utcoffset() or (hour := _HOUR.search(text)) is None:
        return None
    return Sign.SKIPPED_HOUR if int(hour[1]) != local.hour else None


class _Amounts(ColumnCounter):
    def __init__(self, column: MappedColumn, context: Context) -> None:
        super().__init__(column, context)
        self._amounts: list[Decimal] = []

    def _is_readable(self, found: Any) -> bool:
        return found is not None

    def _count(self, cell: object, text: str, found: Any) -> None:
        if found.number > 0:
            self._amounts.append(found.number)
        if isinstance(cell, str) and _THREE_DECIMALS.match(text):
            self._note(Sign.THREE_DECIMALS, text)

    def _more(self) -> dict[str, Any]:
        if not self._amounts:
            return {}
        return {"largest": max(self._amounts), "median": median(self._amounts)}


class _Keys(ColumnCounter):
    """Counts which deals have an e-mail, phone or key; what it is read as is hashed or an ID."""

    def _count(self, cell: object, text: str, found: Any) -> None:
        for value in found:
            kind = _KEYS[self._column.role]
            self._context.holders.note(kind, value, self._context.deal, text)


class _Words(ColumnCounter):
    """Counts the words of a column of few, by how they are written."""

    def __init__(self, column: MappedColumn, context: Context) -> None:
        super().__init__(column, context)
        self._words: Counter[str] = Counter()

    def _count(self, cell: object, text: str, found: Any) -> None:
        if text in self._words or len(self._words) < _MOST_WORDS:
            self._words[text] += 1

    def _more(self) -> dict[str, Any]:
        return {"words": dict(self._words)}


class _Consents(_Words):
    """Counts the words that nobody mapped."""

    def _is_readable(self, found: Any) -> bool:
        return found is not ConsentStatus.UNCLEAR

    def _count(self, cell: object, text: str, found: Any) -> None:
        if found is ConsentStatus.UNCLEAR:
            word = word_shown(text.casefold())
            self._note(Sign.UNMAPPED_WORD, word)
            super()._count(cell, word, found)


_COUNTERS: Final[dict[Role, type[ColumnCounter]]] = {
    Role.COUNTRY: _Countries,
    Role.CLICK_ID: _ClickIds,
    Role.TIME: _Times,
    Role.AMOUNT: _Amounts,
    Role.EMAIL: _Keys,
    Role.PHONE: _Keys,
    Role.CRM_KEY: _Keys,
    Role.VISITOR: _Keys,
    Role.CURRENCY: _Words,
    Role.SEGMENT: _Words,
    Role.CONSENT: _Consents,
}


def counter_of(column: MappedColumn, context: Context) -> ColumnCounter:
    """Return what counts the cells of a column."""
    return _COUNTERS.get(column.role, ColumnCounter)(column, context)


def _reader_of(column: MappedColumn, context: Context) -> Callable[[object], Any]:
    cells = context.cells
    match column.role:
        case Role.CLICK_ID:
            assert column.kind is not None
            kind = column.kind
            return lambda cell: cells.captured(kind, cell)
        case Role.PHONE:
            return lambda cell: cells.hashed_phones(cells.text(cell), context.region)
        case Role.TIME:
            return cells.moment_in(column.name)
    return {
        Role.COUNTRY: cells.region,
        Role.DEAL_ID: cells.deal_id,
        Role.URL: cells.captured_in_url,
        Role.AMOUNT: cells.amount,
        Role.CURRENCY: cells.currency,
        Role.EMAIL: cells.hashed_emails,
        Role.CONSENT: cells.consent,
        Role.CRM_KEY: cells.ids,
        Role.VISITOR: cells.ids,
        Role.CUSTOMER_TYPE: cells.customer_type,
        Role.SEGMENT: cells.text,
    }[column.role]


def _moment_shown(moment: datetime | date) -> str:
    if isinstance(moment, datetime):
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return f"the whole of {moment:%Y-%m-%d}"
