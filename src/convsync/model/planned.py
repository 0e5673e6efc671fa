"""New deals of a chunk that are planned together: their ledger entries, and one event about all.

The event says of each entry what `moves.planned` would have said of it alone, column by column.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from convsync.model.each import of_each
from convsync.model.event import Event, EventKind
from convsync.model.ledger import ARROWS, ForbiddenMoveError, LedgerEntry, State
from convsync.model.record import MATCHED_BY, about_of, amount_text
from convsync.model.seal import SEALED
from convsync.model.statement import Statement

MOST_TOGETHER = 500
"""How many conversions one event is about: it is read and decoded whole whenever one of them is
asked for, and a page of the log is held in memory."""


class PlannedTogether(Struct, frozen=True, kw_only=True):
    """Entries that are new to the ledger, of one source and rule, in order, and their event."""

    entries: Sequence[LedgerEntry]
    event: Event


def planned_together(entries: Sequence[LedgerEntry], **notes: Any) -> PlannedTogether:
    """Plan to count conversions of which the ledger has nothing yet.

    All are of one source, one rule and one action, and given in the order of their numbers. Raises
    ForbiddenMoveError where one of them is not planned, or has nothing to send.
    """
    came_from, leads_to = ARROWS[EventKind.PLANNED]
    if None not in came_from or not {entry.state for entry in entries} <= leads_to:
        raise ForbiddenMoveError(f"no {EventKind.PLANNED} of these new entries")
    first = entries[0]
    who = (
        [entry.deal_row for entry in entries],
        [entry.deal_id for entry in entries],
        [entry.order_id for entry in entries],
    )
    numbers = [entry.number for entry in entries]
    detail = of_each(numbers, who, _columns(entries), apart=frozenset(SEALED))
    alike = {
        "rule": first.rule,
        "destination": first.action.destination,
        "action": first.action.action_id,
        "milestone": first.milestone,
        "state": State.PLANNED,
    }
    event = Event(EventKind.PLANNED, {**alike, **notes, **detail}, first.source)
    return PlannedTogether(entries=entries, event=event)


def _columns(entries: Sequence[LedgerEntry]) -> Mapping[str, Sequence[Any]]:
    """Return what records say of entries, beside what all of a rule have alike."""
    statements = [_stated(entry) for entry in entries]
    matches = [entry.matched for entry in entries]
    times = [entry.time_to_close for entry in entries]
    reached = [entry.milestone_at.isoformat() for entry in entries]
    return {
        "milestone_at": reached,
        "operation": [statement.operation.value for statement in statements],
        "event_at": [
            text if statement.event_at is entry.milestone_at else statement.event_at.isoformat()
            for entry, statement, text in zip(entries, statements, reached, strict=True)
        ],
        "value": [amount_text(statement.value.amount) for statement in statements],
        "currency": [statement.value.currency for statement in statements],
        "click": [_click(statement) for statement in statements],
        "about": [about_of(statement) for statement in statements],
        "matched_by": [None if one is None else MATCHED_BY[one.basis] for one in matches],
        "clicked_at": [None if one is None else _iso(one.clicked_at) for one in matches],
        "is_click_estimated": [
            None if one is None else one.is_estimated or None for one in matches
        ],
        "seconds_to_close": [None if took is None else int(took.total_seconds()) for took in times],
        "values_version": [entry.values_version for entry in entries],
    }


def _stated(entry: LedgerEntry) -> Statement:
    if entry.statement is None:
        raise ForbiddenMoveError(f"{entry.order_id} has nothing to send")
    return entry.statement


def _click(statement: Statement) -> str | None:
    click_id = statement.click_id
    return None if click_id is None else f"{click_id.kind.value}:{click_id.value}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
