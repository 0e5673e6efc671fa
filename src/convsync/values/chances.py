"""The chance of a sale within the window, from each milestone, group by group.

Each group is first asked alone: the Aalen-Johansen estimate of `outlook`, with loss as the
competing outcome, in which a lead that is too young to have decided counts as watched so far, not
as lost. A group is watched to its last lead: to stop sooner would give it the late sales of the
others. What comes after that is taken from what stands above it. The groups are then drawn together
(see `pooling`).

A lead tells the more the longer it could be watched. How much of what is unsure is decided at each
age, the whole says; of each such part a group tells by its leads that have come to that age, and
the variances add up (Greenwood's formula, with a competing outcome). Leads of uneven weight tell
less than as many even ones (Kish 1965).

A group of which no lead was won counts as if half a sale had been, as the whole does, but no more
than the whole would have made it: few or many leads without a sale make a small chance, and never
none, which would be a value of nothing. Its interval, which is by its own leads alone, begins at 0.

A chance grows along the milestones: an opportunity is worth at least as much as an SQL of the same
group. Where chance has it otherwise, neighbours are put together (isotonic regression, Barlow and
others 1972).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from convsync.model.expected import FEWEST_LEADS, Timing
from convsync.values.leads import Lead, Terms
from convsync.values.outlook import Course, Fate, Outlook
from convsync.values.pooling import Drawn, Family, Known, drawn_together

FEWEST_WON = 10
"""Sales within the window, of all groups, below which nothing is said of how these differ."""
_HALF_A_SALE = 0.5
_LAST = 1e-6
"""The weight of the last leads of a group, below which there is only what rounding left."""

Group = tuple[str, ...]
WHOLE: Group = ()


class Tally:
    """The leads of one group at one milestone, as of a day: their courses, by weight."""

    def __init__(self) -> None:
        self.leads = 0
        self.won = 0
        self.young = 0
        self.courses: defaultdict[Course, float] = defaultdict(float)
        self.ages: Counter[int] = Counter()

    def add(self, course: Course, age: int, weight: float, window: int) -> None:
        """Count in a lead that came to the milestone `age` days ago."""
        if course.days > window:
            course = Course(window + 1, Fate.OPEN)
        self.leads += 1
        self.won += course.fate is Fate.ARRIVED
        self.young += course.fate is Fate.OPEN and course.days <= window
        self.courses[course] += weight
        self.ages[age] += 1


Tallies = Mapping[Group, Tally]


class Watch:
    """What the whole says of a milestone: how sales come in with age, and what is unsure when."""

    def __init__(self, whole: Tally, terms: Terms) -> None:
        self._terms = terms
        self.outlook = Outlook(whole.courses)
        self.timing = _timing(self.outlook, terms.window_days)
        self._decided = _decided(self.outlook, terms.window_days)
        self._of_whole = self._one_in(whole.ages)

    def count(self, ages: Mapping[int, int]) -> float:
        """Return how many fully watched leads of even weight tell as much as these.

        What comes at an age that none of them has reached is known as well as of the whole.
        """
        one_in = {**self._of_whole, **self._one_in(ages)}
        unsure = sum(part * one_in.get(age, 1.0) for age, part in self._decided.items())
        return 1 / unsure if unsure else 0.0

    def _one_in(self, ages: Mapping[int, int]) -> Mapping[int, float]:
        """Return by age the variance of a mean over the leads that have come to it."""
        oldest_first = sorted(ages, reverse=True)
        told = told_twice = 0.0
        one_in: dict[int, float] = {}
        place = 0
        for age in sorted(self._decided, reverse=True):
            while place < len(oldest_first) and oldest_first[place] >= age:
                leads, weight = ages[oldest_first[place]], self._terms.weight(oldest_first[place])
                told += leads * weight
                told_twice += leads * weight**2
                place += 1
            if told:
                one_in[age] = told_twice / told**2
        return one_in


def _decided(outlook: Outlook, window: int) -> Mapping[int, float]:
    """Return by age the share of what is unsure that is decided then; evenly where none is won."""
    parts = outlook.decided(window)
    in_all = sum(parts.values())
    if in_all <= 0:
        return dict.fromkeys(range(window + 1), 1 / (window + 1))
    return {age: part / in_all for age, part in parts.items()}


def _timing(outlook: Outlook, window: int) -> Timing:
    """Return how sales come in; evenly where none has."""
    days, in_all = range(window + 1), outlook.arrived_by(window)
    if not in_all:
        return Timing(tuple((day + 1) / (window + 1) for day in days), (1.0,))
    return Timing(
        come=tuple(round(outlook.arrived_by(day) / in_all, 5) for day in days),
        left=tuple(round(outlook.chance(day).share / in_all, 5) for day in days),
    )


def tallied(leads: Iterable[Lead], milestone: str, terms: Terms, day: float) -> Tallies:
    """Return the leads at a milestone as of a day, by group, and by each group above it."""
    tallies: defaultdict[Group, Tally] = defaultdict(Tally)
    for lead in leads:
        course = lead.course_from(milestone, day)
        if course is None:
            continue
        age = int(day - lead.reached[milestone].since)
        weight = terms.weight(age)
        for depth in range(len(terms.by) + 1):
            tallies[lead.group[:depth]].add(course, age, weight, terms.window_days)
    return tallies


def chances(tallies: Tallies, watch: Watch, terms: Terms) -> Mapping[Group, Drawn]:
    """Return the chance from one milestone, of the whole and of each group that is large enough."""
    whole = _of_all(watch, tallies[WHOLE], terms)
    known: dict[Group, Drawn] = {WHOLE: Drawn(whole.mean, whole)}
    outlooks = {WHOLE: watch.outlook}
    depths = len(terms.by) if tallies[WHOLE].won >= FEWEST_WON else 0
    for depth in range(1, depths + 1):
        families: defaultdict[Group, dict[Group, Known]] = defaultdict(dict)
        alone: dict[Group, Known] = {}
        for group, tally in tallies.items():
            above = group[:-1]
            if len(group) == depth and tally.leads >= FEWEST_LEADS and above in known:
                outlooks[group] = Outlook(tally.courses, watched_at_least=_LAST)
                share = _share(outlooks[group], outlooks[above], terms.window_days)
                alone[group] = Known(share, spread_of(share), watch.count(tally.ages))
                families[above][group] = _never_nothing(alone[group], tally, known[above].mean)
        drawn = drawn_together(
            [Family(known[name].mean, one) for name, one in families.items()], spread_of
        ).groups
        known |= {group: Drawn(one.mean, alone[group]) for group, one in drawn.items()}
    return known


def _never_nothing(own: Known, tally: Tally, above: float) -> Known:
    """Return what a group is drawn with: of no sale half a one, as far as the whole has one."""
    if tally.won:
        return own
    return own._replace(mean=max(own.mean, min(above, _HALF_A_SALE / (own.leads + 1))))


def _of_all(watch: Watch, tally: Tally, terms: Terms) -> Known:
    """Return the chance of any lead: never nothing, as half a sale more is counted in."""
    count = watch.count(tally.ages)
    share = (watch.outlook.arrived_by(terms.window_days) * count + _HALF_A_SALE) / (count + 1)
    return Known(share, spread_of(share), count)


def _share(outlook: Outlook, above: Outlook, window: int) -> float:
    """Return what a group says of itself, and where it was not watched, what is said above it."""
    later = outlook.open_at_last * above.chance(outlook.followed_until).share
    return outlook.arrived_by(window) + later


def spread_of(chance: float) -> float:
    """Return the variance of a single lead that is won with a chance."""
    return chance * (1 - chance)


def growing(along: Sequence[Drawn]) -> Sequence[Drawn]:
    """Return chances that never fall along the milestones, close to those that were given."""
    blocks: list[list[Drawn]] = []
    for one in along:
        blocks.append([one])
        while len(blocks) > 1 and _mean(blocks[-2]) > _mean(blocks[-1]):
            later = blocks.pop()
            blocks[-1] += later
    return [Drawn(_mean(block), one.own) for block in blocks for one in block]


def _mean(block: Sequence[Drawn]) -> float:
    total = sum(one.own.leads for one in block)
    if len(block) == 1 or not total:
        return sum(one.mean for one in block) / len(block)
    return sum(one.mean * one.own.leads for one in block) / total
