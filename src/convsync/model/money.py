"""Money: a Decimal and an ISO 4217 currency, never one without the other."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")
MOST = Decimal(10**12)
"""No deal is worth more; neither the ledger nor the platform could hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in a currency (three upper-case letters, ISO 4217).

    Parts finer than a millionth are rounded off: the ledger does not keep them, and an amount that
    came back different would be restated every night.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if self.amount != (rounded := round(self.amount, 6)):
            object.__setattr__(self, "amount", rounded)

    def share(self, share: Decimal) -> "Money":
        """Return this share of the money, rounded half-even to two places."""
        amount = (self.amount * share).quantize(CENT, ROUND_HALF_EVEN)
        return Money(amount=amount, currency=self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"
