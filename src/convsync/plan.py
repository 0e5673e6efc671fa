"""What to do about each milestone: the desired state against what the ledger holds.

A plan can be printed, counted and refused before anything is sent (`guarding` says why). The rules
that shape it:

- What is in flight does not change. A change that comes meanwhile waits for the verdict.
- What was counted keeps its click, its time and its identifiers; only its value is restated, and it
  is taken back when the milestone no longer stands. An amount that turns unusable afterwards
  (blank, zero, absurd) takes nothing back: a blank is no evidence, and what is counted stays.
- What was counted at an estimated time keeps that, too, once a better one is known: no platform
  changes it, and an order ID counts once. It stays in the list of what counts and is not right.
- What was refused goes out again only when what it says has changed.
- What the platform may have received without an answer is sent again even if nothing has changed,
  and taken back even if it was never confirmed: at worst a conversion worth nothing is counted.
  Where the platform would not know a repeat for what it is, it is never sent again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct, structs

from convsync.model.click import ClickId
from convsync.model.conversion import Conversion
from convsync.model.ledger import ANSWERED, IN_FLIGHT, LedgerEntry, State
from convsync.model.money import Money, add_to
from convsync.model.outcome import NotSent, Reason, Waiting
from convsync.model.planned import PlannedColumns
from convsync.model.statement import Operation, OrderId, Statement
from convsync.model.takes import TIME_CANNOT_BE_CORRECTED

Decision = Conversion | Money | Waiting | NotSent
"""What should be: a conversion to count, the right value of a counted one, or neither (yet)."""

WITHDRAWALS = frozenset(
    {
        Reason.MILESTONE_WITHDRAWN,
        Reason.OUTSIDE_RULE,
        Reason.DEAL_LOST,
        Reason.DEAL_DELETED,
        Reason.DEAL_MERGED,
        Reason.CONSENT_DENIED,
    }
)
"""Reasons for which a counted conversion is taken back."""

VERDICT_RECHECK = timedelta(hours=1)
"""When a deal that changed in flight is looked at again."""


class Step(StrEnum):
    """What a plan does about one milestone under one rule."""

    NEW = "new"
    RESTATE = "restated"
    RETRACT = "retracted"
    UNCHANGED = "unchanged"
    WAIT = "waiting"
    NOT_SENT = "not_sent"
    CANNOT = "platform_cannot"


STEP_OF = {
    Operation.COUNT: Step.NEW,
    Operation.RESTATE: Step.RESTATE,
    Operation.RETRACT: Step.RETRACT,
}


class Item(Struct, frozen=True, gc=False):
    """One planned step, and what is needed to take it.

    NEW has a conversion, a correction a statement; CANNOT has the code for which the platform would
    not take the correction; the rest have a reason. KEPT, an UNCHANGED with `is_dropped`, drops a
    correction no longer needed: what is counted is right again. `values_version` is that of the
    learned values which the value to be counted is of.
    """

    step: Step
    order_id: OrderId
    conversion: Conversion | None = None
    statement: Statement | None = None
    reason: Reason | None = None
    until: datetime | None = None
    code: str = ""
    is_dropped: bool = False
    values_version: int | None = None

    @property
    def value(self) -> Money | None:
        """Return the value that would be sent, None where nothing would."""
        return None if self.statement is None else self.statement.value


RefusalOf = Callable[[Statement, datetime], str | None]
"""Says for which code a platform would not take a statement, None where it would."""


def takes_everything(_statement: Statement, _now: datetime) -> None:
    """Refuse nothing."""


def plan_upload(
    order_id: OrderId,
    decision: Decision,
    entry: LedgerEntry | None,
    *,
    now: datetime,
    may_name_person: bool = True,
    refusal_of: RefusalOf = takes_everything,
    is_mistimed: bool = False,
    knows_repeat: bool = True,
    anew: Callable[[Statement, datetime], Statement] | None = None,
    correctable_at: datetime | None = None,
) -> Item:
    """Return the step after which the platform will count what was decided.

    A correction says nothing of the person unless `may_name_person`. What is counted and
    `is_mistimed` went out with an estimated time, and a better one is known. Without
    `knows_repeat` the platform may take what it has received already for something new. Where what
    was taken back cannot be given a value again, `anew` returns what counts it a second time. No
    correction is taken before `correctable_at`.
    """
    if entry is not None and entry.state in IN_FLIGHT:
        return _plan_in_flight(order_id, decision, entry, now, is_mistimed=is_mistimed)
    if entry is None or (entry.told is None and not _may_be_taken_back(entry, decision)):
        if entry is not None and entry.is_unsure and not knows_repeat:
            return _plan_lost(order_id, entry)
        return _plan_uncounted(order_id, decision, entry, now, refusal_of)
    correction = _correction_of(entry, decision)
    if correction is None and is_mistimed:
        return _plan_refused(order_id, entry, TIME_CANNOT_BE_CORRECTED)
    if correction is None:
        has_strayed = entry.state is not State.CONFIRMED or entry.is_uncorrectable
        return Item(Step.UNCHANGED, order_id, is_dropped=has_strayed)
    if _was_answered(entry, correction):
        return Item(Step.UNCHANGED, order_id, until=entry.due_at)
    if anew is not None and _comes_back(entry, correction):
        correction = structs.replace(anew(correction, now), operation=Operation.COUNT)
    if not may_name_person:
        correction = correction.without_person()
    reason = decision.reason if isinstance(decision, NotSent) else None
    if code := refusal_of(correction, now):
        return _plan_refused(order_id, entry, code)
    if correctable_at is not None and correctable_at > now:
        return Item(Step.WAIT, order_id, reason=Reason.VERDICT_PENDING, until=correctable_at)
    again = now + VERDICT_RECHECK if is_mistimed else None
    step = STEP_OF[correction.operation]
    return Item(step, order_id, statement=correction, reason=reason, until=again)


def planned_before(entry: LedgerEntry, run_id: int) -> Item | None:
    """Return the step that a run has planned for an entry already, None where it has not.

    A deal may be looked at twice in one run: its plan is then changed, and not another one.
    """
    if entry.run_id != run_id:
        return None
    order_id, reason = entry.order_id, entry.reason
    match entry.state:
        case State.PLANNED:
            step = STEP_OF[entry.operation]
            return Item(step, order_id, statement=entry.statement, reason=reason)
        case State.HELD:
            return Item(Step.WAIT, order_id, reason=reason, until=entry.due_at)
        case State.NOT_SENT:
            step = Step.CANNOT if reason is Reason.PLATFORM_CANNOT else Step.NOT_SENT
            return Item(step, order_id, reason=reason, code=entry.code)
    return None


def _plan_uncounted(
    order_id: OrderId,
    decision: Decision,
    entry: LedgerEntry | None,
    now: datetime,
    refusal_of: RefusalOf,
) -> Item:
    match decision:
        case Conversion() as conversion:
            if entry is not None and _is_settled(entry, conversion):
                return Item(Step.UNCHANGED, order_id, until=entry.due_at)
            if code := refusal_of(conversion.statement, now):
                return _plan_refused(order_id, entry, code)
            return Item(Step.NEW, order_id, conversion, conversion.statement)
        case Waiting(reason=reason, until=until):
            held = (State.HELD, reason, until)
            is_known = entry is not None and (entry.state, entry.reason, entry.due_at) == held
            step = Step.UNCHANGED if is_known else Step.WAIT
            return Item(step, order_id, reason=reason, until=until)
        case NotSent(reason=reason):
            is_known = entry is not None and (entry.state, entry.reason) == (State.NOT_SENT, reason)
            return Item(Step.UNCHANGED if is_known else Step.NOT_SENT, order_id, reason=reason)
        case Money():
            raise AssertionError(f"{order_id} was valued without a match and never counted")


def _comes_back(entry: LedgerEntry, correction: Statement) -> bool:
    """True where a correction would give what was taken back a value again."""
    was_taken_back = entry.operation is Operation.RETRACT and entry.told is not None
    return was_taken_back and correction.operation is Operation.RESTATE


def _plan_lost(order_id: OrderId, entry: LedgerEntry) -> Item:
    """Return the step that sends nothing more of what the platform may count."""
    is_known = (entry.state, entry.reason) == (State.NOT_SENT, Reason.ANSWER_LOST)
    step = Step.UNCHANGED if is_known else Step.NOT_SENT
    return Item(step, order_id, reason=Reason.ANSWER_LOST)


def _may_be_taken_back(entry: LedgerEntry, decision: Decision) -> bool:
    """True where the platform may count, unconfirmed, what should be withdrawn."""
    is_withdrawn = isinstance(decision, NotSent) and decision.reason in WITHDRAWALS
    return entry.is_unsure and entry.statement is not None and is_withdrawn


def _is_settled(entry: LedgerEntry, conversion: Conversion) -> bool:
    """True where the platform has already answered exactly this, and not counted it."""
    return entry.state in ANSWERED and entry.says_the_same_as(conversion)


def _plan_in_flight(
    order_id: OrderId, decision: Decision, entry: LedgerEntry, now: datetime, *, is_mistimed: bool
) -> Item:
    statement = entry.statement
    if statement is None or not (is_mistimed or _is_news(decision, statement.value)):
        return Item(Step.UNCHANGED, order_id)
    until = now + VERDICT_RECHECK
    return Item(Step.WAIT, order_id, reason=Reason.VERDICT_PENDING, until=until)


def _plan_refused(order_id: OrderId, entry: LedgerEntry | None, code: str) -> Item:
    """Return the step that gives up what the platform would not take."""
    known = (Reason.PLATFORM_CANNOT, code)
    is_known = entry is not None and (entry.reason, entry.code) == known
    step = Step.UNCHANGED if is_known else Step.CANNOT
    return Item(step, order_id, reason=Reason.PLATFORM_CANNOT, code=code)


def _correction_of(entry: LedgerEntry, decision: Decision) -> Statement | None:
    """Return the statement that would make the platform right, None where it is."""
    told = entry.told or entry.value
    assert told is not None, "only what was sent can be corrected"
    assert entry.statement is not None, "and what was sent is kept"
    if not (_is_news(decision, told) or (entry.is_unsure and _says_more(decision))):
        return None
    match decision:
        case Money() as value:
            return entry.statement.corrected(Operation.RESTATE, value)
        case Conversion(statement=wanted):
            return entry.statement.corrected(Operation.RESTATE, wanted.value)
        case _:
            nothing = Money(amount=Decimal(0), currency=told.currency)
            return entry.statement.corrected(Operation.RETRACT, nothing)


def _is_news(decision: Decision, told: Money) -> bool:
    """True where what was decided is not what the platform counts."""
    match decision:
        case (Money() as value) | Conversion(statement=Statement(value=value)):
            return value != told
        case NotSent(reason=reason):
            return reason in WITHDRAWALS and told.amount != 0
        case _:
            return False


def _says_more(decision: Decision) -> bool:
    """True where a decision calls for a request if the platform may count something else."""
    match decision:
        case NotSent(reason=reason):
            return reason in WITHDRAWALS
        case Waiting():
            return False
        case _:
            return True


def _was_answered(entry: LedgerEntry, correction: Statement) -> bool:
    """True where the platform has already answered this very correction, and not taken it."""
    content = (correction.operation, correction.value)
    return entry.state in ANSWERED and (entry.operation, entry.value) == content


@dataclass(slots=True)
class PlanSummary:
    """A plan in numbers, added up item by item; it stays small however long the plan is.

    `value` is what will be sent, new and restated, by currency. `digest` tells two plans apart: the
    one a person agreed to, and the one about to be carried out. It is kept where the plan
    `is_compared`, which costs a hash an item.
    """

    steps: Counter[Step] = field(default_factory=Counter)
    reasons: Counter[tuple[Step, Reason]] = field(default_factory=Counter)
    value: dict[str, Decimal] = field(default_factory=dict)
    is_compared: bool = False
    _digest: int = 0

    def add(self, item: Item) -> None:
        """Count one item in."""
        self._count(item, 1)

    def add_new(self, planned: PlannedColumns) -> None:
        """Count in new conversions that are planned without an item each."""
        self.steps[Step.NEW] += len(planned.numbers)
        for currency, amount in zip(planned.currencies, planned.amounts, strict=True):
            add_to(self.value, currency, amount)
        if self.is_compared:
            said = planned.order_ids, planned.amounts, planned.currencies, planned.clicks
            for order_id, amount, currency, click in zip(*said, strict=True):
                money = Money(amount=amount, currency=currency)
                self._digest ^= _fingerprint(Step.NEW, order_id, money, click)

    def take_out(self, item: Item) -> None:
        """Count one item out again: the plan was changed before it was carried out."""
        self._count(item, -1)

    def _count(self, item: Item, times: int) -> None:
        self.steps[item.step] += times
        if item.reason is not None:
            self.reasons[item.step, item.reason] += times
        if (value := item.value) is not None:
            add_to(self.value, value.currency, times * value.amount)
            if self.is_compared:
                click = None if item.statement is None else item.statement.click_id
                self._digest ^= _fingerprint(item.step, item.order_id, value, click)
        if times < 0:
            self.reasons += Counter()  # leaves out what is none
            self.value = {currency: amount for currency, amount in self.value.items() if amount}

    @property
    def digest(self) -> str:
        """Return 32 hex digits that depend on all money and clicks to be sent, in any order."""
        assert self.is_compared, "what tells plans apart was kept"
        return f"{self._digest:032x}"


def _fingerprint(step: Step, order_id: OrderId, value: Money, click: ClickId | None) -> int:
    """Return what tells two items apart: step, name, exact money, and a new one's click."""
    click_id = click.value if step is Step.NEW and click else ""
    text = f"{step} {order_id} {value.amount.normalize()} {value.currency} {click_id}"
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())
