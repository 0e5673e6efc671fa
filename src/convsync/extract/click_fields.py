"""Which fields of a CRM look like click IDs, and whether the IDs in them are intact.

A click ID is never judged by its shape when it is sent. Here shapes only raise a question for a
person: a field nobody mapped, IDs in lower case, IDs that all end at one length.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from convsync.extract.cells import text_of
from convsync.extract.crm_adapter import CrmField, Fields
from convsync.model.click import ClickIdKind

LONG_ENOUGH: Final = 100
"""The characters a field should hold: gclids have been up to 92 long, and grow."""
_SHORTEST: Final = 20
_SHAPE = re.compile(r"[A-Za-z0-9_-]{20,}\Z")
_NAMES: Mapping[ClickIdKind, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        ClickIdKind.MSCLKID: r"msclk|(?:microsoft|bing).{0,12}click",
        ClickIdKind.FB_LEAD_ID: r"lead.?gen.?id|(?:facebook|meta\b|fb).{0,12}lead.{0,3}id",
        ClickIdKind.FBCLID: r"fbclid|(?:facebook|meta|fb).{0,12}click.{0,3}id",
        ClickIdKind.LI_FAT_ID: r"li.?fat.?id|linkedin.{0,12}click",
        ClickIdKind.TTCLID: r"ttclid|tiktok.{0,12}click",
        ClickIdKind.GBRAID: r"gbraid",
        ClickIdKind.WBRAID: r"wbraid",
        ClickIdKind.GCLID: r"gclid|google.{0,12}click|click.{0,3}id",
    }.items()
}
"""In order: `click ID` alone means Google's, but not behind another network's name."""
_OTHERS = re.compile(
    r"twitter|twclid|\bx ads|snap|sccid|pinterest|epik|reddit|rdt_cid|quora|qclid|yahoo|yclid"
    r"|yandex|outbrain|taboola|criteo|amazon|apple|dclid|doubleclick|facebook|meta\b|linkedin|tiktok|bing"
    r"|microsoft",
    re.IGNORECASE,
)
"""Networks whose click IDs have no kind here, or whose other fields name a click as well."""
_CUT_AT: Final = frozenset({20, 25, 30, 32, 40, 50, 60, 64, 75, 80})
"""Lengths at which forms and fields cut; no gclid has been seen to end at one of them."""
_FEW: Final = 3


def kind_by_name(field: CrmField) -> ClickIdKind | None:
    """Return the kind of click ID a field's name or label promises."""
    promises = f"{field.name} / {field.label}"
    for kind, pattern in _NAMES.items():
        if pattern.search(field.name) or pattern.search(field.label):
            is_certain = kind is not ClickIdKind.GCLID or "gclid" in promises.lower()
            return kind if is_certain or not _OTHERS.search(promises) else None
    return None


def holds_click_ids(values: Iterable[str]) -> bool:
    """True where most of what a field holds has the shape of a gclid, case mixed."""
    filled = [value for value in values if value]
    shaped = [value for value in filled if _SHAPE.match(value) and _is_mixed(value)]
    return bool(shaped) and len(shaped) * 2 > len(filled)


def are_lower_cased(values: Iterable[str]) -> bool:
    """True where IDs have no capital at all: something folded their case, and Google knows none."""
    long = [value for value in values if len(value) >= _SHORTEST]
    return bool(long) and all(value == value.lower() and not value.isdigit() for value in long)


def are_cut(values: Iterable[str], longest: int | None) -> bool:
    """True where IDs end at the field's own length, or several at one where forms cut."""
    return end_at_one_length(Counter(map(len, values)), longest)


def end_at_one_length(lengths: Mapping[int, int], longest: int | None = None) -> bool:
    """Do as `are_cut` does, of how many IDs there are of each length."""
    long = {length: count for length, count in lengths.items() if length >= _SHORTEST and count}
    if not long:
        return False
    if longest is not None and longest in long:
        return True
    most = max(long)
    return most in _CUT_AT and long[most] >= _FEW


def values_of(samples: Sequence[Fields], name: str) -> list[str]:
    """Return what the samples hold in a field, blanks left out."""
    return [text for sample in samples if (text := text_of(sample.get(name)))]


def _is_mixed(value: str) -> bool:
    return value != value.lower() and value != value.upper()
