"""Reads one cell of a source the way its format says: a word, a time, an amount, an address.

A cell is text (CSV) or a typed value (SQL) and means the same either way: whole numbers read as
their digits, booleans as `true` and `false`. What cannot be read raises CellError.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from re import compile as pattern
from typing import TypeVar

from phonenumbers import SUPPORTED_REGIONS

from convsync.extract.amounts import Amount, AmountReader
from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.mapping import CellFormat
from convsync.extract.timestamps import Moment, TimestampReader
from convsync.model.consent import ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.identifiers import hashed, normalised_email, normalised_phone

T = TypeVar("T")
_REMEMBERED = 1_024
"""How many cells of a kind that repeat themselves are remembered with what they mean."""
_BETWEEN_EMAILS = pattern(r"[;,|\r\n]")
_ANGLED = pattern(r"<([^<>]*)>")


class CellReader:
    """Reads the cells of one source. Pure: the same cell always reads the same."""

    def __init__(self, form: CellFormat) -> None:
        blank = folded(form.blank_words) | {""}
        self.text = _text_reader(blank)
        self._blank = blank
        self._longest_blank = max(map(len, blank))
        self._deleted = folded(form.deleted_words) - blank
        self._consents = dict.fromkeys(folded(form.granted_words), ConsentStatus.GRANTED)
        self._consents |= dict.fromkeys(folded(form.denied_words), ConsentStatus.DENIED)
        self._consents |= dict.fromkeys(blank, ConsentStatus.UNSPECIFIED)
        self._customers = _unambiguous(form.customer_words)
        self._phone_region = form.phone_region
        self.default_currency = form.currency
        self._moments = TimestampReader(form.time_zone, form.date_formats)
        self._amounts = AmountReader(has_decimal_comma=form.has_decimal_comma)
        self.start_of = self._moments.start_of
        self.end_of = self._moments.end_of
        self._moment_of_text = self._moments.of_text
        self.moment = _remembering(self._moment)
        self.currency = _remembering(self._currency)
        self.consent = _remembering(self._consent)
        self.customer_type = _remembering(self._customer_type)
        self.region = _remembering(self._region)

    def texts(self, cells: Sequence[str]) -> list[str]:
        """Return what `text` returns of each cell of a column."""
        texts = [cell.strip() for cell in cells]
        if not self._longest_blank:
            return texts
        return [
            text if len(text) > self._longest_blank or text.casefold() not in self._blank else ""
            for text in texts
        ]

    def moments(self, cells: Sequence[str]) -> list[Moment | None]:
        """Return what `moment` returns of each cell of a column."""
        return self._moments.of_texts(self.texts(cells))

    def word(self, cell: object) -> str:
        """Return the cell's text folded for comparison, "" where it means nothing."""
        return self.text(cell).casefold()

    def _moment(self, cell: object) -> Moment | None:
        """Return the instant or the bare date a cell states, None where it means nothing."""
        if isinstance(cell, str):
            text = self.text(cell)
            return self._moment_of_text(text) if text else None
        return None if cell is None else self._moments.of_value(cell)

    def instant(self, cell: object) -> datetime | None:
        """Return when the cell's moment began, None where it means nothing."""
        moment = self.moment(cell)
        return None if moment is None else self.start_of(moment)

    def amount(self, cell: object) -> Amount | None:
        """Return the amount exactly as stated, zero and absurd ones too; None for nothing."""
        if isinstance(cell, str):
            text = self.text(cell)
            return self._amounts.of_text(text) if text else None
        return None if cell is None else self._amounts.of_value(cell)

    def _currency(self, cell: object) -> str | None:
        """Return an ISO 4217 code in upper case, None where the cell means nothing."""
        code = self.text(cell)
        if not code:
            return None
        if len(code) == 3 and code.isascii() and code.isalpha():
            return code.upper()
        raise CellError(f"is not a three-letter currency code ({shape_of(code)}): correct it")

    def _consent(self, cell: object) -> ConsentStatus:
        """Return what the cell says about consent; a word that nobody declared says nothing."""
        return self._consents.get(text_of(cell).casefold(), ConsentStatus.UNSPECIFIED)

    def _customer_type(self, cell: object) -> CustomerType | None:
        """Return the type of customer a cell names; a word that nobody declared says nothing."""
        return self._customers.get(self.word(cell))

    def is_deleted(self, cell: object) -> bool:
        """Return whether the cell's word is one of those declared to mean deleted."""
        return text_of(cell).casefold() in self._deleted

    def _region(self, cell: object) -> str | None:
        """Return the cell's ISO 3166 country, the source's phone region where it holds none."""
        code = self.text(cell).upper()
        return code if code in SUPPORTED_REGIONS else self._phone_region

    def hashed_emails(self, cell: object) -> list[str]:
        """Return the hash of every e-mail address in a cell; what is no address is passed over."""
        text = self.text(cell)
        if email := normalised_email(text):
            return [hashed(email)]
        return [hashed(email) for email in _emails_among(text)] if "@" in text else []


def _remembering(read: Callable[[object], T]) -> Callable[[object], T]:
    """Return what reads a text once and then knows it. True is no text, and would pass for 1."""
    known = lru_cache(_REMEMBERED)(read)
    return lambda cell: known(cell) if type(cell) is str else read(cell)


def _text_reader(blank: frozenset[str]) -> Callable[[object], str]:
    """Return what reads a cell's text without the space around it, "" where it means nothing.

    It is a closure because no other reader is called as often: a look-up less counts.
    """
    longest = max(map(len, blank))

    def text(cell: object) -> str:
        found = cell.strip() if type(cell) is str else text_of(cell)
        if len(found) > longest or found.casefold() not in blank:  # folding shortens nothing
            return found
        return ""

    return text


def hashed_phone(text: str, region: str | None) -> str | None:
    """Return the hash of the phone number in a text, None where there is none to be read."""
    number = normalised_phone(text, region) if text else None
    return hashed(number) if number else None


def text_of(cell: object) -> str:
    """Return a cell as text, without the space around it. Letters and digits stay as they are."""
    if isinstance(cell, str):
        return cell.strip()
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer():
            return str(int(cell))
        case Decimal() if cell.is_finite() and cell == cell.to_integral_value():
            return str(int(cell))
        case bytes() | bytearray() | memoryview() | list() | tuple() | dict() | set():
            raise CellError(f"holds a {type(cell).__name__}: cast it to text in the query")
    return str(cell).strip()


def folded(words: frozenset[str]) -> frozenset[str]:
    """Return words as `CellReader.word` reads them, so that they can be compared."""
    return frozenset(word.strip().casefold() for word in words)


def _unambiguous(words: Mapping[CustomerType, frozenset[str]]) -> dict[str, CustomerType]:
    named = [(word, kind) for kind, spellings in words.items() for word in folded(spellings)]
    times = Counter(word for word, _ in named)
    return {word: kind for word, kind in named if times[word] == 1}


def _emails_among(text: str) -> Iterator[str]:
    for part in _BETWEEN_EMAILS.split(text):
        for piece in part.split() if part.count("@") > 1 else (part,):
            angled = _ANGLED.search(piece)
            if email := normalised_email(angled[1] if angled else piece):
                yield email
