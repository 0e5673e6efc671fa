"""Rows that a test of the store needs before its own: a run, deals, ledger rows, a batch."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, insert, inspect, select

from convsync.model import moves
from convsync.model.conversion import Conversion
from convsync.model.deal import Deal
from convsync.model.ledger import LedgerEntry, Move
from convsync.model.moves import Place
from convsync.model.outcome import Outcome, Reason
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, order_id_of
from convsync.store import batches, deals, dialect, ledger, portions, runs, schema
from convsync.store.batches import ReservedBatch
from convsync.store.database import Database
from convsync.store.deals import Saved
from tests.builders import ACTION, NOW, WON_AT, a_conversion, a_deal, a_new_entry, usd
from tests.builders import reserved as reserve_one

Step = Callable[[LedgerEntry], Move]
"""An arrow that an entry takes."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A database whose transactions are all one, which is undone after the test."""

    connection: Connection

    @contextmanager
    def transaction(self, _step: str) -> Iterator[Connection]:
        yield self.connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self.connection


@contextmanager
def rolled_back(database: Database) -> Iterator[Connection]:
    """Open a transaction that is undone at its end."""
    with dialect.for_writing(database.engine.connect()) as connection, connection.begin() as begun:
        yield connection
        begun.rollback()


def has_tables(database: Database) -> bool:
    """True where the migrations have been."""
    with database.reading() as connection:
        return inspect(connection).has_table("ledger")


def a_run(connection: Connection) -> int:
    """Begin a run that holds no lock."""
    return runs.begin_unlocked(connection, "test", as_of=NOW, real_now=NOW)


def save(
    database: Database | Passing, *chunk: Deal, source: str = "crm", now: datetime = NOW
) -> Saved:
    with database.transaction("save") as connection:
        return deals.save(connection, source, chunk, now=now)


def stored(database: Database | Passing, deal_id: str = "D-1") -> Deal:
    """Return the one deal of that ID."""
    with database.reading() as connection:
        (found,) = deals.named(connection, deal_id)
    return found.deal


def recheck_times(connection: Connection) -> dict[str, datetime | None]:
    """Return when each deal is due to be looked at again."""
    due = connection.execute(select(schema.deals.c.deal_id, schema.deals.c.reconcile_at))
    return dict(due.all())


def a_conversion_of(deal_id: str, **changes: Any) -> Conversion:
    return a_conversion(order_id_of("crm", deal_id, changes.get("rule", "won")), **changes)


def new_entry(connection: Connection, deal_id: str, conversion: Conversion) -> LedgerEntry:
    """Return the entry of a stored deal's conversion, before it is in the ledger."""
    return a_new_entry(
        number=ledger.next_number(connection),
        deal_row=deals.rows_of(connection, "crm", [deal_id])[0],
        deal_id=deal_id,
        rule=conversion.rule,
        order_id=conversion.statement.order_id,
        action=conversion.statement.action,
        milestone=conversion.milestone,
        milestone_at=conversion.milestone_at,
    )


def plan(connection: Connection, run_id: int, wanted: Mapping[str, Conversion]) -> None:
    """Plan conversions of deals that are stored, by deal ID."""
    for deal_id, conversion in wanted.items():
        entry = new_entry(connection, deal_id, conversion)
        ledger.write(connection, [moves.planned(entry, conversion, run_id=run_id)])


def give_up(connection: Connection, run_id: int, deal_id: str, reason: Reason) -> None:
    """Write down that nothing is sent of a stored deal."""
    entry = new_entry(connection, deal_id, a_conversion_of(deal_id))
    place = Place(action=entry.action, milestone=entry.milestone, milestone_at=entry.milestone_at)
    ledger.write(connection, [moves.not_sent(entry, place, reason, run_id=run_id)])


