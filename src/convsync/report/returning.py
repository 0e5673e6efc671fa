"""Customers who come back: their deals beside those of new ones, and how many buy again.

A deal is a *returning* customer's where another deal of theirs had been won by the time this one
became a lead; every other deal is a new customer's. A customer belongs to the cohort of the deal
that was their first sale. How many bought again within so many days is counted among those whose
first sale is at least as long ago, so that young customers are not taken for lost.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from convsync.model.deal import WON
from convsync.model.money import add_to
from convsync.report.exchange import Worth
from convsync.report.passages import Passage
from convsync.report.shares import Interval, place_among, share_of
from convsync.store.sales import Customers, Sale
from convsync.store.walks import Walk

HORIZONS = (90, 180, 365)
"""Within how many days of the first sale customers are counted who bought again."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deals:
    """The deals of new or of returning customers: how many were won, and what those are worth."""

    leads: int
    won: int
    share: Interval
    worth: Mapping[str | None, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Those of so many customers who bought again within `days` of their first sale.

    Counted are customers whose first sale is at least that long ago.
    """

    days: int
    customers: int
    bought: int
    share: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """A cohort's new and returning customers.

    `first_sales` is how many customers bought first by a deal of the cohort, `bought_again` how
    many of them did so again by now, and `median_days` how long the one in the middle took.
    """

    new: Deals
    returning: Deals
    first_sales: int
    bought_again: int
    median_days: int | None
    again: Sequence[Again]


@dataclass(slots=True)
class _Side:
    leads: int = 0
    won: int = 0
    worth: dict[str | None, Decimal] = field(default_factory=dict)

    def counted(self) -> Deals:
        share = share_of(self.won, self.leads)
        return Deals(leads=self.leads, won=self.won, share=share, worth=self.worth)


@dataclass(slots=True)
class Counting:
    """A cohort's customers as they are counted, as of `now`."""

    customers: Customers
    now: datetime
    _new: _Side = field(default_factory=_Side)
    _returning: _Side = field(default_factory=_Side)
    _ages: Counter[int] = field(default_factory=Counter)
    _gaps: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, walk: Walk, passage: Passage, worth: Worth) -> None:
        """Count a deal in, and what it is worth."""
        sales = _sales_of(self.customers, walk)
        side = self._returning if is_returning(self.customers, walk, passage) else self._new
        side.leads += 1
        won = walk.traces.get(WON)
        if won is None or won.withdrawn_at is not None or won.reached_at > self.now:
            return
        side.won += 1
        if worth.amount:
            add_to(side.worth, worth.currency, worth.amount)
        if not sales or sales[0].row == walk.row:
            self._bought_first(won.reached_at, sales)

    def counted(self) -> Returning:
        """Return what it adds up to."""
        gaps = Counter[int]()
        for (_, gap), customers in self._gaps.items():
            gaps[gap] += customers
        return Returning(
            new=self._new.counted(),
            returning=self._returning.counted(),
            first_sales=self._ages.total(),
            bought_again=gaps.total(),
            median_days=place_among(gaps, 5) if gaps else None,
            again=[self._again(days) for days in HORIZONS],
        )

    def _bought_first(self, at: datetime, sales: Sequence[Sale]) -> None:
        age = (self.now - at) // _DAY
        self._ages[age] += 1
        if len(sales) > 1:
            self._gaps[age, (sales[1].won_at - at) // _DAY] += 1

    def _again(self, days: int) -> Again:
        customers = sum(count for age, count in self._ages.items() if age >= days)
        bought = sum(
            count for (age, gap), count in self._gaps.items() if age >= days and gap < days
        )
        share = share_of(bought, customers)
        return Again(days=days, customers=customers, bought=bought, share=share)


def is_returning(customers: Customers, walk: Walk, passage: Passage) -> bool:
    """True where another deal of the customer had been won by the time this one became a lead."""
    sales = _sales_of(customers, walk)
    return any(sale.row != walk.row for sale in sales[: _sales_by(sales, passage.lead_at)])


def _sales_of(customers: Customers, walk: Walk) -> Sequence[Sale]:
    person = customers.of_deal.get(walk.row)
    return () if person is None else customers.sales.get(person, ())


def _sales_by(sales: Sequence[Sale], at: datetime) -> int:
    return bisect_right(sales, at, key=lambda sale: sale.won_at)
