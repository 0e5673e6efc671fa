"""Questions about the whole ledger: the account that must add up, what is usual, what is due."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
)

from convsync.model.ledger import LedgerEntry, Side, State
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.model.rule import ConversionRule
from convsync.model.statement import Operation
from convsync.store import deal_sums, dialect, times
from convsync.store import sums as kept_sums
from convsync.store.entry_row import WITH_DEAL, as_entry
from convsync.store.portions import Portion, conditions_of
from convsync.store.schema import IS_ESTIMATED, PLATFORM_CANNOT, deals, ledger, milestones
from convsync.store.sums import LedgerSum


class Sums(Struct, frozen=True, kw_only=True):
    """Every milestone under every rule, added up: `extracted` is counted apart from the rest."""

    extracted: int
    by_state: Mapping[tuple[Side, str], int]

    def total(self, account: Side) -> int:
        """Return one side of the sum."""
        return sum(count for (side, _), count in self.by_state.items() if side is account)

    @property
    def is_balanced(self) -> bool:
        """True where extracted = sent + waiting + not sent."""
        return self.extracted == sum(self.by_state.values())


def estimated(connection: Connection) -> dict[str, int]:
    """Return how many milestones stand with a time that the CRM's history does not say, by name."""
    found = (
        select(milestones.c.name, func.count())
        .where(IS_ESTIMATED, milestones.c.withdrawn_at.is_(None))
        .group_by(milestones.c.name)
        .order_by(milestones.c.name)
    )
    return {name: count for name, count in connection.execute(found)}  # noqa: C416 (a result)


def sums(
    connection: Connection,
    rules: Sequence[ConversionRule],
    period: Period | None = None,
    *,
    kept: Sequence[LedgerSum] | None = None,
) -> Sums:
    """Return the account of all milestones of the rules, or of those reached in a period.

    What was extracted is counted in the milestones as they were read, what became of it in the
    ledger: were one lost on the way, the two would differ. A milestone that no rule has looked at
    waits for the next run if its deal is due, and is not sent if it was withdrawn before.

    Without a period only kept sums are read, unless the caller has `kept` them; rows are where
    these do not add up.
    """
    if period is not None:
        return _sums_of_period(connection, rules, period)
    extracted, by_state = 0, Counter[tuple[Side, str]]()
    kept = kept_sums.kept(connection) if kept is None else kept
    for rule in rules:
        of_rule = [one for one in kept if one.rule == rule.name]
        for one in of_rule:
            by_state[_side_and_detail(one)] += one.rows
        by_segments = deal_sums.reached(connection, rule.milestone)
        extracted += by_segments.total()
        missing = by_segments.total() - sum(one.rows for one in of_rule)
        if missing:
            by_state += _without_row(
                connection, rule, missing, _outside(rule, by_segments, of_rule)
            )
    return Sums(extracted=extracted, by_state=by_state)


def _without_row(
    connection: Connection, rule: ConversionRule, missing: int, outside: int
) -> Counter[tuple[Side, str]]:
    """Return what became of a rule's milestones without a ledger row.

    Those outside the rule are counted, those that were withdrawn have an index. The rest waits for
    the next run, and for as long every milestone is looked at.
    """
    found = Counter({_OUTSIDE_RULE: outside})
    if found.total() != missing:
        withdrawn = _not_looked_at(connection, [rule], milestones.c.withdrawn_at.is_not(None))
        found[_WITHDRAWN] = withdrawn[_WITHDRAWN]
    return found if found.total() == missing else _not_looked_at(connection, [rule])


def _outside(
    rule: ConversionRule, by_segments: Mapping[str, int], of_rule: Sequence[LedgerSum]
) -> int:
    """Return how many milestones a rule never applied to, if none of its deals is due."""
    ever = sum(
        count
        for segments, count in by_segments.items()
        if not rule.applies_to(json.loads(segments or "{}"))
    )
    return ever - sum(one.rows for one in of_rule if one.reason == Reason.OUTSIDE_RULE)


