"""Money that came in after a sale: lines as a source states them, and what they add up to."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from msgspec import Struct

from convsync.model.money import Money
from convsync.model.rates import NoRate, Rates

RatesOf = Callable[[], Rates | None]
"""Reads the rates when they are first needed; None where the configuration names none."""


def no_rates() -> None:
    """Have no rates of exchange."""


class MoneyTerms(Struct, frozen=True):
    """What sums over several currencies go by: rates, and the company's calendar."""

    rates: RatesOf = no_rates
    zone: tzinfo | None = None


class RevenueLine(Struct, frozen=True, kw_only=True, gc=False):
    """A line of revenue: so much, at a time, of a deal or of a customer.

    `line` names it for ever: the same line with another amount corrects it. An amount below zero
    was paid back. `customer` is the digest of a key that the customer's deals have.
    """

    line: str
    paid_at: datetime
    money: Money
    deal_id: str | None = None
    customer: bytes | None = None


class Payment(Struct, frozen=True, gc=False):
    """Money that came in for one deal, or was paid back."""

    paid_at: datetime
    money: Money


class Takings(Struct, frozen=True):
    """All payments that are known of a deal, and what their currencies are converted by."""

    payments: tuple[Payment, ...]
    terms: MoneyTerms

    def until(self, end: datetime) -> Sequence[Payment]:
        """Return the payments up to an instant."""
        return [one for one in self.payments if one.paid_at <= end]

    def sum(self, payments: Sequence[Payment], currency: str) -> Money | NoRate:
        """Return what payments add up to, each at its own day's rate."""
        total = Decimal(0)
        for one in payments:
            money = self._converted(one, currency)
            if isinstance(money, NoRate):
                return money
            total += money.amount
        return Money(amount=total, currency=currency)

    def _converted(self, payment: Payment, currency: str) -> Money | NoRate:
        if payment.money.currency == currency:
            return payment.money
        day, rates = payment.paid_at.astimezone(self.terms.zone).date(), self.terms.rates()
        if rates is None:
            return NoRate(payment.money.currency, day)
        converted = rates.convert(payment.money, currency, day)
        return converted if isinstance(converted, NoRate) else converted.money
