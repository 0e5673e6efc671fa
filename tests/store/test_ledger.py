"""The ledger: what it is told comes back word for word, and its sums balance."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.model.click import ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.conversion import Conversion
from convsync.model.customer import CustomerType
from convsync.model.deal import WON
from convsync.model.identifiers import Identifiers
from convsync.model.ledger import Account, LedgerEntry, State
from convsync.model.money import MOST, Money
from convsync.model.outcome import Matched, Reason
from convsync.model.period import Period
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation
from convsync.store import deals, ledger
from convsync.store.database import Database
from convsync.store.ledger import Change
from tests.builders import (
    CLICKED_AT,
    NOW,
    SOMEBODY,
    WON_AT,
    a_click,
    a_deal,
    a_match,
    a_rule,
    usd,
)
from tests.store.rows import (
    Passing,
    a_conversion_of,
    a_run,
    not_sent,
    plan,
    planned,
    put_batch,
    save,
)

HOUR = timedelta(hours=1)
TO_THE_MICROSECOND = datetime(2026, 2, 20, 7, 8, 9, 123457, tzinfo=UTC)


def written(database: Database | Passing, conversion: Conversion) -> Conversion:
    """Return a conversion as it is sent once it was planned and committed."""
    save(database, a_deal(conversion.deal_id))
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), [conversion])
    with database.reading() as connection:
        (row,) = ledger.of_deal(connection, 1)
        return ledger.as_conversion(row)


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
def test_a_conversion_comes_back_word_for_word(passing: Passing, changes: dict[str, Any]) -> None:
    conversion = a_conversion_of("D-1", **changes)
    assert written(passing, conversion) == conversion


def entry_of(database: Database, rule: str = "won") -> LedgerEntry:
    with database.reading() as connection:
        return ledger.entries_for(connection, [1])[1, rule]


def test_the_plan_sees_what_was_planned(database: Database) -> None:
    conversion = a_conversion_of("D-1", value=usd("12.34"))
    written(database, conversion)
    assert entry_of(database) == LedgerEntry(
        order_id=conversion.order_id,
        rule="won",
        action=conversion.action,
        state=State.PLANNED,
        value=usd("12.34"),
        matched=a_match(),
        event_at=WON_AT,
    )


@pytest.mark.parametrize("state", [State.SENDING, State.DEFERRED, State.REJECTED])
def test_the_plan_sees_all_that_was_said_where_it_may_be_said_again(
    database: Database, state: State
) -> None:
    conversion = a_conversion_of(
        "D-1",
        identifiers=SOMEBODY,
        customer_type=CustomerType.RETURNING,
        variables={"days": "12"},
    )
    written(database, conversion)
    with database.transaction("said") as connection:
        put_batch(connection, 1)
        said = {"state": state, "batch_id": 1, "due_at": NOW}
        ledger.write(connection, [Change(1, "won", said, is_new=False)])
    assert entry_of(database).says_the_same_as(conversion)


def test_the_plan_sees_why_and_until_when_nothing_is_sent(database: Database) -> None:
    save(database, a_deal("D-1"))
    with database.transaction("hold") as connection:
        held = {
            **not_sent(a_run(connection), a_conversion_of("D-1"), Reason.WAITING_FOR_CLICK),
            "state": State.HELD,
            "due_at": NOW,
        }
        ledger.write(connection, [Change(1, "won", held, is_new=True)])
    entry = entry_of(database)
    assert (entry.state, entry.reason, entry.due_at) == (State.HELD, Reason.WAITING_FOR_CLICK, NOW)
    assert (entry.value, entry.told, entry.matched, entry.event_at) == (None, None, None, None)


def test_entries_are_those_of_the_deals_asked_for_under_every_rule(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"), a_deal("D-3"))
    with database.transaction("plan") as connection:
        wanted = [("D-1", "won"), ("D-1", "mql"), ("D-2", "won"), ("D-3", "won")]
        conversions = [a_conversion_of(deal, rule=rule) for deal, rule in wanted]
        plan(connection, a_run(connection), conversions)
        found = ledger.entries_for(connection, [1, 2, 9])
        assert ledger.entries_for(connection, []) == {}
    assert set(found) == {(1, "won"), (1, "mql"), (2, "won")}


def test_a_change_writes_the_columns_it_names_and_no_others(database: Database) -> None:
    conversion = a_conversion_of("D-1")
    written(database, conversion)
    with database.transaction("change") as connection:
        run_id = a_run(connection)
        dropped = {"run_id": run_id, "state": State.NOT_SENT, "reason": Reason.CONSENT_DENIED}
        ledger.write(connection, [Change(1, "won", dropped, is_new=False)])
        (row,) = ledger.of_deal(connection, 1)
    assert (row["state"], row["reason"], row["run_id"]) == ("not_sent", "consent_denied", run_id)
    assert ledger.as_conversion(row) == conversion


def test_new_and_changed_rows_of_every_shape_are_written_in_one_go(database: Database) -> None:
    save(database, *(a_deal(f"D-{number}") for number in range(6)))
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        conversions = [a_conversion_of(f"D-{number}") for number in range(3)]
        plan(connection, run_id, conversions)
        unsent = not_sent(run_id, a_conversion_of("D-4"), Reason.NO_CLICK)
        lost = {"state": State.NOT_SENT, "reason": Reason.DEAL_LOST}
        dearer = {"value": Decimal("200.5"), "extras": ledger.WITHOUT_PERSON}
        ledger.write(
            connection,
            [
                Change(4, "won", planned(run_id, a_conversion_of("D-3")), is_new=True),
                Change(1, "won", lost, is_new=False),
                Change(2, "won", dearer, is_new=False),
                Change(5, "won", unsent, is_new=True),
                Change(3, "won", lost, is_new=False),
            ],
        )
        found = ledger.entries_for(connection, range(1, 7))
        (second,) = ledger.of_deal(connection, 2)
    states = {deal: entry.state for (deal, _), entry in found.items()}
    gone = State.NOT_SENT
    assert states == {1: gone, 2: State.PLANNED, 3: gone, 4: State.PLANNED, 5: gone}
    assert found[2, "won"].value == usd("200.50")
    assert ledger.as_conversion(second).consent == Consent()


def test_the_new_rows_of_a_rule_stand_side_by_side(database: Database) -> None:
    save(database, *(a_deal(f"D-{number}") for number in range(3)))
    rules = ("won", "mql")
    conversions = [a_conversion_of(f"D-{n}", rule=rule) for n in range(3) for rule in rules]
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), conversions)
        rows = [row for deal in (1, 2, 3) for row in ledger.of_deal(connection, deal)]
    assert {row["id"] for row in rows if row["rule"] == "mql"} in ({1, 2, 3}, {4, 5, 6})


def test_writing_no_changes_is_nothing(database: Database) -> None:
    with database.transaction("plan") as connection:
        ledger.write(connection, [])


# Sums

MQL, WIN = a_rule("mql", milestone="mql"), a_rule("won", milestone=WON)
TOLD = {"told_value": Decimal(5), "told_currency": "USD"}
PERIOD = Period(since=WON_AT, until=WON_AT + HOUR)


def a_funnel(database: Database) -> None:
    """Store one milestone for each thing that can become of it, and ten of nothing yet."""
    funnel: list[tuple[str, dict[str, Any]]] = [
        ("told", {"state": State.CONFIRMED, **TOLD}),
        ("accepted", {"state": State.ACCEPTED, "batch_id": 1}),
        (
            "restating",
            {"state": State.SENDING, "batch_id": 1, **TOLD},
        ),
        (
            "taken back",
            {
                "state": State.CONFIRMED,
                "operation": Operation.RETRACT,
                "told_value": Decimal(0),
                "told_currency": "USD",
            },
        ),
        ("planned", {}),
        ("sending", {"state": State.SENDING, "batch_id": 1}),
        ("deferred", {"state": State.DEFERRED, "due_at": NOW, "code": "LATER"}),
        ("held", {"state": State.HELD, "due_at": NOW, "reason": Reason.CLICK_TOO_RECENT}),
        ("rejected", {"state": State.REJECTED, "code": "TOO_OLD"}),
        ("not sent", {"state": State.NOT_SENT, "reason": Reason.NO_CLICK}),
    ]
    save(database, *(a_deal(deal_id) for deal_id, _ in funnel))
    save(database, a_deal("withdrawn unseen"), a_deal("left to the next run"))
    save(database, a_deal("withdrawn unseen", milestones=()))
    with database.transaction("funnel") as connection:
        run_id = a_run(connection)
        put_batch(connection, run_id)
        plan(connection, run_id, (a_conversion_of(deal_id) for deal_id, _ in funnel))
        became = [
            Change(row, "won", columns, is_new=False)
            for row, (_, columns) in enumerate(funnel, start=1)
            if columns
        ]
        ledger.write(connection, became)
        deals.look_again(connection, {12: NOW})


ACCOUNT = {
    (Account.SENT, "confirmed"): 1,
    (Account.SENT, "accepted"): 1,
    (Account.SENT, "sending"): 1,
    (Account.SENT, "taken back"): 1,
    (Account.WAITING, "planned"): 1,
    (Account.WAITING, "sending"): 1,
    (Account.WAITING, "deferred"): 1,
    (Account.WAITING, "click_too_recent"): 1,
    (Account.WAITING, "next_run"): 1,
    (Account.NOT_SENT, "TOO_OLD"): 1,
    (Account.NOT_SENT, "no_click"): 1,
    (Account.NOT_SENT, "milestone_withdrawn"): 1,
}


@pytest.mark.parametrize("period", [None, PERIOD], ids=["ever", "of the hour it was won"])
def test_every_milestone_is_on_one_side_of_the_sum(
    database: Database, period: Period | None
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        sums = ledger.sums(connection, [WIN, MQL], period)
    assert dict(sums.by_state) == ACCOUNT
    assert sums.is_balanced
    assert sums.extracted == 12
    assert [sums.total(account) for account in Account] == [4, 5, 3]


def test_a_milestone_counts_once_for_each_rule(database: Database) -> None:
    a_funnel(database)
    with database.reading() as connection:
        sums = ledger.sums(connection, [WIN, a_rule("won again")])
    assert sums.extracted == 24
    assert sums.by_state[Account.WAITING, "next_run"] == 2


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
        sums = ledger.sums(connection, [WIN], period)
    assert (sums.extracted, sums.is_balanced) == (extracted, True)


def test_a_milestone_that_got_lost_on_the_way_breaks_the_balance(database: Database) -> None:
    save(database, a_deal())
    with database.reading() as connection:
        assert not ledger.sums(connection, [WIN]).is_balanced


def test_an_empty_ledger_balances(database: Database) -> None:
    with database.reading() as connection:
        sums = ledger.sums(connection, [WIN])
        assert (sums.extracted, sums.is_balanced) == (0, True)
        assert ledger.sums(connection, []).is_balanced
        assert ledger.times_to_milestones(connection) == []
        assert ledger.caught_earlier(connection) == {}
        assert ledger.counted(connection) == (0, frozenset())
        assert ledger.ready(connection, NOW).currencies == frozenset()


def test_what_the_platform_counts_is_what_it_was_told_and_not_taken_back(
    database: Database,
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        assert ledger.counted(connection) == (2, frozenset({"USD"}))


@pytest.mark.parametrize(
    ("now", "run_id", "ready"),
    [
        pytest.param(NOW - HOUR, None, {Operation.COUNT: 1}, id="planned alone"),
        pytest.param(NOW, None, {Operation.COUNT: 2}, id="deferred until now"),
        pytest.param(NOW, 1, {Operation.COUNT: 2}, id="of this run"),
        pytest.param(NOW, 2, {}, id="of another run"),
    ],
)
def test_what_is_ready_is_planned_or_deferred_until_now(
    database: Database, now: datetime, run_id: int | None, ready: dict[Operation, int]
) -> None:
    a_funnel(database)
    with database.reading() as connection:
        found = ledger.ready(connection, now, run_id)
    assert found.by_operation == ready
    assert found.currencies == ({"USD"} if ready else set())


# Times


def sent(
    database: Database | Passing, took: Sequence[timedelta], *, milestone: str = WON, by: str = "d"
) -> None:
    """Let milestones be told that were reached so long after their click."""
    names = [f"{by}-{number}" for number in range(len(took))]
    save(database, *map(a_deal, names))
    with database.transaction("tell") as connection:
        run_id = a_run(connection)
        conversions = [
            a_conversion_of(name, milestone=milestone, milestone_at=CLICKED_AT + each)
            for name, each in zip(names, took, strict=True)
        ]
        plan(connection, run_id, conversions)
        rows = deals.rows_of(connection, "crm", names)
        told = {"state": State.CONFIRMED, **TOLD}
        ledger.write(connection, [Change(row, "won", told, is_new=False) for row in rows])


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
    sent(passing, [timedelta(hours=hours, microseconds=1) for hours in took])
    with passing.reading() as connection:
        (time,) = ledger.times_to_milestones(connection)
    one = timedelta(microseconds=1)
    assert (time.milestone, time.count) == (WON, len(took))
    assert (time.median, time.p90) == (median * HOUR + one, p90 * HOUR + one)


def test_times_to_milestones_stand_quickest_first_and_leave_out_what_was_not_sent(
    database: Database,
) -> None:
    sent(database, [9 * HOUR], by="slow")
    sent(database, [HOUR], milestone="mql", by="quick")
    save(database, a_deal("unsent"))
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), [a_conversion_of("unsent")])
        times = ledger.times_to_milestones(connection)
    assert [(time.milestone, time.count) for time in times] == [("mql", 1), (WON, 1)]


def test_a_late_milestone_whose_deal_was_counted_earlier_was_caught(database: Database) -> None:
    names = ["caught", "not caught", "for another reason", "early one came later"]
    save(database, *map(a_deal, names))
    early = dict.fromkeys(names, WON_AT - HOUR) | {"early one came later": WON_AT + HOUR}
    with database.transaction("plan") as connection:
        run_id = a_run(connection)
        plan(
            connection,
            run_id,
            [
                a_conversion_of(name, rule="mql", milestone="mql", milestone_at=at)
                for name, at in early.items()
            ],
        )
        told = {"state": State.CONFIRMED, **TOLD}
        late, other = Reason.CLICK_OUTSIDE_LOOKBACK, Reason.AMOUNT_ZERO
        ledger.write(
            connection,
            [Change(row, "mql", told, is_new=False) for row in (1, 3, 4)]
            + [
                Change(row, "won", not_sent(run_id, a_conversion_of(name), why), is_new=True)
                for row, (name, why) in enumerate(
                    zip(names, (late, late, other, late), strict=True), start=1
                )
            ],
        )
        assert ledger.caught_earlier(connection) == {("won", "mql"): 1}


def test_a_deals_rows_stand_in_the_funnels_order(database: Database) -> None:
    save(database, a_deal())
    with database.transaction("plan") as connection:
        conversions = [
            a_conversion_of("D-1", rule=rule, milestone_at=WON_AT + hours * HOUR)
            for rule, hours in (("last", 2), ("b", 0), ("a", 0))
        ]
        plan(connection, a_run(connection), conversions)
        rows = ledger.of_deal(connection, 1)
    assert [(row["rule"], row["source"], row["deal_id"]) for row in rows] == [
        (rule, "crm", "D-1") for rule in ("a", "b", "last")
    ]
