"""How far each deal came: its history mapped to the steps of the funnel.

A deal became a lead when it was created in its CRM or reached its first milestone, whichever was
first. It *came to* a step where it reached that milestone or one that follows it: one that skipped
a step has gone on. It is lost where a loss is the last that is known of it.

A deal that goes round is where it stands now, and its loops are named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from convsync.model.deal import LOST, WON
from convsync.report.conditions import segment_in
from convsync.report.exchange import Exchange, Worth
from convsync.store.database import Connection
from convsync.store.walks import Trace, Walk, walks
from convsync.values.outlook import Course, Fate

_DAY = timedelta(days=1)


class Loop(StrEnum):
    """A way in which deals go round."""

    CAME_BACK = "came back after it was lost"
    WON_AFTER_LOSS = "won after it was lost"
    LOST_AFTER_SALE = "lost after it was won"
    WENT_BACK = "went back from a step it had reached"


def passages(
    connection: Connection, steps: Sequence[str], *, now: datetime, with_sent: bool = False
) -> Iterator[tuple[Walk, "Passage"]]:
    """Yield every deal that is in its CRM and was a lead by now, and how far it had come."""
    for walk in walks(connection, with_sent=with_sent):
        passage = Passage.of(walk, steps, now)
        if passage.lead_at <= now:
            yield walk, passage


def segment_of(walk: Walk, segment: str) -> str:
    """Return what a deal has in a segment, or that it has nothing there."""
    return segment_in(walk.segments, segment)


def standing_at(walk: Walk, now: datetime) -> Mapping[str, Trace]:
    """Return the milestones that a deal has by now, without those that were withdrawn."""
    return {name: one for name, one in walk.traces.items() if one.stands and one.reached_at <= now}


@dataclass(frozen=True, slots=True)
class Passage:
    """A deal against the steps.

    `place` counts the steps it came to, 0 for none; `times` are of the milestones themselves. There
    is a course for each step: the days from the lead until the deal came to it, or did not.
    """

    lead_at: datetime
    place: int
    is_lost: bool
    age: int
    times: Sequence[Trace | None]
    courses: Sequence[Course]
    loops: frozenset[Loop]

    @classmethod
    def of(cls, walk: Walk, steps: Sequence[str], now: datetime) -> "Passage":
        """Return how far a deal had come by now."""
        stand = standing_at(walk, now)
        times = [stand.get(name) for name in steps]
        reached = [one.reached_at for one in walk.traces.values()]
        lead_at = min(filter(None, [walk.created_at, *reached]), default=now)
        lost, won = stand.get(LOST), stand.get(WON)
        is_lost = lost is not None and (won is None or won.reached_at <= lost.reached_at)
        ended_at, fate = (lost.reached_at, Fate.LOST) if lost and is_lost else (now, Fate.OPEN)
        still = Course(_days_between(lead_at, ended_at), fate)
        return cls(
            lead_at=lead_at,
            place=max((place for place, one in enumerate(times, 1) if one), default=0),
            is_lost=is_lost,
            age=_days_between(lead_at, now),
            times=times,
            courses=_courses(lead_at, times, still),
            loops=_loops(walk, is_lost=is_lost),
        )


def _courses(lead_at: datetime, times: Sequence[Trace | None], still: Course) -> Sequence[Course]:
    """Return the way to each step: it was come to when that one or one after it was reached."""
    courses: list[Course] = []
    came_at: datetime | None = None
    for one in reversed(times):
        if one is not None:
            came_at = min(one.reached_at, came_at or one.reached_at)
        on_time = came_at and Course(_days_between(lead_at, came_at), Fate.ARRIVED)
        courses.append(on_time or still)
    return courses[::-1]


def _loops(walk: Walk, *, is_lost: bool) -> frozenset[Loop]:
    lost, won = walk.traces.get(LOST), walk.traces.get(WON)
    was_won = won is not None and won.withdrawn_at is None
    loops = {
        Loop.LOST_AFTER_SALE: is_lost and won and lost and won.reached_at <= lost.reached_at,
        Loop.WON_AFTER_LOSS: was_won and not is_lost and lost,
        Loop.CAME_BACK: lost and not is_lost and not was_won,
        Loop.WENT_BACK: any(
            one.withdrawn_at for name, one in walk.traces.items() if name not in {LOST, WON}
        ),
    }
    return frozenset(loop for loop, is_so in loops.items() if is_so)


def worth_in(
    exchange: Exchange, walk: Walk, passage: Passage, absurd_above: Decimal | None
) -> Worth:
    """Return what a deal is worth: nothing where that is not known, below zero, or absurd.

    Where that has to be converted, it is at the rate of the day of its last step.
    """
    amount = walk.amount
    if amount is None or amount < 0 or (absurd_above is not None and amount > absurd_above):
        return Worth(Decimal(0), walk.currency)
    reached = [one.reached_at for one in passage.times if one is not None]
    return exchange.worth(amount, walk.currency, max(reached, default=passage.lead_at))


def sent_in(exchange: Exchange, walk: Walk, now: datetime) -> Iterator[tuple[str, Worth]]:
    """Yield each milestone of a deal that platforms were sent, and what it was sent with.

    Where that has to be converted, it is at the rate of the day of the milestone.
    """
    for sent in walk.sent:
        reached = walk.traces.get(sent.milestone)
        yield (
            sent.milestone,
            exchange.worth(sent.value, sent.currency, reached.reached_at if reached else now),
        )


def _days_between(since: datetime, until: datetime) -> int:
    return max((until - since) // _DAY, 0)
