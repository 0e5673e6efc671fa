"""The ledger's words: what the platform may have been told of a conversion, and what comes next.

A `LedgerEntry` is one milestone of one deal under one rule. It moves only by the functions below:
each takes a decision or an outcome and returns a `Move`, the entry before, the entry after, and the
event that says so, and none can take an arrow that `ARROWS` does not have. The store writes moves
and nothing else, so no entry changes without its event.

A correction takes the same road as the first report; `told` keeps what the platform is known to
count meanwhile. Where an answer was lost and the repeat of its request was not taken, the platform
may count something else: such an entry is unsure until the platform has confirmed what it counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from convsync.model.conversion import Conversion
from convsync.model.event import Event, EventKind
from convsync.model.money import Money
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    Matched,
    NotMatched,
    Outcome,
    Reason,
    Rejected,
    Untried,
)
from convsync.model.record import Scalar, parts_that_are_said, said_of, spans_of
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, OrderId, Statement


class State(StrEnum):
    """Where a conversion is on its road."""

    PLANNED = "planned"
    HELD = "held"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    UNMATCHED = "unmatched"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    NOT_SENT = "not_sent"


IN_FLIGHT = frozenset({State.SENDING, State.ACCEPTED})
"""States in which a conversion's content may not change: the platform is being told."""

ANSWERED = frozenset({State.DEFERRED, State.BLOCKED, State.UNMATCHED, State.REJECTED})
"""States in which the platform has answered the latest statement, and has not counted it."""

_UNCOUNTED = frozenset({None, State.PLANNED, State.HELD, State.NOT_SENT}) | ANSWERED
_AT_REST = ANSWERED | {State.PLANNED, State.CONFIRMED}
_NOT_IN_FLIGHT = frozenset(State) - IN_FLIGHT

ARROWS: Mapping[EventKind, tuple[frozenset[State | None], frozenset[State]]] = {
    EventKind.PLANNED: (_UNCOUNTED | {State.CONFIRMED}, frozenset({State.PLANNED})),
    EventKind.HELD: (_UNCOUNTED, frozenset({State.HELD})),
    EventKind.NOT_SENT: (_UNCOUNTED, frozenset({State.NOT_SENT})),
    EventKind.KEPT: (_AT_REST, frozenset({State.CONFIRMED})),
    EventKind.UNCORRECTABLE: (_AT_REST, frozenset({State.CONFIRMED})),
    EventKind.WITHHELD: (
        frozenset({State.SENDING, State.DEFERRED, State.BLOCKED}),
        frozenset({State.PLANNED}),
    ),
    EventKind.RESERVED: (
        frozenset({State.PLANNED, State.DEFERRED}),
        frozenset({State.SENDING}),
    ),
    EventKind.ACCEPTED: (frozenset({State.SENDING}), frozenset({State.ACCEPTED})),
    EventKind.CONFIRMED: (IN_FLIGHT, frozenset({State.CONFIRMED})),
    EventKind.REJECTED: (IN_FLIGHT, frozenset({State.REJECTED})),
    EventKind.BLOCKED: (IN_FLIGHT, frozenset({State.BLOCKED})),
    EventKind.UNMATCHED: (IN_FLIGHT, frozenset({State.UNMATCHED})),
    EventKind.DEFERRED: (IN_FLIGHT, frozenset({State.DEFERRED})),
    EventKind.UNTRIED: (IN_FLIGHT, frozenset({State.PLANNED})),
    EventKind.SHIFTED: (IN_FLIGHT, frozenset({State.PLANNED, State.DEFERRED})),
    EventKind.RELEASED: (frozenset({State.BLOCKED}), frozenset({State.PLANNED})),
    EventKind.UNSURE: (_NOT_IN_FLIGHT, _NOT_IN_FLIGHT),
}
"""Which states each event about a conversion may come from and lead to; None: there was no entry.

A move that changes no state (`UNSURE`) keeps the one it found.
"""