def _sums_of_period(
    connection: Connection, rules: Sequence[ConversionRule], period: Period
) -> Sums:
    by_milestone = Counter(rule.milestone for rule in rules)
    is_in_it = (milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until)
    read = select(milestones.c.name).where(milestones.c.name.in_(list(by_milestone)), *is_in_it)
    is_of_milestone = and_(
        milestones.c.deal == ledger.c.deal, milestones.c.name == ledger.c.milestone
    )
    of_rules = and_(ledger.c.rule.in_([rule.name for rule in rules]), *is_in_it)
    rows = kept_sums.counted_rows().join(milestones, is_of_milestone).where(of_rules)
    extracted = sum(
        count * by_milestone[name] for (name,), count in dialect.tally(connection, read).items()
    )
    by_state = Counter[tuple[Side, str]]()
    for key, (count, _) in dialect.add_up(connection, rows).items():
        by_state[_side_and_detail(LedgerSum._make([*key, count, Decimal(0)]))] += count
    if by_state.total() != extracted:
        by_state += _not_looked_at(connection, rules, *is_in_it)
    return Sums(extracted=extracted, by_state=by_state)


def _side_and_detail(one: LedgerSum) -> tuple[Side, str]:
    """Return where these entries stand in the account, and in which words."""
    if one.is_sent:
        if one.operation == Operation.RETRACT and one.state == State.CONFIRMED:
            return Side.SENT, "taken_back"
        if one.reason == Reason.PLATFORM_CANNOT:
            return Side.SENT, "cannot_be_corrected"
        return Side.SENT, one.state
    match one.state:
        case State.NOT_SENT:
            return Side.NOT_SENT, one.reason
        case State.UNMATCHED:
            return Side.NOT_SENT, one.state
        case State.REJECTED:
            return Side.NOT_SENT, one.code or "rejected"
        case State.HELD:
            return Side.WAITING, one.reason
        case State.BLOCKED:
            return Side.WAITING, f"blocked:{one.code}"
        case _:
            return Side.WAITING, one.state


def _not_looked_at(
    connection: Connection, rules: Sequence[ConversionRule], *conditions: ColumnElement[bool]
) -> Counter[tuple[Side, str]]:
    """Count milestones without a ledger row.

    Those of deals that a rule does not apply to, those that were withdrawn before any run looked,
    and those left to the next run.
    """
    found: Counter[tuple[Side, str]] = Counter()
    is_withdrawn = milestones.c.withdrawn_at.is_not(None)
    is_due = deals.c.reconcile_at.is_not(None)
    for rule in rules:
        has_row = exists().where(ledger.c.deal == milestones.c.deal, ledger.c.rule == rule.name)
        segments = deals.c.segments if rule.when else null()
        counted = (
            select(segments.label("segments"), is_withdrawn.label("w"), is_due.label("d"))
            .join(deals, deals.c.id == milestones.c.deal)
            .where(milestones.c.name == rule.milestone, ~has_row, *conditions)
        )
        if not rule.when:
            counted = counted.where(or_(is_withdrawn, is_due))
        for (text, withdrawn, due), count in dialect.tally(connection, counted).items():
            if not rule.applies_to(json.loads(text or "{}")):
                found[_OUTSIDE_RULE] += count
            elif withdrawn or due:
                found[_WITHDRAWN if withdrawn else _NEXT_RUN] += count
    return found


_OUTSIDE_RULE = (Side.NOT_SENT, Reason.OUTSIDE_RULE.value)
_WITHDRAWN = (Side.NOT_SENT, Reason.MILESTONE_WITHDRAWN.value)
_NEXT_RUN = (Side.WAITING, "next_run")
_IS_UNCORRECTABLE = (PLATFORM_CANNOT, or_(ledger.c.state == State.CONFIRMED, ledger.c.is_unsure))


