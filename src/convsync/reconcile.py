"""A deal against the ledger: decide, plan, and say what is to be written, a chunk at a time.

Nothing here reads or writes. What a chunk of deals needs is handed in; what comes out is written by
the pipeline in one transaction, ledger rows and audit events together.

What waits to be said again, an unanswered request or one that was put off, is looked at for the
person behind it: where it says more of them than they let out by now, it is not said again. It goes
back into the plan, as something the platform may have heard where it was never answered, and what
is right today follows in its place, without them: a retraction after a refusal, the same value
where there is still a click to tell it for, and else nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from convsync.audit import Event, EventKind
from convsync.match import match_deal
from convsync.model.click import Candidate
from convsync.model.conversion import Conversion, Operation, order_id_of
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import Matched, NotSent, Reason
from convsync.model.period import Period
from convsync.model.rule import ConversionRule
from convsync.plan import Decision, Item, Step, plan_upload, withdrawal_of
from convsync.store import ledger
from convsync.store.deals import StoredDeal
from convsync.value import value_deal, value_of


def decide(
    deal: Deal,
    milestone: Milestone | None,
    rule: ConversionRule,
    candidates: Sequence[Candidate],
    entry: LedgerEntry | None,
    *,
    now: datetime,
) -> Decision:
    """Return what should be counted for one milestone of a deal, as of now.

    A conversion that was told, or is being told, keeps the click it went out with: only whether it
    stands and what it is worth are asked again.
    """
    withdrawal = withdrawal_of(deal, milestone, rule)
    if withdrawal is not None or milestone is None:
        return NotSent(reason=withdrawal or Reason.MILESTONE_WITHDRAWN)
    if entry is not None and entry.keeps_its_click:
        said = None if entry.is_unsure else entry.told or entry.value
        return _worth_telling(value_of(deal, rule), said, rule)
    match match_deal(deal, milestone, candidates, rule, now=now):
        case Matched() as matched:
            return value_deal(deal, milestone, matched, rule, now=now)
        case unmatched:
            return unmatched


def _worth_telling(
    value: Money | NotSent, said: Money | None, rule: ConversionRule
) -> Money | NotSent:
    """Return the value, or what was said where the difference is too small to say again."""
    if isinstance(value, Money) and said is not None and not rule.is_worth_restating(value, said):
        return said
    return value


def may_be_said_again(entry: LedgerEntry, deal: Deal, rule: ConversionRule) -> bool:
    """False where what waits to be said again says more of a person than it may by now.

    After a refusal only a retraction may go out that says nothing of them.
    """
    if entry.state not in {State.SENDING, State.DEFERRED}:
        return True
    if deal.consent.is_denied:
        return entry.operation is Operation.RETRACT and entry.is_silent_about_a_person
    return not entry.identifiers or rule.lets_identifiers_out(deal.consent)


class Desk:
    """Where a chunk of deals is decided: what comes out is to be written, in one go."""

    def __init__(self, rules: Sequence[ConversionRule], now: datetime, run_id: int) -> None:
        self._rules = rules
        self._now = now
        self._run_id = run_id
        self.items: list[Item] = []
        self.changes: list[ledger.Change] = []
        self.events: list[Event] = []
        self.look_again: dict[int, datetime | None] = {}

    def reconcile(
        self,
        stored: StoredDeal,
        candidates: Sequence[Candidate],
        entries: Mapping[ledger.EntryKey, LedgerEntry],
        within: Period | None,
    ) -> None:
        """Decide and plan each milestone of a deal that a rule counts, or that was once planned."""
        deal = stored.deal
        untils: list[datetime] = []
        for rule in self._rules:
            milestone = deal.milestone(rule.milestone)
            entry = entries.get((stored.row, rule.name))
            if milestone is None and entry is None:
                continue
            if within is not None and not _is_within(within, milestone):
                continue
            withheld = entry if entry and not may_be_said_again(entry, deal, rule) else None
            if withheld is not None:
                entry = withheld.taken_back()
            decision = decide(deal, milestone, rule, candidates, entry, now=self._now)
            order_id = order_id_of(deal.source, deal.deal_id, rule.name)
            item = plan_upload(order_id, decision, entry, now=self._now)
            self._keep(stored, rule, milestone, entry, item, withheld)
            if item.until is not None and item.until > self._now:  # else it is due to be sent
                untils.append(item.until)
        self.look_again[stored.row] = min(untils, default=None)

    def _keep(
        self,
        stored: StoredDeal,
        rule: ConversionRule,
        milestone: Milestone | None,
        entry: LedgerEntry | None,
        item: Item,
        withheld: LedgerEntry | None,
    ) -> None:
        self.items.append(item)
        columns = self._columns(stored.deal, rule, milestone, entry, item)
        if columns is None:
            return
        was_unanswered = withheld is not None and withheld.state is State.SENDING
        if was_unanswered:
            columns |= ledger.OUT_OF_ITS_BATCH
        is_new = entry is None
        self.changes.append(ledger.Change(stored.row, rule.name, columns, is_new))
        kind = _EVENT_OF[item.step]
        detail = _detail(rule, item)
        if was_unanswered:
            detail["unanswered_request"] = "not repeated"
        source, deal_id = stored.deal.source, stored.deal.deal_id
        self.events.append(Event(kind, detail, source, deal_id, item.order_id, stored.row))

    def _columns(
        self,
        deal: Deal,
        rule: ConversionRule,
        milestone: Milestone | None,
        entry: LedgerEntry | None,
        item: Item,
    ) -> dict[str, Any] | None:
        """Return what the ledger row becomes, None where it stays as it is."""
        state = _STATE_OF.get(item.step)
        columns: dict[str, Any] = {"run_id": self._run_id, "state": state, "reason": item.reason}
        match item.step:
            case Step.NEW if item.conversion is not None:
                columns |= ledger.content_of(item.conversion)
                columns |= {"operation": Operation.COUNT, "due_at": None, "code": None}
            case Step.WAIT if item.reason is Reason.VERDICT_PENDING:
                return None
            case Step.WAIT | Step.NOT_SENT:
                columns |= {"operation": Operation.COUNT, "due_at": item.until, "code": None}
            case Step.RESTATE | Step.RETRACT if item.value is not None:
                if not rule.lets_identifiers_out(deal.consent):
                    columns["extras"] = ledger.WITHOUT_PERSON
                return columns | _correction(item)
            case Step.UNCHANGED if item.value is not None:
                return {
                    "state": State.CONFIRMED,
                    "operation": Operation.RESTATE if item.value.amount else Operation.RETRACT,
                    "reason": None,
                    "due_at": None,
                    "value": item.value.amount,
                    "currency": item.value.currency,
                }
            case _:
                return None
        if milestone is not None:
            columns["milestone_at"] = milestone.reached_at
        if entry is None:
            columns |= _identity(rule, item)
        else:
            columns |= {
                "destination": rule.action.destination,
                "action_id": rule.action.action_id,
                "milestone": rule.milestone,
            }
        return columns


_STATE_OF = {
    Step.NEW: State.PLANNED,
    Step.RESTATE: State.PLANNED,
    Step.RETRACT: State.PLANNED,
    Step.WAIT: State.HELD,
    Step.NOT_SENT: State.NOT_SENT,
}
_EVENT_OF = {
    Step.NEW: EventKind.PLANNED,
    Step.RESTATE: EventKind.PLANNED,
    Step.RETRACT: EventKind.PLANNED,
    Step.WAIT: EventKind.HELD,
    Step.NOT_SENT: EventKind.NOT_SENT,
    Step.UNCHANGED: EventKind.KEPT,
}
_OPERATION_OF = {Step.RESTATE: Operation.RESTATE, Step.RETRACT: Operation.RETRACT}


def _correction(item: Item) -> dict[str, Any]:
    assert item.value is not None, "a correction has a value"
    return {
        "operation": _OPERATION_OF[item.step],
        "value": item.value.amount,
        "currency": item.value.currency,
        "due_at": None,
        "code": None,
    }


def _identity(rule: ConversionRule, item: Item) -> dict[str, Any]:
    return {
        "order_id": item.order_id,
        "destination": rule.action.destination,
        "action_id": rule.action.action_id,
        "milestone": rule.milestone,
    }


def _detail(rule: ConversionRule, item: Item) -> dict[str, str]:
    detail = {"rule": rule.name, "step": item.step.value}
    if item.reason is not None:
        detail["reason"] = item.reason.value
    if item.until is not None:
        detail["until"] = item.until.isoformat()
    if item.value is not None:
        detail |= {"value": str(item.value.amount), "currency": item.value.currency}
    if item.conversion is not None:
        detail |= _evidence(item.conversion)
    return detail


def _evidence(conversion: Conversion) -> dict[str, str]:
    """Return what a conversion was matched by, for the audit log."""
    matched = conversion.matched
    evidence = {"matched_by": matched.basis.name.lower()}
    if matched.click is not None:
        click_id = matched.click.click_id
        evidence["click"] = f"{click_id.kind.value}:{click_id.value}"
    if matched.clicked_at is not None:
        evidence["clicked_at"] = matched.clicked_at.isoformat()
    if conversion.time_to_close is not None:
        evidence["days_to_close"] = f"{conversion.time_to_close.total_seconds() / 86_400:.1f}"
    return evidence


def _is_within(period: Period, milestone: Milestone | None) -> bool:
    return milestone is not None and milestone.reached_at in period
