"""The database as the rest of convsync sees it: commits that are steps, and errors in our words."""

import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from convsync.errors import ConvsyncError, OperatorError, TransientError
from convsync.model.ledger import State
from convsync.model.money import Money
from convsync.store import dialect, runs
from convsync.store.database import Database
from convsync.store.schema import audit_events, deal_keys, ledger, metadata, milestones
from convsync.store.schema import deals as deals_table
from tests.builders import a_deal
from tests.store.conftest import Server, text_of
from tests.store.rows import a_conversion_of, a_run, has_tables, plan, save


def rows(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    with database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def test_every_commit_is_a_step_heard_of_just_before_and_just_after(url: str) -> None:
    heard: list[str] = []
    database = Database(url, on_step=heard.append)
    with database.transaction("one"):
        assert heard == []
    with database.preview(), database.reading():
        pass
    database.close()
    assert heard == ["one: before commit", "one: committed"]


def test_a_step_that_is_stopped_before_its_commit_was_never_made(url: str) -> None:
    class Stopped(BaseException):
        pass

    def stop(step: str) -> None:
        raise Stopped(step)

    database = Database(url, on_step=stop)
    with pytest.raises(Stopped, match="one: before commit"), database.transaction("one") as open_:
        a_run(open_)
    assert rows(database)["runs"] == 0
    database.close()


def test_a_preview_sees_what_it_writes_and_leaves_nothing(database: Database) -> None:
    save(database, a_deal("D-0"))
    before = rows(database)
    with database.preview() as connection:
        run_id = a_run(connection)
        plan(connection, run_id, {"D-0": a_conversion_of("D-0")})
        assert connection.execute(select(ledger.c.state)).scalar() == "planned"
    assert rows(database) == before


def test_a_preview_that_fails_leaves_nothing_either(database: Database) -> None:
    def fail(connection: Connection) -> None:
        a_run(connection)
        raise ConvsyncError("stopped")

    with pytest.raises(ConvsyncError, match="stopped"), database.preview() as connection:
        fail(connection)
    assert rows(database)["runs"] == 0


@pytest.mark.long
def test_nobody_who_writes_waits_for_a_preview_nor_changes_what_it_sees(
    database: Database, another: Database
) -> None:
    save(database, a_deal("D-0"))
    for name in ("D-1", "D-2"):  # a second one in one process, whose statements are prepared
        with database.preview() as connection:
            known = connection.execute(select(func.count()).select_from(deals_table)).scalar_one()
            save(another, a_deal(name))
            plan(connection, a_run(connection), {"D-0": a_conversion_of("D-0")})
            seen = connection.execute(select(func.count()).select_from(deals_table)).scalar_one()
            assert seen == known
    assert (rows(database)["deals"], rows(database)["ledger"]) == (3, 0)


def test_what_is_written_while_reading_does_not_stay(database: Database) -> None:
    def write(connection: Connection) -> None:
        a_run(connection)
        raise ConvsyncError("written")

    with pytest.raises(ConvsyncError), database.reading() as connection:
        write(connection)
    assert rows(database)["runs"] == 0


def test_a_reader_sees_one_state_throughout_whatever_is_committed_meanwhile(
    database: Database, another: Database
) -> None:
    with database.reading() as connection:
        assert runs.count(connection) == 0
        with another.transaction("meanwhile") as writing:
            a_run(writing)
        assert runs.count(connection) == 0
    assert rows(database)["runs"] == 1


def test_a_reader_is_not_kept_waiting_by_a_writer(database: Database, another: Database) -> None:
    with another.transaction("writing") as writing:
        a_run(writing)
        assert rows(database)["runs"] == 0


def test_writers_queue_so_that_what_one_has_counted_still_holds(
    database: Database, another: Database
) -> None:
    has_counted = Event()

    def count_and_write() -> None:
        with database.transaction("first") as connection:
            assert runs.count(connection) == 0
            has_counted.set()
            assert runs.count(connection) == 0
            a_run(connection)

    def write() -> int:
        has_counted.wait()
        with another.transaction("second") as connection:
            a_run(connection)
            return runs.count(connection)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(count_and_write), threads.submit(write)
        first.result()
        assert second.result() == 2


def test_a_writer_that_waits_too_long_is_told_to_try_again(
    database: Database, another: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT_S", 0.05)

    def write() -> None:
        with another.transaction("waiting") as connection:
            a_run(connection)

    with database.transaction("holding") as connection:
        a_run(connection)
        with pytest.raises(TransientError, match=r"is busy or gone: .* Try again later"):
            write()


# Errors


def test_a_new_file_that_another_process_still_writes_to_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as other,
        closing(Database(f"sqlite:///{file}")) as database,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE made_first (id INTEGER)")
        opened = threads.submit(has_tables, database)
        with pytest.raises(TimeoutError):
            opened.result(timeout=0.2)
        other.execute("COMMIT")
        assert not opened.result(timeout=30), "the other made one table alone"


def test_a_database_without_tables_says_what_makes_them(empty: Database) -> None:
    with pytest.raises(OperatorError, match="`convsync db upgrade` creates the tables"):
        rows(empty)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("ledger.db", "not a database URL", id="no URL"),
        pytest.param("mysql://x/y", "mysql", id="another database"),
        pytest.param("postgres://x/y", "postgres", id="another spelling"),
        pytest.param("postgresql+psycopg2://x/y", "psycopg2", id="another driver"),
        pytest.param("", "not a database URL", id="nothing"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, problem: str) -> None:
    with pytest.raises(OperatorError, match=problem):
        Database(url)


def test_a_driver_that_is_not_installed_says_what_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(OperatorError, match=r"postgresql is not installed\. Run pip install"):
        has_tables(Database("postgresql://x/y"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"there is no folder .*/nowhere; create it"):
        has_tables(Database(f"sqlite:///{tmp_path}/nowhere/ledger.db"))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("deal,amount\n" * 99)
    with pytest.raises(OperatorError, match="not a database"):
        has_tables(Database(f"sqlite:///{tmp_path}/ledger.db"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"database": "nowhere"}, OperatorError, id="no such database"),
        pytest.param({"username": "nobody"}, OperatorError, id="no such user"),
        pytest.param({"query": {"host": "/nowhere"}}, TransientError, id="no server there"),
        pytest.param(
            {"query": {"host": "127.0.0.1", "port": "1", "password": "secret"}},
            TransientError,
            id="nobody listens",
        ),
    ],
)
def test_a_server_that_cannot_be_used_is_told_from_one_that_is_away(
    server: Server, changes: dict[str, Any], error: type[ConvsyncError]
) -> None:
    database = Database(text_of(server.url.set(**changes)))
    with pytest.raises(ConvsyncError) as caught:
        has_tables(database)
    assert type(caught.value) is error, caught.value
    assert "secret" not in str(caught.value)


def test_a_server_that_goes_away_is_tried_again_later(server: Server) -> None:
    def hang_up(connection: Connection) -> None:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    database = Database(text_of(server.url))
    with pytest.raises(TransientError, match="busy or gone"), database.reading() as connection:
        hang_up(connection)
    assert not has_tables(database)
    database.close()


def test_a_password_is_never_named() -> None:
    database = Database("postgresql://u:secret@db.example/ledger?password=secret")
    assert database.name == "postgresql://u:***@db.example/ledger"


# Rows by position

AT = datetime(2026, 3, 2, 15, 4, 5, 123457, tzinfo=UTC)


def inserted(database: Database, table: Any, **columns: Sequence[Any]) -> list[Any]:
    """Insert columns by position; return them as they are read."""
    with database.transaction("insert") as connection:
        save_what_they_rest_on(connection)
        given = list(zip(*columns.values(), strict=True))
        dialect.insert_rows(connection, table, tuple(columns), given)
        dialect.insert_rows(connection, table, tuple(columns), [])
        found = select(*(table.c[name] for name in columns))
        return sorted(map(tuple, connection.execute(found)), key=repr)


def save_what_they_rest_on(connection: Connection) -> None:
    a_run(connection)
    deal = {"source": "crm", "digest": b"", "ad_user_data": "x", "ad_personalization": "x"}
    for row in (101, 102):
        connection.execute(deals_table.insert().values(id=row, deal_id=str(row), **deal))


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        pytest.param(
            milestones,
            {
                "deal": [101, 102],
                "name": ["won", "größer 🙂 %s ? :x"],
                "reached_at": [AT, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
                "is_whole_day": [True, False],
                "withdrawn_at": [None, datetime(1, 1, 1, tzinfo=UTC)],
            },
            id="instants, booleans, words and nothing",
        ),
        pytest.param(
            deal_keys, {"deal": [101, 102], "key": [bytes(16), b"\xff\0'\\%s?" * 2]}, id="bytes"
        ),
        pytest.param(
            ledger,
            {
                "deal": [101, 102],
                "rule": ["won", "won"],
                "order_id": ["cs-1", "cs-2"],
                "destination": ["d", "d"],
                "action_id": ["1", "1"],
                "milestone": ["won", "won"],
                "milestone_at": [AT, AT],
                "state": [State.REJECTED, State.CONFIRMED],
                "operation": ["count", "count"],
                "value": [None, Decimal("12.345678")],
                "told_value": [None, Decimal("-0.01")],
                "event_at": [None, AT],
                "is_click_estimated": [None, True],
                "seconds_to_close": [None, 2**40],
                "run_id": [1, 1],
            },
            id="money, states and large numbers",
        ),
        pytest.param(
            audit_events,
            {
                "number": [2**40, 1],
                "at": [AT, AT + timedelta(microseconds=1)],
                "run_id": [1, 1],
                "event": ["x", "y"],
                "detail": ['{"a":"%"}', ""],
                "digest": [bytes(32), b"\xff" * 32],
            },
            id="an event",
        ),
    ],
)
def test_every_type_of_column_is_converted(
    database: Database, table: Any, columns: dict[str, list[Any]]
) -> None:
    given = sorted(zip(*columns.values(), strict=True), key=repr)
    found = inserted(database, table, **columns)
    assert sorted(found, key=lambda row: repr(row[:2])) == sorted(
        given, key=lambda row: repr(row[:2])
    )


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("100", "100.00"),
        ("0.1", "0.10"),
        ("0.000001", "0.000001"),
        ("-2.5", "-2.50"),
        ("0", "0.00"),
    ],
)
def test_money_is_read_with_the_places_it_needs_and_at_least_two(
    database: Database, given: str, read: str
) -> None:
    save(database, a_deal())
    with database.transaction("plan") as connection:
        value = Money(amount=Decimal(given), currency="USD")
        plan(connection, a_run(connection), {"D-1": a_conversion_of("D-1", value=value)})
        assert str(connection.execute(select(ledger.c.value)).scalar_one()) == read
