"""The ledger's words: what the platform may have received about a conversion, and what comes next.

A `LedgerEntry` is one milestone of one deal under one rule. It moves only by the functions of
`model.moves`: each takes a decision or an outcome and returns a `Move`, the entry before, the entry
after, and the event that says so, and none can take an arrow that `ARROWS` does not have. The store
writes moves and nothing else, so no entry changes without its event.

A correction goes the same way as the first report; `told` keeps what the platform is known to
count meanwhile. Where an answer was lost and the repeat of its request was not taken, the platform
may count something else: such an entry is unsure until the platform has confirmed what it counts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from convsync.model.conversion import Conversion
from convsync.model.event import Event, EventKind
from convsync.model.money import Money
from convsync.model.outcome import (
    Matched,
    Reason,
)
from convsync.model.record import (
    TOLD_AS_STATED,
    Scalar,
    as_text,
    record_fields,
    recorded_parts,
    spans_in,
)
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, OrderId, Statement


class State(StrEnum):
    """How far a conversion has come."""

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
"""States in which a conversion's content may not change: a request is open."""

ANSWERED = frozenset({State.DEFERRED, State.BLOCKED, State.UNMATCHED, State.REJECTED})
"""States in which the platform has answered the latest statement, and has not counted it."""

_UNCOUNTED = frozenset({None, State.PLANNED, State.HELD, State.NOT_SENT}) | ANSWERED
_AT_REST = ANSWERED | {State.PLANNED, State.CONFIRMED}
_NOT_IN_FLIGHT = frozenset(State) - IN_FLIGHT

ARROWS: Mapping[EventKind, tuple[frozenset[State | None], frozenset[State]]] = {
    EventKind.PLANNED: (_UNCOUNTED | {State.CONFIRMED}, frozenset({State.PLANNED})),
    EventKind.RESTATED: (_UNCOUNTED | {State.CONFIRMED}, frozenset({State.PLANNED})),
    EventKind.RETRACTED: (_UNCOUNTED | {State.CONFIRMED}, frozenset({State.PLANNED})),
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
    EventKind.RETRIED: (ANSWERED | {State.PLANNED}, frozenset({State.PLANNED})),
    EventKind.UNSURE: (_NOT_IN_FLIGHT, _NOT_IN_FLIGHT),
    EventKind.MERGED_IN: (frozenset(State), frozenset(State)),
}
"""Which states each event about a conversion may come from and lead to; None: there was no entry.

A move that changes no state (`UNSURE`, `MERGED_IN`) keeps the one it found.
"""


class Side(StrEnum):
    """The three sides of the sum that every period must satisfy."""

    SENT = "sent"
    WAITING = "waiting"
    NOT_SENT = "not_sent"


class ForbiddenMoveError(AssertionError):
    """A move that the ledger's arrows do not have: a mistake in convsync, never in the data."""


