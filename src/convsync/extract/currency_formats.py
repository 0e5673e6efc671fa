"""What the format of a spreadsheet's number says of its currency: `#,##0.00 [$€-407]` says euros.

A format names a sign in its text, as `"$"#,##0.00` does, or in brackets with the region whose sign
it is, which tells one dollar from another. The currency formats that a spreadsheet has built in
name none in the file: they show the sign of whoever opens it, and say nothing.
https://learn.microsoft.com/en-us/dotnet/api/documentformat.openxml.spreadsheet.numberingformat
"""

import re
from collections.abc import Mapping
from typing import Final

from convsync.extract.amounts import is_sign

_OF_REGION: Final[Mapping[tuple[str, int], str]] = {
    ("$", 0x0404): "TWD",
    ("$", 0x0409): "USD",
    ("$", 0x080A): "MXN",
    ("$", 0x0C04): "HKD",
    ("$", 0x0C09): "AUD",
    ("$", 0x0C0C): "CAD",
    ("$", 0x1009): "CAD",
    ("$", 0x1409): "NZD",
    ("$", 0x240A): "COP",
    ("$", 0x2C0A): "ARS",
    ("$", 0x340A): "CLP",
    ("$", 0x4809): "SGD",
    ("$", 0x540A): "USD",
    ("¥", 0x0411): "JPY",
    ("¥", 0x0804): "CNY",
    ("kr", 0x0406): "DKK",
    ("kr", 0x040F): "ISK",
    ("kr", 0x0414): "NOK",
    ("kr", 0x041D): "SEK",
    ("kr", 0x0814): "NOK",
    ("fr", 0x0807): "CHF",
    ("fr", 0x100C): "CHF",
}
"""Which currency a sign is in a region, by Windows' numbers of regions."""
_IN_BRACKETS: Final = re.compile(r"\[\$([^\]-]+)(?:-([0-9A-Fa-f]{1,8}))?\]")
_NOT_SHOWN: Final = re.compile(r"\[[^\]]*\]|[_*].|[#0?.,%/\s]")
_MARKS: Final = re.compile(r'"|\\')


def sign_in(format_code: str) -> str:
    """Return the sign or code of the currency that a format shows, "" where it shows none."""
    code, _, _ = format_code.partition(";")
    if found := _IN_BRACKETS.search(code):
        sign, region = found[1].strip(), int(found[2] or "0", 16) & 0xFFFF
        sign = _OF_REGION.get((sign.lower().rstrip("."), region), sign)
    else:
        sign = _MARKS.sub("", _NOT_SHOWN.sub("", code))
    return sign if is_sign(sign) else ""
