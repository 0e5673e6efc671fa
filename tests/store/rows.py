"""Rows that a test of the store needs before its own: a run, deals, ledger rows, a batch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, insert

from convsync.model.conversion import Conversion
from convsync.model.deal import Deal
from convsync.model.ledger import State
from convsync.model.outcome import Reason
from convsync.model.statement import Batch, Operation, order_id_of
from convsync.store import batches, deals, dialect, ledger, runs, schema
from convsync.store.database import Database
from convsync.store.deals import Saved
from tests.builders import ACTION, NOW, WON_AT, a_conversion, a_deal


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


def a_conversion_of(deal_id: str, **changes: Any) -> Conversion:
    order_id = order_id_of("crm", deal_id, changes.get("rule", "won"))
    return replace(a_conversion(order_id), deal_id=deal_id, **changes)


def planned(run_id: int, conversion: Conversion, **columns: Any) -> dict[str, Any]:
    """Return the columns of a row that is to be sent, as the pipeline writes them."""
    return {
        **identity(run_id, conversion),
        **ledger.content_of(conversion),
        "state": State.PLANNED,
        "operation": conversion.operation,
        **columns,
    }


def not_sent(run_id: int, conversion: Conversion, reason: Reason) -> dict[str, Any]:
    """Return the columns of a row of which nothing is sent."""
    return {
        **identity(run_id, conversion),
        "state": State.NOT_SENT,
        "operation": Operation.COUNT,
        "reason": reason,
    }


def identity(run_id: int, conversion: Conversion) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "order_id": conversion.order_id,
        "destination": conversion.action.destination,
        "action_id": conversion.action.action_id,
        "milestone": conversion.milestone,
        "milestone_at": conversion.milestone_at,
    }


def plan(connection: Connection, run_id: int, conversions: Iterable[Conversion]) -> None:
    """Plan conversions of deals that are stored."""
    wanted = list(conversions)
    rows = {
        conversion.deal_id: deals.rows_of(connection, "crm", [conversion.deal_id])[0]
        for conversion in wanted
    }
    ledger.write(
        connection,
        [
            ledger.Change(
                rows[conversion.deal_id],
                conversion.rule,
                planned(run_id, conversion),
                is_new=True,
            )
            for conversion in wanted
        ],
    )


def reserved(database: Database, *deal_ids: str) -> Batch:
    """Store deals that were won, plan their conversions, and reserve them as one batch."""
    save(database, *map(a_deal, deal_ids))
    with database.transaction("reserve") as connection:
        run_id = a_run(connection)
        plan(connection, run_id, map(a_conversion_of, deal_ids))
        batch = batches.reserve(connection, ACTION, run_id=run_id, limit=100, now=NOW)
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


def put_batch(connection: Connection, run_id: int) -> None:
    """Insert a batch that is being sent."""
    page = {"destination": ACTION.destination, "action_id": ACTION.action_id}
    state = {"state": "sending", "rows": 1, "reserved_at": NOW}
    put(connection, schema.batches, run_id=run_id, **page, **state)


def a_ledger_row(**columns: Any) -> dict[str, Any]:
    """Return a row that keeps every promise: it was told and confirmed."""
    return {
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
