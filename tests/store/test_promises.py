"""What must never be in the database is refused by it, in our words."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, delete, text, update

from convsync.errors import ConvsyncError
from convsync.model.ledger import State
from convsync.store import deals, runs
from convsync.store.database import Database
from convsync.store.schema import (
    audit_events,
    audit_head,
    batches,
    clicks,
    ledger,
    metadata,
    milestones,
    quarantine,
    watermarks,
)
from convsync.store.schema import deals as deals_table
from convsync.store.schema import runs as runs_table
from tests.builders import NOW, a_deal
from tests.store.conftest import Kind, text_of
from tests.store.rows import a_ledger_row, a_run, put, rolled_back

VALUE = {"value": Decimal(100), "told_value": Decimal(100)}
NOTHING_TOLD = {"told_value": None, "told_currency": None}
NEVER_READY = {**NOTHING_TOLD, "value": None, "currency": None, "event_at": None}


def a_row(**columns: Any) -> dict[str, Any]:
    return a_ledger_row(**{**VALUE, **columns})


def a_click_row(**columns: Any) -> dict[str, Any]:
    click = {"key": bytes(16), "kind": "gclid", "value": "Cj0", "is_whole_day": False}
    return {**click, "joined_by": b"", **columns}


def a_run_row(**columns: Any) -> dict[str, Any]:
    return {"command": "run", "as_of": NOW, "started_at": NOW, "holder": "[]", **columns}


def a_batch_row(**columns: Any) -> dict[str, Any]:
    page = {"destination": "data-manager", "action_id": "123"}
    return {"run_id": 1, **page, "state": "sending", "rows": 1, "reserved_at": NOW, **columns}


def an_event(**columns: Any) -> dict[str, Any]:
    written = {"number": 1, "at": NOW, "run_id": 1, "event": "planned", "detail": "{}"}
    return {**written, "digest": bytes(32), **columns}


def prepared(connection: Connection) -> None:
    """Store one run, two deals, one click, one batch and one confirmed ledger row."""
    assert a_run(connection) == 1
    deals.save(connection, "crm", [a_deal("D-1"), a_deal("D-2")], now=NOW)
    put(connection, clicks, **a_click_row(id=1))
    put(connection, batches, **a_batch_row())
    put(connection, ledger, **a_row(batch_id=1))
    put(connection, audit_events, **an_event())
    put(connection, runs_table, **a_run_row(lock="run"))


REFUSED = [
    pytest.param(runs_table, a_run_row(lock="run"), id="a second running run"),
    pytest.param(ledger, a_row(order_id="cs-2"), id="a second row of one deal under one rule"),
    *[
        pytest.param(
            ledger,
            a_row(deal=2, state=state, reason="no_click", due_at=NOW, batch_id=1),
            id=f"a second row of one order ID for one action, {state}",
        )
        for state in State
    ],
    pytest.param(ledger, a_row(deal=2, order_id="cs-2", state="lost"), id="an unknown state"),
    pytest.param(
        ledger, a_row(deal=2, order_id="cs-2", state="not_sent"), id="not sent without a reason"
    ),
    pytest.param(
        ledger,
        a_row(deal=2, order_id="cs-2", state="held", due_at=NOW),
        id="held without a reason",
    ),
    pytest.param(
        ledger,
        a_row(deal=2, order_id="cs-2", state="held", reason="no_click"),
        id="held without a date",
    ),
    pytest.param(
        ledger,
        a_row(deal=2, order_id="cs-2", state="deferred", code="X"),
        id="deferred without a date",
    ),
    pytest.param(
        ledger, a_row(deal=2, order_id="cs-2", **NOTHING_TOLD), id="confirmed without told"
    ),
    pytest.param(
        ledger, a_row(deal=2, order_id="cs-2", state="sending"), id="sending without a batch"
    ),
    pytest.param(
        ledger, a_row(deal=2, order_id="cs-2", state="accepted"), id="accepted without a batch"
    ),
    *[
        pytest.param(
            ledger,
            a_row(deal=2, order_id="cs-2", state="planned", **{column: None}),
            id=f"planned without {column}",
        )
        for column in ("value", "event_at")
    ],
    pytest.param(
        ledger, a_row(deal=2, order_id="cs-2", queue=1), id="confirmed, and in a queue to go out"
    ),
    *[
        pytest.param(
            ledger,
            a_row(deal=2, order_id="cs-2", state="planned", queue=queue),
            id=f"planned in queue {queue}",
        )
        for queue in (None, 2)
    ],
    pytest.param(ledger, a_row(deal=9, order_id="cs-2"), id="a ledger row without a deal"),
    pytest.param(batches, a_batch_row(run_id=9), id="a batch without a run"),
    pytest.param(batches, a_batch_row(state="lost"), id="a batch in an unknown state"),
    pytest.param(batches, a_batch_row(state="accepted"), id="an accepted batch without a request"),
    pytest.param(audit_events, an_event(number=2, run_id=9), id="an event without a run"),
    pytest.param(audit_events, an_event(number=2, deal_id="D-9"), id="an event whose deal is lost"),
    pytest.param(
        audit_events, an_event(number=2, deal_id="D-9", deal=9), id="an event without its deal"
    ),
    pytest.param(audit_events, an_event(), id="an event with another's number"),
    pytest.param(audit_head, {"id": 2, "number": 1, "digest": bytes(32)}, id="a second head"),
    pytest.param(
        milestones,
        {"deal": 9, "name": "won", "reached_at": NOW, "is_whole_day": False},
        id="a milestone without a deal",
    ),
    pytest.param(
        milestones,
        {"deal": 1, "name": "won", "reached_at": NOW, "is_whole_day": False},
        id="a milestone reached twice",
    ),
    pytest.param(
        clicks,
        a_click_row(id=2),
        id="a click ID stored twice",
    ),
    pytest.param(
        watermarks,
        {"source": "crm", "read_until": NOW, "run_id": 9},
        id="a watermark without a run",
    ),
    pytest.param(
        quarantine,
        {"source": "crm", "place": "1", "problem": "x", "first_seen_at": NOW, "run_id": 9},
        id="a quarantined record without a run",
    ),
    pytest.param(
        deals_table,
        {
            "id": 9,
            "source": "crm",
            "deal_id": "D-1",
            "digest": b"",
            "ad_user_data": "granted",
            "ad_personalization": "granted",
        },
        id="a deal stored twice",
    ),
]


@pytest.fixture(scope="module")
def ready(kind: Kind) -> Iterator[Database]:
    """One database for all that is refused: what is refused leaves nothing behind."""
    url = kind.migrated()
    with closing(Database(text_of(url))) as database:
        with database.transaction("prepare") as connection:
            prepared(connection)
        yield database
    kind.drop(url)


@pytest.mark.parametrize(("table", "row"), REFUSED)
def test_the_database_refuses(ready: Database, table: Any, row: dict[str, Any]) -> None:
    with pytest.raises(ConvsyncError) as caught, ready.transaction("break") as connection:
        put(connection, table, **row)
    assert_in_our_words(caught.value)
    assert type(caught.value) is ConvsyncError


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(a_row(deal=2, order_id="cs-2", rule="won"), id="another deal"),
        pytest.param(a_row(rule="mql", order_id="cs-2"), id="another rule"),
        pytest.param(a_row(deal=2, action_id="124"), id="another action"),
        pytest.param(
            a_row(deal=2, order_id="cs-2", state="sending", batch_id=1, **NOTHING_TOLD),
            id="sending in a batch",
        ),
        pytest.param(
            a_row(deal=2, order_id="cs-2", state="not_sent", reason="no_click", **NOTHING_TOLD),
            id="not sent for a reason",
        ),
        pytest.param(
            a_row(deal=2, state="not_sent", reason="no_click", **NEVER_READY),
            id="an order ID that never was ready to be sent",
        ),
    ],
)
def test_the_database_takes_what_keeps_every_promise(ready: Database, row: dict[str, Any]) -> None:
    with rolled_back(ready) as connection:
        put(connection, ledger, **row)


def test_an_order_id_that_is_taken_cannot_get_ready_to_be_sent(ready: Database) -> None:
    with ready.transaction("hold") as connection:
        held = a_row(deal=2, state="held", reason="no_click", due_at=NOW, **NEVER_READY)
        put(connection, ledger, **held)
    planned = {"state": State.PLANNED, "value": Decimal(100), "event_at": NOW}
    with pytest.raises(ConvsyncError) as caught, ready.transaction("plan") as connection:
        connection.execute(update(ledger).where(ledger.c.deal == 2).values(planned))
    assert_in_our_words(caught.value)


def test_any_number_of_runs_may_have_ended(database: Database) -> None:
    with database.transaction("end") as connection:
        for _ in range(3):
            put(connection, runs_table, **a_run_row(lock=None))
        assert runs.count(connection) == 3


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(runs_table, id="a run with events"),
        pytest.param(deals_table, id="a deal with ledger rows"),
        pytest.param(batches, id="a batch with rows"),
    ],
)
def test_a_row_that_others_refer_to_cannot_be_deleted(ready: Database, owner: Any) -> None:
    with pytest.raises(ConvsyncError) as caught, ready.transaction("remove") as connection:
        connection.execute(delete(owner))
    assert_in_our_words(caught.value)


def test_a_refusal_undoes_the_whole_step(database: Database) -> None:
    def half(connection: Connection) -> None:
        prepared(connection)
        put(connection, ledger, **a_row())

    with pytest.raises(ConvsyncError), database.transaction("half") as connection:
        half(connection)
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            assert connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar() == 0


def assert_in_our_words(error: ConvsyncError) -> None:
    """It says what was refused; not how it was asked, with which values, or by whose classes."""
    said = str(error)
    assert "refused a row: " in said
    assert "\n" not in said
    for word in ("sqlalchemy", "psycopg", "IntegrityError", "INSERT", "DETAIL", "Cj0", "D-1"):
        assert word not in said