def moved(connection: Connection, deal_row: int, *steps: Step, rule: str = "won") -> LedgerEntry:
    """Take an entry along some arrows, and return it as the ledger then has it."""
    for step in steps:
        entry = ledger.entries_for(connection, [deal_row])[deal_row, rule]
        ledger.write(connection, [step(entry)])
    return ledger.entries_for(connection, [deal_row])[deal_row, rule]


def reserve_step(batch: int = 1) -> Step:
    return lambda entry: reserve_one(entry, batch)


def settle_step(outcome: Outcome, *, is_repeat: bool = False) -> Step:
    return lambda entry: moves.settled(entry, outcome, is_repeat=is_repeat, now=NOW)


def taken_back_step() -> Step:
    """Plan to take a counted conversion back."""

    def step(entry: LedgerEntry) -> Move:
        assert entry.statement is not None
        nothing = entry.statement.corrected(Operation.RETRACT, usd(0))
        return moves.corrected(entry, nothing, reason=Reason.DEAL_LOST, run_id=1)

    return step


def reserve(
    connection: Connection,
    *,
    action: ConversionAction = ACTION,
    limit: int = 100,
    now: datetime = NOW,
    only: portions.Portion = None,
) -> ReservedBatch | None:
    """Reserve what is ready of an action, as the outbox does."""
    ready = batches.ready(connection, action, limit=limit, now=now, only=only)
    if not ready:
        return None
    number = batches.open_batch(connection, action, run_id=1, rows=len(ready), now=now)
    ledger.write_together(connection, moves.reserved_together(ready.numbers, number, action))
    return ReservedBatch(number=number, action=action, rows=ready, left_at=now)


def reserved(database: Database, *deal_ids: str) -> ReservedBatch:
    """Store deals that were won, plan their conversions, and reserve them as one batch."""
    save(database, *map(a_deal, deal_ids))
    with database.transaction("reserve") as connection:
        plan(connection, a_run(connection), {each: a_conversion_of(each) for each in deal_ids})
        batch = reserve(connection)
    assert batch is not None
    return batch


def ledger_rows(database: Database) -> dict[str, RowMapping]:
    """Return every ledger row by deal ID."""
    with database.reading() as connection:
        found = connection.execute(schema.ledger.join(schema.deals).select())
        return {row["deal_id"]: row for row in found.mappings()}


def put(connection: Connection, table: Table, **columns: Any) -> None:
    """Insert one row as it is."""
    connection.execute(insert(table).values(columns))


def put_batch(connection: Connection, run_id: int) -> int:
    """Insert a batch that is being sent; return its number."""
    page = {"destination": ACTION.destination, "action_id": ACTION.action_id}
    state = {"state": "sending", "rows": 1, "reserved_at": NOW}
    row = insert(schema.batches).values(run_id=run_id, **page, **state)
    return int(connection.execute(row.returning(schema.batches.c.id)).scalar_one())


def a_ledger_row(**columns: Any) -> dict[str, Any]:
    """Return a row that keeps every promise: it was told and confirmed."""
    state = columns.get("state", "confirmed")
    return {
        "queue": schema.QUEUES.get(state),
        "deal": 1,
        "rule": "won",
        "order_id": "cs-1",
        "destination": "data-manager",
        "action_id": "123",
        "milestone": "won",
        "milestone_at": WON_AT,
        "state": "confirmed",
        "operation": "count",
        "value": 100,
        "currency": "USD",
        "told_value": 100,
        "told_currency": "USD",
        "event_at": WON_AT,
        "basis": 1,
        "run_id": 1,
        **columns,
    }


def unprotect_log(connection: Connection) -> None:
    """Drop the triggers that keep the audit log, as whoever forges it would."""
    names = {
        "sqlite": ("no_update", "no_delete", "no_replace"),
        "postgresql": ("append_only ON audit_events", "no_delete ON audit_events"),
    }
    for name in names[connection.dialect.name]:
        connection.exec_driver_sql(f"DROP TRIGGER audit_events_{name}")
