"""Every arrow an entry of the ledger can take: what a plan does, and what the outbox does.

Each function takes a decision or an outcome and returns the move: the next entry and its event.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from convsync.model.conversion import Conversion
from convsync.model.event import Event, EventKind
from convsync.model.ledger import ForbiddenMoveError, LedgerEntry, Move, State, move
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
from convsync.model.record import spans_of
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
    **notes: Any,
) -> Move:
    """Plan to restate or take back what the platform counts, or may count."""
    changes = {
        "state": State.PLANNED,
        "statement": statement,
        "reason": reason,
        "code": "",
        "due_at": None,
        "run_id": run_id,
    }
    return move(entry, EventKind.PLANNED, changes, notes)


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
    """Send nothing of a milestone, for a reason."""
    changes = {"state": State.NOT_SENT, "reason": reason, "due_at": None, "code": code}
    return move(entry, EventKind.NOT_SENT, {**changes, **_at(place), "run_id": run_id}, notes)


def _at(place: Place) -> dict[str, Any]:
    return {
        "action": place.action,
        "milestone": place.milestone,
        "milestone_at": place.milestone_at,
    }


def kept(entry: LedgerEntry, *, run_id: int, **notes: Any) -> Move:
    """Drop a correction that is no longer needed: what the platform was told is right again."""
    return _back_to_told(entry, EventKind.KEPT, None, "", run_id, notes)


def uncorrectable(entry: LedgerEntry, code: str, *, run_id: int, **notes: Any) -> Move:
    """Give up a correction that the platform cannot take: what it was told stays, and is wrong."""
    reason = Reason.PLATFORM_CANNOT
    return _back_to_told(entry, EventKind.UNCORRECTABLE, reason, code, run_id, notes)


def _back_to_told(
    entry: LedgerEntry,
    kind: EventKind,
    reason: Reason | None,
    code: str,
    run_id: int,
    notes: Mapping[str, Any],
) -> Move:
    if entry.told is None or entry.statement is None:
        raise ForbiddenMoveError(f"{kind} of {entry.order_id}, which was never counted")
    statement = entry.statement
    if entry.state is not State.CONFIRMED:
        operation = Operation.RESTATE if entry.told.amount else Operation.RETRACT
        statement = statement.corrected(operation, entry.told)
    changes = {
        "state": State.CONFIRMED,
        "statement": statement,
        "reason": reason,
        "code": code,
        "due_at": None,
        "run_id": run_id,
    }
    return move(entry, kind, changes, notes)


def withheld(entry: LedgerEntry, *, run_id: int) -> Move:
    """Take what was to be sent again back into the plan: it is not to be said any more.

    Where it was never answered, the platform may have received it.
    """
    is_unsure = entry.is_unsure or entry.state is State.SENDING
    changes = {"state": State.PLANNED, "is_unsure": is_unsure, "batch": None, "due_at": None}
    notes = {"unanswered_request": "not repeated"} if entry.state is State.SENDING else {}
    return move(entry, EventKind.WITHHELD, {**changes, "run_id": run_id}, notes)


# What the outbox does


def reserved(entry: LedgerEntry, batch: int) -> Move:
    """Take an entry into a batch that is about to leave."""
    if entry.statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to say")
    changes = {"state": State.SENDING, "batch": batch, "due_at": None}
    return move(entry, EventKind.RESERVED, changes, {})


def reserved_together(
    entries: Sequence[LedgerEntry], batch: int, action: ConversionAction
) -> tuple[list[Move], Event]:
    """Take entries into a batch; return their moves, and one event that says all of them."""
    moves = [reserved(entry, batch) for entry in entries]
    detail = {
        "state": State.SENDING.value,
        "batch": batch,
        "due_at": None,
        "destination": action.destination,
        "action": action.action_id,
        "rows": len(moves),
        "entries": spans_of(entry.number for entry in entries),
    }
    return moves, Event(EventKind.RESERVED, detail)


def released(entry: LedgerEntry, *, is_probe: bool = False) -> Move:
    """Let an entry go out again that the account's set-up had blocked.

    The one that probes whether the set-up was fixed keeps its code until it is answered.
    """
    changes = {"state": State.PLANNED, "batch": None, "code": entry.code if is_probe else ""}
    return move(entry, EventKind.RELEASED, changes, {"probe": True} if is_probe else {})


def marked_unsure(entry: LedgerEntry, **notes: Any) -> Move:
    """Note that the platform may have been told more than the ledger knows."""
    return move(entry, EventKind.UNSURE, {"is_unsure": True}, notes)


def settled(
    entry: LedgerEntry, outcome: Outcome, *, is_repeat: bool = False, now: datetime
) -> Move:
    """Write down what the platform answered for an entry.

    `is_repeat` where an earlier request with the same statement may have been taken: until the
    platform has confirmed it, what it counts is not certain.
    """
    match outcome:
        case Accepted(request_id=request_id):
            changes: dict[str, Any] = {"state": State.ACCEPTED}
            return _answer(entry, EventKind.ACCEPTED, changes, is_repeat, request=request_id)
        case Confirmed():
            return _confirmed(entry, outcome, is_repeat=is_repeat, now=now)
        case Deferred(code=code, is_once=True) if code == entry.code:
            return _refused(entry, code, is_repeat=is_repeat)
        case Deferred(code=code, until=until):
            changes = {"state": State.DEFERRED, "code": code, "due_at": until}
            return _answer(entry, EventKind.DEFERRED, changes, is_repeat)
        case Rejected(code=code):
            return _refused(entry, code, is_repeat=is_repeat)
        case Blocked(code=code):
            changes = {"state": State.BLOCKED, "code": code}
            return _answer(entry, EventKind.BLOCKED, changes, is_repeat)
        case NotMatched(code=code):
            changes = {"state": State.UNMATCHED, "code": code}
            return _answer(entry, EventKind.UNMATCHED, changes, is_repeat)
        case Untried():
            changes = {"state": State.PLANNED, "batch": None}
            return _answer(entry, EventKind.UNTRIED, changes, is_repeat)


def _refused(entry: LedgerEntry, code: str, *, is_repeat: bool) -> Move:
    changes = {"state": State.REJECTED, "reason": Reason.PLATFORM_REFUSED, "code": code}
    return _answer(entry, EventKind.REJECTED, changes, is_repeat)


def _answer(
    entry: LedgerEntry,
    kind: EventKind,
    changes: dict[str, Any],
    is_repeat: bool,
    **notes: Any,
) -> Move:
    """Return the move after an answer that confirms nothing."""
    if is_repeat and not entry.is_unsure:
        changes["is_unsure"] = True
    if is_repeat and kind is not EventKind.ACCEPTED:
        notes["may_be_counted"] = True
    return move(entry, kind, changes, notes)


def _confirmed(entry: LedgerEntry, outcome: Confirmed, *, is_repeat: bool, now: datetime) -> Move:
    """Note that the platform counts the statement, or says that it is there already.

    "Already there" by another key than our own is good news only where our own request may have
    been taken; on a first try it speaks of somebody else's conversion.
    """
    if not outcome.is_by_our_key and not (is_repeat or entry.is_unsure):
        return _shifted(entry, outcome.code, now)
    changes: dict[str, Any] = {"state": State.CONFIRMED, "told": entry.value, "reason": None}
    changes["code"] = outcome.code
    was_there = bool(outcome.code) and entry.operation is Operation.COUNT
    if not was_there:  # what was there already is at this value, unless it was unsure before
        changes["is_unsure"] = False
    return move(entry, EventKind.CONFIRMED, changes, {})


def _shifted(entry: LedgerEntry, code: str, now: datetime) -> Move:
    """Move an entry's time by a second: the platform holds another conversion at the one it had."""
    statement = entry.statement
    if statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to say")
    at = statement.event_at + timedelta(seconds=1)
    changes = {"statement": structs.replace(statement, event_at=at), "code": code, "batch": None}
    if at <= now:
        return move(entry, EventKind.SHIFTED, {**changes, "state": State.PLANNED}, {})
    due = {"state": State.DEFERRED, "due_at": at}
    return move(entry, EventKind.SHIFTED, {**changes, **due}, {})
