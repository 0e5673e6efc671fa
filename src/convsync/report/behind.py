"""The deals behind a figure of a report, one by one: by the same passage through the funnel.

A list says of each deal what reports add up or take the middle of (what it is worth, how long it
took, what was sent of it, what came in), so that whoever follows a figure finds it again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from convsync.model.deal import LOST, WON
from convsync.model.money import add_to
from convsync.model.period import ALL_TIME, Period
from convsync.model.rule import Agreement
from convsync.report.conditions import Conditions
from convsync.report.exchange import Exchange, Worth
from convsync.report.narrowing import Meant
from convsync.report.passages import Loop, Passage, passages, sent_in, worth_in
from convsync.report.returning import is_returning
from convsync.report.revenue import Month
from convsync.report.shortfalls import LEAD
from convsync.store import audience_members, breaches, revenue, sales
from convsync.store.database import Connection, Database
from convsync.store.origins import Unknown
from convsync.store.walks import Walk

_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = 1_000
Sums = Mapping[str | None, Decimal]


class Fate(StrEnum):
    """What a deal has come to at the last step that it came to."""

    OPEN = "open"
    LOST = "lost"
    WON = "won"


class Customers(StrEnum):
    """Whose deals: of those who had bought before, or of all others."""

    NEW = "new"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which deals are meant: those that came to a step, and with a fate, stopped there with it.

    `lead` is when they became leads, `reached` when they reached the step itself, None: whenever,
    or never. All conditions of `where` hold. What else is asked for:

    - `is_timed`: the time from the step before is known: both were reached, at no estimated time.
    - `decided_after`: at the step, by going on, by a loss, or by standing there for more days.
    - `sent_for`: platforms were sent a conversion of this milestone.
    - `with_click`: it began with a click.
    - `loop`: it went round in this way.
    - `customers`: it is of a new customer, or of a returning one.
    - `in_audience`: its people met the condition of this audience at the last look.
    - `late`: it stands there for longer than this agreement allows.

    With `came_in`, what came in for each is added up: by the end of so many months after that of
    the win, or all so far (-1).
    """

    came_to: str = LEAD
    fate: Fate | None = None
    lead: Period = ALL_TIME
    reached: Period | None = None
    where: Conditions = ()
    is_timed: bool = False
    decided_after: int | None = None
    sent_for: str | None = None
    with_click: bool = False
    loop: Loop | None = None
    customers: Customers | None = None
    in_audience: str | None = None
    late: Agreement | None = None
    came_in: int | None = None


ALL_THAT_CAME: Final = -1


class Behind(NamedTuple):
    """A deal, how far it came, what its CRM says that it is worth, and what reports make of it.

    `worth` is what reports add up. Days are whole ones from the lead, and from coming to the step
    before, to coming to the step that was asked for; `days_between` is the time between the two
    milestones themselves, None where it is not known. `sent` is what platforms were sent for the
    milestone that was asked for, and `came_in` what came in after the win; None unless asked for.
    """

    source: str
    deal_id: str
    lead_at: datetime
    step: str
    fate: str
    amount: Decimal | None
    currency: str | None
    worth: Decimal
    worth_currency: str | None
    days_from_lead: int | None
    days_from_step: int | None
    days_between: float | None
    sent: Sums | None
    came_in: Sums | None


def deals_behind(
    database: Database,
    order: Sequence[str],
    asked: Asked,
    *,
    now: datetime,
    zone: tzinfo,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
) -> Iterator[Behind]:
    """Yield the deals that are meant. `order` are the milestones as they follow one another.

    Amounts are what reports make of them, by the same exchange and the same limits.
    """
    steps = [name for name in order if name != LOST]
    place = 0 if asked.came_to == LEAD else steps.index(asked.came_to) + 1
    with database.reading() as connection:
        found = _found(connection, steps, place, asked, now)
        for walk, seen, came_in in _with_payments(connection, found, asked, now, zone, exchange):
            sent = _sums(
                worth for name, worth in sent_in(exchange, walk, now) if name == asked.sent_for
            )
            worth = worth_in(exchange, walk, seen, absurd_above)
            between = _between(seen, place)
            yield Behind(
                source=walk.source,
                deal_id=walk.deal_id,
                lead_at=seen.lead_at,
                step=steps[seen.place - 1] if seen.place else LEAD,
                fate=_fate_of(seen, len(steps)).value,
                amount=walk.amount,
                currency=walk.currency,
                worth=worth.amount,
                worth_currency=worth.currency,
                days_from_lead=seen.courses[place - 1].days if place else None,
                days_from_step=_days_at(seen, place - 1) if place else None,
                days_between=None if between is None else between / _DAY,
                sent=sent if asked.sent_for else None,
                came_in=came_in,
            )


