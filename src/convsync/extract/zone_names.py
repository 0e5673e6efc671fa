"""Names of time zones behind a time: `Europe/Berlin`, `[Europe/Berlin]`, `CET`, `GMT+1`.

An abbreviation is read where it has one meaning the world over, or where the source's own zone uses
it for that time: CST is Chicago's, Shanghai's and Havana's, so a source in Berlin cannot tell.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from convsync.extract.cell_error import CellError

_BEHIND: Final = re.compile(
    r"(?P<rest>.*[0-9APMapm.])(?:\s*\[(?P<bracketed>[A-Za-z_+-]+(?:/[A-Za-z0-9_+-]+)+|UTC|GMT)\]"
    r"|\s+(?P<region>[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)"
    r"|\s*(?P<offset>(?:UTC|GMT)[+-][0-9]{1,2}(?::?[0-9]{2})?)"
    r"|\s+(?P<short>[A-Z]{3,5}))\Z"
)
_HOURS: Final[Mapping[str, float]] = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "JST": 9, "AWST": 8, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "HST": -10, "AKST": -9,
    "AKDT": -8, "PST": -8, "PDT": -7, "MDT": -6, "CDT": -5, "EDT": -4, "EST": -5, "SAST": 2,
}  # fmt: skip
_AMBIGUOUS: Final = frozenset(
    {"CST", "MST", "IST", "BST", "AST", "ADT", "SST", "GST", "ECT", "WST"}
)


def split_zone(text: str) -> tuple[str, str] | None:
    """Return a text without the name of a zone at its end, and that name; None for none there."""
    if not (found := _BEHIND.match(text)):
        return None
    short = found["short"]
    if short and short not in _HOURS and short not in _AMBIGUOUS:
        return None
    name = found["bracketed"] or found["region"] or found["offset"] or short
    return found["rest"], name


def zone_of(name: str, local: datetime, own: tzinfo | None) -> tzinfo:
    """Return the zone that a name behind a local time means, or raise CellError."""
    if name in ("UTC", "GMT"):
        return UTC
    if name[:3] in ("UTC", "GMT"):
        return _fixed(name[3:])
    if "/" in name:
        return _region(name)
    for fold in (0, 1):
        at = local.replace(tzinfo=own, fold=fold)
        if own is not None and at.tzname() == name:
            return timezone(at.utcoffset() or timedelta(0))
    if name in _AMBIGUOUS:
        raise CellError(
            f"holds the time zone {name}, which is that of several: export with offsets"
        )
    return timezone(timedelta(hours=_HOURS[name]))


@cache
def _region(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CellError("holds a time zone that nobody knows: correct it") from None


def _fixed(offset: str) -> timezone:
    digits = offset[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    if ahead > timedelta(hours=18):
        raise CellError("holds an offset of more than 18 hours: correct it")
    return timezone(-ahead if offset[0] == "-" else ahead)
