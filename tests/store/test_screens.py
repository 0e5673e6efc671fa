"""How much the first screens of the page ask of the ledger, and that none reads the whole of it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, Engine, event, update

from convsync import audit
from convsync.cli import serve
from convsync.model.event import Event, EventKind
from convsync.model.outcome import Accepted, Blocked
from convsync.model.user import Role, User
from convsync.settings import load_settings
from convsync.store import audit_log, ledger, runs, users
from convsync.store.database import Database
from convsync.store.schema import GROWS, deal_sums, ledger_sums, metadata
from convsync.web import passwords
from tests.builders import NOW, a_deal
from tests.collect.serving import listening
from tests.store.conftest import Kind
from tests.store.rows import (
    a_conversion_of,
    a_run,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

EXAMPLE = Path(__file__).parents[2] / "config" / "sandbox.toml"
PASSWORD = "a long enough password"
MOST = {
    "/": 36,
    "/conversions": 6,
    "/errors": 16,
    "/funnel": 6,
    "/set-up": 11,
    "/deals/D-1": 36,
    "/conversions?find=D-1": 8,
}
"""How many statements each may issue, once it was shown before."""
GROWING = {table.name for table in metadata.sorted_tables if table.info.get(GROWS)} - {"kept_plans"}
"""What history makes longer. A plan is kept until somebody has looked at it."""
SMALL = {"audit_blocks"}
"""A row for thousands of events: the index by which the log is searched."""
PARTIAL = {
    index.name
    for table in metadata.sorted_tables
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
MANY = 1_000_000
BY_INDEX = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin")
"""What PostgreSQL rather does on tables as small as these."""
Statement = tuple[str, Any]


def a_ledger(database: Database) -> None:
    """A deal that was confirmed, one that is blocked, and a night that came to its end.

    The kept sums say that there are many more of both: the page is then that of a long ledger.
    """
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("a night") as connection:
        run = a_run(connection)
        plan(connection, run, {each: a_conversion_of(each) for each in ("D-1", "D-2")})
        batch = put_batch(connection, run)
        for row, outcome in ((1, Accepted(request_id="r")), (2, Blocked(code="NOT_ALLOWED"))):
            for step in (reserve_step(batch), settle_step(outcome)):
                entry = ledger.entries_for(connection, [row])[row, "won"]
                audit.write(connection, [step(entry)], run_id=run, at=NOW)
        finished = Event(EventKind.RUN_FINISHED, {"is_at_its_end": True})
        audit.record(connection, [finished], run_id=run, at=NOW)
        head = audit_log.head(connection)
        runs.finish(
            connection,
            run,
            real_now=NOW,
            exit_code=0,
            message="",
            uploads=1,
            summary={},
            audit_number=head.number,
            audit_digest=head.digest,
        )
        for table, more in ((ledger_sums, MANY), (deal_sums, 2 * MANY)):
            is_kept = table.c.rows > 0
            connection.execute(update(table).where(is_kept).values(rows=table.c.rows + more))
        reader = User(name="vera", role=Role.VIEWER)
        users.add(connection, reader, passwords.hash_of(PASSWORD), NOW)


@pytest.fixture(scope="module")
def page(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """Somebody who has signed in to the page, and the URL of its ledger."""
    url = kind.migrated()
    ledger_url = url.render_as_string(hide_password=False)
    with closing(Database(ledger_url)) as database:
        a_ledger(database)
    config = tmp_path_factory.mktemp("page") / "convsync.toml"
    text = EXAMPLE.read_text("utf-8").replace("sqlite:///convsync.db", ledger_url)
    config.write_text(text, encoding="utf-8")
    shown = serve.page_of(load_settings(config), config, is_tls=False, as_of=NOW, works_ahead=False)
    with listening(shown) as address, requests.Session() as session:
        form = {"name": "vera", "password": PASSWORD, "next": "/"}
        session.post(f"{address}/sign-in", form, timeout=60).raise_for_status()
        session.headers["page"] = address
        yield session, ledger_url
    kind.drop(url)


@contextmanager
def issued() -> Iterator[list[Statement]]:
    """Gather the statements that this process issues."""
    statements: list[Statement] = []

    def note(_: Any, __: Any, statement: str, given: Any, *___: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            statements.append((statement, given))

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


def asked_for(session: requests.Session, path: str) -> Sequence[Statement]:
    """Return what a screen asks that was shown before."""
    for _ in range(2):
        with issued() as statements:
            address = str(session.headers["page"])
            answer = session.get(address + path, timeout=60, allow_redirects=False)
            answer.raise_for_status()
    return statements


def read_whole(connection: Connection, statement: str, given: Any) -> list[str]:
    """Return the growing tables of which a statement reads all rows, or all of an index."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        return [*_scanned(statement, [row[3] for row in plan])]
    for setting in BY_INDEX:
        connection.exec_driver_sql(f"SET LOCAL {setting} = off")
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", given)
    return [*_unconditional(plan.scalar_one()[0]["Plan"], is_limited=False)]


def _scanned(statement: str, lines: Sequence[str]) -> Iterator[str]:
    is_limited = " LIMIT " in statement and not any("TEMP B-TREE" in line for line in lines)
    named = dict(re.findall(r"(?:FROM|JOIN) (\w+) AS (\w+)", statement))
    tables = {alias: table for table, alias in named.items()}
    for line in lines:
        if (found := re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)) is None:
            continue
        table = tables.get(found[1], found[1])
        if table in GROWING - SMALL and found[2] not in PARTIAL and not is_limited:
            yield f"{table}: {line}"


def _unconditional(node: dict[str, Any], *, is_limited: bool) -> Iterator[str]:
    table, kind = node.get("Relation Name"), node["Node Type"]
    is_by_index = "Index Cond" in node or node.get("Index Name") in PARTIAL
    if table in GROWING - SMALL and not is_by_index and not is_limited:
        yield f"{table}: {kind}"
    is_limited = kind == "Limit" or (is_limited and kind not in {"Sort", "Aggregate"})
    for below in node.get("Plans", []):
        yield from _unconditional(below, is_limited=is_limited)


@pytest.mark.parametrize("path", MOST)
def test_a_first_screen_issues_few_statements(page: tuple[Any, str], path: str) -> None:
    session, _ = page
    statements = asked_for(session, path)
    assert 0 < len(statements) <= MOST[path], "\n".join(text for text, _ in statements)


@pytest.mark.parametrize("path", MOST)
def test_a_first_screen_reads_no_part_of_history_whole(page: tuple[Any, str], path: str) -> None:
    session, url = page
    statements = asked_for(session, path)
    with closing(Database(url)) as database:
        for statement, given in statements:
            with database.reading() as connection:
                assert read_whole(connection, statement, given) == [], statement


def test_a_statement_that_reads_the_ledger_whole_is_noticed(page: tuple[Any, str]) -> None:
    _, url = page
    with closing(Database(url)) as database, database.reading() as connection:
        for table in ("ledger", "audit_events"):
            (found,) = read_whole(connection, f"SELECT count(*) FROM {table}", ())
            assert found.startswith(f"{table}: ")