def caught_earlier(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many milestones came too late after their click while an earlier one was sent.

    By the rule that came too late, and the rule of the same deal that was in time.
    """
    late, early = ledger.alias("late"), ledger.alias("early")
    was_sent = or_(
        early.c.told_value.is_not(None), early.c.state.in_([State.ACCEPTED, State.CONFIRMED])
    )
    found = (
        select(late.c.rule, early.c.rule, func.count())
        .join(early, and_(early.c.deal == late.c.deal, early.c.milestone_at < late.c.milestone_at))
        .where(late.c.reason == literal_column(f"'{Reason.CLICK_OUTSIDE_LOOKBACK}'"), was_sent)
        .group_by(late.c.rule, early.c.rule)
    )
    return {(too_late, in_time): count for too_late, in_time, count in connection.execute(found)}


class TimeToMilestone(Struct, frozen=True, kw_only=True):
    """How long it took from the matched click to a milestone, over all that were sent."""

    milestone: str
    count: int
    median: timedelta
    p90: timedelta


def times_to_milestones(
    connection: Connection, period: Period | None = None
) -> list[TimeToMilestone]:
    """Return the time from click to each milestone, quickest first; won is the time to close.

    With a period only of milestones that were reached in it.
    """
    found = []
    kept = times.kept(connection) if period is None else times.within(connection, period)
    for milestone, by_time in kept.items():
        count = sum(rows for _, rows in by_time)
        median, p90 = (_at(by_time, place) for place in (count // 2, count * 9 // 10))
        found.append(TimeToMilestone(milestone=milestone, count=count, median=median, p90=p90))
    return sorted(found, key=lambda time: time.median)


def _at(by_time: Sequence[tuple[timedelta, int]], place: int) -> timedelta:
    """Return the time that stands at a place, counted from 0, among times that are in order."""
    for time, rows in by_time:
        if place < rows:
            return time
        place -= rows
    raise IndexError(place)


class Ready(Struct, frozen=True, kw_only=True):
    """What would go out now, by operation, and in which currencies."""

    by_operation: Mapping[Operation, int]
    currencies: frozenset[str]

    @property
    def total(self) -> int:
        """Return how many conversions are ready."""
        return sum(self.by_operation.values())


def ready(connection: Connection, now: datetime, only: Portion = None) -> Ready:
    """Return how much is ready to go out, of all or of a portion."""
    counts: Counter[Operation] = Counter()
    currencies = set()
    for conditions in conditions_of(now, only):
        found = (
            select(ledger.c.operation, ledger.c.currency, func.count())
            .where(*conditions)
            .group_by(ledger.c.operation, ledger.c.currency)
        )
        for operation, currency, number in connection.execute(found):
            counts[Operation(operation)] += number
            currencies.add(currency)
    return Ready(by_operation=counts, currencies=frozenset(currencies))


def counted(connection: Connection) -> tuple[int, frozenset[str]]:
    """Return how many conversions have a value at the platform, and all currencies ever confirmed.

    A currency stays known when everything in it has been taken back.
    """
    told = [one for one in kept_sums.kept(connection) if one.told_currency]
    counted_now = sum(one.rows for one in told if one.is_worth)
    return counted_now, frozenset(one.told_currency for one in told)


def uncorrectable(connection: Connection) -> Iterator[LedgerEntry]:
    """Yield entries that count and are no longer right, and that the platform cannot correct."""
    found = WITH_DEAL.where(*_IS_UNCORRECTABLE).order_by(ledger.c.id)
    return map(as_entry, connection.execute(found).mappings())


def count_uncorrectable(connection: Connection) -> int:
    """Return how many entries count and are no longer right, and cannot be corrected."""
    found = select(func.count()).select_from(ledger).where(*_IS_UNCORRECTABLE)
    return connection.execute(found).scalar_one()
