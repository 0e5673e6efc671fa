"""Every arrow an entry of the ledger can take: what a plan does, and what the outbox does.

Each function takes a decision or an outcome and returns the move: the next entry and its event.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from convsync.model.conversion import Conversion
from convsync.model.event import Event, EventKind
from convsync.model.ledger import (
    ARROWS,
    ForbiddenMoveError,
    LedgerEntry,
    Move,
    MoveTogether,
    State,
    move,
    move_together,
)
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    NotMatched,
    Outcome,
    Reason,
    Rejected,
    Untried,
)
from convsync.model.record import record_fields, recorded_parts
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, Statement

# What a plan does


class Place(Struct, frozen=True, kw_only=True):
    """Which milestone of a deal is meant, when it was reached, and the action it would count for.

    A rule may name another milestone or action than when the entry was planned.
    """

    action: ConversionAction
    milestone: str
    milestone_at: datetime


def planned(entry: LedgerEntry, conversion: Conversion, *, run_id: int, **notes: Any) -> Move:
    """Plan to count a conversion that the platform has confirmed nothing of."""
    return move(
        entry,
        EventKind.PLANNED,
        {
            "state": State.PLANNED,
            "action": conversion.statement.action,
            "milestone": conversion.milestone,
            "milestone_at": conversion.milestone_at,
            "statement": conversion.statement,
            "matched": conversion.matched,
            "time_to_close": conversion.time_to_close,
            "values_version": conversion.values_version,
            "reason": None,
            "code": "",
            "due_at": None,
            "run_id": run_id,
        },
        notes,
    )


def corrected(
    entry: LedgerEntry,
    statement: Statement,
    *,
    reason: Reason | None,
    run_id: int,
    values_version: int | None = None,
    **notes: Any,
) -> Move:
    """Plan to restate or take back what the platform counts, or may count.

    What was taken back is counted anew by a platform that gives it no value again. Raises
    ForbiddenMoveError for what counts anything else.
    """
    is_back = entry.told is not None and not entry.told.amount
    if statement.operation is Operation.COUNT and not is_back:
        raise ForbiddenMoveError(f"{entry.order_id}: {statement.operation} is no correction")
    kind = _CORRECTIONS[statement.operation]
    changes = {
        "state": State.PLANNED,
        "statement": statement,
        "reason": reason,
        "code": "",
        "due_at": None,
        "run_id": run_id,
        "values_version": values_version,
    }
    return move(entry, kind, changes, notes)


_CORRECTIONS = {
    Operation.COUNT: EventKind.PLANNED,
    Operation.RESTATE: EventKind.RESTATED,
    Operation.RETRACT: EventKind.RETRACTED,
}


def held(
    entry: LedgerEntry,
    place: Place,
    reason: Reason,
    until: datetime,
    *,
    run_id: int,
    **notes: Any,
) -> Move:
    """Let a milestone wait until an instant, for a reason."""
    changes = {"state": State.HELD, "reason": reason, "due_at": until, "code": ""}
    return move(entry, EventKind.HELD, {**changes, **_at(place), "run_id": run_id}, notes)


def not_sent(
    entry: LedgerEntry,
    place: Place,
    reason: Reason,
    *,
    run_id: int,
    code: str = "",
    **notes: Any,
) -> Move:
    """Send nothing of a milestone, for a reason. Of who refused, nothing is kept to be said."""
    changes: dict[str, Any] = {
        "state": State.NOT_SENT,
        "reason": reason,
        "due_at": None,
        "code": code,
    }
    if reason is Reason.CONSENT_DENIED and entry.statement is not None:
        changes["statement"] = entry.statement.without_person()
    return move(entry, EventKind.NOT_SENT, {**changes, **_at(place), "run_id": run_id}, notes)


def _at(place: Place) -> dict[str, Any]:
    return {
        "action": place.action,
        "milestone": place.milestone,
        "milestone_at": place.milestone_at,
    }


def kept(
    entry: LedgerEntry, *, run_id: int, values_version: int | None = None, **notes: Any
) -> Move:
    """Drop a correction that is no longer needed: what the platform counts is right again."""
    return _back_to_told(entry, EventKind.KEPT, None, "", run_id, notes, values_version)


def uncorrectable(entry: LedgerEntry, code: str, *, run_id: int, **notes: Any) -> Move:
    """Give up a correction that the platform cannot take: what it counts stays, and is wrong."""
    reason = Reason.PLATFORM_CANNOT
    return _back_to_told(entry, EventKind.UNCORRECTABLE, reason, code, run_id, notes)


def _back_to_told(
    entry: LedgerEntry,
    kind: EventKind,
    reason: Reason | None,
    code: str,
    run_id: int,
    notes: Mapping[str, Any],
    values_version: int | None = None,
) -> Move:
    if entry.told is None or entry.statement is None:
        raise ForbiddenMoveError(f"{kind} of {entry.order_id}, which was never counted")
    back: dict[str, Any] = {}
    if entry.state is not State.CONFIRMED:
        operation = Operation.RESTATE if entry.told.amount else Operation.RETRACT
        statement = entry.statement.corrected(operation, entry.told)
        back = {"statement": statement, "values_version": values_version}
    changes = {
        "state": State.CONFIRMED,
        **back,
        "reason": reason,
        "code": code,
        "due_at": None,
        "run_id": run_id,
    }
    return move(entry, kind, changes, notes)


def withheld(entry: LedgerEntry, *, run_id: int) -> Move:
    """Take what waits to be sent again back into the plan: it must not be sent again.

    Where it was never answered, the platform may have received it.
    """
    is_unsure = entry.is_unsure or entry.state is State.SENDING
    changes = {"state": State.PLANNED, "is_unsure": is_unsure, "batch": None, "due_at": None}
    notes = {"unanswered_request": "not repeated"} if entry.state is State.SENDING else {}
    return move(entry, EventKind.WITHHELD, {**changes, "run_id": run_id}, notes)


# What a merge of deals does


def merged_into(
    entry: LedgerEntry, deal_row: int, deal_id: str, *, run_id: int
) -> tuple[Event, Move]:
    """Move an entry to the deal that its own was merged into, whatever state it is in.

    It keeps its order ID, by which the platform knows it. The event that is returned first says of
    the deal that was merged that it has the entry no longer; the move's says all of it anew.
    """
    came_from, _ = ARROWS[EventKind.MERGED_IN]
    if entry.is_new or entry.state not in came_from:
        raise ForbiddenMoveError(f"{entry.order_id} is nothing yet that could be moved")
    left = Event(
        EventKind.MERGED_AWAY,
        {"rule": entry.rule, "into": deal_id},
        entry.source,
        entry.deal_id,
        entry.order_id,
        entry.deal_row,
    )
    after = structs.replace(entry, deal_row=deal_row, deal_id=deal_id, run_id=run_id)
    whole = record_fields({name: getattr(after, name) for name in recorded_parts()})
    came = Event(
        EventKind.MERGED_IN,
        {**whole, "from_deal": entry.deal_id},
        entry.source,
        deal_id,
        entry.order_id,
        deal_row,
    )
    return left, Move(entry, after, {"deal_row": deal_row, "run_id": run_id}, came)


# What the outbox does


def reserved_together(numbers: Sequence[int], batch: int, action: ConversionAction) -> MoveTogether:
    """Take entries, all of one action, into a batch that is about to leave."""
    changes = {"state": State.SENDING, "batch": batch, "due_at": None}
    return move_together(numbers, EventKind.RESERVED, changes, _of(batch, action))


def _of(batch: int, action: ConversionAction) -> dict[str, Any]:
    return {
        "of_batch": batch,
        "destination": action.destination,
        "action": action.action_id,
    }


def released(entry: LedgerEntry, *, is_probe: bool = False) -> Move:
    """Let an entry go out again that the account's set-up had blocked.

    The one that probes whether the set-up was fixed keeps its code until it is answered.
    """
    changes = {"state": State.PLANNED, "batch": None, "code": entry.code if is_probe else ""}
    return move(entry, EventKind.RELEASED, changes, {"probe": True} if is_probe else {})


def retried(entry: LedgerEntry, *, run_id: int) -> Move:
    """Let an entry go out again because a person asks for it, whatever the platform answered.

    What it says stays as it was; a run's plan it becomes so that this run sends it, and no others.
    """
    refused = Reason.PLATFORM_REFUSED
    changes = {
        "state": State.PLANNED,
        "reason": None if entry.reason is refused else entry.reason,
        "code": "",
        "due_at": None,
        "batch": None,
        "run_id": run_id,
    }
    return move(entry, EventKind.RETRIED, changes, {})


def marked_unsure(entry: LedgerEntry, **notes: Any) -> Move:
    """Note that the platform may have received more than the ledger knows."""
    return move(entry, EventKind.UNSURE, {"is_unsure": True}, notes)


def settled(
    entry: LedgerEntry, outcome: Outcome, *, is_repeat: bool = False, now: datetime
) -> Move:
    """Write down what the platform answered for an entry.

    `is_repeat` where an earlier request with the same statement may have been taken: until the
    platform has confirmed it, what it counts is not certain.
    """
    match outcome:
        case Confirmed():
            return _confirmed(entry, outcome, is_repeat=is_repeat, now=now)
        case Deferred(code=code, is_once=True) if code == entry.code:
            return _answer(entry, *_answered(Rejected(code=code)), is_repeat=is_repeat)
        case _:
            return _answer(entry, *_answered(outcome), is_repeat=is_repeat)


def settled_together(
    numbers: Sequence[int], outcome: Outcome, batch: int, action: ConversionAction
) -> MoveTogether | None:
    """Write down one answer for entries of a batch that nothing sets apart.

    That is: none is unsure, none has a code from before, and no earlier request with them may have
    been taken. None where the answer is one that has to be looked at deal by deal: a refusal, a
    wait, or a conversion that may be somebody else's.
    """
    match outcome:
        case Confirmed(is_by_our_key=False) | Rejected() | Blocked() | Deferred():
            return None
        case Confirmed(code=code):
            changes = {"state": State.CONFIRMED, "reason": None, "code": code}
            of_batch = _of(batch, action)
            return move_together(numbers, EventKind.CONFIRMED, changes, of_batch, counts=True)
        case _:
            kind, changes, notes = _answered(outcome)
            return move_together(numbers, kind, changes, {**_of(batch, action), **notes})


def _answered(outcome: Outcome) -> tuple[EventKind, dict[str, Any], dict[str, Any]]:
    """Return what an answer that confirms nothing makes of an entry, and what it notes."""
    match outcome:
        case Accepted(request_id=request_id):
            return EventKind.ACCEPTED, {"state": State.ACCEPTED}, {"request": request_id}
        case Deferred(code=code, until=until):
            changes = {"state": State.DEFERRED, "code": code, "due_at": until}
            return EventKind.DEFERRED, changes, {}
        case Rejected(code=code):
            refused = Reason.PLATFORM_REFUSED
            changes = {"state": State.REJECTED, "reason": refused, "code": code}
            return EventKind.REJECTED, changes, {}
        case Blocked(code=code):
            return EventKind.BLOCKED, {"state": State.BLOCKED, "code": code}, {}
        case NotMatched(code=code):
            return EventKind.UNMATCHED, {"state": State.UNMATCHED, "code": code}, {}
        case Untried():
            return EventKind.UNTRIED, {"state": State.PLANNED, "batch": None}, {}
        case Confirmed():
            raise AssertionError("what confirms is written down by `_confirmed`")


def _answer(
    entry: LedgerEntry,
    kind: EventKind,
    changes: dict[str, Any],
    notes: dict[str, Any],
    *,
    is_repeat: bool,
) -> Move:
    """Return the move after an answer that confirms nothing."""
    if is_repeat and not entry.is_unsure:
        changes["is_unsure"] = True
    if is_repeat and kind is not EventKind.ACCEPTED:
        notes["may_be_counted"] = True
    return move(entry, kind, changes, {**_in_batch(entry), **notes})


def _in_batch(entry: LedgerEntry) -> dict[str, Any]:
    """Return in which batch an entry was answered, by which a request's answers are found."""
    return {} if entry.batch is None else {"of_batch": entry.batch}


