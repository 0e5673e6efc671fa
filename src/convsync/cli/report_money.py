"""Sums of money as the reports print them for programs: exact."""

from decimal import Decimal

_CENT = Decimal("0.01")


def exact(amount: Decimal | None) -> str | None:
    """Return a sum to the millionth that is kept, at least to the cent; None stays None."""
    if amount is None:
        return None
    cents = amount.quantize(_CENT)
    return str(cents if cents == amount else round(amount, 6))