def _found(
    connection: Connection, steps: Sequence[str], place: int, asked: Asked, now: datetime
) -> Iterator[tuple[Walk, Passage]]:
    meant = Meant(connection, asked.where)
    is_more = _more(connection, asked, now, meant)
    for walk, seen in passages(connection, steps, now=now, with_sent=bool(asked.sent_for)):
        if (
            _is_meant(asked, seen, place, _fate_of(seen, len(steps)))
            and meant.has(walk.row, walk.source, walk.segments)
            and all(holds(walk, seen) for holds in is_more)
        ):
            yield walk, seen


def _fate_of(seen: Passage, steps: int) -> Fate:
    if seen.is_lost:
        return Fate.LOST
    return Fate.WON if seen.place == steps else Fate.OPEN


def _is_meant(asked: Asked, seen: Passage, place: int, fate: Fate) -> bool:
    if seen.lead_at not in asked.lead or seen.place < place:
        return False
    if asked.fate is not None and (fate is not asked.fate or seen.place != place):
        return False
    if asked.is_timed and _between(seen, place) is None:
        return False
    if asked.loop is not None and asked.loop not in seen.loops:
        return False
    if asked.decided_after is not None and not _has_decided(seen, place, asked.decided_after):
        return False
    if asked.reached is None:
        return True
    at = seen.times[place - 1] if place else None
    return at is not None and at.reached_at in asked.reached


def _has_decided(seen: Passage, place: int, after: int) -> bool:
    """True where a deal that came to a step went on, was lost there, or stood there for longer."""
    return seen.place > place or seen.is_lost or _days_at(seen, place) > after


def _days_at(seen: Passage, place: int) -> int:
    """Return the days between coming to a step, 0 for the lead, and to the next, or until now."""
    since = seen.courses[place - 1].days if place else 0
    return max(seen.courses[place].days - since, 0) if place < len(seen.courses) else 0


def _between(seen: Passage, place: int) -> timedelta | None:
    """Return the time from the milestone before to that of a step, if the funnel counts it."""
    if place < 2:
        return None
    before, this = seen.times[place - 2], seen.times[place - 1]
    if before is None or this is None or before.is_estimated or this.is_estimated:
        return None
    time = this.reached_at - before.reached_at
    return time if time >= timedelta() else None


def _more(
    connection: Connection, asked: Asked, now: datetime, meant: Meant
) -> Sequence[Callable[[Walk, Passage], bool]]:
    """Return what else must hold, that has to be looked up."""
    conditions: list[Callable[[Walk, Passage], bool]] = []
    if asked.sent_for is not None:
        conditions.append(lambda walk, _: any(one.milestone == asked.sent_for for one in walk.sent))
    if asked.with_click:
        conditions.append(lambda walk, _: meant.origins.of(walk.row) is not Unknown.NO_CLICK)
    if asked.customers is not None:
        known, wanted = sales.customers(connection, now), asked.customers is Customers.RETURNING
        conditions.append(lambda walk, seen: is_returning(known, walk, seen) is wanted)
    if asked.in_audience is not None:
        rows = audience_members.deals_wanted(connection, asked.in_audience)
        conditions.append(lambda walk, _: walk.row in rows)
    if asked.late is not None:
        late = _late(connection, asked.late, now)
        conditions.append(lambda walk, _: (walk.source, walk.deal_id) in late)
    return conditions


def _late(connection: Connection, agreed: Agreement, now: datetime) -> set[tuple[str, str]]:
    if agreed.next_within is None:
        return set()
    before = now - agreed.next_within
    found = breaches.stopped_at(
        connection, agreed.milestone, followed_by=agreed.followed_by, before=before
    )
    return {(one.source, one.deal_id) for one in found}


def _with_payments(
    connection: Connection,
    found: Iterator[tuple[Walk, Passage]],
    asked: Asked,
    now: datetime,
    zone: tzinfo,
    exchange: Exchange,
) -> Iterator[tuple[Walk, Passage, Sums | None]]:
    """Yield deals with what came in for each, some at a time; None where that is not asked for."""
    if asked.came_in is None:
        yield from ((walk, seen, None) for walk, seen in found)
        return
    while chunk := list(islice(found, _AT_ONCE)):
        payments = revenue.payments_of(connection, [walk.row for walk, _ in chunk])
        for walk, seen in chunk:
            won = walk.traces.get(WON)
            last = None if won is None else Month.of(won.reached_at, zone).number + asked.came_in
            is_all = asked.came_in == ALL_THAT_CAME or last is None
            came = [
                exchange.worth(one.money.amount, one.money.currency, one.paid_at)
                for one in payments.get(walk.row, ())
                if one.paid_at <= now
                and (is_all or Month.of(one.paid_at, zone).number <= (last or 0))
            ]
            yield walk, seen, _sums(came)


def _sums(parts: Iterable[Worth]) -> Sums:
    sums: dict[str | None, Decimal] = {}
    for one in parts:
        if one.amount:
            add_to(sums, one.currency, one.amount)
    return sums