class Account(StrEnum):
    """The three sides of the sum that every period must satisfy."""

    SENT = "sent"
    WAITING = "waiting"
    NOT_SENT = "not sent"


class ForbiddenMoveError(AssertionError):
    """A move that the ledger's arrows do not have: a mistake in convsync, never in the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What the ledger holds of one milestone of one deal under one rule.

    One that `is_new` is not in the ledger yet; its first move puts it there. `statement` is what the
    next request says, or the last one said; None while there has been
    nothing to say. `told` is the value the platform has confirmed, None while it has confirmed
    nothing; `is_unsure` where it may count another one, or any. `run_id` is the run that planned it
    last. Times are aware UTC.
    """

    number: int
    deal_row: int
    source: str
    deal_id: str
    rule: str
    order_id: OrderId
    action: ConversionAction
    milestone: str
    milestone_at: datetime
    run_id: int = 0
    is_new: bool = False
    state: State = State.PLANNED
    statement: Statement | None = None
    matched: Matched | None = None
    time_to_close: timedelta | None = None
    told: Money | None = None
    is_unsure: bool = False
    reason: Reason | None = None
    code: str = ""
    due_at: datetime | None = None
    batch: int | None = None

    @property
    def operation(self) -> Operation:
        """Return what the next request does, or the last one did."""
        return Operation.COUNT if self.statement is None else self.statement.operation

    @property
    def value(self) -> Money | None:
        """Return the value that the next request says, or the last one said."""
        return None if self.statement is None else self.statement.value

    @property
    def keeps_its_click(self) -> bool:
        """True where the platform has been told of a click, or may be hearing of it right now."""
        return self.told is not None or self.state in IN_FLIGHT

    @property
    def may_count_otherwise(self) -> bool:
        """True where the platform may count something else than told, and is not being asked."""
        return self.is_unsure and self.state not in IN_FLIGHT

    @property
    def is_uncorrectable(self) -> bool:
        """True where the platform counts what is no longer right, and takes no correction of it."""
        return self.state is State.CONFIRMED and self.reason is Reason.PLATFORM_CANNOT

    def says_the_same_as(self, conversion: Conversion) -> bool:
        """True where sending `conversion` would tell the platform nothing new.

        A bare date's `event_at` is an instant of our choice within the day, and one that was moved
        to keep two conversions apart is no other milestone: the milestone's own time is compared.
        """
        if self.statement is None or self.milestone_at != conversion.milestone_at:
            return False
        at = self.statement.event_at
        return self.statement == replace(conversion.statement, event_at=at)


@dataclass(frozen=True, slots=True)
class Move:
    """One arrow: the entry before (None: there was none), what changed, and the event about it."""

    before: LedgerEntry | None
    after: LedgerEntry
    changes: Mapping[str, Any]
    event: Event


# What a plan does


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which milestone of a deal is meant, when it was reached, and the action it would count for.

    A rule may name another milestone or action than when the entry was planned.
    """

    action: ConversionAction
    milestone: str
    milestone_at: datetime


def planned(entry: LedgerEntry, conversion: Conversion, *, run_id: int, **notes: Any) -> Move:
    """Plan to count a conversion that the platform has confirmed nothing of."""
    return _move(
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
    return _move(entry, EventKind.PLANNED, changes, notes)


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
    return _move(entry, EventKind.HELD, {**changes, **_at(place), "run_id": run_id}, notes)


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
    return _move(entry, EventKind.NOT_SENT, {**changes, **_at(place), "run_id": run_id}, notes)


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
    return _move(entry, kind, changes, notes)


def withheld(entry: LedgerEntry, *, run_id: int) -> Move:
    """Take what was to be sent again back into the plan: it is not to be said any more.

    Where it was never answered, the platform may have heard it.
    """
    is_unsure = entry.is_unsure or entry.state is State.SENDING
    changes = {"state": State.PLANNED, "is_unsure": is_unsure, "batch": None, "due_at": None}
    notes = {"unanswered_request": "not repeated"} if entry.state is State.SENDING else {}
    return _move(entry, EventKind.WITHHELD, {**changes, "run_id": run_id}, notes)


# What the outbox does


def reserved(entry: LedgerEntry, batch: int) -> Move:
    """Take an entry into a batch that is about to leave."""
    if entry.statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to say")
    changes = {"state": State.SENDING, "batch": batch, "due_at": None}
    return _move(entry, EventKind.RESERVED, changes, {})


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
    return _move(entry, EventKind.RELEASED, changes, {"probe": True} if is_probe else {})


def marked_unsure(entry: LedgerEntry, **notes: Any) -> Move:
    """Note that the platform may have been told more than the ledger knows."""
    return _move(entry, EventKind.UNSURE, {"is_unsure": True}, notes)


def settled(
    entry: LedgerEntry, outcome: Outcome, *, is_repeat: bool = False, now: datetime
) -> Move:
    """Write down what the platform answered for an entry.

    `is_repeat` where an earlier request with the same statement may have been heard: until the
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
    return _move(entry, kind, changes, notes)


