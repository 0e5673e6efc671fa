"""The rule for values, tested on the past: for each month, only with what was known then.

A table is learned as of the first instant of a month, and foretells for each lead that came to a
milestone in that month whether it is won within the window. Of a lead whose window is still open it
is asked what was foretold of it by its age. What was foretold is held against what came:

- the sum, with the interval of nine in ten, which has two parts: what chance does among the leads,
  and how well the chance itself was known. Where what came lies even beyond 99 in 100, the month
  has *drifted*: the chance is no longer what it was.
- lead by lead, by the log loss: against the one rate of all leads that were known by then, without
  segments, and without giving recent months more weight.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log, sqrt
from typing import NamedTuple

from convsync.model.expected import ExpectedTable, Forecast, Measured, at_age
from convsync.values.chances import WHOLE
from convsync.values.fitting import learn
from convsync.values.leads import Lead, Terms
from convsync.values.outlook import NINE_IN_TEN, Fate

_NINETY_NINE = 2.5758
"""Standard deviations on each side that hold 99 in 100 of a normal distribution."""
_FIFTHS = 5
_NEVER = 1e-6
"""The least chance that the log loss takes for foretold: nothing is impossible."""


class Month(NamedTuple):
    """A month, by days since 1970: until before the next one's first instant."""

    name: str
    since: float
    until: float


class Told(NamedTuple):
    """What was foretold of a lead, and what came: won or not, within its window or by its age."""

    chance: float
    of_one_rate: float
    won: bool


class Bin(NamedTuple):
    """Leads of about the same chance: how many, how many foretold to be won, and how many were."""

    low: float
    high: float
    leads: int
    expected: float
    won: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A rule for values, tried on past months, and its calibration by fifths of the chance."""

    forecasts: Sequence[Forecast]
    calibration: Sequence[Bin]


def backtest(leads: Sequence[Lead], terms: Terms, months: Sequence[Month], day: float) -> Backtest:
    """Foretell each month from what was known at its beginning, and compare with what came by now.

    A month at whose beginning no sale was known has no forecast.
    """
    one_rate = terms._replace(by=(), half_life_days=inf)
    forecasts: list[Forecast] = []
    everything: list[Told] = []
    for month in months:
        table, of_all = learn(leads, terms, month.since), learn(leads, one_rate, month.since)
        if table is None or of_all is None:
            continue
        for milestone in table.milestones:
            told = list(_told(leads, milestone, month, table, of_all, day))
            if told:
                is_closed = month.until + terms.window_days <= day
                forecasts.append(_forecast(told, milestone, month, table, is_closed=is_closed))
                everything += told
    return Backtest(forecasts=forecasts, calibration=list(_bins(everything)))


def held_against(
    table: ExpectedTable, leads: Sequence[Lead], months: Sequence[Month], day: float
) -> Sequence[Forecast]:
    """Return for each milestone what a table says of some months together, and what came."""
    found = []
    for milestone in table.milestones if months else ():
        told = [
            one for month in months for one in _told(leads, milestone, month, table, table, day)
        ]
        if told:
            span = Month(
                f"{months[0].name} to {months[-1].name}", months[0].since, months[-1].until
            )
            is_closed = span.until + table.window_days <= day
            found.append(_forecast(told, milestone, span, table, is_closed=is_closed))
    return found


def _told(
    leads: Iterable[Lead],
    milestone: str,
    month: Month,
    table: ExpectedTable,
    of_all: ExpectedTable,
    day: float,
) -> Iterator[Told]:
    come, all_come = table.timings[milestone].come, of_all.timings[milestone].come
    one_rate = of_all.chance_of(milestone, WHOLE)
    for lead in leads:
        spell = lead.reached.get(milestone)
        if spell is None or not month.since <= spell.since < month.until:
            continue
        course = lead.course_from(milestone, day)
        chance = table.chance_of(milestone, lead.group)
        if course is None or chance is None or one_rate is None:
            continue
        age = int(day - spell.since)
        yield Told(
            chance=chance.value * at_age(come, age),
            of_one_rate=one_rate.value * at_age(all_come, age),
            won=course.fate is Fate.ARRIVED and course.days <= table.window_days,
        )


def _forecast(
    told: Sequence[Told], milestone: str, month: Month, table: ExpectedTable, *, is_closed: bool
) -> Forecast:
    whole = table.chance_of(milestone, WHOLE)
    assert whole is not None, "the whole is always known"
    expected = sum(one.chance for one in told)
    won = sum(one.won for one in told)
    of_luck = sum(one.chance * (1 - one.chance) for one in told)
    of_knowledge = expected**2 * (1 - whole.value) / (whole.value * max(whole.count, 1))
    deviation = sqrt(of_luck + of_knowledge)
    reach = NINE_IN_TEN * deviation
    return Forecast(
        month=month.name,
        milestone=milestone,
        is_closed=is_closed,
        leads=len(told),
        won=won,
        expected=Measured(expected, max(0.0, expected - reach), expected + reach, len(told)),
        has_drifted=abs(won - expected) > max(_NINETY_NINE * deviation, 1),
        log_loss=sum(_loss(one.chance, won=one.won) for one in told) / len(told),
        of_one_rate=sum(_loss(one.of_one_rate, won=one.won) for one in told) / len(told),
    )


def _loss(chance: float, *, won: bool) -> float:
    """Return the log loss of one forecast: how surprised somebody is who believed it."""
    return -log(max(chance if won else 1 - chance, _NEVER))


def _bins(told: Sequence[Told]) -> Iterator[Bin]:
    in_order = sorted(told)
    edges = [len(in_order) * part // _FIFTHS for part in range(_FIFTHS + 1)]
    for first, last in pairwise(edges):
        if some := in_order[first:last]:
            yield Bin(
                low=some[0].chance,
                high=some[-1].chance,
                leads=len(some),
                expected=sum(one.chance for one in some),
                won=sum(one.won for one in some),
            )