def _confirmed(entry: LedgerEntry, outcome: Confirmed, *, is_repeat: bool, now: datetime) -> Move:
    """Note that the platform counts the statement, or says that it is there already.

    "Already there" under another key than our own is good news only where our own request may have
    been taken; on a first try it speaks of somebody else's conversion.
    """
    if not outcome.is_by_our_key and not (is_repeat or entry.is_unsure):
        return _shifted(entry, outcome.code, now)
    changes: dict[str, Any] = {"state": State.CONFIRMED, "told": entry.value, "reason": None}
    changes["code"] = outcome.code
    was_there = bool(outcome.code) and entry.operation is Operation.COUNT
    if not was_there:  # what was there already is at this value, unless it was unsure before
        changes["is_unsure"] = False
    return move(entry, EventKind.CONFIRMED, changes, _in_batch(entry))


def _shifted(entry: LedgerEntry, code: str, now: datetime) -> Move:
    """Move an entry's time by a second: the platform holds another conversion at the one it had."""
    statement = entry.statement
    if statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to send")
    at = statement.event_at + timedelta(seconds=1)
    changes = {"statement": structs.replace(statement, event_at=at), "code": code, "batch": None}
    if at <= now:
        return move(entry, EventKind.SHIFTED, {**changes, "state": State.PLANNED}, _in_batch(entry))
    due = {"state": State.DEFERRED, "due_at": at}
    return move(entry, EventKind.SHIFTED, {**changes, **due}, _in_batch(entry))
