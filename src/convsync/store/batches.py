"""Batches: which conversions went out together, under which request, and what came back.

A batch is reserved and committed before its request leaves, and keeps its rows until it is settled;
one whose answer never came is found in state `sending` and sent again word for word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from convsync.model.conversion import Batch, Operation
from convsync.model.ledger import State
from convsync.model.outcome import Accepted, Confirmed, Deferred, Outcome, Reason, Rejected, Untried
from convsync.model.period import Period
from convsync.model.rule import ConversionAction
from convsync.store.ledger import as_conversion
from convsync.store.schema import HAS_CONTENT, IS_OPEN, batches, deals, ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An accepted batch whose verdict is to be asked for."""

    batch: Batch
    request_id: str
    answered_at: datetime


def next_action(
    connection: Connection, now: datetime, only_run: int | None = None
) -> ConversionAction | None:
    """Return the first action that has a row ready to go out, None where none has."""
    columns = (ledger.c.destination, ledger.c.action_id)
    first = next(iter(_ready(connection, columns, now, only_run, limit=1)), None)
    if first is None:
        return None
    return ConversionAction(destination=first.destination, action_id=first.action_id)


def reserve(
    connection: Connection,
    action: ConversionAction,
    *,
    run_id: int,
    limit: int,
    now: datetime,
    only_run: int | None = None,
) -> Batch | None:
    """Take the next rows of an action that are ready, mark them as being sent; None: none are."""
    ready = _ready(connection, (ledger.c.id,), now, only_run, *_for_action(action), limit=limit)
    rows = [row.id for row in ready]
    if not rows:
        return None
    number = connection.execute(
        insert(batches)
        .values(
            run_id=run_id,
            destination=action.destination,
            action_id=action.action_id,
            state="sending",
            rows=len(rows),
            reserved_at=now,
        )
        .returning(batches.c.id)
    ).scalar_one()
    taken = update(ledger).where(ledger.c.id.in_(bindparam("rows", expanding=True)))
    connection.execute(
        taken.values(state=State.SENDING, batch_id=number, due_at=None), {"rows": rows}
    )
    return load(connection, number)


def _ready(
    connection: Connection,
    columns: Sequence[ColumnElement[Any]],
    now: datetime,
    only_run: int | None,
    *conditions: ColumnElement[bool],
    limit: int,
) -> list[Row[Any]]:
    """Return the first rows that may go out: what is planned, then what was put off and is due.

    One query a state, each in the words of the partial index on what is open, and in its order: it
    then costs what it returns, however long the ledger is and however mixed its actions are.
    """
    mine = () if only_run is None else (ledger.c.run_id == only_run,)
    found: list[Row[Any]] = []
    for state, due in ((State.PLANNED, ()), (State.DEFERRED, (ledger.c.due_at <= now,))):
        if len(found) < limit:
            next_ones = (
                select(*columns)
                .where(IS_OPEN, ledger.c.state == state, *due, *mine, *conditions)
                .order_by(ledger.c.destination, ledger.c.action_id, ledger.c.id)
                .limit(limit - len(found))
            )
            found += connection.execute(next_ones).all()
    return found


def load(connection: Connection, number: int) -> Batch:
    """Return a batch with the conversions that are still in it, in the order they are sent."""
    head = connection.execute(select(batches).where(batches.c.id == number)).one()
    found = (
        select(ledger, deals.c.source, deals.c.deal_id)
        .join(deals, deals.c.id == ledger.c.deal)
        .where(ledger.c.batch_id == number, ledger.c.state.in_([State.SENDING, State.ACCEPTED]))
        .order_by(ledger.c.id)
    )
    return Batch(
        number=number,
        action=ConversionAction(destination=head.destination, action_id=head.action_id),
        conversions=[as_conversion(row) for row in connection.execute(found).mappings()],
    )


def deal_rows(connection: Connection, number: int) -> dict[str, int]:
    """Return the row of the deal behind each order ID that is still in a batch."""
    found = select(ledger.c.order_id, ledger.c.deal).where(ledger.c.batch_id == number)
    return dict(connection.execute(found).all())


def unanswered(connection: Connection, *, looked_at_by: datetime | None = None) -> list[int]:
    """Return the numbers of batches whose answer never came, oldest first.

    With `looked_at_by` only of those none of whose deals was to be looked at again by then.
    """
    found = select(batches.c.id).where(batches.c.state == "sending").order_by(batches.c.id)
    if looked_at_by is not None:
        is_in_it = (ledger.c.batch_id == batches.c.id) & (ledger.c.state == State.SENDING)
        is_due = exists().where(
            is_in_it, ledger.c.deal == deals.c.id, deals.c.reconcile_at <= looked_at_by
        )
        found = found.where(~is_due)
    return list(connection.execute(found).scalars())


def settle(
    connection: Connection,
    batch: Batch,
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    poll_at: datetime | None,
    is_repeat: bool = False,
) -> None:
    """Write down what was answered for every conversion of a batch, in order.

    `is_repeat` where an earlier request with the same rows may have been heard: until the platform
    has confirmed them, what it counts is not certain.
    """
    request_id = next((o.request_id for o in outcomes if isinstance(o, Accepted)), None)
    connection.execute(
        update(batches)
        .where(batches.c.id == batch.number)
        .values(
            state="accepted" if request_id else "settled",
            request_id=request_id,
            answered_at=now,
            poll_at=poll_at if request_id else None,
        )
    )
    if all(isinstance(outcome, Accepted) for outcome in outcomes):
        connection.execute(
            update(ledger)
            .where(ledger.c.batch_id == batch.number, ledger.c.state == State.SENDING)
            .values(state=State.ACCEPTED, code=None, **(_UNSURE if is_repeat else {}))
        )
        return
    write_outcomes(connection, batch, outcomes, is_repeat=is_repeat)


