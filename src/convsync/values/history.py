"""The deals that are kept, as a history to learn from.

Left out are milestones whose time is an estimate, and the amounts of sales in other currencies.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from convsync.model.deal import LOST, WON
from convsync.model.expected import group_in, needs_origins
from convsync.store.database import Connection
from convsync.store.walks import Trace, Walk, walks
from convsync.values.backtest import Month
from convsync.values.leads import Lead, Spell, Terms, days_at

MONTHS_TRIED = 24
"""Months before this one, at most, that a rule for values is tried on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningTerms:
    """How values are learned: by whose calendar months are, and above what an amount is absurd."""

    terms: Terms
    zone: tzinfo
    absurd_above: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The leads that are kept, and how many sales are without an amount, by their currency."""

    leads: Sequence[Lead]
    without_amount: Mapping[str, int]


def read_history(connection: Connection, terms: LearningTerms) -> History:
    """Return every deal that is in its CRM as what became of it."""
    without: Counter[str] = Counter()
    told = walks(connection, with_origins=needs_origins(terms.terms.by))
    leads = [_lead(walk, terms, without) for walk in told]
    return History(leads=leads, without_amount=without)


def months_before(now: datetime, zone: tzinfo, count: int) -> Sequence[Month]:
    """Return the last months of a calendar up to the present one, the earliest first."""
    first = now.astimezone(zone).date().replace(day=1)
    months: list[Month] = []
    until = _next_month(first)
    for _ in range(count):
        months.append(Month(f"{first:%Y-%m}", _at(first, zone), _at(until, zone)))
        until, first = first, (first - timedelta(days=1)).replace(day=1)
    return months[::-1]


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _at(day: date, zone: tzinfo) -> float:
    return days_at(datetime.combine(day, time(), tzinfo=zone))


def _lead(walk: Walk, terms: LearningTerms, without: Counter[str]) -> Lead:
    known = terms.terms.milestones
    reached = {
        name: _spell(walk.traces[name])
        for name in known
        if name in walk.traces and not walk.traces[name].is_estimated
    }
    won, lost = walk.traces.get(WON), walk.traces.get(LOST)
    amount = _amount(walk, terms)
    if won is not None and amount is None:
        without[walk.currency or ""] += 1
    return Lead(
        group=group_in(terms.terms.by, walk.source, walk.by_segment),
        reached=reached,
        won=None if won is None else _spell(won),
        lost=None if lost is None else _spell(lost),
        amount=amount,
    )


def _amount(walk: Walk, terms: LearningTerms) -> float | None:
    """Return what a deal was sold for; zero means not filled in, an absurd amount is a mistake."""
    if walk.amount is None or walk.amount <= 0 or walk.currency != terms.terms.currency:
        return None
    is_absurd = terms.absurd_above is not None and walk.amount > terms.absurd_above
    return None if is_absurd else float(walk.amount)


def _spell(trace: Trace) -> Spell:
    since = days_at(trace.reached_at)
    return Spell(since) if trace.withdrawn_at is None else Spell(since, days_at(trace.withdrawn_at))
