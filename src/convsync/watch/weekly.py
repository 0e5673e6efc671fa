"""The weekly digest: five sentences with figures, sent once to the receivers of alerts.

A week's digest is reserved before it leaves. Where it reached nobody the week is given back, and
the next try sends it; where whoever sent it was killed in between, it may have arrived, and is not
sent again unless somebody asks for that. It names no person and no deal.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from convsync.model.deal import LOST, WON
from convsync.model.ledger import Side
from convsync.model.money import amounts_in_words
from convsync.report.week import LEAD, CalendarWeek, WeekInFigures
from convsync.store import digests
from convsync.store.database import Database
from convsync.watch.alerts import Alarm
from convsync.watch.delivery import deliver
from convsync.watch.timetable import Timetable

NOBODY = "nobody in particular"
"""Whom deals wait for at a milestone that no team owns."""


class Delivery(Enum):
    """What became of a week's digest."""

    SENT = "sent"
    NOT_DUE = "not due yet"
    SENT_BEFORE = "sent before"
    UNSURE = "begun before, and perhaps sent"
    NOT_DELIVERED = "NOT delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A week's digest as it is sent: a sentence for each subject, by that."""

    week: CalendarWeek
    title: str
    sentences: Mapping[str, str]


def due_at(week: CalendarWeek, timetable: Timetable) -> datetime:
    """Return when the digest of a week is due: the first time on the timetable once it is over."""
    return timetable.next_after(week.period.until - timedelta(microseconds=1))


def send(
    database: Database, message: Message, alarm: Alarm, now: datetime, *, again: bool = False
) -> Delivery:
    """Send a week's digest unless it was sent, and keep that it was; `again` sends it anyhow."""
    week = str(message.week)
    with database.transaction("reserve a digest") as connection:
        if again:
            digests.release(connection, week)
        if not digests.reserve(connection, week, now):
            kept = digests.kept(connection, week)
            return Delivery.SENT_BEFORE if kept and kept.sent_at else Delivery.UNSURE
    body = "\n\n".join(message.sentences.values())
    is_delivered = deliver(alarm.targets, message.title, body, is_good_news=True)
    with database.transaction("keep a digest") as connection:
        if is_delivered:
            digests.settle(connection, week, now)
        else:
            digests.release(connection, week)
    return Delivery.SENT if is_delivered else Delivery.NOT_DELIVERED


def message_of(figures: WeekInFigures, name: str) -> Message:
    """Return the digest of a week's figures; `name` says which convsync speaks."""
    sold = figures.happened.deals[WON]
    return Message(
        week=figures.week,
        title=f"convsync {name}: week {figures.week}, {sold:,} sold",
        sentences={
            "sold": _sold(figures),
            "changed": _changed(figures),
            "sent": _sent(figures),
            "stuck": _stuck(figures),
            "waiting": _waiting(figures),
        },
    )


def _sold(figures: WeekInFigures) -> str:
    week, happened = figures.week, figures.happened
    worth = f", worth {amounts_in_words(happened.sold)}" if happened.sold else ""
    deals = _count(happened.deals[WON], "deal was", "deals were")
    return f"Sold: {deals} won from {week.monday} to {week.sunday}{worth}."


def _changed(figures: WeekInFigures) -> str:
    now, before = figures.happened, figures.before
    worth = f" ({amounts_in_words(before.sold)})" if before.sold else ""
    names = dict.fromkeys([LEAD, *figures.steps, LOST])
    moved = [
        f"{'leads' if name == LEAD else name} {now.deals[name]:,} after {before.deals[name]:,}"
        for name in names
        if name != WON and (now.deals[name] or before.deals[name])
    ]
    others = f"; {', '.join(moved)}" if moved else ""
    return (
        f"Changed: {now.deals[WON]:,} won after {before.deals[WON]:,} in the week before{worth}"
        f"{others}."
    )


def _sent(figures: WeekInFigures) -> str:
    sides, value = figures.sent.conversions, figures.sent.value
    worth = f", worth {amounts_in_words(value)}" if value else ""
    return (
        f"Sent: of the week's {_count(sides.total(), 'conversion', 'conversions')}"
        f" {sides[Side.SENT]:,} went to the ad platforms{worth};"
        f" {sides[Side.WAITING]:,} wait, and {sides[Side.NOT_SENT]:,} are not sent."
    )


def _stuck(figures: WeekInFigures) -> str:
    if not figures.has_limits:
        return "Stuck: nobody can tell, for no milestone has next_within_days."
    if not figures.breaches:
        return "Stuck: no deal stands at a milestone for longer than agreed."
    ((most, deals),) = Counter(one.milestone for one in figures.breaches).most_common(1)
    oldest = min(one.reached_at for one in figures.breaches if one.milestone == most)
    day = oldest.astimezone(figures.week.zone).date()
    return (
        f"Stuck: {_count(len(figures.breaches), 'deal stands', 'deals stand')} for longer than"
        f" agreed, {deals:,} of them at {most}, the oldest since {day}."
    )


def _waiting(figures: WeekInFigures) -> str:
    parts = [*_waiting_for(figures)]
    return f"Waiting: {'; '.join(parts)}." if parts else "Waiting: nothing waits for anybody."


def _waiting_for(figures: WeekInFigures) -> Iterator[str]:
    owners = Counter(one.owner or NOBODY for one in figures.breaches)
    for owner, deals in owners.most_common():
        yield f"{_count(deals, 'deal', 'deals')} for {owner}"
    if blocked := sum(figures.blocked.values()):
        codes = ", ".join(figures.blocked)
        conversions = _count(blocked, "conversion", "conversions")
        yield f"{conversions} for whoever can fix the ad account ({codes})"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
