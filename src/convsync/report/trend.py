"""Week by week, counted in the same way: leads, steps, what was sent, sales, costs and lift.

A week is of what happened in it: leads by the day they became leads, steps by the day they were
reached, sales by the day they were won, whenever their lead was. Definitions are the funnel's. A
week in which a definition changed is a break: no week is compared across it.

The return on investment is of the sales to deals that began with an ad's click, less costs, by
costs. It is known of weeks of which all days' costs are.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from convsync.model.ad_spending import CostView
from convsync.model.deal import LOST
from convsync.model.definition import Note, Redefinition
from convsync.model.money import add_to
from convsync.model.period import Period
from convsync.report.conditions import Conditions, Segments
from convsync.report.exchange import Exchange, Worth
from convsync.report.lift import Lift, Total, lift_of_counts, lift_of_sums
from convsync.report.narrowing import Meant
from convsync.report.passages import passages, worth_in
from convsync.store import ad_costs, coverage, notes
from convsync.store.database import Connection, Database
from convsync.store.origins import Unknown

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Week:
    """What happened from a Monday on. `is_whole` where all of it is in the period, and over.

    `reached` counts the deals that reached each milestone. `value` is what the week's sales are
    worth, `from_ads` those of deals that began with an ad's click. `known_days` are those whose
    costs are known. Lifts are over the weeks before, None where there are none to compare with.
    """

    monday: date
    is_whole: bool
    leads: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    sales: int = 0
    value: dict[str | None, Total] = field(default_factory=dict)
    from_ads: dict[str | None, Total] = field(default_factory=dict)
    sent: int = 0
    sent_value: dict[str | None, Decimal] = field(default_factory=dict)
    cost: dict[str | None, Decimal] = field(default_factory=dict)
    known_days: int = 0
    lead_lift: Lift | None = None
    sale_lift: Lift | None = None
    value_lift: Mapping[str | None, Lift] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    breaks: Sequence[Redefinition] = ()

    @property
    def roi(self) -> tuple[Decimal, Decimal | None] | None:
        """Return the return on investment, and how far nine in ten lie around it, if one can say.

        None where not all costs are known, there are none, or they are in several currencies.
        """
        if self.known_days < _WEEK.days or len(self.cost) != 1:
            return None
        ((currency, cost),) = self.cost.items()
        if not cost:
            return None
        value = self.from_ads.get(currency)
        if value is None:
            return Decimal(-1), None
        return (value.amount - cost) / cost, value.reach / cost


class _MeantDeals(Meant):
    """Remembers, where there are conditions, the deals that met them."""

    def __init__(self, connection: Connection, where: Conditions) -> None:
        super().__init__(connection, where)
        self._rows: set[int] | None = set() if where else None

    def has(self, row: int, source: str, segments: Segments) -> bool:
        """True for a deal that meets them all."""
        is_meant = super().has(row, source, segments)
        if is_meant and self._rows is not None:
            self._rows.add(row)
        return is_meant

    def had(self, row: int) -> bool:
        """True for one of the deals that met them all."""
        return self._rows is None or row in self._rows


def trend_of(
    database: Database,
    order: Sequence[str],
    days: tuple[date, date],
    *,
    against: int,
    zone: tzinfo,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
    where: Conditions = (),
) -> Sequence[Week]:
    """Return the weeks that have a day of a period, each compared with so many before it.

    Of deals that `where` leaves out nothing is counted; costs are known with it where it names
    campaigns alone.
    """
    first, last = days
    weeks = {week.monday: week for week in _weeks(first, last, now.astimezone(zone).date())}
    with database.reading() as connection:
        meant = _MeantDeals(connection, where)
        _count_deals(connection, order, weeks, zone, now, exchange, absurd_above, days, meant)
        for sent in coverage.sent(connection, Period.of_days(first, last, zone)):
            if not meant.had(sent.deal):
                continue
            week = weeks[_monday(sent.at, zone)]
            week.sent += 1
            add_to(week.sent_value, sent.currency, sent.value)
        if meant.knows_costs:
            _add_costs(connection, weeks, days, exchange, zone, meant)
        _annotate(connection, weeks, days, zone)
    _compare(list(weeks.values()), against)
    return list(weeks.values())


def _weeks(first: date, last: date, today: date) -> Iterator[Week]:
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        sunday = monday + _WEEK - _DAY
        yield Week(monday, is_whole=first <= monday and sunday <= last and sunday < today)
        monday += _WEEK


def _monday(at: datetime, zone: tzinfo) -> date:
    day = at.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def _count_deals(
    connection: Connection,
    order: Sequence[str],
    weeks: Mapping[date, Week],
    zone: tzinfo,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None,
    days: tuple[date, date],
    meant: _MeantDeals,
) -> None:
    steps, period = [name for name in order if name != LOST], Period.of_days(*days, zone)
    for walk, seen in passages(connection, steps, now=now):
        if not meant.has(walk.row, walk.source, walk.segments):
            continue
        if seen.lead_at in period:
            weeks[_monday(seen.lead_at, zone)].leads += 1
        for step, one in zip(steps, seen.times, strict=True):
            if one is not None and one.reached_at in period:
                weeks[_monday(one.reached_at, zone)].reached[step] += 1
        sold = seen.times[-1] if steps and not seen.is_lost else None
        if sold is not None and sold.reached_at in period:
            week, worth = (
                weeks[_monday(sold.reached_at, zone)],
                worth_in(exchange, walk, seen, absurd_above),
            )
            week.sales += 1
            _add_part(week.value, worth)
            if meant.origins.of(walk.row) is not Unknown.NO_CLICK:
                _add_part(week.from_ads, worth)


def _add_costs(
    connection: Connection,
    weeks: Mapping[date, Week],
    days: tuple[date, date],
    exchange: Exchange,
    zone: tzinfo,
    meant: Meant,
) -> None:
    for day in ad_costs.days_known(connection, *days):
        weeks[day - timedelta(days=day.weekday())].known_days += 1
    for spent in ad_costs.spent(connection, CostView.CAMPAIGN, *days, by_day=True):
        assert spent.day is not None, "it was asked for by the day"
        if not meant.has_cost(spent.place):
            continue
        at = datetime.combine(spent.day, time(12), zone)
        worth = exchange.worth(spent.cost, spent.currency, at)
        add_to(weeks[_monday(at, zone)].cost, worth.currency, worth.amount)


def _annotate(
    connection: Connection, weeks: Mapping[date, Week], days: tuple[date, date], zone: tzinfo
) -> None:
    for note in notes.listed(connection, *days):
        day = date.fromisoformat(note.day)
        week = weeks[day - timedelta(days=day.weekday())]
        week.notes = [*week.notes, note]
    for change in notes.redefinitions(connection):
        found = weeks.get(_monday(change.at, zone))
        if found is not None:
            found.breaks = [*found.breaks, change]


def _compare(weeks: Sequence[Week], against: int) -> None:
    """Set each whole week's lifts over the whole weeks before it, back to the last break."""
    before: list[Week] = []
    for week in weeks:
        if week.breaks:
            before = []
            continue
        if not week.is_whole:
            continue
        known = before[-against:]
        week.lead_lift = lift_of_counts(week.leads, [one.leads for one in known])
        week.sale_lift = lift_of_counts(week.sales, [one.sales for one in known])
        lifts = {
            currency: lift_of_sums(total, [one.value.get(currency, Total()) for one in known])
            for currency, total in week.value.items()
        }
        week.value_lift = {code: lift for code, lift in lifts.items() if lift is not None}
        before.append(week)


def _add_part(sums: dict[str | None, Total], worth: Worth) -> None:
    if worth.amount:
        sums[worth.currency] = sums.get(worth.currency, Total()).plus(worth.amount)
