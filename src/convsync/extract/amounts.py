"""Reads an amount of money: exactly the digits that are written, never a float.

The decimal sign is declared and the other one only groups thousands, so `1.234` is never guessed
at. A currency code or sign beside the number is read where it means one currency; a sign that many
use is none of them by itself, but must be one that the deal's currency uses.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from convsync.extract.cell_error import CellError, shape_of
from convsync.model.money import CURRENCIES

_PLAIN = {
    False: re.compile(r"-?[0-9]{1,15}(?:\.[0-9]+)?\Z"),
    True: re.compile(r"-?[0-9]{1,15}\Z"),
}
_CURRENCY = r"[^\d\s.,()+−-]{1,3}"
_CURRENCY_OF_SIGN = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "₺": "TRY",
    "₽": "RUB",
    "₴": "UAH",
    "₪": "ILS",
    "₩": "KRW",
    "฿": "THB",
    "₫": "VND",
    "₱": "PHP",
    "R$": "BRL",
    "US$": "USD",
    "C$": "CAD",
    "CA$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "NT$": "TWD",
    "S$": "SGD",
    "MX$": "MXN",
}
_DOLLARS = """
    USD ARS AUD BBD BMD BND BRL BSD BZD CAD CLP COP CUP CVE DOP FJD GYD HKD JMD KYD LRD MOP MXN NAD
    NIO NZD SBD SGD SRD TOP TTD TWD UYU WST XCD
"""
_MAY_MEAN = {
    "$": frozenset(_DOLLARS.split()),
    "¥": frozenset({"JPY", "CNY"}),
    "￥": frozenset({"JPY", "CNY"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}
"""The currencies that write a sign in common."""
_UNKNOWN = "?"
_TOO_LARGE = Decimal(10) ** 18
"""From here on, two decimal places no longer fit the 28 digits that Decimal calculates with."""


class Amount(NamedTuple):
    """A number, and the currency written beside it if there is one.

    `may_mean` holds the currencies of a sign that several use; without such a sign it is empty.
    Where the sign stands `in_format` alone, a currency that the record states goes before it.
    """

    number: Decimal
    currency: str | None = None
    may_mean: frozenset[str] = frozenset()
    in_format: bool = False


class ShownAmount(float):
    """A number of a spreadsheet whose format shows a currency: its sign or its code."""

    __slots__ = ("sign",)
    sign: str

    def __new__(cls, number: float, sign: str) -> "ShownAmount":
        """Make one of a number and what stands beside it."""
        cell = super().__new__(cls, number)
        cell.sign = sign
        return cell


class AmountReader:
    """Reads the amounts of one source, all written with the same decimal sign."""

    def __init__(self, *, has_decimal_comma: bool) -> None:
        self._has_decimal_comma = has_decimal_comma
        self._plain = _PLAIN[has_decimal_comma]
        self._written = _written_with(*(",", ".") if has_decimal_comma else (".", ","))

    def of_text(self, text: str) -> Amount:
        """Return the amount a text states, or raise CellError."""
        if self._plain.match(text):
            return Amount(Decimal(text))
        is_bracketed = text.startswith("(") and text.endswith(")")
        written = self._written.match(text[1:-1] if is_bracketed else text)
        currency = _currency_in(written) if written else _UNKNOWN
        if written is None or currency == _UNKNOWN:
            raise self._unreadable(text)
        number = _money(Decimal(_digits_of(written)))
        is_negative = is_bracketed or (written["outer"] or written["inner"]) in ("-", "−")
        sign = (written["before"] or written["after"] or "").lower()
        may_mean = _MAY_MEAN.get(sign, frozenset())
        return Amount(-number if is_negative else number, currency, may_mean)

    def of_plain(self, texts: Sequence[str]) -> list[Decimal | None]:
        """Return the number of each text, None for "", or raise CellError unless all are plain."""
        is_plain = self._plain.match
        if all(map(is_plain, filter(None, texts))):
            return [Decimal(text) if text else None for text in texts]
        raise CellError("is not a plain number")

    def of_value(self, value: object) -> Amount:
        """Return the amount a typed value states, or raise CellError."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise CellError(f"holds a {type(value).__name__} where an amount should be")
        number = _money(Decimal(str(value)))
        if not isinstance(value, ShownAmount):
            return Amount(number)
        may_mean = _MAY_MEAN.get(value.sign.lower(), frozenset())
        return Amount(number, _currency_of(value.sign), may_mean, in_format=True)

    def _unreadable(self, text: str) -> CellError:
        sign = "comma" if self._has_decimal_comma else "dot"
        return CellError(
            f"is not an amount with a decimal {sign} ({shape_of(text)}):"
            " correct it, or the source's decimal"
        )


def _written_with(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return a pattern of numbers as people write them: groups of three digits, in India of two."""
    point, group = re.escape(decimal), rf"[{thousands}'’ \u00a0\u202f]"
    grouped = (
        rf"[0-9]{{1,3}}(?P<group>{group})(?:[0-9]{{2,3}}(?P=group))*[0-9]{{3}}(?:{point}[0-9]+)?"
    )
    ungrouped = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,2}})?"
    return re.compile(
        rf"(?P<outer>[-+−])?\s*(?P<before>{_CURRENCY})?\s*(?P<inner>(?<![-+−])[-+−])?"
        rf"(?P<number>{grouped}|{ungrouped})\s*(?P<after>{_CURRENCY})?\Z"
    )


def _digits_of(written: re.Match[str]) -> str:
    group = written["group"]
    digits = written["number"].replace(group, "") if group else written["number"]
    return digits.replace(",", ".")


def _currency_in(written: re.Match[str]) -> str | None:
    """Return the one currency written beside a number, None for none or a sign of several."""
    if written["before"] and written["after"]:
        return _UNKNOWN
    return _currency_of(written["before"] or written["after"] or "")


def _currency_of(sign: str) -> str | None:
    if not sign or sign.lower() in _MAY_MEAN:
        return None
    return sign if sign in CURRENCIES else _CURRENCY_OF_SIGN.get(sign, _UNKNOWN)


def is_sign(text: str) -> bool:
    """Return whether a text is the code of a currency, or a sign of one or of several."""
    return bool(text) and _currency_of(text) != _UNKNOWN


def _money(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise CellError("is not a finite number")
    if abs(number) >= _TOO_LARGE:
        raise CellError("is a number too large for any money")
    return number
