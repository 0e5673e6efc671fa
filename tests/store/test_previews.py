"""A preview over either database: what it writes, what it may not, and what it costs."""

import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, event, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from convsync.errors import OperatorError
from convsync.model.key import Key, KeyKind
from convsync.store import clicks, deals, ledger, migrate, runs
from convsync.store.database import Database
from convsync.store.schema import deal_keys, metadata
from convsync.store.schema import deals as deals_table
from tests.builders import NOW, a_deal
from tests.store.rows import a_conversion_of, a_run, plan, save


def a_key(visitor: str) -> Key:
    return Key(KeyKind.VISITOR, visitor)


def preview(database: Database, work: Callable[[Connection], None]) -> None:
    with database.preview() as connection:
        work(connection)


@pytest.mark.long
def test_the_database_refuses_what_a_preview_would_write_to_the_ledger_itself(
    database: Database,
) -> None:
    def write(connection: Connection) -> None:
        for table in metadata.sorted_tables:
            with pytest.raises(DBAPIError, match=r"readonly|read-only"), connection.begin_nested():
                _empty(connection, table.name)

    preview(database, write)
    with pytest.raises(OperatorError, match=r"readonly|read-only"):
        preview(database, lambda connection: _empty(connection, "runs"))


def _empty(connection: Connection, table: str) -> None:
    schema = "main" if connection.dialect.name == "sqlite" else "public"
    connection.execute(text(f"DELETE FROM {schema}.{table}"))


def test_a_preview_sees_what_it_changed_deleted_and_added_in_place_of_what_there_is(
    database: Database,
) -> None:
    save(database, a_deal("D-1", keys=(a_key("one"),)), a_deal("D-2", keys=(a_key("two"),)))
    names = select(deals_table.c.deal_id).order_by(deals_table.c.id)
    keyed = select(deal_keys.c.deal).order_by(deal_keys.c.deal)
    with database.preview() as connection:
        for before, after in (("D-2", "D-3"), ("D-3", "D-4")):
            is_it = deals_table.c.deal_id == before
            connection.execute(update(deals_table).where(is_it).values(deal_id=after))
        deals.save(connection, "crm", [a_deal("D-5", keys=(a_key("five"),))], now=NOW)
        assert list(connection.execute(names).scalars()) == ["D-1", "D-4", "D-5"]
        two = connection.execute(select(deal_keys).where(deal_keys.c.deal == 2)).one()
        connection.execute(delete(deal_keys).where(deal_keys.c.deal != 1))
        assert list(connection.execute(keyed).scalars()) == [1]
        connection.execute(insert(deal_keys).values(two._asdict()))
        assert list(connection.execute(keyed).scalars()) == [1, 2]
    with database.reading() as connection:
        assert list(connection.execute(names).scalars()) == ["D-1", "D-2"]
        assert list(connection.execute(keyed).scalars()) == [1, 2]


@pytest.mark.long
def test_a_preview_numbers_its_run_after_those_there_were(database: Database) -> None:
    with database.transaction("runs") as connection:
        a_run(connection)
        last = a_run(connection)
    for _ in range(2):
        with database.preview() as connection:
            assert a_run(connection) == last + 1
    with database.transaction("runs") as connection:
        assert a_run(connection) == last + 1


def test_no_room_for_what_a_preview_plans_says_where_room_is_wanted(tmp_path: Path) -> None:
    def write(connection: Connection) -> None:
        runs.remember(connection, "large", "x" * 10_000_000)

    with closing(Database(f"sqlite:///{tmp_path}/ledger.db")) as database:
        migrate.upgrade(database)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, most))
        try:
            with pytest.raises(OperatorError, match=r"no room .* SQLITE_TMPDIR"):
                preview(database, write)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def counting_steps() -> Iterator[Counter[str]]:
    """Count what SQLite's machine does, in tens of its instructions; it repeats exactly."""
    done: Counter[str] = Counter()

    def listen(connection: Any, _: object) -> None:
        connection.set_progress_handler(lambda: done.update(["tens"]), 10)

    event.listen(Engine, "connect", listen)
    try:
        yield done
    finally:
        event.remove(Engine, "connect", listen)


def one_changed_deal_among(others: int, folder: Path) -> int:
    """Return how many steps it takes to plan one changed deal over a ledger of that many."""
    with closing(Database(f"sqlite:///{folder}/{others}.db")) as database:
        migrate.upgrade(database)
        ids = [f"D-{number}" for number in range(others)]
        save(database, *(a_deal(one, keys=(a_key(one),)) for one in ids))
        with database.transaction("plan") as connection:
            plan(connection, a_run(connection), {one: a_conversion_of(one) for one in ids})
        with counting_steps() as steps, database.preview() as connection:
            changed = [a_deal("D-0", amount=7, keys=(a_key("D-0"),)), a_deal("new")]
            saved = deals.save(connection, "crm", changed, now=NOW)
            rows = [stored.row for stored in saved.changed]
            clicks.candidates(connection, rows)
            assert len(ledger.entries_for(connection, rows)) == 1
            assert ledger.next_number(connection) == others + 1
            deals.look_again(connection, {rows[0]: NOW, rows[1]: None})
            assert len(deals.due(connection, NOW, limit=10)) == 1
        return steps["tens"]


@pytest.mark.long
def test_what_a_preview_plans_costs_the_same_over_a_ledger_of_any_size(tmp_path: Path) -> None:
    few, many = (one_changed_deal_among(others, tmp_path) for others in (20, 1_000))
    assert many < few * 1.2
