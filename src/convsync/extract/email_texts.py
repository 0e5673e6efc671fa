"""E-mail addresses in a text: bare as most are, with marks around them, or several of them."""

from collections.abc import Iterator
from re import compile as pattern

from convsync.extract.sound_ids import without_marks
from convsync.model.identifiers import HASH_LENGTH, normalised_email

_BETWEEN = pattern(r"[;,|\r\n]")
_ANGLED = pattern(r"<([^<>]*)>")
_MAILTO = "mailto:"
_AROUND = " []{}\"'"
"""What stands around each address of a list in JSON, or as PostgreSQL writes arrays."""


def bare_email(text: str) -> str | None:
    """Return the address that a text is, normalised; None where it may be anything else."""
    return normalised_email(text) if len(text) < HASH_LENGTH and _has_no_marks(text) else None


def without_marks_of_mail(text: str) -> str:
    """Return an address without `mailto:` and what a spreadsheet puts around a text."""
    if _has_no_marks(text):
        return text
    address = without_marks(text).strip('"')
    is_link = address[: len(_MAILTO)].casefold() == _MAILTO
    return address[len(_MAILTO) :].partition("?")[0] if is_link else address


def emails_among(text: str, separator: str | None) -> Iterator[str]:
    """Yield the addresses in a text, normalised; `separator` stands between them, if anything."""
    for part in text.split(separator) if separator else _BETWEEN.split(text):
        for piece in part.split() if part.count("@") > 1 else (part,):
            angled = _ANGLED.search(piece)
            if email := normalised_email(angled[1] if angled else piece.strip(_AROUND)):
                yield email


def _has_no_marks(text: str) -> bool:
    return text.isascii() and text[:1].isalnum() and ":" not in text
