"""What may go out now: all of it, or the portion that one run or one kept plan may send.

One query a state, each in the words of the partial index on what is open, and in its order: it then
costs what it returns, however long the ledger is and however mixed its actions are.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, TextClause, exists, select

from convsync.model.ledger import LedgerEntry, State
from convsync.model.rule import ConversionAction
from convsync.store.entry_row import WITH_DEAL, as_entry
from convsync.store.schema import IS_OPEN, QUEUES, kept_plans, ledger

_AT_A_TIME = 1_000


class OfKeptPlan(Struct, frozen=True):
    """Stands for the conversions that agree with the plan that is kept under a run's number."""

    run_id: int


Portion = int | OfKeptPlan | None
"""Which of what is ready may go out: what one run has planned, what agrees with a plan, or all."""


def next_action(
    connection: Connection,
    now: datetime,
    only: Portion = None,
    *,
    but: Sequence[str] = (),
) -> ConversionAction | None:
    """Return the first action that has a row ready to go out, None where none has.

    Actions of the destinations named in `but` are passed over.
    """
    for conditions in conditions_of(now, only):
        found = (
            select(ledger.c.destination, ledger.c.action_id)
            .where(*conditions)
            .order_by(ledger.c.destination, ledger.c.action_id, ledger.c.id)
            .limit(1)
        )
        if but:
            found = found.where(ledger.c.destination.not_in(but))
        if first := connection.execute(found).first():
            return ConversionAction(destination=first.destination, action_id=first.action_id)
    return None


def entries(connection: Connection, now: datetime, only: Portion = None) -> Iterator[LedgerEntry]:
    """Yield all that could go out now as entries, in the order in which it would."""
    order = (ledger.c.destination, ledger.c.action_id, ledger.c.id)
    for conditions in conditions_of(now, only):
        found = WITH_DEAL.where(*conditions).order_by(*order)
        rows = connection.execute(found, execution_options={"yield_per": _AT_A_TIME})
        yield from map(as_entry, rows.mappings())


def conditions_of(
    now: datetime, only: Portion
) -> tuple[tuple[ColumnElement[bool] | TextClause, ...], ...]:
    """Return for each state whose entries may go out now the conditions of those that may.

    In the words of the partial index on what is open.
    """
    mine = _is_of(only)
    is_due = ledger.c.due_at <= now
    return (
        (IS_OPEN, ledger.c.queue == QUEUES[State.PLANNED], *mine),
        (IS_OPEN, ledger.c.queue == QUEUES[State.DEFERRED], is_due, *mine),
    )


def _is_of(only: Portion) -> tuple[ColumnElement[bool], ...]:
    match only:
        case None:
            return ()
        case OfKeptPlan(run_id=run_id):
            agrees = (kept_plans.c.order_id == ledger.c.order_id, kept_plans.c.agrees)
            return (exists().where(kept_plans.c.run_id == run_id, *agrees),)
        case run_id:
            return (ledger.c.run_id == run_id,)
