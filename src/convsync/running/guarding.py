"""Whether a plan is far from what is usual, so that a person has to look before it goes. Pure.

What is usual is learned from the nights of the last four weeks, and compared day by day, however
many runs there are in one: what went out in the 22 hours before counts as the same day. Weekends
are compared with weekends where enough of them are known. The middle night and how far the others
usually lie from it say where the limit is, so that one odd night moves nothing; below the
configured floors nothing is odd, however little is usual.

A value is judged by the values of its own rule and currency, on a scale of factors: what deals are
worth spreads over orders of magnitude.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import exp, log, sqrt

from msgspec import Struct, field

from convsync.errors import UnsafePlanError
from convsync.model.figures import Figures

NIGHTS = 28
"""From so many days what is usual is learned."""

_SPREADS = 5
"""How many times the usual distance from the middle is still usual."""
_OF_A_SPREAD = 1.4826
"""Makes the median distance from the median comparable with a standard deviation."""
_SAME_DAY = timedelta(hours=22)
_DAY = timedelta(days=1)
_SATURDAY = 5
_FEW_SHIFTED = 3
"""So many values may change by a power of ten in one night by chance."""


class SafetyLimits(Struct, frozen=True, kw_only=True):
    """How unusual a plan may be before a person has to look at it.

    Uploads and their value may be `factor` times the usual, and any number up to `small`, or what
    so many are usually worth; retractions a share of all that is counted, `factor` times the usual,
    and any number up to `small_retraction`. A single value may be `value_factor` times the middle
    one of its rule. Up to `unmatched_share` may have no click, and any number up to
    `small_unmatched`. A rule that reports `zero_from` or more a night is expected to go on.

    Before `needed_nights` have sent something there is no usual. Of the deals of a source no more
    than `vanished_share` may be gone at once, however few there are: the only one is all of them.
    """

    factor: int = 5
    small: int = 500
    retracted_share: Decimal = Decimal("0.10")
    small_retraction: int = 20
    value_factor: int = 10
    unmatched_share: Decimal = Decimal("0.50")
    small_unmatched: int = 20
    zero_from: int = 10
    needed_nights: int = 3
    needed_values: int = 20
    needed_without_zero: int = 5
    vanished_share: Decimal = Decimal("0.50")


class Usual(Struct, frozen=True, kw_only=True):
    """What past days sent, those like today; how much counts now; the currencies ever confirmed."""

    days: Sequence[Figures] = ()
    counted: int = 0
    currencies: frozenset[str] = frozenset()


class Tonight(Struct, frozen=True, kw_only=True):
    """What is about to go out, and all of the day with it; `rules` are those in the config.

    Of a night that is not `is_whole`, a backfill, nothing is expected that it does not send.
    """

    ready: Figures
    earlier: Figures = field(default_factory=Figures)
    rules: Collection[str] = ()
    is_whole: bool = True

    @property
    def day(self) -> Figures:
        """Return what the whole day sends."""
        return self.earlier.plus(self.ready)


def days_like(
    now: datetime, runs: Sequence[tuple[datetime, Figures]], needed: int
) -> tuple[Figures, list[Figures]]:
    """Return what went out earlier today, and each past day that is like today, latest first."""
    days: dict[int, Figures] = {}
    for at, figures in runs:
        number = (now - at + (_DAY - _SAME_DAY)) // _DAY
        days[number] = days.get(number, Figures()).plus(figures)
    earlier = days.pop(0, Figures())
    past = {number: one for number, one in sorted(days.items()) if 0 < number <= NIGHTS}
    alike = [one for number, one in past.items() if _is_weekend(now, number) == _is_weekend(now, 0)]
    return earlier, alike if len(alike) >= needed else [*past.values()]


def _is_weekend(now: datetime, days_ago: int) -> bool:
    """True where the day that a night closes was a Saturday or Sunday: the one twelve hours ago."""
    return (now - timedelta(days=days_ago, hours=12)).weekday() >= _SATURDAY


def findings(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> list[str]:
    """Return a sentence for everything that is unusual about what is about to be sent."""
    found = [
        *_uploads(tonight, usual, limits),
        *_value(tonight, usual, limits),
        *_single_values(tonight, usual, limits),
        *_shifted(tonight),
        *_retractions(tonight, usual, limits),
        *_currencies(tonight, usual),
    ]
    if tonight.is_whole:
        found += [*_unmatched(tonight, usual, limits), *_stopped(tonight, usual, limits)]
    return found


def _uploads(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    past = [day.total for day in usual.days if day.total]
    if len(past) < max(1, limits.needed_nights):
        return
    typical = middle(past)
    now = tonight.day.total
    if now > max(limits.small, ceiling(past, limits.factor)):
        yield f"{now:,} uploads is {_times(now, typical)} {typical:,.0f}"


def _value(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    for currency, amount in sorted(tonight.day.value.items()):
        past = [float(day.value[currency]) for day in usual.days if day.value.get(currency)]
        singles = _known_values(usual, currency)
        if len(past) < max(1, limits.needed_nights) or not singles:
            continue
        typical = middle(past)
        floor = limits.small * middle(singles)
        if float(amount) > max(floor, ceiling(past, limits.factor)):
            times = _times(float(amount), typical)
            yield f"a value of {amount:,.2f} {currency} is {times} {typical:,.2f}"


def _single_values(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    for rule, figures in sorted(tonight.ready.rules.items()):
        for currency, highest in sorted(figures.highest.items()):
            known = _known_values(usual, currency, rule)
            if len(known) < limits.needed_values:
                continue
            usual_at_most = exp(ceiling([log(value) for value in known], 1))
            allowed = max(limits.value_factor * middle(known), usual_at_most, *known)
            if float(highest) > allowed:
                yield (
                    f"{highest:,.2f} {currency} under the rule {rule}, where {middle(known):,.2f}"
                    f" is usual and up to {allowed:,.2f} believable"
                )


def _shifted(tonight: Tonight) -> Iterator[str]:
    """Look at values restated to a power of ten of what they were: no few deals change so."""
    for rule, figures in sorted(tonight.ready.rules.items()):
        if figures.shifted >= _FEW_SHIFTED and figures.shifted * 2 > figures.restated:
            yield (
                f"{figures.shifted:,} of {figures.restated:,} values to restate under the rule"
                f" {rule} are 10, 100 or 1,000 times what they were, or that part of it: look"
                " whether the decimal sign has changed"
            )


def _known_values(usual: Usual, currency: str, rule: str | None = None) -> list[float]:
    return [
        float(value)
        for day in usual.days
        for name, figures in day.rules.items()
        if rule is None or name == rule
        for value in figures.some.get(currency, ())
        if value > 0
    ]


def _retractions(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    """Look at retractions; days without any count as well, for most have none."""
    now, share = tonight.day.retracted, int(limits.retracted_share * usual.counted)
    if now > max(limits.small_retraction, share):
        yield f"{now:,} of {usual.counted:,} counted conversions would be taken back"
        return
    past = [day.retracted for day in usual.days]
    if len(past) < max(1, limits.needed_nights):
        return
    if now > max(limits.small_retraction, ceiling(past, limits.factor)):
        yield f"{now:,} conversions would be taken back, and {middle(past):,.0f} is usual"


def _currencies(tonight: Tonight, usual: Usual) -> Iterator[str]:
    if usual.currencies and (strange := sorted({*tonight.ready.value} - usual.currencies)):
        yield f"a currency never sent before: {', '.join(strange)}"


def _unmatched(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    past = [day.unmatched / day.looked_at for day in usual.days if day.looked_at]
    day = tonight.day
    if len(past) < max(1, limits.needed_nights) or day.unmatched <= limits.small_unmatched:
        return
    allowed = min(1.0, max(float(limits.unmatched_share), ceiling(past, 1)))
    by_chance = sqrt(day.looked_at * allowed * (1 - allowed))  # of few milestones, most is chance
    if day.unmatched > allowed * day.looked_at + _SPREADS * by_chance:
        share = day.unmatched / day.looked_at
        yield (
            f"no click was found for {day.unmatched:,} of {day.looked_at:,} milestones,"
            f" {share:.0%}, and {middle(past):.0%} is usual: look at the click log and the form"
        )


def _stopped(tonight: Tonight, usual: Usual, limits: SafetyLimits) -> Iterator[str]:
    for rule in sorted(tonight.rules):
        past = [day.of(rule).new for day in usual.days]
        if tonight.day.of(rule).new or len(past) < limits.needed_without_zero or not all(past):
            continue
        if middle(past) >= limits.zero_from:
            yield f"no conversion at all under the rule {rule}, where {middle(past):,.0f} is usual"


def middle(past: Sequence[float]) -> float:
    """Return the upper median."""
    return sorted(past)[len(past) // 2]


def ceiling(past: Sequence[float], factor: float) -> float:
    """Return up to where a figure is usual, after the middle of past ones and their spread."""
    typical = middle(past)
    spread = middle([abs(one - typical) for one in past])
    return max(factor * typical, typical + _SPREADS * _OF_A_SPREAD * spread)


def _times(now: float, typical: float) -> str:
    return f"{int(now // typical):,}× the usual"


def raise_if_vanished(source: str, vanished: int, there_were: int, limits: SafetyLimits) -> None:
    """Raise UnsafePlanError where more of a source's deals are gone at once than is believable."""
    if vanished > limits.vanished_share * there_were:
        raise UnsafePlanError(
            f"source '{source}': {vanished:,} of {there_were:,} deals are gone at once. Nothing was"
            " marked or sent. If they were not deleted, an export failed, or the credentials lost"
            " the right to see them: check that. If they were, --force continues."
        )


def drained(source: str) -> str:
    """Return the sentence about a source that gave nothing, and always had given something."""
    return (
        f"source '{source}' returned nothing, although it always had before: check whether its"
        " export, its folder or the rights to it have changed"
    )


def refusal(found: Sequence[str], run_id: int, heaviest: Sequence[str]) -> UnsafePlanError:
    """Return the error that says what is unusual, and what a person can do about it."""
    if not heaviest:
        advice = "there is nothing to send: if all is as it should be, --force says so"
    else:
        advice = (
            "the plan is kept: look with `convsync plan --deals`, then `convsync release"
            f" {run_id}` sends exactly that plan; --force sends a new one"
        )
    message = f"{'; '.join(found)}. Nothing was sent, and {advice}."
    return UnsafePlanError(message, heaviest=heaviest)