def due_for_verdict(connection: Connection, now: datetime) -> list[int]:
    """Return the numbers of accepted batches whose verdict may be asked for by `now`."""
    found = (
        select(batches.c.id)
        .where(batches.c.state == "accepted", batches.c.poll_at <= now)
        .order_by(batches.c.id)
    )
    return list(connection.execute(found).scalars())


def pending(connection: Connection, number: int) -> Pending:
    """Return an accepted batch with its request ID."""
    head = connection.execute(select(batches).where(batches.c.id == number)).one()
    batch = load(connection, number)
    return Pending(batch=batch, request_id=head.request_id, answered_at=head.answered_at)


def ask_again(connection: Connection, number: int, poll_at: datetime) -> None:
    """Put off the question for a batch's verdict."""
    connection.execute(update(batches).where(batches.c.id == number).values(poll_at=poll_at))


def close(connection: Connection, number: int) -> None:
    """Mark a batch as settled: every row of it has its answer."""
    values = {"state": "settled", "poll_at": None}
    connection.execute(update(batches).where(batches.c.id == number).values(values))


def confirm_all(connection: Connection, batch: Batch) -> None:
    """Write down that the platform counted every conversion of an accepted batch."""
    connection.execute(
        update(ledger)
        .where(ledger.c.batch_id == batch.number, ledger.c.state == State.ACCEPTED)
        .values(state=State.CONFIRMED, **_TOLD, code=None, is_unsure=False)
    )


def write_outcomes(
    connection: Connection, batch: Batch, outcomes: Sequence[Outcome], *, is_repeat: bool = False
) -> None:
    """Write down one outcome a conversion, with one statement for each kind of outcome."""
    grouped: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for conversion, outcome in zip(batch.conversions, outcomes, strict=True):
        key = {"of_order": conversion.order_id, "of_action": conversion.action.action_id}
        columns = _columns(conversion.operation, outcome)
        if is_repeat and not isinstance(outcome, Confirmed):
            columns |= _UNSURE
        grouped.setdefault((type(outcome), *columns), []).append(key | columns)
    for (kind, *_), rows in grouped.items():
        statement = update(ledger).where(_OF_ORDER)
        connection.execute(statement.values(_TOLD) if kind is Confirmed else statement, rows)


_UNSURE = {"is_unsure": True}
_TOLD = {"told_value": ledger.c.value, "told_currency": ledger.c.currency}
_OF_ORDER = and_(
    HAS_CONTENT,  # as the index on order IDs says
    ledger.c.order_id == bindparam("of_order"),
    ledger.c.action_id == bindparam("of_action"),
)


def answered_within(
    connection: Connection, period: Period
) -> dict[tuple[ConversionAction, State], int]:
    """Count conversions by action and state whose last request was answered in a period."""
    found = (
        select(batches.c.destination, batches.c.action_id, ledger.c.state, func.count())
        .join(ledger, ledger.c.batch_id == batches.c.id)
        .where(batches.c.answered_at >= period.since, batches.c.answered_at < period.until)
        .group_by(batches.c.destination, batches.c.action_id, ledger.c.state)
    )
    return {
        (ConversionAction(destination=name, action_id=action_id), State(state)): int(count)
        for name, action_id, state, count in connection.execute(found)
    }


def look_again_at_unsettled(connection: Connection, number: int, now: datetime) -> None:
    """Make the deals due whose conversion this batch did not bring home, or not for certain.

    What changed about them while they were in flight was left alone; now it may go out instead.
    """
    unsettled = select(ledger.c.deal).where(
        ledger.c.batch_id == number,
        or_(
            ledger.c.state.in_([State.REJECTED, State.DEFERRED]),
            and_(ledger.c.state == State.CONFIRMED, ledger.c.is_unsure),
        ),
    )
    is_later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    connection.execute(
        update(deals).where(deals.c.id.in_(unsettled), is_later).values(reconcile_at=now)
    )


def look_again_at_waiting(connection: Connection, number: int, now: datetime) -> None:
    """Make those deals of a batch due that wait for something: for its answer, it may be."""
    of_batch = select(ledger.c.deal).where(ledger.c.batch_id == number)
    connection.execute(
        update(deals)
        .where(deals.c.id.in_(of_batch), deals.c.reconcile_at > now)
        .values(reconcile_at=now)
    )


def _columns(operation: Operation, outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Accepted():
            return {"state": State.ACCEPTED, "code": None}
        case Confirmed(code=code) if code and operation is Operation.COUNT:
            # It was there already: at this value, unless it was not certain before.
            return {"state": State.CONFIRMED, "code": code}
        case Confirmed(code=code):
            return {"state": State.CONFIRMED, "code": code or None, "is_unsure": False}
        case Rejected(code=code):
            return {"state": State.REJECTED, "reason": Reason.PLATFORM_REFUSED, "code": code}
        case Deferred(code=code, until=until):
            return {"state": State.DEFERRED, "code": code, "due_at": until}
        case Untried():
            return {"state": State.PLANNED, "batch_id": None}


def _for_action(action: ConversionAction) -> tuple[Any, Any]:
    return ledger.c.destination == action.destination, ledger.c.action_id == action.action_id
