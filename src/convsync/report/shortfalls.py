"""Where the funnel falls short: groups of deals that go on less often, or later, than all others.

A group is what deals have in one segment, or their source. At each step it is compared with the
rest: with the deals that came there and have gone on, been lost, or stood there for longer than
nine in ten took that went on. The others have not decided yet.

A segment that is filled in once a deal is lost, such as the reason, is not compared: none of its
groups ever sells, which says how deals ended and not where they fall short. It is one of which
hardly any deal with a value is not lost.

A difference in how many go on is told where chance is an unlikely cause (two proportions; of all
that is told one in ten may be chance: Benjamini and Hochberg 1995). It costs what the missing deals
would have brought: as many sales as the others make from the next step on, at what a sale brings on
average. A difference in time is told by the same test, of how many take no longer than the deal in
the middle of the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import erfc, sqrt
from typing import NamedTuple

from convsync.model.deal import LOST
from convsync.model.period import Period
from convsync.report.conditions import NOT_FILLED_IN, SOURCE, Conditions
from convsync.report.exchange import Exchange, Worth
from convsync.report.narrowing import Meant
from convsync.report.passages import Passage, passages, segment_of, worth_in
from convsync.report.shares import Interval, place_among, share_of
from convsync.store.database import Database
from convsync.values.outlook import Fate

FEWEST = 20
"""Deals of a group, and of the rest, below which nothing is said of a step."""
MAY_BE_CHANCE = 0.1
_HARDLY_ANY = 0.02
"""Deals with a value that are not lost, to those that are: below it a value says how they ended."""
LEAD = "lead"
"""The step before the first milestone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A group that goes on from a step more seldom, or later, than the rest.

    `went_on` are those of `deals` that did, `of_rest` the others' share. `missing` are the deals
    that would have gone on besides, and `cost` what they would have brought in `currency`; None
    where only the time differs, or nothing is known of what sales bring. `days` and `days_of_rest`
    are what the deal in the middle takes; None where none went on. `ripe` are the days that nine in
    ten took: who stands there for longer has decided.
    """

    group_by: str
    group: str
    step: str
    next_step: str
    deals: int
    went_on: Interval
    of_rest: float
    missing: float | None
    cost: Decimal | None
    currency: str | None
    days: int | None
    days_of_rest: int | None
    ripe: int


class Decision(NamedTuple):
    """What became of a deal at a step, and after how many days there."""

    fate: Fate
    days: int


_AtSteps = defaultdict[int, Counter[Decision]]


def shortfalls_of(
    database: Database,
    order: Sequence[str],
    segments: Sequence[str],
    period: Period,
    *,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
    where: Conditions = (),
) -> Sequence[Shortfall]:
    """Return where leads of a period fell short: what costs most first, then what takes longest.

    `order` are the milestones as they follow one another; groups are by source and these segments.
    Of the deals that meet all conditions each group is compared with the others.
    """
    steps = [name for name in order if name != LOST]
    groups: defaultdict[tuple[str, str], _AtSteps] = defaultdict(_at_steps)
    everything, sales, ends = _at_steps(), _Sales(), _Ends()
    with database.reading() as connection:
        meant = Meant(connection, where)
        for walk, passage in passages(connection, steps, now=now):
            if passage.lead_at not in period:
                continue
            if not meant.has(walk.row, walk.source, walk.segments):
                continue
            names = {SOURCE: walk.source, **{one: segment_of(walk, one) for one in segments}}
            ends.add(names, is_lost=passage.is_lost)
            of_deal = [everything, *(groups[name] for name in names.items())]
            for place, decision in enumerate(_decisions(passage)):
                for at_steps in of_deal:
                    at_steps[place][decision] += 1
            if passage.place == len(steps):
                sales.add(worth_in(exchange, walk, passage, absurd_above))
    compared = {name: one for name, one in groups.items() if not ends.only_of_lost(name[0])}
    return _Comparison([LEAD, *steps], everything, sales).shortfalls(compared)


def _at_steps() -> _AtSteps:
    return defaultdict(Counter)


def _decisions(passage: Passage) -> Iterator[Decision]:
    """Yield what became of a deal at each step that it came to, but for the last."""
    since = 0
    for course in passage.courses:
        yield Decision(course.fate, max(course.days - since, 0))
        if course.fate is not Fate.ARRIVED:
            return
        since = course.days


class _Ends:
    """How many deals are lost, and are not, with a value in a segment and without one."""

    def __init__(self) -> None:
        self._deals: Counter[tuple[str, bool, bool]] = Counter()

    def add(self, names: Mapping[str, str], *, is_lost: bool) -> None:
        self._deals.update((one, value != NOT_FILLED_IN, is_lost) for one, value in names.items())

    def only_of_lost(self, segment: str) -> bool:
        lost, others = self._deals[segment, True, True], self._deals[segment, True, False]
        without = self._deals[segment, False, False]
        return others < _HARDLY_ANY * lost and without > others


class _Sales:
    """What a sale brings on average, in the currency of most."""

    def __init__(self) -> None:
        self._amounts: defaultdict[str, list[Decimal]] = defaultdict(list)

    def add(self, worth: Worth) -> None:
        if worth.currency and worth.amount:
            self._amounts[worth.currency].append(worth.amount)

    def average(self) -> tuple[Decimal, str] | None:
        if not self._amounts:
            return None
        currency, amounts = max(self._amounts.items(), key=lambda pair: len(pair[1]))
        return sum(amounts, Decimal(0)) / len(amounts), currency


class _Side(NamedTuple):
    """The deals that decided at a step: how many, how many went on, and the days of those."""

    deals: int
    went_on: int
    days: Counter[int]

    @property
    def share(self) -> float:
        return self.went_on / self.deals if self.deals else 0.0

    def quick(self, middle: int) -> "_Side":
        """Return those that went on, of whom those count that took no longer than so many days."""
        quick = sum(deals for days, deals in self.days.items() if days <= middle)
        return _Side(self.went_on, quick, self.days)

    def without(self, other: "_Side") -> "_Side":
        return _Side(self.deals - other.deals, self.went_on - other.went_on, self.days - other.days)


class _Comparison:
    """Groups against the rest, step by step."""

    def __init__(self, steps: Sequence[str], everything: _AtSteps, sales: _Sales) -> None:
        self._steps = steps
        self._ripe = {place: _ripe(found) for place, found in everything.items()}
        self._all = {place: self._side(place, found) for place, found in everything.items()}
        self._average = sales.average()

    def shortfalls(self, groups: Mapping[tuple[str, str], _AtSteps]) -> Sequence[Shortfall]:
        pairs = [
            (name, place, side, self._all[place].without(side))
            for name, at_steps in groups.items()
            for place, found in at_steps.items()
            for side in [self._side(place, found)]
        ]
        judged = [(_chance(side, rest), _chance_of_time(side, rest)) for *_, side, rest in pairs]
        limit = _limit([chance for both in judged for chance in both if chance is not None])
        found = [
            self._shortfall(*one, is_rate=of_share is not None and of_share <= limit)
            for one, (of_share, of_time) in zip(pairs, judged, strict=True)
            if min(of_share or 1.0, of_time or 1.0) <= limit
        ]
        return sorted(found, key=_weight)

    def _side(self, place: int, found: Counter[Decision]) -> _Side:
        ripe = self._ripe[place]
        days = Counter[int]()
        others = 0
        for (fate, took), deals in found.items():
            if fate is Fate.ARRIVED:
                days[took] += deals
            elif fate is Fate.LOST or took > ripe:
                others += deals
        return _Side(days.total() + others, days.total(), days)

    def _shortfall(
        self, name: tuple[str, str], place: int, side: _Side, rest: _Side, *, is_rate: bool
    ) -> Shortfall:
        missing = (rest.share - side.share) * side.deals if is_rate else None
        average, currency = self._average or (None, None)
        sales = None if missing is None else missing * self._chance_to_win(place + 1)
        return Shortfall(
            group_by=name[0],
            group=name[1],
            step=self._steps[place],
            next_step=self._steps[place + 1],
            deals=side.deals,
            went_on=share_of(side.went_on, side.deals),
            of_rest=rest.share,
            missing=missing,
            cost=None if sales is None or average is None else average * Decimal(str(sales)),
            currency=currency,
            days=_middle(side.days),
            days_of_rest=_middle(rest.days),
            ripe=self._ripe[place],
        )

    def _chance_to_win(self, place: int) -> float:
        chance = 1.0
        for later in range(place, len(self._steps) - 1):
            chance *= self._all[later].share if later in self._all else 0.0
        return chance


def _ripe(found: Counter[Decision]) -> int:
    """Return the days that nine in ten took which went on; nobody is ripe where none did."""
    took = Counter({days: deals for (fate, days), deals in found.items() if fate is Fate.ARRIVED})
    return place_among(took, 9) if took else max((days for _, days in found), default=0)


def _middle(days: Counter[int]) -> int | None:
    return place_among(days, 5) if days else None


def _chance(side: _Side, rest: _Side) -> float | None:
    """Return how likely chance alone lets a group fall so short of the rest; None of too few deals.

    One side of the test of two proportions with the pooled share.
    """
    if min(side.deals, rest.deals) < FEWEST:
        return None
    pooled = (side.went_on + rest.went_on) / (side.deals + rest.deals)
    error = sqrt(pooled * (1 - pooled) * (1 / side.deals + 1 / rest.deals))
    return erfc((rest.share - side.share) / error / sqrt(2)) / 2 if error else 1.0


def _chance_of_time(side: _Side, rest: _Side) -> float | None:
    """Return how likely chance alone makes a group so slow; None of too few deals that went on."""
    if not side.days or not rest.days:
        return None
    middle = place_among(rest.days, 5)
    return _chance(side.quick(middle), rest.quick(middle))


def _limit(chances: Sequence[float]) -> float:
    """Return the greatest chance that is told, so that one in ten of what is told may be chance."""
    in_order = sorted(chances)
    told = [
        chance
        for rank, chance in enumerate(in_order, 1)
        if chance <= MAY_BE_CHANCE * rank / len(in_order)
    ]
    return max(told, default=-1.0)


def _weight(one: Shortfall) -> tuple[bool, Decimal, float, int]:
    longer = (one.days or 0) - (one.days_of_rest or 0)
    return (one.missing is None, -(one.cost or Decimal(0)), -(one.missing or 0.0), -longer)
