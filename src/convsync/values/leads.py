"""The history that values are learned from, and what was known of it at an instant.

A lead counts at the milestones that it has itself reached, from the day on which it did, and wins
or loses after them. As of an instant only what had happened by then is seen: a lead that had not
ended was open, whatever became of it later. Amounts are as the CRM has them today: what it said of
them earlier is not kept.

Times are days since 1970 in UTC, with fractions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

from convsync.values.outlook import Course, Fate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def days_at(instant: datetime) -> float:
    """Return an instant (aware) as days since 1970."""
    return (instant - _EPOCH) / _DAY


class Spell(NamedTuple):
    """From when on the CRM says something of a lead, and until when it did."""

    since: float
    until: float = inf

    def holds_at(self, day: float) -> bool:
        """True where it was so on that day."""
        return self.since <= day < self.until


class Lead(NamedTuple):
    """What became of a lead. `group` has its value of each segment that values are learned by.

    `reached` are the milestones before the sale; `amount` is what it was sold for, in the currency
    of the table, None where that is not known.
    """

    group: tuple[str, ...]
    reached: Mapping[str, Spell]
    won: Spell | None = None
    lost: Spell | None = None
    amount: float | None = None

    def won_by(self, day: float) -> float | None:
        """Return when it had been won, as known on a day; None where it was not, or lost since."""
        won = self.won
        if won is None or not won.holds_at(day):
            return None
        lost = self.lost
        is_lost = lost is not None and lost.holds_at(day) and lost.since >= won.since
        return None if is_lost else won.since

    def course_from(self, milestone: str, day: float) -> Course | None:
        """Return its way on from a milestone, as known on a day; None where it was not there."""
        spell = self.reached.get(milestone)
        if spell is None or not spell.holds_at(day):
            return None
        won_at = self.won_by(day)
        if won_at is not None:
            return Course(_whole_days(won_at - spell.since), Fate.ARRIVED)
        if self.lost is not None and self.lost.holds_at(day):
            return Course(_whole_days(self.lost.since - spell.since), Fate.LOST)
        return Course(_whole_days(day - spell.since), Fate.OPEN)


class Terms(NamedTuple):
    """What is learned, and how.

    `milestones` are those before the sale, as they follow one another; a lead is won where that
    happens within `window_days` of a milestone. Values are learned `by` these segments, each within
    the one named before it. What happened `half_life_days` ago counts half.
    """

    milestones: Sequence[str]
    by: Sequence[str]
    window_days: int
    half_life_days: float
    currency: str

    def weight(self, age: float) -> float:
        """Return how much something counts that happened so many days ago."""
        return float(0.5 ** (max(age, 0.0) / self.half_life_days))


def _whole_days(days: float) -> int:
    return max(int(days), 0)
