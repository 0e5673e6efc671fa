"""A week in figures: what was sold, what changed, what was sent, where it stuck, what waits.

Weeks go from Monday to Sunday by the company's clocks (ISO 8601), as in the other reports. What
stands and waits is of now; all else is of the week, beside the week before it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from convsync.model.deal import LOST, WON
from convsync.model.ledger import Side
from convsync.model.money import add_to
from convsync.model.period import Period
from convsync.model.rule import Agreement
from convsync.report import agreements
from convsync.report.agreements import Breach
from convsync.report.exchange import Exchange
from convsync.report.passages import passages, worth_in
from convsync.store import batches, coverage
from convsync.store.database import Connection, Database

LEAD = "lead"
_DAYS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class CalendarWeek:
    """A week from Monday to Sunday in a zone."""

    monday: date
    zone: ZoneInfo

    @classmethod
    def last_before(cls, now: datetime, zone: ZoneInfo) -> "CalendarWeek":
        """Return the last week that is over."""
        today = now.astimezone(zone).date()
        return cls(today - timedelta(days=today.weekday()) - _DAYS, zone)

    def __str__(self) -> str:
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def sunday(self) -> date:
        """The last day of it."""
        return self.monday + timedelta(days=6)

    @property
    def period(self) -> Period:
        """All instants of it."""
        return Period.of_days(self.monday, self.sunday, self.zone)

    def before(self) -> "CalendarWeek":
        """Return the week before it."""
        return CalendarWeek(self.monday - _DAYS, self.zone)


@dataclass(slots=True)
class Happened:
    """How many deals became leads, came to each milestone or were lost, and what sales brought."""

    deals: Counter[str] = field(default_factory=Counter)
    sold: dict[str | None, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class Sent:
    """The conversions of a week's milestones by the sides of the account, and what was sent."""

    conversions: Counter[Side] = field(default_factory=Counter)
    value: dict[str | None, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekInFigures:
    """What a digest says. `breaches` are deals that stand longer than agreed, the oldest first.

    `blocked` counts the conversions that wait for a person to fix the ad account, by code.
    """

    week: CalendarWeek
    steps: Sequence[str]
    happened: Happened
    before: Happened
    sent: Sent
    breaches: Sequence[Breach]
    has_limits: bool
    blocked: Mapping[str, int]


def week_in_figures(
    database: Database,
    order: Sequence[str],
    agreed: Mapping[str, Agreement],
    week: CalendarWeek,
    *,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
) -> WeekInFigures:
    """Return a week's figures; `order` are the milestones as they follow one another."""
    steps = [name for name in order if name != LOST]
    periods = [week.period, week.before().period]
    happened = [Happened(), Happened()]
    with database.reading() as connection:
        for walk, seen in passages(connection, steps, now=now):
            worth = worth_in(exchange, walk, seen, absurd_above)
            reached = {name: one.reached_at for name, one in walk.traces.items() if one.stands}
            for period, found in zip(periods, happened, strict=True):
                names = [
                    name for name, at in {LEAD: seen.lead_at, **reached}.items() if at in period
                ]
                found.deals.update(names)
                if WON in names and worth.amount:
                    so_far = found.sold.get(worth.currency, Decimal(0))
                    found.sold[worth.currency] = so_far + worth.amount
        sent = _sent(connection, week.period)
        blocked = Counter[str]()
        for _, code, conversions in batches.blocked(connection):
            blocked[code] += conversions
    return WeekInFigures(
        week=week,
        steps=steps,
        happened=happened[0],
        before=happened[1],
        sent=sent,
        breaches=agreements.breaches_of(database, agreed, now=now),
        has_limits=any(one.next_within is not None for one in agreed.values()),
        blocked=blocked,
    )


def _sent(connection: Connection, period: Period) -> Sent:
    sent = Sent()
    for one in coverage.counted(connection, period, by_segments=False):
        side = Side(one.side)
        sent.conversions[side] += one.conversions
        if side is Side.SENT:
            add_to(sent.value, one.currency, one.value)
    return sent
