"""Which signs a cell may show, by what its column is mapped as: questions to each cell.

A sign only raises a question for a person. Nothing is read differently because of one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.looks import Role
from convsync.extract.sound_ids import is_no_key, raise_if_damaged
from convsync.model.click import ClickIdKind
from convsync.profile.facts import Sign

Test = Callable[[str, Any], bool]
"""Tells of a cell's text, and of what it was read as (None where it cannot be), whether it does."""

SHORTEST: Final = 20
"""From this length on, capitals are to be expected in a click ID, and where it ends is telling."""
HEXADECIMAL: Final = frozenset({ClickIdKind.MSCLKID, ClickIdKind.LI_FAT_ID})
"""IDs that have no capitals, and are all of one length."""
_GOOGLES: Final = frozenset({ClickIdKind.GCLID, ClickIdKind.GBRAID, ClickIdKind.WBRAID})
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_.-]+\Z")
"""What Google's IDs have been written in so far."""
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
"""Dates before the one and from the other on stand for none, or were mistyped."""
_HASH: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\Z", re.IGNORECASE)
_OF_APPS: Final = "0AAAAA"
"""What gbraids and wbraids begin with, and no gclid."""
NO_VALUES: Final = frozenset(
    {
        *("select", "--none--", "-none-", "none", "n/a", "na", "#n/a", "-", "--", "?", "null"),
        *("undefined", "(not set)", "not set", "unknown", "please select", "bitte wählen"),
    }
)
"""Words that a list of choices begins with, or that stand where nobody chose."""
WORDS_SHOWN: Final = re.compile(
    r"true|false|t|f|1|0|yes|no|y|n|on|off|ja|nein|oui|non|si|sí|sim|não|nao|tak|nie|da|ano|ne"
    r"|granted|denied|given|refused|accepted|rejected|declined|revoked|withdrawn|agreed|disagreed"
    r"|opt(?:ed)?[-_ ]?(?:in|out)|(?:un)?subscribed|allow(?:ed)?|deny|forbidden"
    r"|unknown|unspecified|pending|requested|explicit|implicit|none|null"
)
"""The words that stand for consent everywhere; any other may be a name."""


def word_shown(word: str) -> str:
    """Return a word where it can be nobody's name, its shape otherwise."""
    return word if WORDS_SHOWN.fullmatch(word) else shape_of(word)


def is_without_capitals(value: str) -> bool:
    """True for an ID that has lost its capitals: something folded its case on the way."""
    return len(value) >= SHORTEST and value == value.lower() and not value.isdigit()


def _lost_its_capitals(_: str, found: Any) -> bool:
    return any(
        one.click_id.kind not in HEXADECIMAL and is_without_capitals(one.click_id.value)
        for one in found or ()
    )


def _has_odd_characters(_: str, found: Any) -> bool:
    return any(
        one.click_id.kind in _GOOGLES and not _ALPHABET.match(one.click_id.value)
        for one in found or ()
    )


def _is_far_off(_: str, found: Any) -> bool:
    return found is not None and not FIRST_YEAR <= found.year < LAST_YEAR


def _is_wrapped(text: str, found: Any) -> bool:
    return bool(found) and found[0].click_id.value != text


def _stands_for_nothing(_: str, found: Any) -> bool:
    return found is not None and not found


def _is_of_another_kind(_: str, found: Any) -> bool:
    return any(
        one.click_id.kind is ClickIdKind.GCLID and one.click_id.value.startswith(_OF_APPS)
        for one in found or ()
    )


def _is_damaged(text: str, _: Any) -> bool:
    try:
        raise_if_damaged(text)
    except CellError:
        return True
    return False


def _is_rounded(text: str, _: Any) -> bool:
    """True for a number of which no more is left than a spreadsheet holds: 15 digits and zeros."""
    behind = text[15:]
    return text.isdigit() and bool(behind) and not behind.strip("0")


def _is_hashed(text: str, _: Any) -> bool:
    return bool(_HASH.match(text))


def _is_no_address(text: str, found: Any) -> bool:
    return not found and not _is_hashed(text, found)


_OF_IDS: Final[Sequence[tuple[Sign, Test]]] = (
    (Sign.DAMAGED, _is_damaged),
    (Sign.ROUNDED, _is_rounded),
)
_OF_KEYS: Final[Sequence[tuple[Sign, Test]]] = (
    (Sign.DAMAGED, lambda text, found: not is_no_key(text) and _is_damaged(text, found)),
    (Sign.ROUNDED, _is_rounded),
    (Sign.PLACEHOLDER, _stands_for_nothing),
)
SIGNS: Final[Mapping[Role, Sequence[tuple[Sign, Test]]]] = {
    Role.CLICK_ID: (
        (Sign.LOWER_CASE, _lost_its_capitals),
        (Sign.ODD_CHARACTERS, _has_odd_characters),
        (Sign.WRAPPED, _is_wrapped),
        (Sign.PLACEHOLDER, _stands_for_nothing),
        (Sign.OTHER_KIND, _is_of_another_kind),
    ),
    Role.URL: ((Sign.LOWER_CASE, _lost_its_capitals),),
    Role.TIME: ((Sign.FAR_OFF, _is_far_off),),
    Role.DEAL_ID: _OF_IDS,
    Role.CRM_KEY: _OF_KEYS,
    Role.VISITOR: _OF_KEYS,
    Role.AMOUNT: (
        (Sign.ZERO, lambda _, found: found is not None and found.number == 0),
        (Sign.NEGATIVE, lambda _, found: found is not None and found.number < 0),
    ),
    Role.EMAIL: ((Sign.HASHED, _is_hashed), (Sign.NOT_READ, _is_no_address)),
    Role.PHONE: ((Sign.NOT_READ, lambda _, found: not found),),
    Role.COUNTRY: ((Sign.NOT_READ, lambda _, found: found is None),),
    Role.SEGMENT: ((Sign.MEANS_NOTHING, lambda text, _: text.casefold() in NO_VALUES),),
    Role.CUSTOMER_TYPE: ((Sign.UNMAPPED_WORD, lambda _, found: found is None),),
}
