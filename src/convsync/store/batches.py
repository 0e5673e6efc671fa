"""Batches: which entries went out together, under which request, and what came back.

A batch is reserved and committed before its request leaves, and keeps its rows until it is settled;
one whose answer never came is found in state `sending` and sent again word for word.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from itertools import compress
from operator import itemgetter, not_
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from convsync.model.ledger import LedgerEntry, State
from convsync.model.period import Period
from convsync.model.rule import ConversionAction
from convsync.model.statement import Batch
from convsync.model.stored_statements import StatementColumns, StoredStatements
from convsync.store import dialect, portions, sums
from convsync.store.column_types import amount_of
from convsync.store.entry_row import STATEMENT_COLUMNS, WITH_DEAL, as_entry, as_statement
from convsync.store.portions import Portion
from convsync.store.schema import IS_OPEN, IS_SENDING, QUEUES, batches, deals, ledger
from convsync.store.sums import Alike, LedgerSum


class BatchRows:
    """What a request says of entries of the ledger, in the order of their `numbers`.

    Those `apart` have a code from an earlier answer, or the platform may count something of them
    that we are not sure of; of all others one answer makes the same.
    """

    def __init__(self, action: ConversionAction, found: Iterable[Sequence[Any]]) -> None:
        """Take rows of `_ROWS`, in any order."""
        in_order = sorted(found, key=itemgetter(0))
        columns: Sequence[Sequence[Any]] = [*zip(*in_order, strict=True)] or [()] * len(_COLUMNS)
        self._action = action
        self._columns = columns
        self.numbers, is_plain, *said = columns
        self.apart = frozenset(compress(self.numbers, map(not_, is_plain)))
        self.statements = StoredStatements(StatementColumns(*said), partial(as_statement, action))

    def __len__(self) -> int:
        return len(self.numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRows):
            return NotImplemented
        return (self._action, self._columns) == (other._action, other._columns)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def amounts(self, numbers: Set[int]) -> dict[str, Decimal]:
        """Return what the statements of these entries add up to, by currency."""
        said = self.statements.columns
        amounts = zip(said.currencies, said.values, strict=True)
        asked = compress(amounts, map(numbers.__contains__, self.numbers))
        sums: Counter[str] = Counter()
        for currency, value in asked:
            sums[currency] += value
        found = {currency: amount_of(total) for currency, total in sums.items()}
        return {currency: amount for currency, amount in found.items() if amount is not None}

    def but(self, numbers: Set[int]) -> "BatchRows":
        """Return the others."""
        rows = zip(*self._columns, strict=True)
        return BatchRows(self._action, [row for row in rows if row[0] not in numbers])


class ReservedBatch(Struct, frozen=True, kw_only=True):
    """Rows that go out in one request, or went, in the order they are sent.

    `adds_up` where this run has reserved them: what they add up to since. It `is_noted` where its
    request counts towards the quota already. `left_at` is when it left, or first left.
    """

    number: int
    action: ConversionAction
    rows: BatchRows
    left_at: datetime
    adds_up: Sequence[Alike] | None = None
    is_noted: bool = False

    @property
    def batch(self) -> Batch:
        """Return what is sent."""
        return Batch(number=self.number, action=self.action, statements=self.rows.statements)


class Pending(Struct, frozen=True, kw_only=True):
    """An accepted batch whose verdict is to be asked for, and how many rows await it."""

    number: int
    action: ConversionAction
    rows: int
    request_id: str
    answered_at: datetime


def ready(
    connection: Connection,
    action: ConversionAction,
    *,
    limit: int,
    now: datetime,
    only: Portion = None,
) -> BatchRows:
    """Return the first rows of an action that may go out: planned, then put off and due.

    One query a state, each in the words of the partial index on what is open, and in its order: it
    then costs what it returns, however long the ledger is and however mixed its actions are.

    The action is asked for as a range. PostgreSQL leaves out of an order what is equal to a
    constant; what is left, the number alone, is the primary key's order too, and it would then walk
    over all that was sent before.
    """
    found: list[tuple[Any, ...]] = []
    for one in _ready_first(action, now, only):
        if len(found) < limit:
            found += dialect.raw_rows(connection, one, most=limit - len(found))
    return BatchRows(action, found)


@lru_cache(maxsize=8)
def _ready_first(action: ConversionAction, now: datetime, only: Portion) -> list[Select[Any]]:
    """Return a query a state, made once for all batches of an action."""
    of_action = tuple_(ledger.c.destination, ledger.c.action_id)
    asked = tuple_(action.destination, action.action_id)
    return [
        _ROWS.where(*conditions)
        .where(of_action >= asked, of_action <= asked)
        .order_by(ledger.c.destination, ledger.c.action_id, ledger.c.id)
        .limit(bindparam("most"))
        for conditions in portions.conditions_of(now, only)
    ]


class Envelope(Struct, frozen=True, kw_only=True):
    """The request that a conversion went out in, and when; no ID where none was given, or yet."""

    request_id: str | None
    sent_at: datetime


def envelopes(connection: Connection, numbers: Sequence[int]) -> dict[int, Envelope]:
    """Return the requests of batches, by their numbers."""
    found = select(batches.c.id, batches.c.request_id, batches.c.reserved_at).where(
        batches.c.id.in_(numbers)
    )
    return {
        number: Envelope(request_id=request_id, sent_at=sent_at)
        for number, request_id, sent_at in connection.execute(found)
    }


def blocked(connection: Connection) -> list[tuple[ConversionAction, str, int]]:
    """Return what the account's set-up keeps out: by action and code, how many."""
    return blocked_among(sums.kept(connection))


