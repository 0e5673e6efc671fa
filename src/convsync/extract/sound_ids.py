"""Says whether an ID is one: not mangled by a spreadsheet, and nobody's name or address.

IDs are stored, printed and sent as they are, so a person's e-mail, phone number or name must never
pass for one. And an ID that a spreadsheet took for a number joins what does not belong together.
What two systems write differently is one ID all the same: Salesforce's 15 characters are its 18
without the three that check the case, and Zoho's exports put `zcrm_` before its numbers.
"""

import re
from collections.abc import Sequence
from typing import Final

import phonenumbers

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.salesforce_ids import WITHOUT_CHECK, with_check_characters
from convsync.model.captured import STRAYS, WORDS_FOR_NOTHING

_PLAIN: Final = re.compile(
    r"(?!0[1-9]|[0-9]\.[0-9]+[eE]|[A-Z][a-z]{2}-[0-9]{2}\Z|[0-9]{1,2}-[A-Z][a-z]{2}\Z)"
    r"[A-Za-z0-9_:-]+(?:\.(?!0+\Z)[A-Za-z0-9_:-]+)*\Z"
)
_EXPONENT: Final = re.compile(r"[0-9](?:[.,][0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}\Z")
_TENTHS: Final = re.compile(r"[0-9]+[.,]0+\Z")
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mrz|Mai|Okt|Dez)"
_DAY: Final = re.compile(
    rf"[0-9]{{1,2}}(?:-|\. ){_MONTH}\Z|{_MONTH}[- ][0-9]{{2}}\Z"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]00:00(?::00)?\Z"
)
"""What a spreadsheet shows of `3-5` or `5/3`, which it takes for a day or a month."""
_ERROR: Final = re.compile(r"#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|#*)\Z")
_NOTHING: Final = frozenset({"undefined", "null", "none", "nan", "(not set)", "[object object]"})
_NO_KEY: Final = re.compile(
    r"[0-]+\Z|-1\Z|-none-\Z|anonymous\Z|\([^()]*\)\Z|\{.*\}\Z", re.IGNORECASE
)
_QUOTED: Final = re.compile(r'="([^"]*)"\Z')
_EXACT: Final = 2**53
"""Above it, a number with a point does not hold every digit."""

_EMAIL: Final = re.compile(r"[^\s@]+(?:@|%40)[^\s@]+\.[^\s@]+", re.IGNORECASE)
_NAME: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[.'’-])*(?:,? [^\W\d_](?:[^\W\d_]|[.'’-])*){1,5}\Z")
_PHONE: Final = re.compile(r"\+?[0-9()][0-9 ()/.\u00a0-]{5,22}[0-9]\Z")
_AS_DIALLED: Final = re.compile(r"[+(]|0[1-9]|(?=.*[ (])(?:[^0-9]*[0-9]){10}")

_ZOHO: Final = re.compile(r"zcrm_([0-9]+)\Z")


def sound_id(text: str, region: str | None = None) -> str:
    """Return an ID as its system writes it, or raise CellError; "" stays "".

    `region` is the country in which a number may be somebody's phone.
    """
    if _PLAIN.match(text) and len(text) != WITHOUT_CHECK and text.lower() not in _NOTHING:
        return _ZOHO.sub(r"\1", text) if text.startswith("zcrm_") else text
    text = without_marks(text)
    raise_if_damaged(text)
    raise_if_personal(text, region)
    return with_check_characters(_ZOHO.sub(r"\1", text))


def plain_ids(texts: Sequence[str]) -> Sequence[str]:
    """Return IDs that `sound_id` would return as they are, or raise CellError."""
    if (
        all(map(_PLAIN.match, texts))
        and WITHOUT_CHECK not in set(map(len, texts))
        and _NOTHING.isdisjoint(map(str.lower, texts))
        and not any(map(_ZOHO.match, texts))
    ):
        return texts
    raise CellError("holds an ID that is not plain text")


def is_no_key(text: str) -> bool:
    """Return whether a text stands where a key is missing: those who have it share nothing.

    What a spreadsheet writes for a failed look-up is damage, and no such word.
    """
    return bool(_NO_KEY.match(text)) or (
        text.casefold() in WORDS_FOR_NOTHING and not text.startswith("#")
    )


def keys_in(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts of a column with "" for each that is no key."""
    filled = [*filter(None, texts)]
    may_lack_some = any(map(_NO_KEY.match, filled)) or not WORDS_FOR_NOTHING.isdisjoint(
        map(str.casefold, filled)
    )
    return ["" if is_no_key(text) else text for text in texts] if may_lack_some else texts


def raise_if_damaged(text: str) -> None:
    """Raise CellError for what a spreadsheet or a program wrote in an ID's place."""
    if text.casefold() in _NOTHING:
        raise CellError("holds a word that means a missing ID: leave it empty")
    if any(of.match(text) for of in (_EXPONENT, _TENTHS, _DAY, _ERROR)):
        raise CellError(
            f"holds what a spreadsheet made of an ID ({shape_of(text)}): format its column as text"
            " before the file is opened, and export it again"
        )


def raise_if_inexact(cell: object) -> None:
    """Raise CellError for a number whose last digits are lost, where a database hands one over."""
    if isinstance(cell, float) and abs(cell) >= _EXACT:
        raise CellError(
            "holds a rounded number where an ID should be: cast it to text in the query"
        )


def without_marks(text: str) -> str:
    """Return a text without `'` and `="…"`, which keep it one in a spreadsheet, and zero width."""
    if not text.isascii():
        text = text.translate(STRAYS)
    return _QUOTED.sub(r"\1", text).removeprefix("'").strip()


def raise_if_personal(text: str, region: str | None = None) -> None:
    """Raise CellError for what is somebody's e-mail address, phone number or name."""
    if ("@" in text or "%40" in text) and _EMAIL.search(text):
        raise CellError("holds an e-mail address where an ID should be: map it as `email`")
    if is_dialled(text, region):
        raise CellError("holds a phone number where an ID should be: map it as `phone`")
    if _NAME.match(text):
        raise CellError("holds what looks like a name where an ID should be: map the ID's column")


def is_dialled(text: str, region: str | None = None) -> bool:
    """Return whether a text is somebody's phone number, written as a number to dial is."""
    return bool(_PHONE.match(text) and _AS_DIALLED.match(text)) and _is_phone(text, region)


def _is_phone(text: str, region: str | None) -> bool:
    """Return whether a text is a number to dial: of digits alone, only where it is a mobile's."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_valid_number(number):
        return False
    return not text.isdigit() or (
        phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    )
