"""Sums over several currencies, in the company's: each amount at the rate of its own day.

An amount that has no rate stays in its own currency, and the report says so: it is added to nothing
else.
"""

from collections import defaultdict
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple

from convsync.model.money import Money
from convsync.model.rates import NoRate, Rates


class Worth(NamedTuple):
    """An amount as a report adds it up; None stands for one without a currency."""

    amount: Decimal
    currency: str | None


class Exchange:
    """Puts amounts into one currency, and keeps what is to be said of that.

    Without rates, or without a currency to convert to, each amount stays in its own.
    """

    def __init__(
        self, rates: Rates | None = None, currency: str | None = None, zone: tzinfo | None = None
    ) -> None:
        self._rates = rates
        self._zone = zone
        self.currency = currency if rates else None
        self._first: date | None = None
        self._last: date | None = None
        self._missing: defaultdict[str, list[date]] = defaultdict(list)

    def worth(self, amount: Decimal, currency: str | None, at: datetime) -> Worth:
        """Return an amount in the company's currency, at the rate of the day of an instant."""
        if self._rates is None or self.currency is None or currency is None or not amount:
            return Worth(amount, currency)
        day = at.astimezone(self._zone).date()
        money = Money(amount=amount, currency=currency)
        converted = self._rates.convert(money, self.currency, day)
        if isinstance(converted, NoRate):
            self._missing[converted.currency].append(day)
            return Worth(amount, currency)
        if (rate_of := converted.rate_of) is not None:
            self._first = min(rate_of, self._first or rate_of)
            self._last = max(rate_of, self._last or rate_of)
        return Worth(converted.money.amount, converted.money.currency)

    @property
    def notes(self) -> list[str]:
        """Return a sentence on the rates that were used, and one for each that is missing."""
        notes = []
        if self._rates is not None and self._first is not None:
            notes.append(
                f"Converted to {self.currency} at each day's rate, from {self._first} to"
                f" {self._last}, by {self._rates.origin}; a day without one has that of the last"
                " day before it."
            )
        for currency, days in sorted(self._missing.items()):
            amounts = "1 amount" if len(days) == 1 else f"{len(days):,} amounts"
            notes.append(
                f"{amounts} in {currency} {'is' if len(days) == 1 else 'are'} left in it: there is"
                f" no rate for the days from {min(days)} to {max(days)}. Add them to the file that"
                " [rates] names."
            )
        return notes
