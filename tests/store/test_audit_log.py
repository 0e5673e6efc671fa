"""The audit log: appended to by many, changed by nobody without `verify` saying where."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from convsync import audit
from convsync.errors import ConvsyncError, OperatorError
from convsync.model.chain import GENESIS, Head
from convsync.model.event import Event, EventKind
from convsync.proof.verification import Break, verify
from convsync.store import audit_log, audit_search, runs
from convsync.store.audit_log import AuditRow
from convsync.store.audit_search import Wanted
from convsync.store.database import Database
from convsync.store.pages import PAGE
from convsync.store.schema import audit_blocks, audit_events, audit_head
from convsync.store.schema import runs as runs_table
from tests.builders import NOW, ORDER_ID, a_deal
from tests.store.conftest import Kind
from tests.store.rows import a_run, save, unprotect_log

TO_THE_MICROSECOND = datetime(2026, 3, 3, 1, 2, 3, 456789, tzinfo=UTC)
EVENT = Event(
    EventKind.CONFIRMED,
    {"code": "größer 🙂", "value": "10.50", "rows": 3, "none": None, "\0": '"\\'},
    "crm",
    "D-1",
    ORDER_ID,
    1,
)


def write(database: Database, *events: Event, run_id: int = 1, at: datetime = NOW) -> None:
    with database.transaction("write") as connection:
        audit.record(connection, events, run_id=run_id, at=at)


def written(database: Database, *, newest: int | None = None, **asked: Any) -> list[AuditRow]:
    wanted = Wanted(**asked)
    with database.reading() as connection:
        if newest is not None:
            return audit_search.newest(connection, wanted, newest)
        return list(audit_search.every(connection, wanted))


def verified(database: Database) -> int:
    """Return how many events were verified, after checking that the chain holds."""
    found = verify(database)
    assert found.broken is None
    return found.events


def begun(database: Database) -> int:
    """Begin a run, with the deals that events are about."""
    save(database, *(a_deal(f"D-{number}") for number in range(1, 6)))
    with database.transaction("begin") as connection:
        return a_run(connection)


def a_log(database: Database, length: int = 5) -> None:
    """Write events one transaction each, and let a run that ends remember the third."""
    run_id = begun(database)
    for number in range(1, length + 1):
        planned = Event(EventKind.PLANNED, {"n": number}, "crm", f"D-{number}", deal_row=number)
        write(database, planned)
        if number == 3:
            with database.transaction("end") as connection:
                last, digest = audit_log.head(connection)
                runs.finish(
                    connection,
                    run_id,
                    real_now=NOW,
                    exit_code=0,
                    message="",
                    uploads=0,
                    summary={},
                    audit_number=last,
                    audit_digest=digest,
                )


def test_an_event_comes_back_as_it_was_written(database: Database) -> None:
    begun(database)
    write(database, EVENT, at=TO_THE_MICROSECOND)
    (row,) = written(database)
    assert row[:-3] == (1, TO_THE_MICROSECOND, 1, "confirmed", "crm", "D-1", ORDER_ID)
    assert row.detail == (
        '{"code":"größer 🙂","value":"10.50","rows":3,"none":null,"\\u0000":"\\"\\\\"}'
    )
    assert verified(database) == 1


def test_an_empty_log_is_sound(database: Database) -> None:
    assert verified(database) == 0
    with database.transaction("nothing") as connection:
        audit.record(connection, [], run_id=1, at=NOW)
        assert audit_log.head(connection) == (0, GENESIS)
    assert verified(database) == 0


def test_events_are_numbered_without_gaps_whatever_is_rolled_back(database: Database) -> None:
    a_log(database, 2)

    def stopped(connection: Connection) -> None:
        audit.record(connection, [EVENT, EVENT], run_id=1, at=NOW)
        raise ConvsyncError("stopped")

    with pytest.raises(ConvsyncError, match="stopped"), database.transaction("x") as connection:
        stopped(connection)
    write(database, EVENT, EVENT)
    assert [row.number for row in written(database)] == [1, 2, 3, 4]
    assert verified(database) == 4


def test_two_writers_at_once_never_take_one_number(database: Database, another: Database) -> None:
    first = begun(database)
    with database.transaction("begin") as connection:
        second = a_run(connection)

    def write_many(of: Database, run_id: int) -> None:
        for _ in range(15):
            write(of, EVENT, EVENT, run_id=run_id)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write_many, [database, another], [first, second]))
    rows = written(database)
    assert [row.number for row in rows] == list(range(1, 61))
    assert {row.run_id for row in rows} == {first, second}
    assert verified(database) == 60


def test_a_log_of_several_pages_is_read_in_order_and_verified(database: Database) -> None:
    begun(database)
    write(database, *[EVENT] * (PAGE + 1))
    assert [row.number for row in written(database)] == list(range(1, PAGE + 2))
    assert [row.number for row in written(database, newest=2)] == [PAGE, PAGE + 1]
    assert verified(database) == PAGE + 1


# Tampering

APPEND_ONLY = "the audit log is append-only"


EDITS = ("UPDATE audit_events SET detail = '{}' WHERE number = 2", "DELETE FROM audit_events")
EDITS_OF = {
    "sqlite": (
        *EDITS,
        """INSERT OR REPLACE INTO audit_events SELECT 2, at, run_id, event, source, deal_id,
        order_id, '{}', digest, deal FROM audit_events WHERE number = 2""",
    ),
    "postgresql": (*EDITS, "TRUNCATE audit_events CASCADE"),
}


def test_the_database_refuses_to_change_or_remove_an_event(database: Database, kind: Kind) -> None:
    a_log(database)
    before = written(database)
    for statement in EDITS_OF[kind.name]:
        refused = pytest.raises(ConvsyncError, match="the audit log is append-only")
        with refused, database.transaction("edit") as connection:
            connection.exec_driver_sql(statement)
    assert written(database) == before


def edit(number: int, **columns: Any) -> Callable[[Connection], Any]:
    statement = update(audit_events).where(audit_events.c.number == number).values(columns)
    return lambda connection: connection.execute(statement)


def remove(*numbers: int) -> Callable[[Connection], Any]:
    statement = delete(audit_events).where(audit_events.c.number.in_(numbers))
    return lambda connection: connection.execute(statement)


def set_back(number: int) -> Callable[[Connection], Any]:
    """Cut off the tail, and let the log's head look as if it had never been there."""

    def cut(connection: Connection) -> None:
        left = list(audit_search.every(connection, Wanted()))[number - 1]
        connection.execute(update(audit_head).values(number=number, digest=left.digest))
        connection.execute(delete(audit_events).where(audit_events.c.number > number))
        connection.execute(delete(audit_blocks).where(audit_blocks.c.first > number))

    return cut


