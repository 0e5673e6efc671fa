"""Many rows at once: in, changed, and found again before a database knows how many there are."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, event, select, text
from sqlalchemy.exc import DataError

from convsync.errors import ConvsyncError, TransientError
from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks
from convsync.store import batches, click_index, clicks, deals, dialect, migrate, schema
from convsync.store.database import Database
from tests.builders import ACTION, NOW, WON_AT, a_deal
from tests.store.conftest import Server, text_of
from tests.store.rows import (
    Passing,
    a_conversion_of,
    a_ledger_row,
    a_run,
    plan,
    put,
    reserve,
    save,
)

CLICKS = 4_000
DEALS = 500


@pytest.fixture
def postgresql(server: Server) -> Iterator[Database]:
    """A new PostgreSQL database in which nobody gathers statistics but us."""
    url = server.create()
    with closing(Database(text_of(url))) as database:
        migrate.upgrade(database)
        with database.transaction("no autovacuum") as connection:
            for table in schema.metadata.sorted_tables:
                connection.execute(text(f"ALTER TABLE {table.name} SET (autovacuum_enabled = off)"))
        yield database
    server.drop(url)


def visitor(number: int) -> Key:
    return Key(KeyKind.VISITOR, f"v-{number}")


def import_clicks(connection: Connection, first: int = 0, last: int = CLICKS) -> None:
    sightings = [
        Sighting(
            seen_at=NOW,
            click_ids=(ClickId(ClickIdKind.GCLID, f"G-{number}"),),
            keys=(visitor(number),),
        )
        for number in range(first, last)
    ]
    clicks.save(connection, SeenClicks.of(sightings))
    click_index.fill(connection)


def save_deals(connection: Connection) -> list[int]:
    """Store deals, each of a visitor who clicked; return their rows."""
    chunk = [a_deal(f"D-{number}", keys=(visitor(number),)) for number in range(DEALS)]
    return [one.row for one in deals.save(connection, "crm", chunk, now=NOW).changed]


# What a query reads


@contextmanager
def listening(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Note each statement that is executed, with its parameters."""
    heard: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_more: Any) -> None:
        heard.append((statement, given))

    event.listen(connection, "before_cursor_execute", note)
    yield heard
    event.remove(connection, "before_cursor_execute", note)


def rows_read(connection: Connection, statement: str, given: Any) -> int:
    """Return how many rows PostgreSQL takes from tables to answer a statement."""
    explained = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {statement}", given
    ).scalar_one()
    return _rows_of(explained[0]["Plan"])


def _rows_of(node: dict[str, Any]) -> int:
    below = sum(map(_rows_of, node.get("Plans", ())))
    if "Relation Name" not in node:
        return below
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return below + int((node["Actual Rows"] + removed) * node["Actual Loops"])


@pytest.mark.long
def test_the_clicks_of_new_deals_are_found_without_reading_all_before_there_are_statistics(
    postgresql: Database,
) -> None:
    with postgresql.transaction("load") as connection:
        import_clicks(connection)
        rows = save_deals(connection)
        with listening(connection) as heard:
            found = clicks.candidates(connection, rows)
        assert len(found) == DEALS
        for _ in range(2):
            read = sum(rows_read(connection, statement, given) for statement, given in heard)
            assert read == 2 + 3 * DEALS, "the least and greatest key; key, click key, click"
            connection.execute(text("ANALYZE"))


@pytest.mark.long
def test_a_batch_is_found_without_reading_all_that_was_sent_before(postgresql: Database) -> None:
    named = {f"D-{number}": a_conversion_of(f"D-{number}") for number in range(DEALS)}
    save(postgresql, *map(a_deal, named))
    with postgresql.transaction("send most") as connection:
        plan(connection, a_run(connection), named)
        connection.execute(text("ANALYZE"))  # as of a plan of which nothing was sent yet
        assert reserve(connection, limit=DEALS - 20)
        with listening(connection) as heard:
            left = batches.ready(connection, ACTION, limit=10, now=NOW)
        assert [*left.numbers] == [*range(DEALS - 19, DEALS - 9)]
        assert sum(rows_read(connection, statement, given) for statement, given in heard) == 10


# Statistics


def statistics_of(database: Database, table: str) -> tuple[int, int]:
    """Return how many rows and how many of its columns PostgreSQL knows of a table."""
    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT reltuples FROM pg_class WHERE relname = :name"), {"name": table}
        ).scalar_one()
        columns = connection.execute(
            text("SELECT count(*) FROM pg_stats WHERE tablename = :name"), {"name": table}
        ).scalar_one()
    return int(rows), int(columns)


