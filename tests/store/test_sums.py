"""The kept sums are what the rows add up to, whatever becomes of deals and conversions."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, update

from convsync.model import moves
from convsync.model.deal import LOST, WON, Deal, Gone
from convsync.model.ledger import ForbiddenMoveError, MoveTogether
from convsync.model.moves import Place
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    NotMatched,
    Outcome,
    Reason,
    Rejected,
    Untried,
)
from convsync.model.statement import order_id_of
from convsync.store import audit_log, deals, ledger, recount, retired, row_record, schema, sums
from convsync.store.database import Database
from convsync.store.recount import wrong_sums
from convsync.store.row_sums import RowSums
from tests.builders import ACTION, NOW, WON_AT, a_conversion, a_deal, a_milestone, a_new_entry, usd
from tests.store.rows import (
    Step,
    a_conversion_of,
    moved,
    plan,
    put,
    reserve_step,
    rolled_back,
    settle_step,
    taken_back_step,
)

PLACE = Place(action=ACTION, milestone=WON, milestone_at=WON_AT)
STEPS: dict[str, Step] = {
    "reserve": reserve_step(),
    "accept": settle_step(Accepted(request_id="r-1")),
    "confirm": settle_step(Confirmed()),
    "defer": settle_step(Deferred(code="LATER", until=NOW)),
    "block": settle_step(Blocked(code="TERMS")),
    "match nobody": settle_step(NotMatched(code="X")),
    "reject": settle_step(Rejected(code="TOO_OLD")),
    "leave untried": settle_step(Untried()),
    "release": moves.released,
    "take back": taken_back_step(),
    "give up": lambda entry: moves.not_sent(entry, PLACE, Reason.DEAL_LOST, run_id=1),
    "find late": lambda entry: moves.not_sent(
        entry, PLACE, Reason.CLICK_OUTSIDE_LOOKBACK, run_id=1
    ),
    "hold": lambda entry: moves.held(entry, PLACE, Reason.CLICK_TOO_RECENT, NOW, run_id=1),
    "keep": lambda entry: moves.kept(entry, run_id=1),
    "cannot": lambda entry: moves.uncorrectable(entry, "OLD", run_id=1),
    "withhold": lambda entry: moves.withheld(entry, run_id=1),
    "doubt": moves.marked_unsure,
}
OUTCOMES: dict[str, Outcome] = {
    "accept together": Accepted(request_id="r-1"),
    "confirm together": Confirmed(),
    "match nobody together": NotMatched(code="X"),
    "leave untried together": Untried(),
}
TOGETHER: dict[str, Callable[[Sequence[int]], MoveTogether | None]] = {
    "reserve together": partial(moves.reserved_together, batch=1, action=ACTION),
    **{
        name: partial(moves.settled_together, outcome=outcome, batch=1, action=ACTION)
        for name, outcome in OUTCOMES.items()
    },
}
NAMES = ["D-1", "D-2", "D-3"]
DATABASE_IS_SHARED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def take(connection: Connection, row: int, step: Step) -> None:
    """Take an arrow, where the entry has it."""
    try:
        moved(connection, row, step)
    except ForbiddenMoveError:
        return


def take_together(
    connection: Connection, make: Callable[[Sequence[int]], MoveTogether | None]
) -> None:
    """Take an arrow with all entries that have it and that nothing sets apart."""
    entries = [*ledger.entries_for(connection, [1, 2, 3]).values()]
    move = make([entry.number for entry in entries])
    assert move is not None
    numbers = [
        entry.number
        for entry in entries
        if entry.state in move.came_from and not entry.code and not entry.is_unsure
    ]
    if numbers and (taken := make(numbers)):
        ledger.write_together(connection, taken)


def planned(connection: Connection) -> None:
    deals.save(connection, "crm", [a_deal(name) for name in NAMES], now=NOW)
    put(connection, schema.runs, id=1, command="test", as_of=NOW, started_at=NOW, holder="")
    page = {"destination": ACTION.destination, "action_id": ACTION.action_id}
    state = {"state": "sending", "rows": 1, "reserved_at": NOW}
    put(connection, schema.batches, id=1, run_id=1, **page, **state)
    plan(connection, 1, {name: a_conversion_of(name) for name in NAMES})


@pytest.mark.long
@DATABASE_IS_SHARED
@given(
    history=st.lists(
        st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([*STEPS, *TOGETHER])), max_size=25
    )
)
def test_sums_follow_every_history_of_the_ledger(
    database: Database, history: Sequence[tuple[int, str]]
) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        for row, step in history:
            if step in TOGETHER:
                take_together(connection, TOGETHER[step])
            else:
                take(connection, row, STEPS[step])
        assert list(wrong_sums(connection)) == []
        assert sum(one.rows for one in sums.kept(connection)) == len(NAMES)
        counted = RowSums()
        rows = row_record.rows_of_deals(connection, 0, len(NAMES))
        counted.add(rows, audit_log.names_of_deals(connection, 0, len(NAMES)))
        assert counted.amounts == sums.count_ledger(connection)


def a_history_of(deal_id: str) -> st.SearchStrategy[Deal]:
    return st.builds(
        lambda milestones, segments, gone: a_deal(
            deal_id,
            milestones=tuple(a_milestone(name, WON_AT + days) for name, days in milestones),
            segments=segments,
            gone=gone,
        ),
        st.dictionaries(
            st.sampled_from(["mql", "sql", WON, LOST]),
            st.integers(-3, 3).map(lambda days: timedelta(days=days)),
        ).map(dict.items),
        st.sampled_from([{}, {"region": "EU"}, {"region": "US"}]),
        st.sampled_from([None, None, None, Gone.DELETED]),
    )


@pytest.mark.long
@DATABASE_IS_SHARED
@given(
    reads=st.lists(st.lists(st.sampled_from(NAMES).flatmap(a_history_of), max_size=4), max_size=5),
    gone=st.sets(st.sampled_from([1, 2])),
)
def test_sums_follow_every_history_of_the_deals(
    database: Database, reads: Sequence[Sequence[Deal]], gone: set[int]
) -> None:
    with rolled_back(database) as connection:
        for chunk in reads:
            deals.save(connection, "crm", chunk, now=NOW)
        deals.mark_gone(connection, sorted(gone), Gone.MERGED, NOW)
        assert list(wrong_sums(connection)) == []


@pytest.mark.parametrize("answer", sorted(OUTCOMES))
def test_sums_follow_what_was_reserved_without_another_look_at_it(
    database: Database, answer: str
) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        numbers = [entry.number for entry in ledger.entries_for(connection, [1, 2, 3]).values()]
        before = None
        for step in ("reserve together", answer):
            move = TOGETHER[step](numbers)
            assert move is not None
            before = ledger.write_together(connection, move, before)
        assert list(wrong_sums(connection)) == []


@pytest.mark.parametrize("source", ["crm", "another"])
@pytest.mark.parametrize("rule", ["won", "sold"])
@pytest.mark.parametrize("amount", [100, 0])
def test_sums_follow_a_batch_whose_last_row_is_or_is_not_like_the_others(
    database: Database, source: str, rule: str, amount: int
) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        deals.save(connection, source, [a_deal("D-4", source=source)], now=NOW)
        order_id = order_id_of(source, "D-4", rule)
        conversion = a_conversion(order_id, rule=rule, value=usd(amount))
        name = {"source": source, "deal_id": "D-4", "rule": rule, "order_id": order_id}
        entry = a_new_entry(number=4, deal_row=4, **name)
        ledger.write(connection, [moves.planned(entry, conversion, run_id=1)])
        for step in ("reserve together", "accept together"):
            move = TOGETHER[step]([1, 2, 3, 4])
            assert move is not None
            ledger.write_together(connection, move)
        assert list(wrong_sums(connection)) == []


def test_sums_follow_what_many_rows_do_together(database: Database) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        for row in (1, 2):
            moved(connection, row, reserve_step())
        take_together(connection, TOGETHER["accept together"])
        assert list(wrong_sums(connection)) == []
        kept = {one.state: one.rows for one in sums.kept(connection)}
    assert kept == {"accepted": 2, "planned": 1}


def test_sums_follow_a_rule_and_a_source_to_their_new_names(database: Database) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        moved(connection, 1, reserve_step(), settle_step(Confirmed()))
        plan(connection, 1, {"D-2": a_conversion_of("D-2", rule="sold")})
        moved(connection, 3, STEPS["give up"])
        assert retired.move_rule(connection, "sold", "bought") == (1, 0)
        assert retired.move_source(connection, "crm", "hub") == (3, 0)
        assert list(wrong_sums(connection)) == []
        assert {one.source for one in sums.kept(connection)} == {"hub"}


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        pytest.param(
            schema.ledger_sums, {"rows": 5}, "conversions (rule won, source crm", id="conversions"
        ),
        pytest.param(
            schema.ledger_sums, {"told": Decimal(7)}, "kept as 3 worth 7.00, counted 3", id="money"
        ),
        pytest.param(
            schema.deal_sums, {"rows": 9}, "deals (source crm): kept as 9, counted 3", id="deals"
        ),
        pytest.param(
            schema.standing_sums, {"day": 1}, "standing milestones (milestone won", id="standing"
        ),
    ],
)
def test_an_edited_sum_is_detected_and_recomputed(
    database: Database, table: Table, change: dict[str, object], said: str
) -> None:
    with rolled_back(database) as connection:
        planned(connection)
        connection.execute(update(table).values(change))
        assert any(said in str(wrong) for wrong in wrong_sums(connection))
        assert recount.recount(connection) > 0
        assert list(wrong_sums(connection)) == []