def rewrite_from(number: int) -> Callable[[Connection], Any]:
    """Write an end of one's own, every digest right, and the head with it."""

    def rewrite(connection: Connection) -> None:
        set_back(number - 1)(connection)
        audit.record(connection, [EVENT, EVENT, EVENT], run_id=1, at=NOW)

    return rewrite


def slip_in_behind(connection: Connection) -> None:
    head = connection.execute(audit_head.select()).one()
    audit.record(connection, [EVENT], run_id=1, at=NOW)
    connection.execute(update(audit_head).values(number=head.number, digest=head.digest))


def swap(connection: Connection) -> None:
    """Let the fourth and the fifth event change places."""
    for before, after in ((4, 99), (5, 4), (99, 5)):
        moved = update(audit_events).where(audit_events.c.number == before)
        connection.execute(moved.values(number=after))


def forget_everything(connection: Connection) -> None:
    connection.execute(delete(audit_blocks))
    connection.execute(delete(audit_events))
    connection.execute(delete(audit_head))


@pytest.mark.parametrize(
    ("tamper", "number", "problem"),
    [
        *[
            pytest.param(edit(2, **{column: value}), 2, "was edited", id=f"{column} = {value!r}")
            for column, value in (
                ("detail", '{"n":3}'),
                ("detail", '{"n": 2}'),
                ("at", NOW + timedelta(microseconds=1)),
                ("event", "held"),
                ("deal_id", "D-9"),
                ("order_id", "cs-1"),
                ("source", None),
                ("run_id", 2),
                ("digest", GENESIS),
            )
        ],
        pytest.param(edit(2, deal=3), 2, "under another deal", id="hidden from its deal"),
        pytest.param(edit(5, detail="{}"), 5, "or its digest was edited", id="the last edited"),
        pytest.param(remove(1), 1, "event 1 is missing", id="the first removed"),
        pytest.param(remove(3), 3, "event 3 is missing", id="one removed"),
        pytest.param(remove(5), 4, "event 5 was once written", id="the last removed"),
        pytest.param(remove(1, 2, 3, 4, 5), 0, "event 5 was once written", id="all removed"),
        pytest.param(set_back(2), 2, "event 3 was once written", id="cut and set back"),
        pytest.param(forget_everything, 0, "event 3 was once written", id="as if never begun"),
        pytest.param(rewrite_from(2), 3, "not the one a run's row remembers", id="rewritten"),
        pytest.param(slip_in_behind, 6, "slipped in behind it", id="slipped in behind the head"),
        pytest.param(swap, 4, "or its digest was edited", id="two changed places"),
    ],
)
def test_verify_names_the_first_changed_event(
    database: Database, tamper: Callable[[Connection], Any], number: int, problem: str
) -> None:
    a_log(database)
    with database.transaction("tamper") as connection:
        unprotect_log(connection)
        connection.execute(insert(runs_table).values(_a_run_row()))
        tamper(connection)
    broken = verify(database).broken
    assert broken is not None
    assert (broken.number, problem in broken.problem) == (number, True), broken