@pytest.mark.long
def test_a_load_leaves_statistics_of_what_it_grew_and_again_when_that_has_grown_much(
    postgresql: Database,
) -> None:
    with postgresql.transaction("a few") as connection:
        import_clicks(connection, 0, 10)
    assert statistics_of(postgresql, "clicks") == (-1, 0)
    with postgresql.transaction("many") as connection:
        import_clicks(connection, 10, 10_000)
    assert statistics_of(postgresql, "clicks") == (10_000, 2)
    assert statistics_of(postgresql, "deals") == (-1, 0)
    with postgresql.transaction("half as many again") as connection:
        import_clicks(connection, 10_000, 15_000)
    assert statistics_of(postgresql, "clicks") == (10_000, 2)
    with postgresql.transaction("eight times as many") as connection:
        import_clicks(connection, 15_000, 130_000)
    assert statistics_of(postgresql, "clicks")[0] == pytest.approx(130_000, rel=0.1)


# What is refused


def test_rows_that_break_a_promise_are_refused_without_naming_what_is_in_them(
    database: Database,
) -> None:
    def insert_twice() -> None:
        columns, row = ("deal", "name", "reached_at", "is_whole_day"), (1, "secret", NOW, False)
        with database.transaction("insert") as connection:
            deals.save(connection, "crm", [a_deal("D-1", milestones=())], now=NOW)
            dialect.insert_rows(connection, schema.milestones, columns, [row, row])

    with pytest.raises(ConvsyncError, match=r"refused a row: .* Nothing of this step") as caught:
        insert_twice()
    assert type(caught.value) is ConvsyncError
    assert "secret" not in str(caught.value)
    with database.reading() as connection:
        assert connection.execute(select(schema.deals)).first() is None


def test_a_connection_that_is_lost_during_a_load_is_tried_again_later(
    postgresql: Database, server: Server
) -> None:
    def load(connection: Connection) -> None:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        server.execute(f"SELECT pg_terminate_backend({pid})")
        import_clicks_only(connection)

    with (
        pytest.raises(TransientError, match="busy or gone"),
        postgresql.transaction("load") as connection,
    ):
        load(connection)
    with postgresql.transaction("again") as connection:
        import_clicks_only(connection)


def import_clicks_only(connection: Connection) -> None:
    columns = ("id", "key", "kind", "value", "is_whole_day", "joined_by")
    row = (1, bytes(16), "gclid", "G-1", False, b"")
    dialect.insert_rows(connection, schema.clicks, columns, [row])


# What is changed


CHANGED = {
    "value": [Decimal("12.345678"), None],
    "told_currency": ["EUR", None],
    "is_unsure": [True, False],
    "due_at": [WON_AT, None],
    "code": ['größer 🙂 %s {"a"},\\n NULL', None],
    "seconds_to_close": [2**40, None],
    "state": ["rejected", "rejected"],
}


def ledger_of_two(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("two") as connection:
        a_run(connection)
        for row in (1, 2):
            money = {"value": Decimal(100), "told_value": Decimal(100)}
            columns = a_ledger_row(id=row, deal=row, order_id=f"cs-{row}", **money)
            put(connection, schema.ledger, **columns)


def test_every_type_of_column_is_changed(database: Database) -> None:
    ledger_of_two(database)
    given = [(*row, number) for number, row in enumerate(zip(*CHANGED.values(), strict=True), 1)]
    with database.transaction("change") as connection:
        dialect.update_rows(connection, schema.ledger, tuple(CHANGED), given, key=("id",))
        dialect.update_rows(connection, schema.ledger, tuple(CHANGED), [], key=("id",))
        columns = [schema.ledger.c[name] for name in (*CHANGED, "id")]
        found = connection.execute(select(*columns).order_by(schema.ledger.c.id)).all()
    assert list(map(tuple, found)) == given


def test_text_that_is_too_long_for_its_column_is_never_cut(postgresql: Database) -> None:
    ledger_of_two(postgresql)
    change = ("currency",), [("EURO", 1)]
    with postgresql.transaction("change") as connection, pytest.raises(DataError, match="too long"):
        dialect.update_rows(connection, schema.ledger, *change, key=("id",))


def test_rows_are_found_by_all_of_their_key(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    later = NOW + timedelta(days=1)
    with database.transaction("change") as connection:
        milestones = schema.milestones
        dialect.update_rows(
            connection, milestones, ("withdrawn_at",), [(later, 2, "won")], key=("deal", "name")
        )
        found = connection.execute(
            select(milestones.c.deal).where(milestones.c.withdrawn_at == later)
        )
        assert list(found.scalars()) == [2]


@pytest.mark.parametrize("rows", [1, 39, 40, 41, 80, 99])
def test_each_of_many_rows_is_inserted_once(database: Database, rows: int) -> None:
    given = [(number, f"note {number}") for number in range(rows)]
    with database.transaction("insert") as connection:
        table = Table("noted", MetaData(), Column("number", Integer), Column("note", Text))
        table.create(connection)
        dialect.insert_rows(connection, table, ("number", "note"), given)
        found = connection.execute(select(table).order_by(table.c.number)).all()
        table.drop(connection)
    assert [tuple(row) for row in found] == given


def test_rows_that_are_streamed_are_all_there(passing: Passing) -> None:
    import_clicks(passing.connection, last=3)
    by_row = select(schema.clicks.c.id).order_by(schema.clicks.c.id)
    assert [*dialect.raw_stream(passing.connection, by_row)] == [(1,), (2,), (3,)]
