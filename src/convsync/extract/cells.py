"""Reads one cell of a source the way its format says: a word, a time, an amount, an address.

A cell is text (CSV) or a typed value (SQL) and means the same either way: whole numbers read as
their digits, booleans as `true` and `false`. What cannot be read raises CellError.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from re import compile as pattern
from typing import TypeVar
from unicodedata import normalize

from convsync.extract.amounts import Amount, AmountReader
from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.email_texts import bare_email, emails_among, without_marks_of_mail
from convsync.extract.free_text import without_people
from convsync.extract.mapping import CellFormat
from convsync.extract.plain_hashes import PlainHashes
from convsync.extract.several import ids_in, phones_in
from convsync.extract.sound_ids import (
    keys_in,
    plain_ids,
    raise_if_inexact,
    raise_if_personal,
    sound_id,
)
from convsync.extract.timestamps import Moment, TimestampReader
from convsync.model.captured import Captured, captured_in, captured_in_url, is_surely_bare
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import ConsentStatus
from convsync.model.countries import country_named
from convsync.model.customer import CustomerType
from convsync.model.identifiers import (
    HASH_LENGTH,
    HASHES_OF_NOTHING,
    hashed,
    hashes_in,
    is_nobodys_number,
    normalised_email,
    normalised_phone,
)
from convsync.model.money import CURRENCIES

_ORDINARY_ID = pattern(r"(?![0-9]+\Z)[A-Za-z0-9_.~=-]+\Z")
_CONTROLS = pattern(r"[\x00-\x20\x7f-\xa0\ufffd\u2028\u2029\ud800-\udfff]")
T = TypeVar("T")
_REMEMBERED = 1_024
"""How many cells of a kind that repeat themselves are remembered with what they mean."""
_BOOLEANS = (frozenset({"true", "1"}), frozenset({"false", "0"}))
"""How databases hand over a boolean: each value means itself, whatever the driver makes of it."""
_YES_OR_NO = dict.fromkeys(("true", "1", "yes"), True) | dict.fromkeys(
    ("false", "0", "no", ""), False
)
_MOST_DIGITS = 1_000


class CellReader:
    """Reads the cells of one source. Pure: the same cell always reads the same."""

    def __init__(self, form: CellFormat) -> None:
        blank = folded(form.blank_words) | {""}
        self.text = _text_reader(blank)
        self._blank = blank
        self._longest_blank = max(map(len, blank))
        self._deleted = spelled(form.deleted_words) - blank
        self._consents = consents_of(form)
        self._customers = _unambiguous(form.customer_words)
        self._phone_region = form.phone_region
        self._emails_are_hashed = form.emails_are_hashed
        self._phones_are_hashed = form.phones_are_hashed
        self._separator = form.value_separator
        self.plain_hashes = PlainHashes(form)
        self.default_currency = form.currency
        self._moments = TimestampReader(form.time_zone, form.date_formats)
        self._dates = TimestampReader(form.time_zone, form.date_formats, has_dates=True)
        self._date_columns = form.date_columns
        self._amounts = AmountReader(has_decimal_comma=bool(form.has_decimal_comma))
        self.start_of = self._moments.start_of
        self.end_of = self._moments.end_of
        self.moment = _remembering(partial(_moment, self._moments, self.text))
        self._day = _remembering(partial(_moment, self._dates, self.text))
        self.currency = _remembering(self._currency)
        self.consent = _remembering(self._consent)
        self.customer_type = _remembering(self._customer_type)
        self.region = _remembering(self._region)
        self.segment = _remembering(self._segment)

    def texts(self, cells: Sequence[str]) -> list[str]:
        """Return what `text` returns of each cell of a column."""
        texts = [cell.strip() for cell in cells]
        if not self._longest_blank:
            return texts
        return [
            text if len(text) > self._longest_blank or text.casefold() not in self._blank else ""
            for text in texts
        ]

    def moments(self, column: str | None, cells: Sequence[str]) -> list[Moment | None]:
        """Return what `moment_in` reads of each cell of a column."""
        reader = self._dates if column in self._date_columns else self._moments
        return reader.of_texts(self.texts(cells))

    def word(self, cell: object) -> str:
        """Return the cell's text folded for comparison, "" where it means nothing."""
        return self.text(cell).casefold()

    def moment_in(self, column: str | None) -> Callable[[object], Moment | None]:
        """Return what reads the moments of a column: `moment`, or days where it holds dates."""
        return self._day if column in self._date_columns else self.moment

    def instant_in(self, column: str | None) -> Callable[[object], datetime | None]:
        """Return what reads when the moments of a column began, None where they mean nothing."""
        moment_of = self.moment_in(column)

        def instant(cell: object) -> datetime | None:
            moment = moment_of(cell)
            return None if moment is None else self.start_of(moment)

        return instant

    def amount(self, cell: object) -> Amount | None:
        """Return the amount exactly as stated, zero and absurd ones too; None for nothing."""
        if isinstance(cell, str):
            text = self.text(cell)
            return self._amounts.of_text(text) if text else None
        return None if cell is None else self._amounts.of_value(cell)

    def plain_amounts(self, cells: Sequence[str]) -> list[Decimal | None]:
        """Return the number of each cell of a column, or raise CellError unless all are plain."""
        return self._amounts.of_plain(self.texts(cells))

    def _currency(self, cell: object) -> str | None:
        """Return an ISO 4217 code in upper case, None where the cell means nothing."""
        code = self.text(cell)
        if not code:
            return None
        if (upper := code.upper()) in CURRENCIES:
            return upper
        raise CellError(f"is not a currency of ISO 4217 ({shape_of(code)}): write one such as EUR")

    def _consent(self, cell: object) -> ConsentStatus:
        """Return what the cell says about consent; a word that nobody declared is unclear."""
        return self._consents.get(text_of(cell).casefold(), ConsentStatus.UNCLEAR)

    def _customer_type(self, cell: object) -> CustomerType | None:
        """Return the type of customer a cell names; a word that nobody declared says nothing."""
        return self._customers.get(self.word(cell))

    def _segment(self, cell: object) -> str:
        """Return the cell's text for rules and reports, without anybody's address or number."""
        return without_people(self.text(cell), self._phone_region)

    def is_deleted(self, cell: object) -> bool:
        """Return whether the cell's word is one of those declared to mean deleted."""
        return text_of(cell).casefold() in self._deleted

    def is_direct(self, cell: object) -> bool:
        """Return whether a cell says that a visit came by no ad, or raise CellError for others."""
        word = self.word(cell)
        if (found := _YES_OR_NO.get(word)) is None:
            raise CellError(
                f"does not say whether a visit was direct ({shape_of(word)}): true or false"
            )
        return found

    def _region(self, cell: object) -> str | None:
        """Return the cell's ISO 3166 country, the source's phone region where it is blank.

        Where a text names no country, nothing says where a number without a plus is dialled.
        """
        text = self.text(cell)
        return country_named(text) if text else self._phone_region

    def captured(self, kind: ClickIdKind, cell: object) -> list[Captured]:
        """Return the click IDs in a cell that should hold one of this kind, or raise CellError."""
        text = self.text(cell)
        return _sound(captured_in(kind, text), self._phone_region) if text else []

    def all_captured(self, kind: ClickIdKind, cells: Sequence[str]) -> list[list[Captured]]:
        """Return what `captured` returns of each cell of a column, or raise CellError."""
        return [
            [Captured(ClickId(kind, text))]
            if is_surely_bare(text) and _ORDINARY_ID.match(text)
            else (self.captured(kind, text) if text else [])
            for text in self.texts(cells)
        ]

    def captured_in_url(self, cell: object) -> list[Captured]:
        """Return the click IDs in the landing URL that a cell holds, or raise CellError."""
        return _sound(captured_in_url(self.text(cell)), self._phone_region)

    def ids(self, cell: object) -> list[str]:
        """Return the IDs in a cell that joins deals and clicks, or raise CellError."""
        raise_if_inexact(cell)
        text = self.text(cell)
        return ids_in(text, self._separator, self._phone_region) if text else []

    def plain_ids(self, cells: Sequence[str]) -> Sequence[str]:
        """Return the key in each cell of a column, "" for none, or raise CellError for others."""
        texts = self.texts(cells)
        if self._separator is not None:
            raise CellError("may hold several IDs")
        keys = keys_in(texts)
        plain_ids([*filter(None, keys)])
        return keys

    def deal_id(self, cell: object) -> str:
        """Return the ID of a deal, or raise CellError; a blank word may be one."""
        raise_if_inexact(cell)
        return sound_id(text_of(cell), self._phone_region)

    def phones(self, cell: object) -> str:
        """Return the text of a cell of phone numbers, which `hashed_phones` takes.

        One that holds hashes cannot be read where that is not declared.
        """
        text = self.text(cell)
        self._phone_hashes_in(text)
        return text

    def internal_id(self, cell: object) -> str:
        """Return an ID by which a system names one of its own records, "" for what is none."""
        with suppress(CellError):
            return self.deal_id(cell)
        return ""

    def hashed_phones(self, text: str, region: str | None) -> list[str]:
        """Return the hash of every phone number in a text; what is none is passed over.

        Where hashes are declared, a text of them is taken for the phones.
        """
        if not text:
            return []
        if found := self._phone_hashes_in(text):
            return [one for one in found if one not in HASHES_OF_NOTHING]
        text = text if text.isascii() else normalize("NFKC", text)
        parts = phones_in(text, self._separator)
        return [phone for part in parts if (phone := hashed_phone(part, region))]

    def _phone_hashes_in(self, text: str) -> list[str]:
        found = hashes_in(text) if len(text) >= HASH_LENGTH else []
        if found and not self._phones_are_hashed:
            raise CellError(
                "holds a phone number that is hashed already: set the source's"
                " phones_are_hashed = true"
            )
        return found

    def all_hashed_emails(self, cells: Sequence[str]) -> list[list[str]]:
        """Return what `hashed_emails` returns of each cell of a column, or raise CellError."""
        return [
            [hashed(email)]
            if (email := bare_email(text))
            else (self.hashed_emails(text) if text else [])
            for text in self.texts(cells)
        ]

    def hashed_emails(self, cell: object) -> list[str]:
        """Return the hash of every e-mail address in a cell; what is no address is passed over.

        A cell may hold hashes instead where that is declared; where it is not, it cannot be read.
        """
        text = without_marks_of_mail(self.text(cell))
        if len(text) >= HASH_LENGTH and (found := hashes_in(text)):
            if not self._emails_are_hashed:
                raise CellError(
                    "holds an e-mail address that is hashed already: set the source's"
                    " emails_are_hashed = true"
                )
            return [one for one in found if one not in HASHES_OF_NOTHING]
        if email := normalised_email(text):
            return [hashed(email)]
        if "@" not in text:
            return []
        return [hashed(email) for email in emails_among(text, self._separator)]


