"""Batches: reserved before they leave, settled by what was answered, the same when loaded again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from convsync.model import moves
from convsync.model.ledger import ForbiddenMoveError, LedgerEntry, State
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    NotMatched,
    Outcome,
    Rejected,
    Untried,
)
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation
from convsync.store import batches, deals, ledger, portions
from convsync.store.batches import ReservedBatch
from convsync.store.database import Database
from tests.builders import ACTION, NOW, SOMEBODY, a_deal, usd
from tests.store import rows
from tests.store.rows import (
    a_conversion_of,
    a_run,
    ledger_rows,
    plan,
    recheck_times,
    reserved,
    save,
)

HOUR = timedelta(hours=1)
OTHER = ConversionAction(destination="data-manager", action_id="124")


def reserve(
    database: Database,
    *,
    action: ConversionAction = ACTION,
    limit: int = 100,
    now: datetime = NOW,
    only: portions.Portion = None,
) -> ReservedBatch | None:
    with database.transaction("reserve") as connection:
        return rows.reserve(connection, action=action, limit=limit, now=now, only=only)


def settle(database: Database, batch: ReservedBatch, *outcomes: Outcome) -> None:
    """Write down what was answered, as the outbox does."""
    request_id = next((o.request_id for o in outcomes if isinstance(o, Accepted)), None)
    with database.transaction("settle") as connection:
        batches.answer(connection, batch.number, request_id=request_id, now=NOW, poll_at=NOW + HOUR)
        judge(connection, batch, outcomes)


def judge(connection: Any, batch: ReservedBatch, outcomes: Sequence[Outcome]) -> None:
    judged = [
        moves.settled(entry, outcome, now=NOW)
        for entry, outcome in zip(entries_of(connection, batch), outcomes, strict=True)
    ]
    ledger.write(connection, judged)


def entries_of(connection: Any, batch: ReservedBatch) -> list[LedgerEntry]:
    return ledger.entries_numbered(connection, batch.rows.numbers)


def deal_ids(database: Database, batch: ReservedBatch | None) -> list[str]:
    with database.reading() as connection:
        return [] if batch is None else [each.deal_id for each in entries_of(connection, batch)]


def a_plan(database: Database, *deal_ids: str, **changes: Any) -> int:
    """Plan the conversions of deals; return the run that did."""
    save(database, *map(a_deal, deal_ids))
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        plan(connection, run_id, {each: a_conversion_of(each, **changes) for each in deal_ids})
        return run_id


# Reserving


def test_rows_go_out_in_the_order_they_were_planned_and_each_once(database: Database) -> None:
    a_plan(database, "c", "a", "b")
    assert deal_ids(database, reserve(database, limit=2)) == ["c", "a"]
    assert deal_ids(database, reserve(database, limit=2)) == ["b"]
    assert reserve(database) is None
    assert {row["state"] for row in ledger_rows(database).values()} == {"sending"}


def test_a_batch_holds_rows_of_one_action(database: Database) -> None:
    a_plan(database, "one")
    a_plan(database, "other", action=OTHER)
    with database.reading() as connection:
        assert portions.next_action(connection, NOW) == ACTION
        assert portions.next_action(connection, NOW, 2) == OTHER
        assert portions.next_action(connection, NOW, 3) is None
    assert deal_ids(database, reserve(database, action=OTHER)) == ["other"]
    assert deal_ids(database, reserve(database)) == ["one"]
    with database.reading() as connection:
        assert portions.next_action(connection, NOW) is None


def test_a_run_may_send_its_own_plan_alone(database: Database) -> None:
    a_plan(database, "one")
    run_id = a_plan(database, "two")
    assert deal_ids(database, reserve(database, only=run_id)) == ["two"]
    assert reserve(database, only=run_id) is None
    assert deal_ids(database, reserve(database)) == ["one"]


def test_a_deferred_row_goes_out_when_its_time_has_come(database: Database) -> None:
    batch = reserved(database, "D-1")
    settle(database, batch, Deferred(code="LATER", until=NOW + HOUR))
    assert reserve(database, now=NOW + HOUR - timedelta(microseconds=1)) is None
    again = reserve(database, now=NOW + HOUR)
    assert deal_ids(database, again) == ["D-1"]
    assert again is not None
    assert again.rows.apart == {*again.rows.numbers}
    assert ledger_rows(database)["D-1"]["due_at"] is None


# Word for word


def test_a_batch_without_an_answer_is_loaded_word_for_word(database: Database) -> None:
    names = ["D-3", "D-1", "D-2"]
    save(database, *map(a_deal, names))
    wanted = {
        name: a_conversion_of(
            name,
            value=usd(f"{number}.1"),
            identifiers=SOMEBODY,
            variables={"days": str(number)},
            operation=operation,
        )
        for number, (name, operation) in enumerate(zip(names, Operation, strict=True))
    }
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), wanted)
    batch = reserve(database)
    assert batch is not None
    said = [conversion.statement for conversion in wanted.values()]
    assert (batch.batch.action, list(batch.batch.statements)) == (ACTION, said)
    with database.reading() as connection:
        assert batches.unanswered(connection) == [batch.number]
        assert batches.load(connection, batch.number) == batch
        assert batches.load(connection, batch.number) == batch


def test_what_happens_to_a_deal_meanwhile_changes_nothing_in_its_batch(
    database: Database,
) -> None:
    batch = reserved(database, "D-1", "D-2")
    save(database, a_deal("D-1", amount=999, currency="EUR"), a_deal("D-2", milestones=()))
    with database.reading() as connection:
        assert batches.load(connection, batch.number) == batch


def test_unanswered_batches_are_listed_oldest_first_until_they_are_settled(
    database: Database,
) -> None:
    first, second, third = (reserved(database, name) for name in ("a", "b", "c"))
    settle(database, second, Confirmed())
    with database.reading() as connection:
        assert batches.unanswered(connection) == [first.number, third.number]


# Settling

UNTIL = NOW + HOUR
ANSWERS: list[tuple[str, Outcome]] = [
    ("accepted", Accepted(request_id="r-1")),
    ("confirmed", Confirmed()),
    ("there already", Confirmed(code="ALREADY")),
    ("rejected", Rejected(code="TOO_OLD")),
    ("blocked", Blocked(code="TERMS")),
    ("not matched", NotMatched(code="UNKNOWN_CLICK")),
    ("deferred", Deferred(code="LATER", until=UNTIL)),
    ("put off to another day", Deferred(code="SOON", until=UNTIL + HOUR)),
    ("untried", Untried()),
]


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        pytest.param(ANSWERS, "accepted", id="all kinds"),
        pytest.param(ANSWERS[::-1], "accepted", id="all kinds the other way round"),
        pytest.param(ANSWERS[1:], "settled", id="all but accepted"),
        *[
            pytest.param([each], "accepted" if each[0] == "accepted" else "settled", id=each[0])
            for each in ANSWERS
        ],
    ],
)
def test_every_row_is_written_as_its_own_answer_moved_it(
    database: Database, answers: Sequence[tuple[str, Outcome]], state: str
) -> None:
    batch = reserved(database, *(name for name, _ in answers))
    with database.reading() as connection:
        entries = entries_of(connection, batch)
    settle(database, batch, *(outcome for _, outcome in answers))
    expected = {
        entry.deal_row: moves.settled(entry, outcome, now=NOW).after
        for entry, (_, outcome) in zip(entries, answers, strict=True)
    }
    with database.reading() as connection:
        found = ledger.entries_for(connection, list(expected))
        assert {row: entry for (row, _), entry in found.items()} == expected
        assert batches.unanswered(connection) == []
        waiting = [batch.number] if state == "accepted" else []
        assert batches.due_for_verdict(connection, NOW + HOUR) == waiting


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted(request_id="r-1"),
        Confirmed(),
        Confirmed(code="ALREADY"),
        NotMatched(code="UNKNOWN_CLICK"),
        Untried(),
    ],
    ids=str,
)
def test_rows_that_move_together_are_written_as_one_by_one(
    database: Database, outcome: Outcome
) -> None:
    batch, bystander = reserved(database, "a", "b"), reserved(database, "bystander")
    with database.reading() as connection:
        before = entries_of(connection, batch)
    moved = moves.settled_together(batch.rows.numbers, outcome, 1, ACTION)
    assert moved is not None
    with database.transaction("settle") as connection:
        ledger.write_together(connection, moved)
        after = entries_of(connection, batch)
        assert batches.load(connection, bystander.number) == bystander
    assert after == [moves.settled(entry, outcome, now=NOW).after for entry in before]


def test_rows_move_together_only_where_each_of_them_may(database: Database) -> None:
    batch = reserved(database, "a", "b")
    settle(database, batch, Confirmed(), Accepted(request_id="r-1"))
    numbers = batch.rows.numbers
    moved = moves.settled_together(numbers, Confirmed(), batch.number, ACTION)
    assert moved is not None
    with pytest.raises(ForbiddenMoveError), database.transaction("settle") as connection:
        ledger.write_together(connection, moved)
    assert [row["state"] for row in ledger_rows(database).values()] == ["confirmed", "accepted"]


def test_an_answer_touches_no_other_batch(database: Database) -> None:
    bystander, batch = reserved(database, "bystander"), reserved(database, "a", "b")
    settle(database, batch, Accepted(request_id="r-1"), Accepted(request_id="r-1"))
    assert ledger_rows(database)["bystander"]["state"] == "sending"
    with database.reading() as connection:
        assert batches.load(connection, bystander.number) == bystander


def test_a_batch_untried_goes_out_again_word_for_word(database: Database) -> None:
    batch = reserved(database, "D-1", "D-2")
    settle(database, batch, Untried(), Untried())
    again = reserve(database)
    assert again is not None
    assert again.number != batch.number
    assert again.batch.statements == batch.batch.statements


def test_a_correction_changes_the_told_value_only_once_it_is_confirmed(database: Database) -> None:
    settle(database, reserved(database, "D-1"), Confirmed())
    with database.transaction("take back") as connection:
        rows.moved(connection, 1, rows.taken_back_step())
    batch = reserve(database)
    assert batch is not None
    assert [each.value for each in batch.batch.statements] == [usd(0)]
    settle(database, batch, Accepted(request_id="r-2"))
    assert ledger_rows(database)["D-1"]["told_value"] == 100
    with database.transaction("confirm") as connection:
        judge(connection, batches.load(connection, batch.number), [Confirmed()])
    assert ledger_rows(database)["D-1"]["told_value"] == 0


# What the account's set-up blocks


def test_what_is_blocked_is_counted_by_action_and_code_and_found_in_its_order(
    database: Database,
) -> None:
    batch = reserved(database, "a", "b", "c")
    settle(database, batch, Blocked(code="TERMS"), Blocked(code="TERMS"), Blocked(code="OFF"))
    with database.reading() as connection:
        assert batches.blocked(connection) == [(ACTION, "OFF", 1), (ACTION, "TERMS", 2)]
        (first,) = batches.blocked_entries(connection, ACTION, "TERMS", limit=1)
        assert (first.deal_id, first.state) == ("a", State.BLOCKED)
        assert batches.blocked_entries(connection, OTHER, "TERMS", limit=9) == []
        assert portions.next_action(connection, NOW) is None


def test_a_batch_with_a_deal_that_is_yet_to_be_looked_at_is_not_repeated(
    database: Database,
) -> None:
    changed, quiet = reserved(database, "changed", "beside it"), reserved(database, "quiet")
    with database.transaction("read") as connection:
        deals.look_again(connection, {1: NOW, 3: NOW + HOUR})
        assert batches.unanswered(connection, looked_at_by=NOW) == [quiet.number]
        assert batches.unanswered(connection) == [changed.number, quiet.number]
        deals.look_again(connection, {1: None})
        assert batches.unanswered(connection, looked_at_by=NOW) == [changed.number, quiet.number]


def test_deals_that_wait_for_an_answer_are_looked_at_when_it_comes(database: Database) -> None:
    batch = reserved(database, "waits", "does not", "is due")
    reserved(database, "of another batch")
    with database.transaction("look again") as connection:
        deals.look_again(connection, {1: NOW + HOUR, 3: NOW - HOUR, 4: NOW + HOUR})
        batches.recheck_waiting_deals(connection, batch.number, NOW)
        found = recheck_times(connection)
    assert found == {
        "waits": NOW,
        "does not": None,
        "is due": NOW - HOUR,
        "of another batch": NOW + HOUR,
    }


# Verdicts


def test_an_accepted_batch_is_asked_about_when_it_is_time(database: Database) -> None:
    batch = reserved(database, "D-1")
    settle(database, batch, Accepted(request_id="r-1"))
    with database.transaction("poll") as connection:
        assert batches.due_for_verdict(connection, NOW + HOUR / 2) == []
        assert batches.due_for_verdict(connection, NOW + HOUR) == [batch.number]
        batches.ask_again(connection, batch.number, NOW + 2 * HOUR)
        assert batches.due_for_verdict(connection, NOW + HOUR) == []
        pending = batches.pending(connection, batch.number)
        left = batches.rows_of(connection, pending.number, pending.action)
    assert (pending.request_id, pending.answered_at, pending.rows) == ("r-1", NOW, 1)
    assert [*left.statements] == [*batch.rows.statements]


def test_a_verdict_is_asked_for_only_those_rows_that_were_accepted(database: Database) -> None:
    batch = reserved(database, "refused", "taken", "counted")
    settle(database, batch, Rejected(code="X"), Accepted(request_id="r-1"), Confirmed())
    with database.reading() as connection:
        assert batches.pending(connection, batch.number).rows == 1
        left = batches.load(connection, batch.number)
    assert deal_ids(database, left) == ["taken"]


def test_a_closed_batch_is_not_asked_about_again(database: Database) -> None:
    batch = reserved(database, "refused", "taken")
    settle(database, batch, Rejected(code="X"), Accepted(request_id="r-1"))
    with database.transaction("confirm") as connection:
        judge(connection, batches.load(connection, batch.number), [Confirmed()])
        batches.close(connection, batch.number)
        assert batches.due_for_verdict(connection, NOW + 99 * HOUR) == []
    states = {name: row["state"] for name, row in ledger_rows(database).items()}
    assert states == {"refused": "rejected", "taken": "confirmed"}


def test_deals_whose_conversion_was_unsettled_are_looked_at_again(
    database: Database,
) -> None:
    names = ["counted", "refused", "put off", "refused and due", "of another batch"]
    batch, other = reserved(database, *names[:-1]), reserved(database, names[-1])
    late = Deferred(code="X", until=NOW)
    settle(database, batch, Confirmed(), Rejected(code="X"), late, Rejected(code="X"))
    settle(database, other, Rejected(code="X"))
    with database.transaction("look again") as connection:
        deals.look_again(connection, {3: NOW + HOUR, 4: NOW - HOUR})
        batches.recheck_unsettled_deals(connection, batch.number, NOW)
        found = recheck_times(connection)
    assert found == {
        "counted": None,
        "refused": NOW,
        "put off": NOW,
        "refused and due": NOW - HOUR,
        "of another batch": None,
    }