def blocked_among(kept: Sequence[LedgerSum]) -> list[tuple[ConversionAction, str, int]]:
    """Return the same of sums that were read."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in kept:
        if one.state == State.BLOCKED:
            found[one.destination, one.action_id, one.code] += one.rows
    return [
        (ConversionAction(destination=name, action_id=action_id), code, number)
        for (name, action_id, code), number in sorted(found.items())
    ]


def blocked_entries(
    connection: Connection, action: ConversionAction, code: str, *, limit: int
) -> list[LedgerEntry]:
    """Return the first entries of an action that are blocked for a code."""
    found = (
        WITH_DEAL.where(IS_OPEN, ledger.c.queue == QUEUES[State.BLOCKED], ledger.c.code == code)
        .where(*_for_action(action))
        .order_by(ledger.c.id)
        .limit(limit)
    )
    return [as_entry(row) for row in connection.execute(found).mappings()]


def open_batch(
    connection: Connection, action: ConversionAction, *, run_id: int, rows: int, now: datetime
) -> int:
    """Begin a batch that is about to leave; return its number."""
    begun = {
        "run_id": run_id,
        "destination": action.destination,
        "action_id": action.action_id,
        "state": "sending",
        "rows": rows,
        "reserved_at": now,
    }
    return int(connection.execute(_BEGIN, begun).scalar_one())


_BEGIN = insert(batches).returning(batches.c.id)


def load(connection: Connection, number: int) -> ReservedBatch:
    """Return a batch with the rows that are still in it, in the order they are sent."""
    head = connection.execute(select(batches).where(batches.c.id == number)).one()
    action = ConversionAction(destination=head.destination, action_id=head.action_id)
    rows = rows_of(connection, number, action)
    return ReservedBatch(number=number, action=action, rows=rows, left_at=head.reserved_at)


def rows_of(connection: Connection, number: int, action: ConversionAction) -> BatchRows:
    """Return the rows that are still in a batch, in the order they are sent."""
    return BatchRows(action, dialect.raw_rows(connection, _ROWS.where(*_is_in(number))))


def numbers_of(connection: Connection, number: int) -> tuple[Sequence[int], Set[int]]:
    """Return the numbers of the entries still in a batch, in order, and of those that are apart."""
    found = select(ledger.c.id, _IS_PLAIN).where(*_is_in(number)).order_by(ledger.c.id)
    rows = dialect.raw_rows(connection, found)
    return [row for row, _ in rows], {row for row, is_plain in rows if not is_plain}


def _is_in(number: int) -> tuple[ColumnElement[bool], ...]:
    is_in_flight = ledger.c.state.in_([State.SENDING, State.ACCEPTED])
    return ledger.c.batch_id == number, is_in_flight


_IS_PLAIN = and_(ledger.c.code.is_(None), ~ledger.c.is_unsure)
_COLUMNS = (ledger.c.id, _IS_PLAIN.label("is_plain"), *STATEMENT_COLUMNS)
_ROWS = select(*_COLUMNS)


def of_run(connection: Connection, run_id: int) -> list[RowMapping]:
    """Return the batches that a run sent, in their order."""
    found = select(batches).where(batches.c.run_id == run_id).order_by(batches.c.id)
    return list(connection.execute(found).mappings())


def unanswered(connection: Connection, *, looked_at_by: datetime | None = None) -> list[int]:
    """Return the numbers of batches whose answer never came, oldest first.

    With `looked_at_by`, only batches none of whose deals was due to be looked at by then.
    """
    found = select(batches.c.id).where(IS_SENDING).order_by(batches.c.id)
    if looked_at_by is not None:
        is_in_it = (ledger.c.batch_id == batches.c.id) & (ledger.c.state == State.SENDING)
        is_due = exists().where(
            is_in_it, ledger.c.deal == deals.c.id, deals.c.reconcile_at <= looked_at_by
        )
        found = found.where(~is_due)
    return list(connection.execute(found).scalars())


def destinations_unsure(connection: Connection) -> list[str]:
    """Return the destinations for which something waits that they may count already."""
    found = select(ledger.c.destination).where(IS_OPEN, ledger.c.is_unsure).distinct()
    return sorted(connection.execute(found).scalars())


def waiting_unsure(connection: Connection, destination: str) -> list[LedgerEntry]:
    """Return what waits to be sent to a destination that may count it already."""
    found = WITH_DEAL.where(IS_OPEN, ledger.c.is_unsure, ledger.c.destination == destination)
    return [as_entry(row) for row in connection.execute(found.order_by(ledger.c.id)).mappings()]


def answer(
    connection: Connection,
    number: int,
    *,
    request_id: str | None,
    now: datetime,
    poll_at: datetime | None,
) -> None:
    """Note that a batch was answered: its verdict follows under `request_id`, or it is settled."""
    answered = {
        "one": number,
        "to": "accepted" if request_id else "settled",
        "request": request_id,
        "at": now,
        "poll": poll_at if request_id else None,
    }
    connection.execute(_ANSWER, answered)


_ANSWER = (
    update(batches)
    .where(batches.c.id == bindparam("one"))
    .values(
        state=bindparam("to"),
        request_id=bindparam("request"),
        answered_at=bindparam("at"),
        poll_at=bindparam("poll"),
    )
)


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
    left = select(func.count()).select_from(ledger).where(*_is_in(number))
    return Pending(
        number=number,
        action=ConversionAction(destination=head.destination, action_id=head.action_id),
        rows=connection.execute(left).scalar_one(),
        request_id=head.request_id,
        answered_at=head.answered_at,
    )


def ask_again(connection: Connection, number: int, poll_at: datetime) -> None:
    """Put off the question for a batch's verdict."""
    connection.execute(update(batches).where(batches.c.id == number).values(poll_at=poll_at))


