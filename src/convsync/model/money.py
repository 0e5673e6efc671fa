"""Money: a Decimal and an ISO 4217 currency, never one without the other."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

from msgspec import Struct, structs

Currency = TypeVar("Currency", str, str | None)
_PLACES = {
    currency: places
    for places, currencies in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }.items()
    for currency in currencies.split()
}
"""How many decimal places a currency has (ISO 4217), where it is not two."""

_ISO_4217 = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
    BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD
    FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
    KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
    UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_ISO_4217.split())
"""What money is paid in: ISO 4217's list of 2026, and the lev, which deals of 2025 are still in.

Metals, units of account and codes for tests are no money."""

MOST = Decimal(10**12)
"""No deal is worth more; neither the ledger nor the platform could hold it."""
_FINEST = Decimal("0.000001")


class Money(Struct, frozen=True, kw_only=True, gc=False):
    """An amount in a currency (three upper-case letters, ISO 4217).

    Parts finer than a millionth are rounded off: the ledger does not keep them, and an amount that
    came back different would be restated every night.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if self.amount % _FINEST:
            structs.force_setattr(self, "amount", round(self.amount, 6))

    def share(self, share: Decimal) -> "Money":
        """Return this share of the money, rounded half-even to what its currency can pay."""
        smallest = Decimal(1).scaleb(-self._places)
        amount = (self.amount * share).quantize(smallest, ROUND_HALF_EVEN)
        return Money(amount=amount, currency=self.currency)

    @property
    def rounds_to_zero(self) -> bool:
        """True for less than half of the smallest amount that its currency can pay."""
        return not round(self.amount, self._places)

    def __str__(self) -> str:
        return f"{self.amount:,.{self._places}f} {self.currency}"

    @property
    def _places(self) -> int:
        return _PLACES.get(self.currency, 2)


def add_to(sums: dict[Currency, Decimal], currency: Currency, amount: Decimal) -> None:
    """Add an amount to the sum of its currency."""
    sums[currency] = sums.get(currency, Decimal(0)) + amount


def amounts_in_words(by_currency: Mapping[str | None, Decimal]) -> str:
    """Return amounts of several currencies for people, by the currencies' names."""
    in_order = sorted(by_currency.items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
    return " + ".join(
        f"{amount:,.2f} {currency or '(no currency)'}" for currency, amount in in_order
    )