def _confirmed(entry: LedgerEntry, outcome: Confirmed, *, is_repeat: bool, now: datetime) -> Move:
    """Note that the platform counts the statement, or says that it is there already.

    "Already there" by another key than our own is good news only where our own request may have
    been heard; on a first try it speaks of somebody else's conversion.
    """
    if outcome.code and not outcome.is_by_our_key and not (is_repeat or entry.is_unsure):
        return _shifted(entry, outcome.code, now)
    changes = {"state": State.CONFIRMED, "told": entry.value, "code": outcome.code, "reason": None}
    was_there = bool(outcome.code) and entry.operation is Operation.COUNT
    if not was_there:  # what was there already is at this value, unless it was unsure before
        changes["is_unsure"] = False
    return _move(entry, EventKind.CONFIRMED, changes, {})


def _shifted(entry: LedgerEntry, code: str, now: datetime) -> Move:
    """Move an entry's time by a second: the platform holds another conversion at the one it had."""
    statement = entry.statement
    if statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to say")
    at = statement.event_at + timedelta(seconds=1)
    changes = {"statement": replace(statement, event_at=at), "code": code, "batch": None}
    if at <= now:
        return _move(entry, EventKind.SHIFTED, {**changes, "state": State.PLANNED}, {})
    due = {"state": State.DEFERRED, "due_at": at}
    return _move(entry, EventKind.SHIFTED, {**changes, **due}, {})


# How a move is made


def _move(
    entry: LedgerEntry, kind: EventKind, changes: Mapping[str, Any], notes: Mapping[str, Any]
) -> Move:
    """Return the move, or raise ForbiddenMoveError where the arrows do not have it."""
    came_from, leads_to = ARROWS[kind]
    before = None if entry.is_new else entry.state
    state = changes.get("state", entry.state)
    if before not in came_from or state not in leads_to:
        raise ForbiddenMoveError(f"{entry.order_id}: no {kind} from {before} to {state}")
    if entry.is_new:
        news = {**{name: getattr(entry, name) for name in _IDENTITY}, **changes}
        said = {name: value for name, value in said_of(news).items() if value is not None}
    else:
        news = {name: value for name, value in changes.items() if getattr(entry, name) != value}
        said = {"rule": entry.rule, **said_of(news)}
    event = Event(
        kind, {**said, **notes}, entry.source, entry.deal_id, entry.order_id, entry.deal_row
    )
    after = replace(entry, is_new=False, **news)
    return Move(None if entry.is_new else entry, after, news, event)


_IDENTITY = ("number", "rule", "action", "milestone", "milestone_at")
"""What the first event of an entry says beside what its move changes."""


def record_of(entry: LedgerEntry) -> dict[str, Scalar]:
    """Return all that events say of an entry, as a replay of them must find it."""
    said = said_of({name: getattr(entry, name) for name in parts_that_are_said()})
    return {name: value for name, value in said.items() if value is not None}
