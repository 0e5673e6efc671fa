"""Exchange rates by day, and money converted at them.

A file of rates has gaps: banks publish none on weekends and holidays. A day without a rate takes
that of the last day before it, if that is not too long ago; which day it was is part of the answer.
Where there is none, that is the answer: no amount is ever taken over at 1.0.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from convsync.model.money import Money

_ONE = Decimal(1)


class Converted(Struct, frozen=True):
    """Money in another currency, to what that can pay, and the day whose rate it was made at.

    The day is None where the currency is the same: no rate was needed.
    """

    money: Money
    rate_of: date | None


class NoRate(Struct, frozen=True):
    """There is no rate for a currency on a day, or on the days shortly before it."""

    currency: str
    on: date


class _Quotes(NamedTuple):
    """The rates of one currency: the days in order, and how many units of it the base bought."""

    days: list[date]
    units: list[Decimal]


class Rates:
    """How many units of each currency one unit of `base` bought, by day.

    `origin` names where the rates come from, for people; `longest_gap` is how many days a rate
    stands in for days that have none.
    """

    def __init__(
        self,
        base: str,
        quotes: Mapping[str, Iterable[tuple[date, Decimal]]],
        *,
        origin: str,
        longest_gap: timedelta,
    ) -> None:
        self.base = base
        self.origin = origin
        self._longest_gap = longest_gap
        self._quotes: dict[str, _Quotes] = {}
        for currency, known in quotes.items():
            in_order = sorted(known)
            self._quotes[currency] = _Quotes(
                [day for day, _ in in_order], [units for _, units in in_order]
            )

    def convert(self, money: Money, currency: str, on: date) -> Converted | NoRate:
        """Return money in a currency, at the rates of a day or of the last day that had one."""
        if money.currency == currency:
            return Converted(money, None)
        bought, sold = self._rate(currency, on), self._rate(money.currency, on)
        for rate in (sold, bought):
            if isinstance(rate, NoRate):
                return rate
        assert not isinstance(bought, NoRate)
        assert not isinstance(sold, NoRate)
        (to_day, per_base), (from_day, of_base) = bought, sold
        amount = Money(amount=money.amount * per_base / of_base, currency=currency).share(_ONE)
        return Converted(amount, min(filter(None, (to_day, from_day))))

    def _rate(self, currency: str, on: date) -> tuple[date | None, Decimal] | NoRate:
        """Return the rate of a day and the day it is of, which is None for the base itself."""
        if currency == self.base:
            return None, _ONE
        known = self._quotes.get(currency)
        place = bisect_right(known.days, on) if known else 0
        if known is None or not place or on - known.days[place - 1] > self._longest_gap:
            return NoRate(currency, on)
        return known.days[place - 1], known.units[place - 1]
