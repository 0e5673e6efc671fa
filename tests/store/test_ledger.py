"""The ledger: what it is told comes back word for word, and its sums balance."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.model import moves
from convsync.model.click import ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.conversion import Conversion
from convsync.model.customer import CustomerType
from convsync.model.deal import WON, Milestone
from convsync.model.identifiers import Identifiers
from convsync.model.ledger import LedgerEntry, Side
from convsync.model.money import MOST, Money
from convsync.model.moves import Place
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    Matched,
    NotMatched,
    Reason,
    Rejected,
    Untried,
)
from convsync.model.period import Period
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation
from convsync.store import account, deals, ledger
from convsync.store.database import Database
from convsync.store.recount import recount
from convsync.store.times import TENTH
from tests.builders import (
    ACTION,
    CLICKED_AT,
    NOW,
    SOMEBODY,
    WON_AT,
    a_click,
    a_deal,
    a_match,
    a_rule,
)
from tests.store.rows import (
    Passing,
    Step,
    a_conversion_of,
    a_run,
    give_up,
    moved,
    new_entry,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
    taken_back_step,
)

PLACE = Place(action=ACTION, milestone=WON, milestone_at=WON_AT)

HOUR = timedelta(hours=1)
TO_THE_MICROSECOND = datetime(2026, 2, 20, 7, 8, 9, 123457, tzinfo=UTC)


def written(
    database: Database | Passing, conversion: Conversion, deal_id: str = "D-1"
) -> LedgerEntry:
    """Return an entry as it is read again once its conversion was planned and committed."""
    save(database, a_deal(deal_id))
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), {deal_id: conversion})
    with database.reading() as connection:
        (entry,) = ledger.entries_for(connection, [1]).values()
    return entry


WORD_FOR_WORD = [
    pytest.param({}, id="an ordinary conversion"),
    pytest.param(
        {"milestone_at": TO_THE_MICROSECOND, "event_at": TO_THE_MICROSECOND + HOUR},
        id="times to the microsecond",
    ),
    *[
        pytest.param({"value": Money(amount=Decimal(amount), currency="EUR")}, id=f"worth {amount}")
        for amount in ("0", "0.01", "0.000001", "100.10", "1234567.891234", "-3.5", str(MOST))
    ],
    *[
        pytest.param({"matched": a_match(a_click(f"Xy_-🙂 {kind}", kind=kind))}, id=f"a {kind}")
        for kind in ClickIdKind
    ],
    *[
        pytest.param({"matched": a_match(basis=basis)}, id=f"matched by {basis.name}")
        for basis in MatchBasis
    ],
    pytest.param(
        {
            "matched": Matched(
                basis=MatchBasis.LEAD,
                click=a_click(clicked_at=None),
                clicked_at=CLICKED_AT,
                is_estimated=True,
            )
        },
        id="a click whose time is estimated",
    ),
    pytest.param(
        {"matched": a_match(a_click(clicked_at=None))}, id="a click whose time is not known"
    ),
    pytest.param(
        {
            "matched": Matched(basis=MatchBasis.IDENTIFIER, click=None, clicked_at=None),
            "identifiers": Identifiers(emails=("a" * 64, "b" * 64), phones=("c" * 64,)),
        },
        id="no click, but hashes",
    ),
    *[
        pytest.param(
            {"consent": Consent(ad_user_data=data, ad_personalization=personal)},
            id=f"consent {data}, {personal}",
        )
        for data in ConsentStatus
        for personal in ConsentStatus
    ],
    *[pytest.param({"operation": operation}, id=f"to {operation}") for operation in Operation],
    *[pytest.param({"customer_type": kind}, id=f"a {kind} customer") for kind in CustomerType],
    pytest.param({"clicked_at": NOW - timedelta(days=2)}, id="the time of its click"),
    pytest.param({"variables": {"days": "12", 'größe "x"': "1 🙂"}}, id="custom variables"),
    pytest.param({"time_to_close": timedelta(days=9, seconds=86_399)}, id="time to close"),
    pytest.param({"time_to_close": timedelta(0)}, id="closed at once"),
    pytest.param(
        {"action": ConversionAction(destination="google ads", action_id="9" * 30)},
        id="another action",
    ),
    pytest.param({"rule": "größter Abschluss", "milestone": "sql"}, id="another rule"),
]


@pytest.mark.parametrize("changes", WORD_FOR_WORD)
def test_a_statement_comes_back_word_for_word(passing: Passing, changes: dict[str, Any]) -> None:
    conversion = a_conversion_of("D-1", **changes)
    entry = written(passing, conversion)
    assert entry.statement == conversion.statement
    assert (entry.rule, entry.milestone) == (conversion.rule, conversion.milestone)
    assert (entry.milestone_at, entry.time_to_close) == (
        conversion.milestone_at,
        conversion.time_to_close,
    )
    assert entry.matched == conversion.matched


LATER = NOW + HOUR
ROADS: list[tuple[str, list[Step]]] = [
    ("planned", []),
    ("sending", [reserve_step()]),
    ("accepted", [reserve_step(), settle_step(Accepted(request_id="r-1"))]),
    ("confirmed", [reserve_step(), settle_step(Confirmed())]),
    ("there already", [reserve_step(), settle_step(Confirmed(code="THERE"))]),
    ("rejected", [reserve_step(), settle_step(Rejected(code="X"), is_repeat=True)]),
    ("blocked", [reserve_step(), settle_step(Blocked(code="TERMS"))]),
    ("unmatched", [reserve_step(), settle_step(NotMatched(code="X"))]),
    ("deferred", [reserve_step(), settle_step(Deferred(code="X", until=LATER))]),
    ("untried", [reserve_step(), settle_step(Untried())]),
    ("taken back", [reserve_step(), settle_step(Confirmed()), taken_back_step()]),
    (
        "beyond correction",
        [
            *[reserve_step(), settle_step(Confirmed())],
            lambda entry: moves.uncorrectable(entry, "TOO_OLD", run_id=1),
        ],
    ),
    ("held", [lambda entry: moves.held(entry, PLACE, Reason.CLICK_TOO_RECENT, LATER, run_id=1)]),
    ("not sent", [lambda entry: moves.not_sent(entry, PLACE, Reason.DEAL_LOST, run_id=1)]),
]


@pytest.mark.parametrize("steps", [pytest.param(steps, id=name) for name, steps in ROADS])
def test_an_entry_is_read_as_its_last_move_left_it(database: Database, steps: list[Step]) -> None:
    entry = written(database, a_conversion_of("D-1", identifiers=SOMEBODY))
    with database.transaction("move") as connection:
        put_batch(connection, 1)
        for step in steps:
            move = step(entry)
            ledger.write(connection, [move])
            entry = move.after
    with database.reading() as connection:
        assert ledger.entries_for(connection, [1]) == {(1, "won"): entry}


def test_several_moves_of_one_entry_are_written_as_the_last_one(database: Database) -> None:
    save(database, a_deal())
    conversion = a_conversion_of("D-1")
    with database.transaction("move") as connection:
        run_id = a_run(connection)
        first = moves.planned(new_entry(connection, "D-1", conversion), conversion, run_id=run_id)
        second = moves.not_sent(first.after, PLACE, Reason.DEAL_LOST, run_id=run_id)
        ledger.write(connection, [first, second])
        assert ledger.entries_for(connection, [1]) == {(1, "won"): second.after}


def test_entries_are_those_of_the_deals_asked_for_under_every_rule(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"), a_deal("D-3"))
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        for deal_id, rule in [("D-1", "won"), ("D-1", "mql"), ("D-2", "won"), ("D-3", "won")]:
            plan(connection, run_id, {deal_id: a_conversion_of(deal_id, rule=rule)})
        found = ledger.entries_for(connection, [1, 2, 9])
        assert ledger.entries_for(connection, []) == {}
    assert set(found) == {(1, "won"), (1, "mql"), (2, "won")}


def test_writing_no_moves_is_nothing(database: Database) -> None:
    with database.transaction("plan") as connection:
        ledger.write(connection, [])


# Sums

MQL, WIN = a_rule("mql", milestone="mql"), a_rule("won", milestone=WON)
PERIOD = Period(since=WON_AT, until=WON_AT + HOUR)
SENT: list[Step] = [reserve_step(), settle_step(Confirmed())]
FUNNEL: dict[str, list[Step]] = {
    "told": SENT,
    "accepted": [reserve_step(), settle_step(Accepted(request_id="r-1"))],
    "restating": [*SENT, taken_back_step(), reserve_step()],
    "taken back": [*SENT, taken_back_step(), *SENT],
    "beyond correction": [*SENT, lambda entry: moves.uncorrectable(entry, "OLD", run_id=1)],
    "planned": [],
    "sending": [reserve_step()],
    "deferred": [reserve_step(), settle_step(Deferred(code="LATER", until=NOW))],
    "held": [lambda entry: moves.held(entry, PLACE, Reason.CLICK_TOO_RECENT, NOW, run_id=1)],
    "blocked": [reserve_step(), settle_step(Blocked(code="TERMS"))],
    "unmatched": [reserve_step(), settle_step(NotMatched(code="X"))],
    "rejected": [reserve_step(), settle_step(Rejected(code="TOO_OLD"))],
    "not sent": [lambda entry: moves.not_sent(entry, PLACE, Reason.NO_CLICK, run_id=1)],
}


def a_funnel(database: Database) -> None:
    """Store one milestone for each thing that can become of it, and two of nothing yet."""
    save(database, *map(a_deal, FUNNEL))
    save(database, a_deal("withdrawn unseen"), a_deal("left to the next run"))
    save(database, a_deal("withdrawn unseen", milestones=()))
    with database.transaction("funnel") as connection:
        run_id = a_run(connection)
        put_batch(connection, run_id)
        plan(connection, run_id, {deal_id: a_conversion_of(deal_id) for deal_id in FUNNEL})
        for row, steps in enumerate(FUNNEL.values(), start=1):
            moved(connection, row, *steps)
        deals.look_again(connection, {len(FUNNEL) + 2: NOW})


ACCOUNT = {
    (Side.SENT, "confirmed"): 1,
    (Side.SENT, "accepted"): 1,
    (Side.SENT, "sending"): 1,
    (Side.SENT, "taken_back"): 1,
    (Side.SENT, "cannot_be_corrected"): 1,
    (Side.WAITING, "planned"): 1,
    (Side.WAITING, "sending"): 1,
    (Side.WAITING, "deferred"): 1,
    (Side.WAITING, "blocked:TERMS"): 1,
    (Side.WAITING, "click_too_recent"): 1,
    (Side.WAITING, "next_run"): 1,
    (Side.NOT_SENT, "TOO_OLD"): 1,
    (Side.NOT_SENT, "unmatched"): 1,
    (Side.NOT_SENT, "no_click"): 1,
    (Side.NOT_SENT, "milestone_withdrawn"): 1,
}


@pytest.mark.parametrize("period", [None, PERIOD], ids=["ever", "of the hour it was won"])
def test_every_milestone_is_on_one_side_of_the_sum(
    database: Database, period: Period | None
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        sums = account.sums(connection, [WIN, MQL], period)
    assert dict(sums.by_state) == ACCOUNT
    assert sums.is_balanced
    assert sums.extracted == 15
    assert [sums.total(side) for side in Side] == [5, 6, 4]


def test_a_milestone_counts_once_for_each_rule(database: Database) -> None:
    a_funnel(database)
    with database.reading() as connection:
        sums = account.sums(connection, [WIN, a_rule("won again")])
    assert sums.extracted == 30
    assert sums.by_state[Side.WAITING, "next_run"] == 2


@pytest.mark.parametrize(
    ("period", "extracted"),
    [
        pytest.param(Period(since=WON_AT, until=WON_AT + HOUR), 1, id="its first instant"),
        pytest.param(Period(since=WON_AT - HOUR, until=WON_AT), 0, id="its end is not in it"),
        pytest.param(Period(since=WON_AT, until=WON_AT), 0, id="an empty period"),
    ],
)
def test_a_period_is_half_open(passing: Passing, period: Period, extracted: int) -> None:
    written(passing, a_conversion_of("D-1"))
    with passing.reading() as connection:
        sums = account.sums(connection, [WIN], period)
    assert (sums.extracted, sums.is_balanced) == (extracted, True)


def test_a_milestone_that_got_lost_on_the_way_breaks_the_balance(database: Database) -> None:
    save(database, a_deal())
    with database.reading() as connection:
        assert not account.sums(connection, [WIN]).is_balanced


def test_an_empty_ledger_balances(database: Database) -> None:
    with database.reading() as connection:
        sums = account.sums(connection, [WIN])
        assert (sums.extracted, sums.is_balanced) == (0, True)
        assert account.sums(connection, []).is_balanced
        assert account.times_to_milestones(connection) == []
        assert account.caught_earlier(connection) == {}
        assert account.counted(connection) == (0, frozenset())
        assert account.ready(connection, NOW).currencies == frozenset()


def test_what_the_platform_counts_is_what_it_was_told_and_not_taken_back(
    database: Database,
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        assert account.counted(connection) == (3, frozenset({"USD"}))


@pytest.mark.parametrize(
    ("now", "run_id", "ready"),
    [
        pytest.param(NOW - HOUR, None, {Operation.COUNT: 1}, id="planned alone"),
        pytest.param(NOW, None, {Operation.COUNT: 2}, id="deferred until now"),
        pytest.param(NOW, 1, {Operation.COUNT: 2}, id="of this run"),
        pytest.param(NOW, 2, {}, id="of another run"),
    ],
)
def test_the_outbox_has_planned_conversions_and_deferred_ones_that_are_due(
    database: Database, now: datetime, run_id: int | None, ready: dict[Operation, int]
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        found = account.ready(connection, now, run_id)
    assert found.by_operation == ready
    assert found.currencies == ({"USD"} if ready else set())


# Times


def sent(
    database: Database | Passing,
    took: Sequence[timedelta],
    *,
    milestone: str = WON,
    by: str = "d",
    is_estimated: bool = False,
) -> None:
    """Let milestones be told that were reached so long after their click."""
    click = a_match(is_estimated=is_estimated)
    names = [f"{by}-{number}" for number in range(len(took))]
    save(database, *map(a_deal, names))
    with database.transaction("tell") as connection:
        run_id = a_run(connection)
        conversions = {
            name: a_conversion_of(
                name, milestone=milestone, milestone_at=CLICKED_AT + each, matched=click
            )
            for name, each in zip(names, took, strict=True)
        }
        plan(connection, run_id, conversions)
        batch = put_batch(connection, run_id)
        for row in deals.rows_of(connection, "crm", names):
            moved(connection, row, reserve_step(batch), settle_step(Confirmed()))


@pytest.mark.long
@pytest.mark.parametrize(
    ("took", "median", "p90"),
    [
        pytest.param([5], 5, 5, id="one"),
        pytest.param([9, 1], 9, 9, id="two"),
        pytest.param([3, 1, 2], 2, 3, id="three"),
        pytest.param(range(10), 5, 9, id="ten"),
        pytest.param(range(99, -1, -1), 50, 90, id="a hundred"),
    ],
)
def test_times_to_milestones_are_taken_from_the_middle_and_the_slow_end(
    passing: Passing, took: Sequence[int], median: int, p90: int
) -> None:
    sent(passing, [tenths * TENTH - timedelta(microseconds=1) for tenths in took])
    with passing.reading() as connection:
        (time,) = account.times_to_milestones(connection)
    assert (time.milestone, time.count) == (WON, len(took))
    assert (time.median, time.p90) == (median * TENTH, p90 * TENTH), "rounded up to a tenth"


def test_no_time_is_taken_from_a_click_whose_own_is_an_estimate(database: Database) -> None:
    sent(database, [HOUR, 3 * HOUR], by="estimated", is_estimated=True)
    with database.transaction("recount") as connection:
        assert account.times_to_milestones(connection) == []
        assert recount(connection) == 0, "both ways of counting leave them out"


def test_no_time_is_taken_to_a_milestone_whose_own_is_an_estimate(database: Database) -> None:
    sent(database, [HOUR, 9 * HOUR])
    always = Period(since=CLICKED_AT, until=CLICKED_AT + timedelta(days=9))
    estimated = Milestone(WON, CLICKED_AT + HOUR, is_estimated=True)
    save(database, a_deal("d-0", milestones=(estimated,)))
    with database.reading() as connection:
        for period in (None, always):
            (time,) = account.times_to_milestones(connection, period)
            assert (time.count, time.median) == (1, 4 * TENTH)


def test_times_of_a_period_are_of_the_milestones_that_were_reached_in_it(
    database: Database,
) -> None:
    sent(database, [2 * HOUR, 9 * HOUR])
    since = CLICKED_AT + HOUR
    first_hours = Period(since=since, until=since + 3 * HOUR)
    long_before = Period(since=since - timedelta(days=9), until=since)
    with database.reading() as connection:
        (time,) = account.times_to_milestones(connection, first_hours)
        assert (time.count, time.median) == (1, TENTH)
        assert account.times_to_milestones(connection, long_before) == []


def test_times_to_milestones_are_sorted_and_leave_out_conversions_that_were_not_sent(
    database: Database,
) -> None:
    sent(database, [9 * HOUR], by="slow")
    sent(database, [HOUR], milestone="mql", by="quick")
    save(database, a_deal("unsent"))
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), {"unsent": a_conversion_of("unsent")})
        times = account.times_to_milestones(connection)
    assert [(time.milestone, time.count) for time in times] == [("mql", 1), (WON, 1)]


def test_a_late_milestone_whose_deal_was_counted_earlier_was_caught(database: Database) -> None:
    names = ["caught", "not caught", "for another reason", "early one came later"]
    save(database, *map(a_deal, names))
    early = dict.fromkeys(names, WON_AT - HOUR) | {"early one came later": WON_AT + HOUR}
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        put_batch(connection, run_id)
        for name, at in early.items():
            conversion = a_conversion_of(name, rule="mql", milestone="mql", milestone_at=at)
            plan(connection, run_id, {name: conversion})
        for row in (1, 3, 4):
            moved(connection, row, *SENT, rule="mql")
        late, other = Reason.CLICK_OUTSIDE_LOOKBACK, Reason.AMOUNT_ZERO
        for name, why in zip(names, (late, late, other, late), strict=True):
            give_up(connection, run_id, name, why)
        assert account.caught_earlier(connection) == {("won", "mql"): 1}
