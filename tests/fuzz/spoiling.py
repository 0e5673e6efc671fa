"""Texts as nobody should write them: made of good ones, a few edits at a time."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

PIECES: Final[Sequence[str]] = (
    "", " ", "\t", "\n", "\r\n", "\0", "\x1b[31m", "\x7f", "\u00a0", "\u200b", "\u202e", "\ufeff",
    "\ufffd", "\ud83d", "\udca9", "é", "e\u0301", "ß", "İ", "ı", "٣", "３", "²", "🏡", "שלום", "'",
    '"',
    '""', "=", "+", "-", "−", "–", "@", "%", "%40", "%00", "%E0%A4", "%zz", "&", "?", "#", ";",
    ",", "|", "/",
    "\\", "(", ")", "<", ">", "{", "}", "[", "]", "*", ".", "..", ":", "€", "$", "kr", "0", "00",
    "-0", "1e999",
    "NaN", "inf", "Infinity", "null", "None", "undefined", "9999999999999999999999", "0x1F",
    "1_000",
    "5.00E+17", "12345.0", "gclid=", "GCL.", "_gl=1*a*", "fb.1.", "sep=;", "#REF!", "=1+1", "'1",
    "9999-12-31", "0000-00-00", "1970-01-01T00:00:00Z", "24:00", "T", "Z", "+99:99", "AM",
    "Europe/Berlin",
    "jane@example.org", "+49 151 55501234", "Jane Doe", "a" * 300, "9" * 300, "%25" * 60,
    "(" * 200,
)  # fmt: skip

VALUES: Final[Sequence[Any]] = (
    None, True, False, 0, -1, 7, 10**18, 10**400, -0.0, 1.5, 5e17, 1e308, float("nan"),
    float("inf"),
    Decimal("1234.56"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999"),
    b"", b"\xff\xfe", b"text", bytearray(b"x"), memoryview(b"x"), date.min, date.max,
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC), datetime(2026, 3, 2, 10),  # noqa: DTZ001 - as databases do
    time(12), timedelta(days=1), timedelta.max, UUID(int=5), [], ["a"], {}, {"a": 1},
    (), ("a", None), {1, 2}, 1j, object, range(3),
)  # fmt: skip
"""What drivers hand over, and what none should."""


def spoilt(text: str, chance: Random) -> str:
    """Return a text after one to three edits."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        text = chance.choice(_EDITS)(text, chance)
    return text


def _inserted(text: str, chance: Random) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice(PIECES) + text[at:]


def _replaced(text: str, chance: Random) -> str:
    first, last = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    return text[:first] + chance.choice(PIECES) + text[last:]


def _one_changed(text: str, chance: Random) -> str:
    at = chance.randint(0, max(0, len(text) - 1))
    return (
        text[:at]
        + chr(chance.choice((chance.randrange(0x250), chance.randrange(0x11000))))
        + (text[at + 1 :])
    )


def _repeated(text: str, chance: Random) -> str:
    return text * chance.choice((2, 2, 3, 50))


def _cut(text: str, chance: Random) -> str:
    return text[: chance.randint(0, len(text))]


def _folded(text: str, chance: Random) -> str:
    return chance.choice((str.lower, str.upper, str.title, str.swapcase))(text)


def _wrapped(text: str, chance: Random) -> str:
    around = chance.choice(('"{}"', "'{}", '="{}"', "({})", "<{}>", " {} ", "{}.0", "{}{}", "[{}]"))
    return around.replace("{}", text)


def _encoded(text: str, _: Random) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


_EDITS: Final[Sequence[Callable[[str, Random], str]]] = (
    _inserted, _inserted, _replaced, _one_changed, _repeated, _cut, _folded, _wrapped, _encoded,
)  # fmt: skip
