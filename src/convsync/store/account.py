"""Questions about the whole ledger: the account that must add up, what is usual, what is due."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    null,
    or_,
    select,
    type_coerce,
)

from convsync.model.ledger import LedgerEntry, Side, State
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.model.rule import ConversionRule
from convsync.model.statement import Operation
from convsync.store import dialect
from convsync.store.ledger import WITH_DEAL, as_entry
from convsync.store.schema import deals, ledger, milestones

_IS_SENT = or_(
    ledger.c.told_value.is_not(None),
    ledger.c.state.in_([State.ACCEPTED, State.CONFIRMED]),
)
_ACCOUNT: ColumnElement[str] = case(
    (_IS_SENT, Side.SENT.value),
    (
        ledger.c.state.in_([State.NOT_SENT, State.REJECTED, State.UNMATCHED]),
        Side.NOT_SENT.value,
    ),
    else_=Side.WAITING.value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
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


def sums(
    connection: Connection, rules: Sequence[ConversionRule], period: Period | None = None
) -> Sums:
    """Return the account of all milestones of the rules, or of those reached in a period.

    What was extracted is counted in the milestones as they were read, what became of it in the
    ledger: were one lost on the way, the two would differ. A milestone that no rule has looked at
    waits for the next run if its deal is due, and is not sent if it was withdrawn before.
    """
    names = [rule.name for rule in rules]
    by_milestone = Counter(rule.milestone for rule in rules)
    read = select(milestones.c.name).where(milestones.c.name.in_(list(by_milestone)))
    rows = select(_ACCOUNT, _DETAIL.label("detail")).where(ledger.c.rule.in_(names))
    if period is not None:
        read = read.where(
            milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
        )
        is_of_milestone = and_(
            milestones.c.deal == ledger.c.deal, milestones.c.name == ledger.c.milestone
        )
        rows = rows.join(milestones, is_of_milestone).where(
            milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
        )
    extracted = sum(
        count * by_milestone[name] for (name,), count in dialect.tally(connection, read).items()
    )
    by_state = Counter(
        {
            (Side(account), str(detail)): count
            for (account, detail), count in dialect.tally(connection, rows).items()
        }
    )
    if by_state.total() != extracted:
        by_state += _not_looked_at(connection, rules, period)
    return Sums(extracted=extracted, by_state=by_state)


def _not_looked_at(
    connection: Connection, rules: Sequence[ConversionRule], period: Period | None
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
            .where(milestones.c.name == rule.milestone, ~has_row)
        )
        if not rule.when:
            counted = counted.where(or_(is_withdrawn, is_due))
        if period is not None:
            counted = counted.where(
                milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
            )
        for (text, withdrawn, due), count in dialect.tally(connection, counted).items():
            if not rule.applies_to(json.loads(text or "{}")):
                found[_OUTSIDE_RULE] += count
            elif withdrawn or due:
                found[_WITHDRAWN if withdrawn else _NEXT_RUN] += count
    return found


_OUTSIDE_RULE = (Side.NOT_SENT, Reason.OUTSIDE_RULE.value)
_WITHDRAWN = (Side.NOT_SENT, Reason.MILESTONE_WITHDRAWN.value)
_NEXT_RUN = (Side.WAITING, "next_run")


_DETAIL: ColumnElement[str] = case(
    (
        and_(_IS_SENT, ledger.c.operation == Operation.RETRACT, ledger.c.state == State.CONFIRMED),
        "taken_back",
    ),
    (and_(_IS_SENT, ledger.c.reason == Reason.PLATFORM_CANNOT), "cannot_be_corrected"),
    (_IS_SENT, ledger.c.state),
    (ledger.c.state == State.BLOCKED, "blocked:" + func.coalesce(ledger.c.code, "")),
    (ledger.c.state == State.REJECTED, func.coalesce(ledger.c.code, "rejected")),
    (ledger.c.state.in_([State.HELD, State.NOT_SENT]), ledger.c.reason),
    else_=ledger.c.state,
)


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
        .where(late.c.reason == Reason.CLICK_OUTSIDE_LOOKBACK, was_sent)
        .group_by(late.c.rule, early.c.rule)
    )
    return {(too_late, in_time): count for too_late, in_time, count in connection.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToMilestone:
    """How long it took from the matched click to a milestone, over all that were sent."""

    milestone: str
    count: int
    median: timedelta
    p90: timedelta


def times_to_milestones(connection: Connection) -> list[TimeToMilestone]:
    """Return the time from click to each milestone, quickest first; won is the time to close."""
    took = type_coerce(ledger.c.milestone_at, BigInteger) - type_coerce(
        ledger.c.clicked_at, BigInteger
    )
    is_known = and_(_IS_SENT, ledger.c.clicked_at.is_not(None))
    counts = select(ledger.c.milestone, func.count()).where(is_known).group_by(ledger.c.milestone)
    times = []
    for milestone, count in connection.execute(counts).all():
        ordered = select(took).where(is_known, ledger.c.milestone == milestone).order_by(took)
        median, p90 = (
            timedelta(microseconds=connection.execute(ordered.offset(at).limit(1)).scalar_one())
            for at in (count // 2, count * 9 // 10)
        )
        times.append(TimeToMilestone(milestone=milestone, count=count, median=median, p90=p90))
    return sorted(times, key=lambda time: time.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What would go out now, by operation, and in which currencies."""

    by_operation: Mapping[Operation, int]
    currencies: frozenset[str]


def is_ready(now: datetime, run_id: int | None = None) -> ColumnElement[bool]:
    """Return the condition for rows that may go out now, of one run's plan or of any."""
    condition = or_(
        ledger.c.state == State.PLANNED,
        and_(ledger.c.state == State.DEFERRED, ledger.c.due_at <= now),
    )
    return condition if run_id is None else and_(condition, ledger.c.run_id == run_id)


def ready(connection: Connection, now: datetime, run_id: int | None = None) -> Ready:
    """Return how much is ready to go out."""
    found = (
        select(ledger.c.operation, ledger.c.currency, func.count())
        .where(is_ready(now, run_id))
        .group_by(ledger.c.operation, ledger.c.currency)
    )
    counts: Counter[Operation] = Counter()
    currencies = set()
    for operation, currency, number in connection.execute(found):
        counts[Operation(operation)] += number
        currencies.add(currency)
    return Ready(by_operation=counts, currencies=frozenset(currencies))


def counted(connection: Connection) -> tuple[int, frozenset[str]]:
    """Return how many conversions have a value at the platform, and all currencies ever confirmed.

    A currency stays known when everything in it has been taken back.
    """
    is_worth_something = ledger.c.told_value != Decimal(0)
    found = select(ledger.c.told_currency, is_worth_something).where(
        ledger.c.told_value.is_not(None)
    )
    counted = dialect.tally(connection, found)
    counted_now = sum(number for (_, is_worth), number in counted.items() if is_worth)
    return counted_now, frozenset(str(currency) for currency, _ in counted)


def uncorrectable(connection: Connection) -> Iterator[LedgerEntry]:
    """Yield entries that count and are no longer right, and that the platform cannot correct."""
    found = WITH_DEAL.where(
        ledger.c.reason == Reason.PLATFORM_CANNOT,
        or_(ledger.c.state == State.CONFIRMED, ledger.c.is_unsure),
    ).order_by(ledger.c.id)
    return map(as_entry, connection.execute(found).mappings())