class LedgerEntry(Struct, frozen=True, kw_only=True, gc=False):
    """What the ledger holds of one milestone of one deal under one rule.

    One that `is_new` is not in the ledger yet; its first move puts it there. `statement` is what
    the next request says, or the last one did; None while there has been nothing to send. `told` is
    the value the platform has confirmed, None while it has confirmed nothing; `is_unsure` where it
    may count another one, or any. `run_id` is the run that planned it last, `values_version` that
    of the learned values which its value is of. Times are aware UTC.
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
    values_version: int | None = None

    @property
    def operation(self) -> Operation:
        """Return what the next request does, or the last one did."""
        return Operation.COUNT if self.statement is None else self.statement.operation

    @property
    def value(self) -> Money | None:
        """Return the value in the next request, or in the last one."""
        return None if self.statement is None else self.statement.value

    @property
    def keeps_its_click(self) -> bool:
        """True where the platform knows of a click, or may be receiving it right now."""
        return self.told is not None or self.state in IN_FLIGHT

    @property
    def may_count_otherwise(self) -> bool:
        """True where the platform may count something else than `told`, and no request is open."""
        return self.is_unsure and self.state not in IN_FLIGHT

    @property
    def is_uncorrectable(self) -> bool:
        """True where the platform counts what is no longer right, and takes no correction of it."""
        return self.state is State.CONFIRMED and self.reason is Reason.PLATFORM_CANNOT

    def says_the_same_as(self, conversion: Conversion) -> bool:
        """True where `conversion` has nothing new to send.

        A bare date's `event_at` is an instant of our choice within the day, and one that was moved
        to keep two conversions apart is no other milestone: the milestone's own time is compared.
        """
        if self.statement is None or self.milestone_at != conversion.milestone_at:
            return False
        at = self.statement.event_at
        return self.statement == structs.replace(conversion.statement, event_at=at)


class Move(Struct, frozen=True):
    """One arrow: the entry before (None: there was none), what changed, and the event about it."""

    before: LedgerEntry | None
    after: LedgerEntry
    changes: Mapping[str, Any]
    event: Event


class MoveTogether(Struct, frozen=True, kw_only=True):
    """One arrow that many entries take alike, and the one event that names them all.

    Each changes as `changes` say; where the platform `counts` them, each one's value becomes what
    was told. The store refuses it unless every one of them is in a state it may come from. `spans`
    are the first and the last of each unbroken run of their numbers.
    """

    numbers: Sequence[int]
    spans: Sequence[tuple[int, int]]
    came_from: frozenset[State | None]
    changes: Mapping[str, Any]
    counts: bool
    event: Event


def move_together(
    numbers: Sequence[int],
    kind: EventKind,
    changes: Mapping[str, Any],
    notes: Mapping[str, Any],
    *,
    counts: bool = False,
) -> MoveTogether:
    """Return the move of many entries; raises ForbiddenMoveError where the arrows lack it."""
    came_from, leads_to = ARROWS[kind]
    if changes["state"] not in leads_to:
        raise ForbiddenMoveError(f"no {kind} to {changes['state']}")
    spans = spans_in(numbers)
    detail = {
        **record_fields(changes),
        **(TOLD_AS_STATED if counts else {}),
        **notes,
        "rows": len(numbers),
        "entries": as_text(spans),
    }
    return MoveTogether(
        numbers=numbers,
        spans=spans,
        came_from=came_from,
        changes=changes,
        counts=counts,
        event=Event(kind, detail),
    )


def move(
    entry: LedgerEntry, kind: EventKind, changes: Mapping[str, Any], notes: Mapping[str, Any]
) -> Move:
    """Return the move of an entry; `notes` explain it and change nothing.

    Raises ForbiddenMoveError where the arrows do not have it. Only `model.moves` calls this.
    """
    came_from, leads_to = ARROWS[kind]
    before = None if entry.is_new else entry.state
    state = changes.get("state", entry.state)
    if before not in came_from or state not in leads_to:
        raise ForbiddenMoveError(f"{entry.order_id}: no {kind} from {before} to {state}")
    fields: dict[str, Scalar]
    news: Mapping[str, Any]
    if entry.is_new:
        news = {**{name: getattr(entry, name) for name in _IDENTITY}, **changes}
        fields = {name: value for name, value in record_fields(news).items() if value is not None}
    else:
        news = {name: value for name, value in changes.items() if getattr(entry, name) != value}
        fields = record_fields(news)
        fields["rule"] = entry.rule
    event = Event(
        kind, {**fields, **notes}, entry.source, entry.deal_id, entry.order_id, entry.deal_row
    )
    after = structs.replace(entry, is_new=False, **news)
    return Move(None if entry.is_new else entry, after, news, event)


_IDENTITY = ("number", "rule", "action", "milestone", "milestone_at")
"""What the first event of an entry says beside what its move changes."""


def record_of(entry: LedgerEntry) -> dict[str, Scalar]:
    """Return all that events say of an entry, as a replay of them must find it."""
    fields = record_fields({name: getattr(entry, name) for name in recorded_parts()})
    return {name: value for name, value in fields.items() if value is not None}
