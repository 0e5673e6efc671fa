"""The funnel as agreed: of the deals that became leads, how many came to each step, and how soon.

A deal belongs to the cohort of the day on which it became a lead. Of all that came to a step each
went on, is lost, or stands there; so a funnel adds up. Deals that are gone from the CRM are in
none. What it is to become a lead, and to come to a step, stands in `passages`.

Days are counted from the step before to a step, of deals that reached both. Times that were
estimated stay out of them, and so do steps dated before the one they follow.

A cohort is unfinished while a deal of it is open that is younger than nine in ten sales were at
their end; how many it will bring is then projected from all cohorts together (see
`values.outlook`). Where too few were sold to say, it is unfinished while any deal of it is open.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from convsync.model.deal import LOST
from convsync.model.money import add_to
from convsync.report.conditions import Conditions
from convsync.report.exchange import Exchange, Worth
from convsync.report.narrowing import Meant
from convsync.report.passages import Loop, Passage, passages, sent_in, worth_in
from convsync.report.returning import Counting, Returning
from convsync.report.shares import Interval, middle_and_ninth, place_among, share_of
from convsync.store import sales
from convsync.store.database import Database
from convsync.store.walks import Walk
from convsync.values.outlook import Course, Fate, Outlook, Projection


@dataclass(frozen=True, slots=True)
class Days:
    """How long it took: of so many, the one in the middle and the one at nine in ten."""

    count: int
    median: timedelta
    p90: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How many came to a milestone, and what became of them.

    `came = went on + open + lost`; `went on` is what came to the next step, and nothing at the
    last. `reached` are those with a time for this very milestone, `share` is of the leads.
    `days` are from the step before, `days_from_lead` whole days since the lead. `worth` is what
    their deals are worth by currency; None stands for amounts without one. `sent` is what
    platforms were sent for reaching this very milestone, over all rules.
    """

    milestone: str
    came: int
    reached: int
    share: Interval
    open: int
    lost: int
    days: Days | None
    days_from_lead: Days | None
    worth: Mapping[str | None, Decimal]
    sent: Mapping[str | None, Decimal]
    projection: Projection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The funnel of some leads. `open` and `lost` are those that came to no step at all.

    `customers` is None where it is not known which deals are one customer's.
    """

    name: str
    leads: int
    open: int
    lost: int
    is_unfinished: bool
    steps: Sequence[Step]
    loops: Mapping[Loop, int]
    customers: Returning | None


GroupOf = Callable[[Walk, datetime], str | None]
"""Names the cohort of a deal that became a lead at an instant; None: it is in none."""


def funnel_of(
    database: Database,
    order: Sequence[str],
    group_of: GroupOf,
    *,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
    where: Conditions = (),
) -> Sequence[Cohort]:
    """Return the funnel of each cohort, by name, of the deals that meet all conditions.

    `order` are the milestones as they follow one another; a loss is none of them. What was reached
    after `now` is not yet. Amounts below zero or above `absurd_above` are worth nothing here;
    others are put into one currency by `exchange`, if they can be.
    """
    steps = [name for name in order if name != LOST]
    cohorts: dict[str, _Cohort] = {}
    everything = [Counter[Course]() for _ in steps]
    with database.reading() as connection:
        known, meant = sales.customers(connection, now), Meant(connection, where)
        for walk, seen in passages(connection, steps, now=now, with_sent=True):
            for all_courses, course in zip(everything, seen.courses, strict=True):
                all_courses[course] += 1
            name = group_of(walk, seen.lead_at)
            if name is not None and meant.has(walk.row, walk.source, walk.segments):
                worth = worth_in(exchange, walk, seen, absurd_above)
                cohort = cohorts.get(name) or _Cohort.of(steps, Counting(known, now))
                cohort.add(walk, seen, worth, sent_in(exchange, walk, now))
                cohorts[name] = cohort
    outlooks = [Outlook(courses) for courses in everything]
    ripe = _nine_in_ten(everything[-1]) if outlooks and outlooks[-1].is_known else None
    return [cohorts[name].counted(name, steps, outlooks, ripe) for name in sorted(cohorts)]


@dataclass(slots=True)
class _Cohort:
    """A cohort as it is counted; what is by step has a place for each."""

    came: list[int]
    open: list[int]
    lost: list[int]
    reached: list[int]
    took: "list[array[int]]"
    worth: list[dict[str | None, Decimal]]
    sent: dict[str, dict[str | None, Decimal]]
    courses: list[Counter[Course]]
    customers: Counting
    loops: Counter[Loop] = field(default_factory=Counter)
    youngest_open: int | None = None

    @classmethod
    def of(cls, steps: Sequence[str], customers: Counting) -> "_Cohort":
        return cls(
            came=[0] * (len(steps) + 1),
            open=[0] * (len(steps) + 1),
            lost=[0] * (len(steps) + 1),
            reached=[0 for _ in steps],
            took=[array("q") for _ in steps],
            worth=[{} for _ in steps],
            sent={name: {} for name in steps},
            courses=[Counter() for _ in steps],
            customers=customers,
        )

    def add(
        self, walk: Walk, seen: Passage, worth: Worth, sent: Iterable[tuple[str, Worth]]
    ) -> None:
        """Count a deal in, what it is worth, and what was sent of its milestones."""
        for place in range(seen.place + 1):
            self.came[place] += 1
        if seen.is_lost:
            self.lost[seen.place] += 1
        elif seen.place < len(self.reached):
            self.open[seen.place] += 1
            if self.youngest_open is None or seen.age < self.youngest_open:
                self.youngest_open = seen.age
        before = None
        for place, one in enumerate(seen.times):
            self.courses[place][seen.courses[place]] += 1
            if worth.amount and place < seen.place:
                add_to(self.worth[place], worth.currency, worth.amount)
            if one is not None:
                self.reached[place] += 1
                if before and not (before.is_estimated or one.is_estimated):
                    self._took(place, one.reached_at - before.reached_at)
            before = one
        for milestone, value in sent:
            if value.amount and milestone in self.sent:
                add_to(self.sent[milestone], value.currency, value.amount)
        self.loops.update(seen.loops)
        self.customers.add(walk, seen, worth)

    def _took(self, place: int, time: timedelta) -> None:
        if time >= timedelta():
            self.took[place].append(time // timedelta(microseconds=1))

    def counted(
        self, name: str, steps: Sequence[str], outlooks: Sequence[Outlook], ripe: int | None
    ) -> Cohort:
        """Return what it adds up to; `ripe` is the age at which a cohort is finished, if known."""
        is_unfinished = self.youngest_open is not None and (
            ripe is None or self.youngest_open < ripe
        )
        return Cohort(
            name=name,
            leads=self.came[0],
            open=self.open[0],
            lost=self.lost[0],
            is_unfinished=is_unfinished,
            loops={loop: self.loops[loop] for loop in Loop if self.loops[loop]},
            customers=self.customers.counted() if self.customers.customers.are_known else None,
            steps=[
                Step(
                    milestone=milestone,
                    came=self.came[place + 1],
                    reached=self.reached[place],
                    open=self.open[place + 1],
                    lost=self.lost[place + 1],
                    share=share_of(self.came[place + 1], self.came[0]),
                    days=_days(self.took[place]),
                    days_from_lead=_days_from_lead(self.courses[place]),
                    worth=self.worth[place],
                    sent=self.sent[milestone],
                    projection=outlook.project(self.courses[place])
                    if is_unfinished and outlook.is_known
                    else None,
                )
                for place, (milestone, outlook) in enumerate(zip(steps, outlooks, strict=True))
            ],
        )


def _days(took: "array[int]") -> Days | None:
    """Return the middle and the ninth in ten, each a time that a deal really took."""
    if not took:
        return None
    median, p90 = middle_and_ninth(took)
    return Days(len(took), timedelta(microseconds=median), timedelta(microseconds=p90))


def _days_from_lead(courses: Mapping[Course, int]) -> Days | None:
    ages = _ages_on_arrival(courses)
    if not ages:
        return None
    median, p90 = (timedelta(days=place_among(ages, tenths)) for tenths in (5, 9))
    return Days(sum(ages.values()), median, p90)


def _nine_in_ten(courses: Mapping[Course, int]) -> int:
    """Return the age in days at which nine in ten of those that arrived had."""
    return place_among(_ages_on_arrival(courses), 9)


def _ages_on_arrival(courses: Mapping[Course, int]) -> Mapping[int, int]:
    return {age: deals for (age, fate), deals in courses.items() if fate is Fate.ARRIVED}
