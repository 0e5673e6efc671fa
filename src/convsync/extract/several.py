"""Several values in one cell: phones and IDs, as CRMs write those of all who belong to a deal.

A declared separator is taken at its word. Without one `;`, `,` and `|` part a cell only where that
is safe: each part must be a number to dial, or an ID with a digit. Otherwise the cell is one value.
"""

import re
from typing import Final

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.sound_ids import is_no_key, raise_if_damaged, raise_if_personal, sound_id

_BETWEEN: Final = re.compile(r"\s*[;,|\r\n]\s*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:-]*\Z")
_ID: Final = re.compile(r"(?=.*[0-9])[A-Za-z0-9_.:-]+\Z")
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\Z")
_DIGIT: Final = re.compile(r"[0-9]")
_ONE_NUMBER: Final = re.compile(r"\+?[0-9]+\Z")
_BEFORE_PLUS: Final = re.compile(r"(?<=[0-9])\s*[/&]?\s*(?=\+)")
_SHORTEST: Final = 7
"""The digits of a phone number; fewer behind a comma are an extension."""


def ids_in(text: str, separator: str | None, region: str | None = None) -> list[str]:
    """Return the sound IDs in a cell that are keys, or raise CellError."""
    if separator is None and (_PLAIN.match(text) or is_no_key(text)):
        parts = [text]
    else:
        parts = _id_parts(text, separator)
    return [found for part in parts if not is_no_key(part) and (found := sound_id(part, region))]


def phones_in(text: str, separator: str | None) -> list[str]:
    """Return the phone numbers in a cell as they are written."""
    if separator is not None:
        return _filled(text.split(separator))
    if _ONE_NUMBER.match(text):
        return [text]
    if text.count("+") > 1:
        text = _BEFORE_PLUS.sub(";", text)
    parts = [part for part in _BETWEEN.split(text) if _DIGIT.search(part)]
    return parts if all(len(_DIGIT.findall(part)) >= _SHORTEST for part in parts) else [text]


def _id_parts(text: str, separator: str | None) -> list[str]:
    if separator is not None:
        return _filled(text.split(separator))
    raise_if_damaged(text)  # before a comma parts 12345,0
    raise_if_personal(text)  # or a name
    if _THOUSANDS.match(text):
        raise CellError(
            f"may hold one number or several ({shape_of(text)}): declare the source's"
            " value_separator"
        )
    parts = _filled(_BETWEEN.split(text))
    return parts if all(_ID.match(part) or is_no_key(part) for part in parts) else [text]


def _filled(parts: list[str]) -> list[str]:
    return [stripped for part in parts if (stripped := part.strip())]
