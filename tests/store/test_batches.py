"""Batches: reserved before they leave, settled by what was answered, the same when loaded again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.model.outcome import Accepted, Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.model.rule import ConversionAction
from convsync.model.statement import Batch, Operation
from convsync.store import batches, deals, ledger
from convsync.store.database import Database
from tests.builders import ACTION, NOW, SOMEBODY, a_deal, usd
from tests.store.rows import a_conversion_of, a_run, ledger_rows, plan, reserved, save

HOUR = timedelta(hours=1)
OTHER = ConversionAction(destination="data-manager", action_id="124")


def reserve(
    database: Database,
    *,
    action: ConversionAction = ACTION,
    limit: int = 100,
    now: datetime = NOW,
    only_run: int | None = None,
) -> Batch | None:
    with database.transaction("reserve") as connection:
        return batches.reserve(
            connection, action, run_id=1, limit=limit, now=now, only_run=only_run
        )


def settle(database: Database, batch: Batch, *outcomes: Outcome, is_repeat: bool = False) -> None:
    with database.transaction("settle") as connection:
        batches.settle(
            connection, batch, outcomes, now=NOW, poll_at=NOW + HOUR, is_repeat=is_repeat
        )


def deal_ids(batch: Batch | None) -> list[str]:
    return [] if batch is None else [each.deal_id for each in batch.conversions]


def a_plan(database: Database, *deal_ids: str, **changes: Any) -> int:
    """Plan the conversions of deals; return the run that did."""
    save(database, *map(a_deal, deal_ids))
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        plan(connection, run_id, (a_conversion_of(each, **changes) for each in deal_ids))
        return run_id


# Reserving


def test_rows_go_out_in_the_order_they_were_planned_and_each_once(database: Database) -> None:
    a_plan(database, "c", "a", "b")
    assert deal_ids(reserve(database, limit=2)) == ["c", "a"]
    assert deal_ids(reserve(database, limit=2)) == ["b"]
    assert reserve(database) is None
    assert {row["state"] for row in ledger_rows(database).values()} == {"sending"}


def test_a_batch_holds_rows_of_one_action(database: Database) -> None:
    a_plan(database, "one")
    a_plan(database, "other", action=OTHER)
    with database.reading() as connection:
        assert batches.next_action(connection, NOW) == ACTION
        assert batches.next_action(connection, NOW, 2) == OTHER
        assert batches.next_action(connection, NOW, 3) is None
    assert deal_ids(reserve(database, action=OTHER)) == ["other"]
    assert deal_ids(reserve(database)) == ["one"]
    with database.reading() as connection:
        assert batches.next_action(connection, NOW) is None


def test_a_run_may_send_its_own_plan_alone(database: Database) -> None:
    a_plan(database, "one")
    run_id = a_plan(database, "two")
    assert deal_ids(reserve(database, only_run=run_id)) == ["two"]
    assert reserve(database, only_run=run_id) is None
    assert deal_ids(reserve(database)) == ["one"]


def test_a_deferred_row_goes_out_when_its_time_has_come(database: Database) -> None:
    batch = reserved(database, "D-1")
    settle(database, batch, Deferred(code="LATER", until=NOW + HOUR))
    assert reserve(database, now=NOW + HOUR - timedelta(microseconds=1)) is None
    again = reserve(database, now=NOW + HOUR)
    assert deal_ids(again) == ["D-1"]
    assert again is not None
    assert [each.put_off_for for each in again.conversions] == ["LATER"]
    assert ledger_rows(database)["D-1"]["due_at"] is None


# Word for word


def test_a_batch_without_an_answer_is_loaded_word_for_word(database: Database) -> None:
    names = ["D-3", "D-1", "D-2"]
    save(database, *map(a_deal, names))
    wanted = [
        a_conversion_of(
            name,
            value=usd(f"{number}.1"),
            identifiers=SOMEBODY,
            variables={"days": str(number)},
            operation=operation,
        )
        for number, (name, operation) in enumerate(zip(names, Operation, strict=True))
    ]
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), wanted)
    batch = reserve(database)
    assert batch is not None
    assert (batch.action, list(batch.conversions)) == (ACTION, wanted)
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

TOLD = {"told_value": Decimal(100), "told_currency": "USD"}
NOT_TOLD = {"told_value": None, "told_currency": None}
UNTIL = NOW + HOUR
BECOMES: list[tuple[str, Outcome, Mapping[str, Any]]] = [
    ("accepted", Accepted(request_id="r-1"), {"state": "accepted", "code": None, **NOT_TOLD}),
    ("confirmed", Confirmed(), {"state": "confirmed", "code": None, **TOLD}),
    (
        "there already",
        Confirmed(code="ALREADY"),
        {"state": "confirmed", "code": "ALREADY", **TOLD},
    ),
    (
        "rejected",
        Rejected(code="TOO_OLD"),
        {"state": "rejected", "code": "TOO_OLD", "reason": "platform_refused", **NOT_TOLD},
    ),
    (
        "deferred",
        Deferred(code="LATER", until=UNTIL),
        {"state": "deferred", "code": "LATER", "due_at": UNTIL, **NOT_TOLD},
    ),
    (
        "put off to another day",
        Deferred(code="SOON", until=UNTIL + HOUR),
        {"state": "deferred", "code": "SOON", "due_at": UNTIL + HOUR, **NOT_TOLD},
    ),
    ("untried", Untried(), {"state": "planned", "batch_id": None, **NOT_TOLD}),
]


def assert_became(database: Database, becomes: Sequence[tuple[str, Outcome, Any]]) -> None:
    rows = ledger_rows(database)
    for name, _, columns in becomes:
        assert {column: rows[name][column] for column in columns} == columns, name


@pytest.mark.parametrize(
    ("becomes", "state"),
    [
        pytest.param(BECOMES, "accepted", id="all kinds"),
        pytest.param(BECOMES[::-1], "accepted", id="all kinds the other way round"),
        pytest.param(BECOMES[1:], "settled", id="all but accepted"),
        *[
            pytest.param([each], "accepted" if each[0] == "accepted" else "settled", id=each[0])
            for each in BECOMES
        ],
    ],
)
def test_every_row_gets_its_own_answer(
    database: Database, becomes: Sequence[tuple[str, Outcome, Any]], state: str
) -> None:
    batch = reserved(database, *(name for name, _, _ in becomes))
    settle(database, batch, *(outcome for _, outcome, _ in becomes))
    assert_became(database, becomes)
    with database.reading() as connection:
        assert batches.unanswered(connection) == []
        is_accepted = state == "accepted"
        waiting = [batch.number] if is_accepted else []
        assert batches.due_for_verdict(connection, NOW + HOUR) == waiting


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
    assert again.conversions == batch.conversions


def test_a_correction_moves_what_was_told_only_once_it_is_confirmed(database: Database) -> None:
    settle(database, reserved(database, "D-1"), Confirmed())
    with database.transaction("restate") as connection:
        restated = {"state": "planned", "operation": "restate", "value": Decimal(7)}
        ledger.write(connection, [ledger.Change(1, "won", restated, is_new=False)])
    batch = reserve(database)
    assert batch is not None
    assert [each.value for each in batch.conversions] == [usd(7)]
    settle(database, batch, Accepted(request_id="r-2"))
    assert ledger_rows(database)["D-1"]["told_value"] == 100
    with database.transaction("confirm") as connection:
        batches.confirm_all(connection, batch)
    assert ledger_rows(database)["D-1"]["told_value"] == 7


# What the platform may have heard before


def unsure(database: Database) -> dict[str, bool]:
    return {name: row["is_unsure"] for name, row in ledger_rows(database).items()}


@pytest.mark.parametrize("is_repeat", [False, True])
def test_what_a_repeat_leaves_unconfirmed_is_unsure(database: Database, *, is_repeat: bool) -> None:
    batch = reserved(database, *(name for name, _, _ in BECOMES))
    settle(database, batch, *(outcome for _, outcome, _ in BECOMES), is_repeat=is_repeat)
    assert unsure(database) == {
        name: is_repeat and not isinstance(outcome, Confirmed) for name, outcome, _ in BECOMES
    }


def test_a_repeat_that_is_taken_whole_is_unsure_until_its_verdict(database: Database) -> None:
    batch = reserved(database, "D-1", "D-2")
    settle(database, batch, *[Accepted(request_id="r-1")] * 2, is_repeat=True)
    assert unsure(database) == {"D-1": True, "D-2": True}
    with database.transaction("verdict") as connection:
        batches.write_outcomes(connection, batch, [Confirmed(), Rejected(code="X")])
    assert unsure(database) == {"D-1": False, "D-2": True}


@pytest.mark.parametrize(
    ("operation", "outcome", "stays"),
    [
        pytest.param(Operation.COUNT, Confirmed(), False, id="counted now"),
        pytest.param(Operation.COUNT, Confirmed(code="THERE"), True, id="there, at some value"),
        pytest.param(Operation.RESTATE, Confirmed(code="1 of 2: X"), False, id="restated"),
        pytest.param(Operation.RETRACT, Confirmed(code="GONE"), False, id="gone already"),
        pytest.param(Operation.COUNT, Rejected(code="X"), True, id="refused"),
    ],
)
def test_what_was_unsure_is_certain_once_its_value_was_confirmed(
    database: Database, operation: Operation, outcome: Outcome, *, stays: bool
) -> None:
    a_plan(database, "D-1", operation=operation)
    with database.transaction("earlier") as connection:
        ledger.write(connection, [ledger.Change(1, "won", {"is_unsure": True}, is_new=False)])
    batch = reserve(database)
    assert batch is not None
    settle(database, batch, outcome)
    assert unsure(database) == {"D-1": stays}


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
        batches.look_again_at_waiting(connection, batch.number, NOW)
        names = ["waits", "does not", "is due", "of another batch"]
        found = [each.look_again_at for each in _all(connection, names)]
    assert found == [NOW, None, NOW - HOUR, NOW + HOUR]


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
    assert (pending.batch, pending.request_id, pending.answered_at) == (batch, "r-1", NOW)


def test_a_verdict_is_asked_for_only_those_rows_that_were_accepted(database: Database) -> None:
    batch = reserved(database, "refused", "taken", "counted")
    settle(database, batch, Rejected(code="X"), Accepted(request_id="r-1"), Confirmed())
    with database.reading() as connection:
        assert deal_ids(batches.pending(connection, batch.number).batch) == ["taken"]


def test_a_confirmed_batch_is_told_and_closed(database: Database) -> None:
    batch = reserved(database, "refused", "taken")
    settle(database, batch, Rejected(code="X"), Accepted(request_id="r-1"))
    with database.transaction("confirm") as connection:
        batches.confirm_all(connection, batch)
        batches.close(connection, batch.number)
        assert batches.due_for_verdict(connection, NOW + 99 * HOUR) == []
    assert_became(
        database,
        [
            ("taken", Confirmed(), {"state": "confirmed", "code": None, **TOLD}),
            ("refused", Rejected(code="X"), {"state": "rejected", "code": "X", **NOT_TOLD}),
        ],
    )


def test_a_mixed_verdict_is_written_row_by_row(database: Database) -> None:
    verdicts = [each for each in BECOMES if each[0] not in {"accepted", "untried"}]
    batch = reserved(database, *(name for name, _, _ in verdicts))
    settle(database, batch, *(Accepted(request_id="r-1") for _ in verdicts))
    with database.transaction("verdict") as connection:
        batches.write_outcomes(connection, batch, [outcome for _, outcome, _ in verdicts])
        batches.close(connection, batch.number)
    assert_became(database, verdicts)


def test_deals_whose_conversion_was_not_brought_home_are_looked_at_again(
    database: Database,
) -> None:
    names = ["counted", "refused", "put off", "refused and due", "of another batch"]
    batch, other = reserved(database, *names[:-1]), reserved(database, names[-1])
    late = Deferred(code="X", until=NOW)
    settle(database, batch, Confirmed(), Rejected(code="X"), late, Rejected(code="X"))
    settle(database, other, Rejected(code="X"))
    with database.transaction("look again") as connection:
        deals.look_again(connection, {3: NOW + HOUR, 4: NOW - HOUR})
        batches.look_again_at_unsettled(connection, batch.number, NOW)
        found = {each.deal.deal_id: each.look_again_at for each in _all(connection, names)}
    assert found == {
        "counted": None,
        "refused": NOW,
        "put off": NOW,
        "refused and due": NOW - HOUR,
        "of another batch": None,
    }


def _all(connection: Any, names: Sequence[str]) -> list[deals.StoredDeal]:
    return [each for name in names for each in deals.named(connection, name)]
