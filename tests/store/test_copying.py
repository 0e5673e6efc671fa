"""A ledger that moves from one kind of database into the other, both ways."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from convsync.clock import system_clock
from convsync.errors import ConvsyncError, LockedError, OperatorError
from convsync.plan import Step
from convsync.proof.verification import verify
from convsync.sandbox.server import Sandbox
from convsync.store import audit_log, copying, migrate, postgresql_bulk, runs
from convsync.store.copying import Content
from convsync.store.database import Database
from convsync.store.schema import metadata, remembered
from tests.builders import NOW, a_deal
from tests.nights.company import Company, folder_in_memory
from tests.store.conftest import Kind, Server, text_of
from tests.store.rows import a_run, has_tables, save

SOURCE = "sqlite:///ledger.db"


@pytest.fixture
def target_url(kind: Kind, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the kind that `url` is not."""
    if kind.name == "postgresql":
        yield f"sqlite:///{tmp_path}/copy.db"
        return
    server: Server = request.getfixturevalue("server")
    empty = server.create()
    yield text_of(empty)
    server.drop(empty)


@pytest.fixture
def target(target_url: str) -> Iterator[Database]:
    with closing(Database(target_url)) as database:
        yield database


@pytest.fixture
def company(sandbox: Sandbox, url: str, target_url: str) -> Iterator[Company]:
    """A company whose ledger is at `url`, and may move to `target_url`, which is there as long."""
    assert target_url != url
    with folder_in_memory() as folder:
        company = Company(folder=folder, sandbox=sandbox)
        company.configure((SOURCE, url))
        yield company
        company.close()


def accept(_connection: Connection) -> None:
    pass


def copied(source: Database, target: Database, check: Any = accept) -> dict[str, Content]:
    """Copy a ledger; return what was said of each table."""
    said: dict[str, Content] = {}
    copying.copy(source, target, check=check, on_table=said.__setitem__, now=system_clock())
    return said


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.mark.long
def test_a_ledger_moves_to_the_other_database_and_the_next_night_goes_on_there(
    company: Company, target: Database, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_bulk, "FEW_PAGES", 0)  # statistics as of a large ledger
    for name in ("stays", "grows"):
        click = {"gclid": f"G-{name}", "clicked": "2026-02-20T10:00Z"}
        company.has(name, mql="2026-02-21T15:00Z", won="2026-03-02T15:00Z", amount=100, **click)
    company.has("no click", won="2026-03-02T15:00Z", amount=100)
    company.night("2026-03-03T02:00Z")
    said = copied(company.database, target)
    assert contents(target) == contents(company.database)
    assert {name: content.rows for name, content in said.items()} == {
        name: len(rows) for name, rows in contents(target).items()
    }
    with company.database.reading() as old, target.reading() as new:
        assert audit_log.last(new) == audit_log.last(old)
    assert verify(target).is_sound
    company.close()
    company.configure((SOURCE, target_url))
    company.has("grows", amount=150)
    company.has("new", won="2026-03-03T15:00Z", amount=70, gclid="G-new", clicked="2026-03-01")
    requests = len(company.sandbox.books.requests) if company.sandbox else 0
    report = company.night("2026-03-04T02:00Z")
    assert (report.plan.steps[Step.NEW], report.plan.steps[Step.RESTATE]) == (1, 1)
    assert [company.value(name) for name in ("stays", "grows", "new")] == [100, 150, 70]
    assert company.sandbox is not None
    assert len(company.sandbox.books.requests) > requests


def test_a_database_that_is_not_empty_is_left_as_it_is(
    database: Database, target: Database
) -> None:
    migrate.upgrade(target)
    save(target, a_deal("theirs"))
    save(database, a_deal("ours"))
    before = contents(target)
    with pytest.raises(OperatorError, match="is not empty: its table deal_sums has rows"):
        copied(database, target)
    assert contents(target) == before


@pytest.mark.long
def test_tables_without_rows_are_filled(database: Database, target: Database) -> None:
    migrate.upgrade(target)
    save(database, a_deal("ours"))
    copied(database, target)
    assert contents(target) == contents(database)


def test_a_ledger_is_not_copied_while_a_run_is_going_on_in_it(
    database: Database, target: Database
) -> None:
    with database.transaction("begin") as connection:
        holder = runs.this_process()
        runs.open_run(connection, "run", as_of=NOW, real_now=system_clock(), holder=holder)
    with pytest.raises(LockedError, match="holds the lock"):
        copied(database, target)
    assert not has_tables(target)


def test_a_copy_that_fails_its_check_is_removed(database: Database, target: Database) -> None:
    def refuse(connection: Connection) -> None:
        assert connection.execute(select(remembered)).first() is None
        raise ConvsyncError("the log does not hold")

    save(database, a_deal())
    with pytest.raises(ConvsyncError, match="the log does not hold"):
        copied(database, target, refuse)
    assert not has_tables(target)


_MEDDLING = {
    "sqlite": """CREATE TRIGGER meddle AFTER INSERT ON runs
        BEGIN UPDATE runs SET message = 'other' WHERE id = NEW.id; END""",
    "postgresql": """CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.message = 'other'; RETURN NEW; END $$;
        CREATE TRIGGER meddle BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION meddle()""",
}


@pytest.mark.long
def test_a_row_that_comes_out_otherwise_is_noticed_and_nothing_stays(
    database: Database, target: Database
) -> None:
    migrate.upgrade(target)
    with target.transaction("meddle") as connection:
        connection.exec_driver_sql(_MEDDLING[connection.dialect.name])
    with database.transaction("run") as connection:
        a_run(connection)
    with pytest.raises(ConvsyncError, match="Table runs came out as 1 rows with digest"):
        copied(database, target)
    assert contents(target)["runs"] == []


def test_rows_are_numbered_on_where_the_copied_ones_end(
    database: Database, target: Database
) -> None:
    with database.transaction("run") as connection:
        first = [a_run(connection) for _ in range(3)]
    copied(database, target)
    with target.transaction("run") as connection:
        assert a_run(connection) == first[-1] + 1
