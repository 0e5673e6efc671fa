"""The forms in which an ID may come back once it went through other hands: the same ID, yet no text
that a database would find it by.

A spreadsheet drops the zeros before a number, or groups its digits; a report writes a GUID in upper
case or in braces; a program takes UTF-8 for Windows-1252. Letters of both cases in one ID are left
as they are, for there the case may be all that tells two IDs apart.

Another export puts a word before the ID or behind it, or leaves it out: `OPP-12345` for `12345`.
`12345` and `OPP-12345` may be two deals as well, so this alone does not make them one.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from unicodedata import normalize

from convsync.model.captured import STRAYS

_MOST_ZEROS: Final = 10
_LONGEST_NUMBER: Final = 24
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([,.'’ ])[0-9]{3})(?:\1[0-9]{3})*\Z")
_GROUPING: Final = (",", ".", " ", "'")
_AROUND: Final = " \t\r\n#'\"`"
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_BEHIND_A_SIGN: Final = re.compile(r"(.*[^0-9A-Za-z])([0-9A-Za-z]+)\Z", re.DOTALL)
_BEHIND_LETTERS: Final = re.compile(r"([A-Za-z]+)([0-9]+)\Z")
_BEFORE_A_WORD: Final = re.compile(r"([0-9A-Za-z]+)[^0-9A-Za-z][A-Za-z]+\Z")


def prefix_of(deal_id: str) -> str:
    """Return what stands before the ID proper: `OPP-` in `OPP-12345`, a path in a URL, or ""."""
    found = _BEHIND_A_SIGN.match(deal_id) or _BEHIND_LETTERS.match(deal_id)
    return found[1] if found else ""


def bare_forms_of(deal_id: str) -> set[str]:
    """Return under which texts an ID may be known that has a word before it, or behind it, now."""
    before, behind = prefix_of(deal_id), _BEFORE_A_WORD.match(deal_id)
    return {deal_id[len(before) :], behind[1] if behind else deal_id} - {deal_id}


def other_forms_of(deal_id: str) -> set[str]:
    """Return under which other texts the same ID may be known."""
    bare = "".join(normalize("NFKC", deal_id).translate(STRAYS).split()).strip(_AROUND)
    bare = bare[1:-1] if bare[:1] + bare[-1:] in ("{}", "[]", "()") else bare
    if _GROUPED.match(deal_id.strip()):
        bare = re.sub(r"[^0-9]", "", deal_id)
    found = {bare, *_in_case(bare), *_of_number(bare), *_in_other_letters(deal_id)}
    return found - {deal_id, ""}


def _in_case(bare: str) -> Iterator[str]:
    if bare in (bare.lower(), bare.upper()):
        for text in (bare.lower(), bare.upper()):
            yield text
            if _GUID.match(text):
                yield f"{{{text}}}"


def _of_number(bare: str) -> Iterator[str]:
    if not (bare.isascii() and bare.isdigit() and len(bare) <= _LONGEST_NUMBER):
        return
    number = bare.lstrip("0") or "0"
    yield from ("0" * zeros + number for zeros in range(_MOST_ZEROS + 1))
    grouped = f"{int(number):,}"
    yield from (grouped.replace(",", sign) for sign in _GROUPING)


def _in_other_letters(text: str) -> Iterator[str]:
    """Yield a text with its accents apart or together, and as the wrong encoding shows it."""
    if text.isascii():
        return
    yield normalize("NFC", text)
    yield normalize("NFD", text)
    with suppress(UnicodeError):
        yield text.encode("cp1252").decode("utf-8")
    with suppress(UnicodeError):
        yield text.encode("utf-8").decode("cp1252")
