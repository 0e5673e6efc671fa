"""Money: a Decimal and an ISO 4217 currency, never one without the other."""

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct, structs

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

MOST = Decimal(10**12)
"""No deal is worth more; neither the ledger nor the platform could hold it."""


class Money(Struct, frozen=True, kw_only=True):
    """An amount in a currency (three upper-case letters, ISO 4217).

    Parts finer than a millionth are rounded off: the ledger does not keep them, and an amount that
    came back different would be restated every night.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if self.amount != (rounded := round(self.amount, 6)):
            structs.force_setattr(self, "amount", rounded)

    def share(self, share: Decimal) -> "Money":
        """Return this share of the money, rounded half-even to what its currency can pay."""
        smallest = Decimal(1).scaleb(-self._places)
        amount = (self.amount * share).quantize(smallest, ROUND_HALF_EVEN)
        return Money(amount=amount, currency=self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.{self._places}f} {self.currency}"

    @property
    def _places(self) -> int:
        return _PLACES.get(self.currency, 2)
