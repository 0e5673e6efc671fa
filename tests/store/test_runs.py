"""Runs: one at a time, taken over only from the dead, and what each leaves to the next."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection

from convsync.errors import ConvsyncError, LockedError
from convsync.model.period import Period
from convsync.store import deals, runs
from convsync.store.database import Database
from convsync.store.runs import LEASE, Holder
from convsync.store.session import PreviewSession, RunSession
from tests.builders import NOW, a_deal
from tests.store.rows import Passing, a_run, has_tables

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ELSEWHERE = Holder(host="another-machine", pid=4711, started="12345")


def begin(
    database: Database,
    command: str = "run",
    *,
    at: datetime = NOW,
    holder: Holder = ELSEWHERE,
    **more: Any,
) -> int:
    with database.transaction("begin") as connection:
        return runs.open_run(connection, command, as_of=at, real_now=at, holder=holder, **more)


def end(database: Database, run_id: int, *, uploads: int = 0, at: datetime = NOW) -> None:
    with database.transaction("end") as connection:
        runs.finish(
            connection,
            run_id,
            real_now=at,
            exit_code=0,
            message="",
            uploads=uploads,
            summary={"steps": {"new": uploads}},
            audit_number=7,
            audit_digest=bytes(32),
        )


def row_of(database: Database, run_id: int) -> Any:
    with database.reading() as connection:
        return next(row for row in runs.latest(connection, 99) if row["id"] == run_id)


# The lock


def test_a_second_run_is_told_who_holds_the_lock_and_since_when(database: Database) -> None:
    first = begin(database, "backfill")
    with pytest.raises(LockedError) as caught:
        begin(database, at=NOW + SECOND)
    assert str(caught.value) == (
        f"Run {first} (backfill) holds the lock: process 4711 on another-machine, "
        "since 2026-03-03 03:00:00 UTC. Try again once it has ended."
    )


def test_a_run_that_has_ended_leaves_the_lock_to_the_next(database: Database) -> None:
    first = begin(database)
    end(database, first)
    second = begin(database, at=NOW + SECOND)
    assert second != first
    assert row_of(database, first)["lock"] is None
    assert row_of(database, second)["lock"] == "run"


def test_a_lease_that_has_not_ended_is_not_taken(database: Database) -> None:
    begin(database)
    with pytest.raises(LockedError):
        begin(database, at=NOW + LEASE - timedelta(microseconds=1))


def test_an_ended_lease_is_taken_over(database: Database) -> None:
    first = begin(database)
    second = begin(database, at=NOW + LEASE)
    taken = row_of(database, first)
    assert (taken["lock"], taken["finished_at"], taken["exit_code"]) == (None, NOW + LEASE, 1)
    assert taken["message"] == "stopped before its end"
    assert row_of(database, second)["lock"] == "run"


def test_a_renewed_lease_starts_again_and_says_how_far_the_run_has_come(
    database: Database,
) -> None:
    first = begin(database)
    with database.transaction("renew") as connection:
        runs.renew(connection, first, NOW + LEASE - SECOND, {"deals": (5, None)})
    assert row_of(database, first)["progress"] == '{"deals": [5, null]}'
    with pytest.raises(LockedError):
        begin(database, at=NOW + 2 * LEASE - 2 * SECOND)
    begin(database, at=NOW + 2 * LEASE - SECOND)


DEAD = Holder(host=runs.this_process().host, pid=2**22 + 1, started="1")
REUSED = Holder(host=runs.this_process().host, pid=os.getpid(), started="long ago")


@pytest.mark.parametrize(
    ("holder", "is_dead"),
    [
        pytest.param(runs.this_process(), False, id="this process"),
        pytest.param(DEAD, True, id="a process that is no more"),
        pytest.param(REUSED, True, id="a process whose number was given to another"),
        pytest.param(ELSEWHERE, False, id="a process of another machine"),
    ],
)
def test_a_process_is_known_to_be_dead_only_on_its_own_machine(
    holder: Holder, is_dead: bool
) -> None:
    assert runs.is_dead(holder) is is_dead
    assert Holder.parse(str(holder)) == holder


def test_a_dead_process_loses_the_lock_at_once(database: Database) -> None:
    first = begin(database, holder=DEAD)
    begin(database, at=NOW + SECOND)
    assert row_of(database, first)["lock"] is None


def test_a_run_that_lost_its_lock_can_write_nothing_more(database: Database) -> None:
    first = begin(database)
    session = RunSession(database, first, NOW, real_clock=lambda: NOW)
    with session.transaction("save") as connection:
        deals.save(connection, "crm", [a_deal("before")], now=NOW)
    begin(database, at=row_of(database, first)["lease_until"])

    def late() -> None:
        with session.transaction("save") as connection:
            deals.save(connection, "crm", [a_deal("after")], now=NOW)

    with pytest.raises(LockedError, match=f"Run {first} lost its lock to another run"):
        late()
    with database.reading() as connection:
        assert deals.rows_of(connection, "crm", ["before", "after"]) == [1]


def test_of_two_runs_that_begin_at_once_exactly_one_gets_the_lock(
    database: Database, another: Database
) -> None:
    together = Barrier(2)

    def try_it(of: Database) -> int | str:
        with closing(of):
            has_tables(of)  # connected before the start
            together.wait()
            try:
                return begin(of)
            except LockedError as error:
                return str(error)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(try_it, [database, another]))
    (won,) = [answer for answer in answers if isinstance(answer, int)]
    (lost,) = [answer for answer in answers if isinstance(answer, str)]
    assert f"Run {won} (run) holds the lock" in lost


def test_an_import_needs_no_lock_and_takes_none(database: Database) -> None:
    holding = begin(database)
    with database.transaction("import") as connection:
        importing = a_run(connection)
        runs.end_unlocked(connection, importing, NOW + SECOND)
        failing = a_run(connection)
        runs.end_unlocked(connection, failing, NOW, exit_code=2, message="no such file")
    assert row_of(database, holding)["lock"] == "run"
    assert row_of(database, importing)["finished_at"] == NOW + SECOND
    failed = row_of(database, failing)
    assert (failed["exit_code"], failed["message"]) == (2, "no such file")


# What is remembered


def test_a_finished_run_keeps_what_it_did(database: Database) -> None:
    run_id = begin(database)
    end(database, run_id, uploads=12, at=NOW + HOUR)
    row = row_of(database, run_id)
    assert (row["finished_at"], row["uploads"], row["exit_code"]) == (NOW + HOUR, 12, 0)
    assert (row["audit_number"], bytes(row["audit_digest"])) == (7, bytes(32))
    assert row["summary"] == '{"steps":{"new":12}}'


def test_the_last_runs_are_those_begun_last(database: Database) -> None:
    for command in ("run", "run", "backfill", "run"):
        end(database, begin(database, command))
    begin(database)
    with database.reading() as connection:
        assert [row["id"] for row in runs.latest(connection, 2)] == [5, 4]
        assert runs.count(connection) == 5


def moved(database: Database | Passing, source: str, *ends: datetime) -> datetime | None:
    with database.transaction("read") as connection:
        run_id = a_run(connection)
        for until in ends:
            window = Period(since=NOW - 99 * HOUR, until=until)
            runs.move_watermark(connection, source, window, run_id)
        return runs.watermark(connection, source)


@pytest.mark.parametrize(
    ("ends", "watermark"),
    [
        pytest.param([], None, id="never read"),
        pytest.param([NOW], NOW, id="read once"),
        pytest.param([NOW, NOW + HOUR], NOW + HOUR, id="on"),
        pytest.param([NOW, NOW - HOUR], NOW, id="not back"),
        pytest.param([NOW, NOW], NOW, id="on the spot"),
        pytest.param(
            [NOW, NOW + timedelta(microseconds=1), NOW],
            NOW + timedelta(microseconds=1),
            id="not back by a microsecond",
        ),
    ],
)
def test_a_watermark_never_turns_back(
    passing: Passing, ends: list[datetime], watermark: datetime | None
) -> None:
    assert moved(passing, "crm", *ends) == watermark


def test_each_source_has_a_watermark_of_its_own(database: Database) -> None:
    moved(database, "crm", NOW)
    moved(database, "clicks", NOW + HOUR)
    assert moved(database, "crm") == NOW
    assert moved(database, "none") is None


def test_a_watermark_is_moved_with_the_rows_it_covers_or_not_at_all(database: Database) -> None:
    def stopped(connection: Connection) -> None:
        deals.save(connection, "crm", [a_deal()], now=NOW)
        runs.move_watermark(connection, "crm", Period(since=NOW, until=NOW), a_run(connection))
        raise ConvsyncError("stopped")

    with pytest.raises(ConvsyncError, match="stopped"), database.transaction("f") as connection:
        stopped(connection)
    assert moved(database, "crm") is None
    with database.reading() as connection:
        assert deals.named(connection, "D-1") == []


def test_a_fact_is_remembered_until_it_is_replaced(database: Database) -> None:
    with database.transaction("remember") as connection:
        assert runs.recall(connection, "rules") is None
        runs.remember(connection, "rules", "one")
        runs.remember(connection, "rules", "two 🙂")
        runs.remember(connection, "other", "three")
    with database.reading() as connection:
        assert runs.recall(connection, "rules") == "two 🙂"


def test_a_preview_session_hands_out_one_transaction(database: Database) -> None:
    with database.preview() as connection:
        session = PreviewSession(connection, a_run(connection), NOW)
        session.step("anything")
        with session.transaction("one") as first, session.transaction("two") as second:
            assert first is second is connection
    with database.reading() as connection:
        assert runs.count(connection) == 0


def test_a_process_that_ended_and_was_not_reaped_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert runs.is_dead(Holder(host=platform.node(), pid=child, started="1"))
    finally:
        os.waitpid(child, 0)