def _moment(
    reader: TimestampReader, text_in: Callable[[object], str], cell: object
) -> Moment | None:
    """Return the instant or the bare date a cell states, None where it means nothing."""
    if isinstance(cell, str):
        text = text_in(cell)
        return reader.of_text(text) if text else None
    try:
        return None if cell is None else reader.of_value(cell)
    except CellError:
        if isinstance(cell, date) and not text_in(cell):
            return None
        raise


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
    if not text or is_nobodys_number(text):
        return None
    number = normalised_phone(text, region)
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
            return _digits_of(cell)
        case b"\0" | b"\1":  # a BIT(1) of MySQL
            return "true" if cell == b"\1" else "false"
        case bytes() | bytearray() | memoryview() | list() | tuple() | dict() | set():
            raise CellError(f"holds a {type(cell).__name__}: cast it to text in the query")
    return str(cell).strip()


def _digits_of(whole: Decimal) -> str:
    if whole.adjusted() >= _MOST_DIGITS:
        raise CellError(f"holds a number of more than {_MOST_DIGITS} digits: correct it")
    return str(int(whole))


def consents_of(form: CellFormat) -> dict[str, ConsentStatus]:
    """Return what each word of a consent column means.

    Where one value of a boolean grants, and nobody says what the other means, the other refuses.
    """
    granted, denied = spelled(form.granted_words), spelled(form.denied_words)
    stated = folded(form.granted_words | form.denied_words | form.unspecified_words)
    for one, other in (_BOOLEANS, _BOOLEANS[::-1]):
        if one & granted and other.isdisjoint(stated):
            denied |= other
    consents = dict.fromkeys(folded(form.unspecified_words), ConsentStatus.UNSPECIFIED)
    consents |= dict.fromkeys(granted, ConsentStatus.GRANTED)
    consents |= dict.fromkeys(denied, ConsentStatus.DENIED)
    return consents | dict.fromkeys(folded(form.blank_words) | {""}, ConsentStatus.UNSPECIFIED)


def spelled(words: frozenset[str]) -> frozenset[str]:
    """Return words folded, a boolean in each of its spellings: MySQL and SQLite have 1 for true."""
    plain = folded(words)
    return plain.union(*(spellings for spellings in _BOOLEANS if spellings & plain))


def folded(words: frozenset[str]) -> frozenset[str]:
    """Return words as `CellReader.word` reads them, so that they can be compared."""
    return frozenset(word.strip().casefold() for word in words)


def _unambiguous(words: Mapping[CustomerType, frozenset[str]]) -> dict[str, CustomerType]:
    named = [(word, kind) for kind, spellings in words.items() for word in folded(spellings)]
    times = Counter(word for word, _ in named)
    return {word: kind for word, kind in named if times[word] == 1}


def _sound(captured: list[Captured], region: str | None) -> list[Captured]:
    """Return click IDs that may be stored and sent, or raise CellError."""
    for click_id, _ in captured:
        value = click_id.value
        if _ORDINARY_ID.match(value):
            continue
        raise_if_personal(value, region)
        if _CONTROLS.search(value):
            raise CellError("holds a click ID with spaces or control characters: correct it")
    return captured
