"""What a watcher reads of the ledger, on both databases: how nights ended, and what waits."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, update

from convsync import audit
from convsync.model.event import Event, EventKind
from convsync.proof.verification import RecentChain, recent_break
from convsync.store import alert_states, audit_log, runs, watching
from convsync.store.alert_states import KnownState
from convsync.store.database import Database
from convsync.store.quarantine import Entry, add
from convsync.store.runs import LEASE, Holder
from convsync.store.schema import batches
from convsync.store.schema import runs as runs_table
from tests.builders import NOW
from tests.store.rows import a_run, rolled_back, unprotect_log

ELSEWHERE = Holder(host="another-machine", pid=4711, started="12345")
A_DAY = timedelta(days=1)
OUTCOMES = {"confirmed": 3, "rejected": 1}


def a_night(
    database: Database, *, days_ago: int = 0, command: str = "run", exit_code: int | None = 0
) -> int:
    """Begin a run, and end it as its exit code says; with None it goes on."""
    at = NOW - days_ago * A_DAY
    with database.transaction("a night") as connection:
        run_id = runs.open_run(connection, command, as_of=at, real_now=at, holder=ELSEWHERE)
        if exit_code is None:
            return run_id
        detail = {"outcomes": OUTCOMES, "is_at_its_end": exit_code < 2}
        finished = Event(EventKind.RUN_FINISHED, detail)
        audit.record(connection, [finished], run_id=run_id, at=at)
        head = audit_log.head(connection)
        runs.finish(
            connection,
            run_id,
            real_now=at,
            exit_code=exit_code,
            message="",
            uploads=4,
            summary={},
            audit_number=head.number,
            audit_digest=head.digest,
        )
    return run_id


def last_night(database: Database, *, later: timedelta = timedelta()) -> watching.Night | None:
    with database.reading() as connection:
        return watching.last_night(connection, NOW + later)


def test_before_the_first_run_there_is_nothing(database: Database) -> None:
    with database.reading() as connection:
        assert watching.last_night(connection, NOW) is None
        assert watching.last_begun(connection) is None
        assert watching.last_good_night(connection) is None
        assert watching.oldest_unconfirmed(connection) is None


def test_a_night_says_how_it_ended_and_what_the_platforms_answered(database: Database) -> None:
    run_id = a_night(database)
    night = last_night(database)
    assert night is not None
    assert (night.run_id, night.is_at_its_end, night.outcomes) == (run_id, True, OUTCOMES)
    assert night.uploads == 4


def test_a_running_night_is_ignored_until_its_lease_has_ended(database: Database) -> None:
    before = a_night(database, days_ago=1)
    killed = a_night(database, exit_code=None)
    night = last_night(database)
    assert night is not None
    assert night.run_id == before
    night = last_night(database, later=LEASE)
    assert night is not None
    assert (night.run_id, night.is_at_its_end, night.message) == (killed, False, runs.KILLED)


@pytest.mark.parametrize(
    ("command", "exit_code", "is_a_night"),
    [
        ("run", 3, True),
        ("release", 0, True),
        ("release", 1, True),
        ("release", 2, False),
        ("retry", 0, False),
        ("backfill", 0, False),
    ],
)
def test_only_what_reads_every_source_is_a_night(
    database: Database, command: str, exit_code: int, *, is_a_night: bool
) -> None:
    a_night(database, days_ago=1)
    run_id = a_night(database, command=command, exit_code=exit_code)
    night = last_night(database)
    assert night is not None
    assert (night.run_id == run_id) is is_a_night


def test_the_last_good_night_is_older_than_one_that_was_refused(database: Database) -> None:
    a_night(database, days_ago=2)
    a_night(database, days_ago=1, exit_code=3)
    with database.reading() as connection:
        assert watching.last_good_night(connection) == NOW - 2 * A_DAY
        assert watching.last_begun(connection) == NOW - A_DAY
        assert watching.uploads_since(connection, NOW - A_DAY) == [(NOW - A_DAY, 4)]


def a_killed_night(connection: Connection) -> int:
    """Begin a run, let it send and hear, and kill it; its successor writes down how it ended."""
    values = {"lock": None, "finished_at": NOW, "exit_code": 1, "message": runs.KILLED}
    run_id = runs.begin_unlocked(connection, "run", as_of=NOW, real_now=NOW)
    connection.execute(update(runs_table).where(runs_table.c.id == run_id).values(**values))
    events = [
        Event(EventKind.REJECTED, {"entries": "4-6,9"}),
        Event(EventKind.CONFIRMED, {"entry": 7}, order_id="cs-7"),
        Event(EventKind.ACCEPTED, {"entries": "10-99"}),
    ]
    audit.record(connection, events, run_id=run_id, at=NOW)
    for state, rows in (("settled", 5), ("accepted", 3), ("sending", 100)):
        values = {"run_id": run_id, "destination": "google", "action_id": "1", "state": state}
        values |= {"request_id": "r", "rows": rows, "reserved_at": NOW}
        connection.execute(insert(batches).values(values))
    return run_id


def test_what_a_killed_run_sent_and_was_answered_counts_for_its_day(database: Database) -> None:
    with rolled_back(database) as connection:
        a_killed_night(connection)
        assert watching.uploads_since(connection, NOW - A_DAY) == [(NOW, 8)]
        assert watching.answers_since(connection, NOW) == {"rejected": 4, "confirmed": 1}


def test_the_answers_of_a_day_are_those_of_all_its_runs(database: Database) -> None:
    for days_ago in (2, 0, 0):
        a_night(database, days_ago=days_ago)
    with database.reading() as connection:
        assert watching.answers_since(connection, NOW - A_DAY) == {"confirmed": 6, "rejected": 2}


def test_what_waits_for_a_verdict_is_counted_from_the_oldest(database: Database) -> None:
    with rolled_back(database) as connection:
        run_id = a_run(connection)
        for hours, state in ((5, "accepted"), (3, "accepted"), (9, "settled")):
            values = {
                "run_id": run_id,
                "destination": "google",
                "action_id": "1",
                "state": state,
                "request_id": "r",
                "rows": 1,
                "reserved_at": NOW,
                "answered_at": NOW - timedelta(hours=hours),
            }
            connection.execute(insert(batches).values(values))
        assert watching.oldest_unconfirmed(connection) == (2, NOW - timedelta(hours=5))


def test_unreadable_records_are_counted_by_source(database: Database) -> None:
    with rolled_back(database) as connection:
        run_id = a_run(connection)
        found = [
            Entry(source=source, place=place, deal_id=None, problem="")
            for source, place in (("crm", "1"), ("crm", "2"), ("erp", "1"))
        ]
        add(connection, found, run_id=run_id, now=NOW)
        assert watching.unreadable(connection) == {"crm": 2, "erp": 1}


def test_the_text_of_a_sent_alert_is_kept_unchanged(database: Database) -> None:
    known = {
        "unreadable:crm": KnownState(since=NOW, text="“1 record”", told_at=NOW, told_size=1),
        "chain": KnownState(since=NOW, text=""),
    }
    with database.transaction("remember") as connection:
        alert_states.remember(connection, known)
        alert_states.note_not_begun(connection, "no such file")
    with database.reading() as connection:
        assert alert_states.recall(connection) == known
        assert alert_states.not_begun(connection) == "no such file"


@pytest.mark.parametrize("newest", [10_000, 2])
def test_the_end_of_a_whole_log_has_no_break(database: Database, newest: int) -> None:
    for days in (3, 2, 1):
        a_night(database, days_ago=days)
    with database.reading() as connection:
        assert recent_break(connection, newest=newest) == ""


def test_whoever_looks_again_reads_what_was_appended_since_and_at_times_all(
    database: Database,
) -> None:
    passed = [0.0]
    chain = RecentChain(lambda: passed[0], newest=10, anew_after_s=60)
    with database.reading() as connection:
        assert chain.recent_break(connection) == ""
    for days in (3, 2, 1):
        a_night(database, days_ago=days)
        with database.reading() as connection:
            assert chain.recent_break(connection) == ""
    with rolled_back(database) as connection:
        unprotect_log(connection)
        connection.exec_driver_sql("UPDATE audit_events SET detail = '{}' WHERE number = 2")
        assert chain.recent_break(connection) == ""  # it was read, and held
        passed[0] = 60
        assert "event 2 of the audit log, or" in chain.recent_break(connection)
        assert "event 2 of the audit log, or" in chain.recent_break(connection)
    with database.reading() as connection:
        assert chain.recent_break(connection) == ""


def test_whoever_looks_again_finds_a_break_in_what_was_appended_since(database: Database) -> None:
    chain = RecentChain(lambda: 0.0)
    a_night(database, days_ago=3)
    with database.reading() as connection:
        assert chain.recent_break(connection) == ""
        first = audit_log.last(connection).head.number
    a_night(database, days_ago=2)
    with rolled_back(database) as connection:
        unprotect_log(connection)
        edited = f"UPDATE audit_events SET detail = '{{}}' WHERE number = {first + 1}"
        connection.exec_driver_sql(edited)
        assert f"event {first + 1} of the audit log, or" in chain.recent_break(connection)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE audit_events SET detail = '{}' WHERE number = 2", "event 2 of the audit log, or"),
        ("DELETE FROM audit_events WHERE number = 2", "event 2 of the audit log is missing"),
        ("DELETE FROM audit_events WHERE number = 3", "does not end with event 3"),
    ],
)
def test_an_event_that_was_edited_or_removed_is_a_break(
    database: Database, damage: str, said: str
) -> None:
    for days in (3, 2, 1):
        a_night(database, days_ago=days)
    with rolled_back(database) as connection:
        unprotect_log(connection)
        connection.exec_driver_sql(damage)
        assert said in recent_break(connection)
