"""What the first rows of an unknown table show about each column: times, numbers, addresses."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Final

from convsync.extract.cell_error import CellError
from convsync.extract.cells import text_of
from convsync.extract.click_fields import holds_click_ids
from convsync.extract.date_formats import JAVASCRIPT
from convsync.extract.timestamps import TimestampReader

_MOST: Final = 0.9
"""The share of a column's filled cells that decide what it holds; the rest may be damaged."""
_DAY_FIRST: Final = (
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M"),
    *("%d/%m/%Y %H:%M:%S", "%d-%m-%Y", "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S"),
)
_MONTH_FIRST: Final = (
    *("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"),
    *("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%m-%d-%Y"),
)
_OTHERS: Final = ("%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%b %d, %Y", "%d %b %Y", JAVASCRIPT)
FORMS: Final = (*_DAY_FIRST, *_MONTH_FIRST, *_OTHERS)
"""The forms of times that are tried beside ISO 8601, the day before the month first."""
_URL: Final = re.compile(r"(?:https?://|www\.)\S+\Z|\S*[?&](?:gclid|gbraid|wbraid)=", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[^\d]{0,4}-?[\d.,'’ \u00a0\u202f]*\d[^\d]{0,4}\Z")
_COMMA_BEFORE_CENTS: Final = re.compile(r"\d,\d{1,2}\D*\Z")
_DOT_BEFORE_CENTS: Final = re.compile(r"\d\.\d{1,2}\D*\Z")
_NAMES_A_TIME: Final = re.compile(r"date|time|stamp|creat|modif|utc|epoch|_at$", re.IGNORECASE)
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z", re.IGNORECASE)


@dataclass(frozen=True)
class ColumnValues:
    """A column of a table: its name, and what its first cells hold, blanks left out."""

    name: str
    texts: Sequence[str]
    rows: int

    @property
    def is_filled(self) -> bool:
        """True unless every cell is empty."""
        return bool(self.texts)

    @cached_property
    def distinct(self) -> int:
        """Return how many different texts there are."""
        return len(set(self.texts))

    @property
    def is_unique(self) -> bool:
        """True where every row has a text of its own."""
        return self.distinct == self.rows > 0

    @cached_property
    def form(self) -> str | None:
        """Return the form of its times, "" for ISO 8601, None where it holds none.

        Where the day or the month may be first, the day is.
        """
        if not self.is_filled or (self._are_digits and not _NAMES_A_TIME.search(self.name)):
            return None
        if self._share(_is_read_by(TimestampReader(UTC, ()))) >= _MOST:
            return ""
        for form in FORMS:
            if self._share(_is_read_by(TimestampReader(UTC, (form,)))) >= _MOST:
                return form
        return None

    @cached_property
    def month_first_form(self) -> str | None:
        """Return the form with the month before the day by which its times can be read as well."""
        if self.form not in _DAY_FIRST:
            return None
        swapped = [form for form in _MONTH_FIRST if form[2] == self.form[2]]
        return next(
            (
                form
                for form in swapped
                if self._share(_is_read_by(TimestampReader(UTC, (form,)))) >= _MOST
            ),
            None,
        )

    @property
    def is_month_first(self) -> bool:
        """True where its times can be read with the month before the day alone."""
        return self.form in _MONTH_FIRST

    @property
    def is_day_first(self) -> bool:
        """True where its times can be read with the day before the month alone."""
        return self.form in _DAY_FIRST and self.month_first_form is None and self.form[2] in "/-"

    @property
    def are_numbers(self) -> bool:
        """True where it holds amounts, in either way to write them."""
        return self._share(lambda text: bool(_NUMBER.match(text))) >= _MOST

    @property
    def has_decimal_comma(self) -> bool:
        """True where only a decimal comma lets all of its amounts be read."""
        commas = self._share(lambda text: bool(_COMMA_BEFORE_CENTS.search(text)))
        return commas > 0 and self._share(lambda text: bool(_DOT_BEFORE_CENTS.search(text))) == 0

    @property
    def are_emails(self) -> bool:
        """True where most hold an @."""
        return self._share(lambda text: "@" in text) >= 0.5

    @property
    def are_hashes(self) -> bool:
        """True where most are SHA-256, as 64 hexadecimal digits."""
        return self._share(lambda text: bool(_HASH.match(text))) >= 0.5

    @property
    def are_urls(self) -> bool:
        """True where most are web addresses."""
        return self._share(lambda text: bool(_URL.match(text))) >= 0.5

    @property
    def are_click_ids(self) -> bool:
        """True where most have the shape of a gclid, case mixed."""
        return holds_click_ids(self.texts)

    @property
    def words(self) -> list[str]:
        """Return its texts, the most frequent first."""
        return [text for text, _ in Counter(self.texts).most_common()]

    @property
    def _are_digits(self) -> bool:
        """True where ten digits may be a time as well as an ID."""
        return all(text.isdigit() for text in self.texts)

    def _share(self, is_one: Callable[[str], bool]) -> float:
        return sum(map(is_one, self.texts)) / len(self.texts) if self.texts else 0.0


def columns_in(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[ColumnValues]:
    """Return the columns of a table's first rows, in their order."""
    return [
        ColumnValues(name, [text for row in rows if (text := _text_at(row, at))], len(rows))
        for at, name in enumerate(header)
    ]


def _text_at(row: Sequence[object], at: int) -> str:
    try:
        return text_of(row[at]) if at < len(row) else ""
    except CellError:
        return ""


def _is_read_by(reader: TimestampReader) -> Callable[[str], bool]:
    return lambda text: _reads(reader.of_text, text)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except CellError:
        return False
    return True
