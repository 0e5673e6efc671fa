"""New deals of a chunk that are planned together: their ledger entries, and one event about all.

A first night has hardly any others, so they are kept as columns from the decision to the row, and
are never objects: an entry with its statement, its money and its match costs more to make than to
decide on. The event says of each what `moves.planned` would have said of it alone, column by column
as well.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from convsync.model.click import ClickId, MatchBasis
from convsync.model.each import of_each
from convsync.model.event import Event, EventKind
from convsync.model.ledger import State
from convsync.model.record import MATCHED_BY, about_of, amount_text
from convsync.model.rule import ConversionRule
from convsync.model.seal import SEALED
from convsync.model.statement import Extras, Operation, OrderId

T = TypeVar("T")
MOST_TOGETHER = 500
"""How many conversions one event is about: it is read and decoded whole whenever one of them is
asked for, and a page of the log is held in memory."""

Planned = tuple[
    int,
    int,
    str,
    OrderId,
    datetime,
    datetime,
    Decimal,
    str,
    ClickId,
    Extras,
    MatchBasis,
    datetime,
    int | None,
    int | None,
]
"""A new conversion that is to be counted: a value of each of `PlannedColumns`, in their order."""


class PlannedColumns(NamedTuple):
    """New conversions, column by column. Times are aware UTC, amounts in their currency.

    All have a click whose time is known. `seconds_to_close` are whole, None where they are not
    known; `values_versions` are those of learned values, None where a value is no such.
    """

    numbers: Sequence[int]
    deal_rows: Sequence[int]
    deal_ids: Sequence[str]
    order_ids: Sequence[OrderId]
    milestones_at: Sequence[datetime]
    events_at: Sequence[datetime]
    amounts: Sequence[Decimal]
    currencies: Sequence[str]
    clicks: Sequence[ClickId]
    extras: Sequence[Extras]
    bases: Sequence[MatchBasis]
    clicked_at: Sequence[datetime]
    seconds_to_close: Sequence[int | None]
    values_versions: Sequence[int | None]

    def of_extras(self, read: Callable[[Extras], T]) -> list[T]:
        """Return what is read in the extras of each; mostly all have the very same, read once."""
        first = self.extras[0]
        if all(one is first for one in self.extras):
            return [read(first)] * len(self.extras)
        return [*map(read, self.extras)]


def joined(several: Sequence[PlannedColumns]) -> PlannedColumns:
    """Return the conversions of all of these, one behind the other."""
    if len(several) == 1:
        return several[0]
    return PlannedColumns(*[[*chain.from_iterable(one)] for one in zip(*several, strict=True)])


class PlannedTogether(Struct, frozen=True, kw_only=True):
    """Conversions that are new to the ledger, of one source and rule, in order, and their event."""

    source: str
    rule: ConversionRule
    run_id: int
    columns: PlannedColumns
    event: Event

    def __len__(self) -> int:
        return len(self.columns.numbers)


def planned_together(
    source: str, rule: ConversionRule, rows: Sequence[Planned], *, run_id: int, **notes: Any
) -> PlannedTogether:
    """Plan to count conversions of which the ledger has nothing yet, given by their numbers."""
    columns = PlannedColumns(*zip(*rows, strict=True))
    alike = {
        "rule": rule.name,
        "destination": rule.action.destination,
        "action": rule.action.action_id,
        "milestone": rule.milestone,
        "state": State.PLANNED,
        "operation": Operation.COUNT.value,
    }
    who = columns.deal_rows, columns.deal_ids, columns.order_ids
    detail = of_each(columns.numbers, who, _recorded(columns), apart=frozenset(SEALED))
    event = Event(EventKind.PLANNED, {**alike, **notes, **detail}, source)
    return PlannedTogether(source=source, rule=rule, run_id=run_id, columns=columns, event=event)


def _recorded(columns: PlannedColumns) -> Mapping[str, Sequence[Any]]:
    """Return what records say of conversions, beside what all of a rule have alike."""
    reached = [at.isoformat() for at in columns.milestones_at]
    return {
        "milestone_at": reached,
        "event_at": [
            text if at is reached_at else at.isoformat()
            for at, reached_at, text in zip(
                columns.events_at, columns.milestones_at, reached, strict=True
            )
        ],
        "value": [*map(amount_text, columns.amounts)],
        "currency": columns.currencies,
        "click": [f"{one.kind.value}:{one.value}" for one in columns.clicks],
        "about": columns.of_extras(about_of),
        "matched_by": [MATCHED_BY[basis] for basis in columns.bases],
        "clicked_at": [at.isoformat() for at in columns.clicked_at],
        "seconds_to_close": columns.seconds_to_close,
        "values_version": columns.values_versions,
    }
