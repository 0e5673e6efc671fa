"""What sales bring after they were made: cohorts by the month of the win, month by month.

A cohort are the deals won in a month of the company's calendar, and what came in for them is added
up by the months since: month 0 is that of the win itself. What came before it counts there too. A
cohort's present month is not over, and is in nothing that is projected from.

What they will yet bring is projected from how all sales of the same group went on (see `lifetime`),
or of all groups where these are too few. The same projection, made at the end of each past month
from what had come by then, is compared with what came.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple

from convsync.report.conditions import Conditions
from convsync.report.exchange import Exchange
from convsync.report.lifetime import Course, Going, Growth, Trial, walked_forward
from convsync.report.narrowing import Meant
from convsync.store import revenue
from convsync.store.database import Database
from convsync.store.revenue import Unknown
from convsync.store.sold import SoldDeal, sold
from convsync.values.outlook import Projection

AHEAD = (3, 1)
"""The months that trials look ahead: the first of these for which any past month tells enough."""
MONTHS_TRIED = 24


class Month(NamedTuple):
    """A month of the calendar, which counts on from year to year."""

    number: int

    @classmethod
    def of(cls, at: datetime, zone: tzinfo) -> "Month":
        """Return the month of an instant."""
        local = at.astimezone(zone)
        return cls(local.year * 12 + local.month - 1)

    def __str__(self) -> str:
        return f"{self.number // 12}-{self.number % 12 + 1:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The sales of a month, and what had come in for them by the end of each month since.

    The last of `cumulated` is the present month, which is not over. `projection` is of all that
    comes by the end of month `projected_to`; None where too little is known.
    """

    group: str
    month: Month
    sales: int
    currency: str | None
    cumulated: Sequence[Decimal]
    projection: Projection | None
    projected_to: int

    @property
    def so_far(self) -> Decimal:
        """Return all that has come in."""
        return self.cumulated[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeValue:
    """What a sale of a group brings by the end of a month, on average of those that are as old.

    Where the group itself has too few, it `is_of_all` sales. `after` holds what was brought by the
    number of months.
    """

    group: str
    sales: int
    currency: str | None
    so_far: Decimal
    after: Mapping[int, Projection]
    is_of_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """The report. `trials` are by currency; `unknown` is what came in for no deal that is known."""

    cohorts: Sequence[Cohort]
    values: Sequence[LifetimeValue]
    trials: Mapping[str | None, Sequence[Trial]]
    last_month: Month
    unknown: Sequence[Unknown]


GroupOf = Callable[[SoldDeal], str]
"""Names the group of a sale."""


def revenue_of(
    database: Database,
    group_of: GroupOf,
    is_asked: Callable[[SoldDeal], bool],
    *,
    now: datetime,
    zone: tzinfo,
    exchange: Exchange,
    months: int,
    where: Conditions = (),
) -> Revenue:
    """Return what sales brought, those that `is_asked` for by cohort, up to so many months.

    Sales that do not meet all conditions are in no group: only where a group is too small to
    project from is it projected from all sales, and from them.
    """
    present = Month.of(now, zone)
    ledger = _Ledger(present)
    with database.reading() as connection:
        meant = Meant(connection, where)
        for sale in sold(connection, now=now):
            is_meant = meant.has(sale.row, sale.source, sale.segments)
            group = group_of(sale) if is_meant else None
            ledger.add(sale, group, exchange, zone, is_asked=is_meant and is_asked(sale))
        unknown = revenue.unknown(connection)
    return Revenue(
        cohorts=[*ledger.cohorts(months)],
        values=[*ledger.values(months)],
        trials={
            currency: _trials(courses) for currency, courses in ledger.courses_by_currency().items()
        },
        last_month=Month(present.number - 1),
        unknown=unknown,
    )


def _trials(courses: Sequence[Course]) -> Sequence[Trial]:
    tried = (walked_forward(courses, ahead=ahead, months=MONTHS_TRIED) for ahead in AHEAD)
    return next(filter(None, tried), [])


@dataclass(frozen=True, slots=True)
class _Entry:
    """A sale in the books: its group and month, and what it brought by month and currency.

    It is in no group where it is only there to be projected from.
    """

    group: str | None
    month: int
    is_asked: bool
    brought: Mapping[str | None, Mapping[int, Decimal]]

    def course(self, currency: str | None, present: int) -> Course:
        """Return its whole months in one currency."""
        age = present - self.month - 1
        of_currency = self.brought.get(currency, {})
        return Course(age, {at: float(sum_) for at, sum_ in of_currency.items() if at <= age})


class _Ledger:
    """All sales as they are counted."""

    def __init__(self, present: Month) -> None:
        self._present = present.number
        self._entries: list[_Entry] = []
        self._growth: dict[tuple[str | None, str | None], Growth] = {}

    def add(
        self, sale: SoldDeal, group: str | None, exchange: Exchange, zone: tzinfo, *, is_asked: bool
    ) -> None:
        """Enter a sale."""
        month = Month.of(sale.won_at, zone).number
        brought: dict[str | None, dict[int, Decimal]] = {}
        for payment in sale.payments:
            worth = exchange.worth(payment.money.amount, payment.money.currency, payment.paid_at)
            age = max(Month.of(payment.paid_at, zone).number - month, 0)
            of_currency = brought.setdefault(worth.currency, {})
            of_currency[age] = of_currency.get(age, Decimal(0)) + worth.amount
        self._entries.append(_Entry(group, month, is_asked, brought))

    @property
    def _currencies(self) -> list[str | None]:
        found = {currency for one in self._entries for currency in one.brought}
        return sorted(found, key=str) or [None]

    def courses_by_currency(self) -> Mapping[str | None, Sequence[Course]]:
        """Return the whole months of all sales."""
        return {
            currency: [one.course(currency, self._present) for one in self._entries]
            for currency in self._currencies
            if currency is not None
        }

    def cohorts(self, months: int) -> Iterator[Cohort]:
        """Yield the cohorts that are asked for, by group and month."""
        members: defaultdict[tuple[str, int], list[_Entry]] = defaultdict(list)
        for one in self._entries:
            if one.is_asked and one.group is not None:
                members[one.group, one.month].append(one)
        for currency in self._currencies:
            for (group, month), of_cohort in sorted(members.items()):
                yield self._cohort(group, month, of_cohort, currency, months)

    def _cohort(
        self, group: str, month: int, of_cohort: Sequence[_Entry], currency: str | None, months: int
    ) -> Cohort:
        age = max(self._present - month, 0)
        cumulated, total = [], Decimal(0)
        for at in range(age + 1):
            total += sum(
                (one.brought.get(currency, {}).get(at, Decimal(0)) for one in of_cohort), Decimal(0)
            )
            cumulated.append(total)
        growth, _ = self._growth_of(group, currency)
        upto = min(months - 1, growth.reach)
        projection = None
        if age - 1 < upto:
            more = growth.project([Going(len(of_cohort), age - 1, upto)])
            over = float(cumulated[age - 1]) if age else 0.0
            projection = Projection(
                *(max(over + part, float(total)) for part in (more.expected, more.low, more.high))
            )
        return Cohort(
            group=group,
            month=Month(month),
            sales=len(of_cohort),
            currency=currency,
            cumulated=cumulated,
            projection=projection,
            projected_to=upto,
        )

    def values(self, months: int) -> Iterator[LifetimeValue]:
        """Yield what a sale of each group brings, after some of the months."""
        by_group: defaultdict[str, list[_Entry]] = defaultdict(list)
        for one in self._entries:
            if one.is_asked and one.group is not None:
                by_group[one.group].append(one)
        for currency in self._currencies:
            for group, of_group in sorted(by_group.items()):
                growth, is_of_all = self._growth_of(group, currency)
                known = [at for at in milestones_of(months) if at - 1 <= growth.reach]
                yield LifetimeValue(
                    group=group,
                    sales=len(of_group),
                    currency=currency,
                    so_far=sum(
                        (
                            sum_
                            for one in of_group
                            for sum_ in one.brought.get(currency, {}).values()
                        ),
                        Decimal(0),
                    ),
                    after={at: growth.per_sale(at - 1) for at in known},
                    is_of_all=is_of_all,
                )

    def _growth_of(self, group: str, currency: str | None) -> tuple[Growth, bool]:
        """Return how sales of a group go on, and whether that is known of all sales alone."""
        own = self._grown(group, currency)
        whole = self._grown(None, currency)
        is_of_all = own.reach < whole.reach and own.reach < 0
        return (whole, True) if is_of_all else (own, False)

    def _grown(self, group: str | None, currency: str | None) -> Growth:
        if (group, currency) not in self._growth:
            self._growth[group, currency] = Growth(
                [
                    one.course(currency, self._present)
                    for one in self._entries
                    if group in (None, one.group)
                ]
            )
        return self._growth[group, currency]


def milestones_of(months: int) -> Sequence[int]:
    """Return after how many months a value is shown, up to so many."""
    return [*(at for at in (1, 3, 6, 12, 24, 36) if at < months), months]