def _a_run_row() -> dict[str, Any]:
    return {"command": "run", "as_of": NOW, "started_at": NOW, "holder": "[]"}


def test_a_run_that_remembers_another_digest_gives_the_log_away(database: Database) -> None:
    a_log(database)
    with database.transaction("tamper") as connection:
        forged = update(runs_table).where(runs_table.c.audit_number == 3)
        connection.execute(forged.values(audit_digest=bytes(31) + b"\1"))
    expected = Break(number=3, problem="event 3 is not the one a run's row remembers")
    assert verify(database).broken == expected


# A key


KEY, ANOTHER_KEY = b"k" * 32, b"a" * 32


def opened(url: str, key: bytes | None) -> closing[Database]:
    return closing(Database(url, audit_key=key))


@pytest.fixture
def keyed(database: Database, url: str) -> str:
    """A log of five events, and two more after a key was set."""
    a_log(database)
    with opened(url, KEY) as with_key:
        write(with_key, EVENT, EVENT)
    return url


def test_a_log_that_goes_on_with_a_key_is_verified_in_both_parts(keyed: str) -> None:
    with opened(keyed, KEY) as database:
        found = verify(database)
        assert (found.events, found.keyed_since, found.broken) == (7, 6, None)
    for key, problem in ((None, "CONVSYNC_AUDIT__KEY is not set"), (ANOTHER_KEY, "another key")):
        with opened(keyed, key) as database:
            broken = verify(database).broken
            assert broken is not None
            assert problem in broken.problem


@pytest.mark.parametrize("key", [None, ANOTHER_KEY])
def test_nothing_is_appended_to_a_keyed_log_without_its_key(keyed: str, key: bytes | None) -> None:
    with opened(keyed, key) as database:
        with pytest.raises(OperatorError, match="is keyed since event 6"):
            write(database, EVENT)
        assert len(written(database)) == 7


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_recomputed_chain_is_detected_with_the_key(keyed: str, *, is_cut: bool) -> None:
    with opened(keyed, None) as forger:
        with forger.transaction("forge") as connection:
            unprotect_log(connection)
            connection.execute(update(runs_table).values(audit_number=None, audit_digest=None))
            connection.execute(update(audit_head).values(keyed_since=None, key_id=None))
            if is_cut:
                set_back(1)(connection)
            rewrite_from(2 if is_cut else 5)(connection)
        assert verify(forger).broken is None, "without the key it looks sound"
    with opened(keyed, KEY) as database:
        broken = verify(database).broken
        assert broken is not None
        assert "no event is keyed, although there is a key" in broken.problem


def test_a_keyed_event_that_was_edited_is_found(keyed: str) -> None:
    with opened(keyed, KEY) as database:
        with database.transaction("edit") as connection:
            unprotect_log(connection)
            edit(6, detail="{}")(connection)
        broken = verify(database).broken
        assert broken is not None
        assert broken.number == 6


# A head that was kept elsewhere


def test_a_head_that_was_kept_elsewhere_shows_a_log_that_was_rewritten(database: Database) -> None:
    a_log(database)
    with database.reading() as connection:
        head = audit.head_of(connection)
    assert Head.parse(str(head)) == head
    write(database, EVENT)
    assert verify(database, head=head).broken is None
    with database.transaction("forge") as connection:
        unprotect_log(connection)
        connection.execute(update(runs_table).values(audit_number=None, audit_digest=None))
        rewrite_from(5)(connection)
    assert verify(database).broken is None, "by itself it looks sound"
    broken = verify(database, head=head).broken
    assert broken == Break(number=5, problem="event 5 is not the one whose digest was given")


def test_a_head_that_was_kept_elsewhere_shows_a_log_that_was_cut(database: Database) -> None:
    a_log(database)
    with database.reading() as connection:
        head = audit.head_of(connection)
    with database.transaction("forge") as connection:
        unprotect_log(connection)
        set_back(4)(connection)
    assert verify(database).broken is None
    broken = verify(database, head=head).broken
    assert broken == Break(number=4, problem="the log ends here, but event 5 was once written")


@pytest.mark.parametrize("text", ["", "5", "5:", "5:ab", f"x:{'ab' * 32}", f"5:{'zz' * 32}"])
def test_a_text_that_is_not_a_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a head is NUMBER:DIGEST"):
        Head.parse(text)