def close(connection: Connection, number: int) -> None:
    """Mark a batch as settled: every row of it has its answer."""
    values = {"state": "settled", "poll_at": None}
    connection.execute(update(batches).where(batches.c.id == number).values(values))


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


def recheck_unsettled_deals(connection: Connection, number: int, now: datetime) -> None:
    """Make the deals due whose conversion this batch did not bring home, or not for certain.

    What changed about them while they were in flight was left alone; now it may go out instead.
    """
    unsettled = select(ledger.c.deal).where(
        ledger.c.batch_id == number,
        or_(
            ledger.c.state.in_([State.REJECTED, State.DEFERRED, State.BLOCKED, State.UNMATCHED]),
            and_(ledger.c.state == State.CONFIRMED, ledger.c.is_unsure),
        ),
    )
    is_later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    connection.execute(
        update(deals).where(deals.c.id.in_(unsettled), is_later).values(reconcile_at=now)
    )


def recheck_waiting_deals(connection: Connection, number: int, now: datetime) -> None:
    """Make those deals of a batch due that wait for something: for its answer, it may be."""
    of_batch = select(ledger.c.deal).where(ledger.c.batch_id == number)
    connection.execute(
        update(deals)
        .where(deals.c.id.in_(of_batch), deals.c.reconcile_at > now)
        .values(reconcile_at=now)
    )


def _for_action(action: ConversionAction) -> tuple[Any, Any]:
    return ledger.c.destination == action.destination, ledger.c.action_id == action.action_id
