"""Sums of money as the reports print them: by currency for people, exact for programs."""

from collections.abc import Mapping
from decimal import Decimal

_CENT = Decimal("0.01")


def sums_in_words(sums: Mapping[str | None, Decimal]) -> str:
    """Return sums for people, each in its currency."""
    return " + ".join(
        f"{amount:,.2f} {currency or '(no currency)'}" for currency, amount in sums.items()
    )


def exact(amount: Decimal | None) -> str | None:
    """Return a sum to the millionth that is kept, at least to the cent; None stays None."""
    if amount is None:
        return None
    cents = amount.quantize(_CENT)
    return str(cents if cents == amount else round(amount, 6))
