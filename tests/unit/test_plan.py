from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import NamedTuple

import pytest
from msgspec import structs

from convsync.decide import withdrawal_of
from convsync.model.deal import LOST, Deal, Gone, Milestone
from convsync.model.ledger import IN_FLIGHT, LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import NotSent, Reason, Waiting
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, OrderId
from convsync.model.takes import TIME_CANNOT_BE_CORRECTED
from convsync.plan import (
    VERDICT_RECHECK,
    WITHDRAWALS,
    Decision,
    Item,
    PlanSummary,
    Step,
    plan_upload,
    planned_before,
)
from tests.builders import (
    DENIED,
    NOW,
    ORDER_ID,
    WON_AT,
    a_click,
    a_conversion,
    a_deal,
    a_match,
    a_milestone,
    a_statement,
    an_entry,
    usd,
)

DAY = timedelta(days=1)
LATER = NOW + DAY
EUR_100 = Money(amount=Decimal(100), currency="EUR")
LOST_DEAL = NotSent(reason=Reason.DEAL_LOST)
NO_AMOUNT = NotSent(reason=Reason.AMOUNT_MISSING)
NO_CLICK_YET = Waiting(reason=Reason.WAITING_FOR_CLICK, until=LATER)


class Planned(NamedTuple):
    """What a plan says of one conversion: its step, the value to be told, and why."""

    step: Step
    value: Money | None = None
    reason: Reason | None = None
    until: datetime | None = None
    is_dropped: bool = False


def plan(decision: Decision, entry: LedgerEntry | None = None) -> Planned:
    item = plan_upload(ORDER_ID, decision, entry, now=NOW)
    return Planned(item.step, item.value, item.reason, item.until, item.is_dropped)


def unchanged(*, until: datetime | None = None, is_dropped: bool = False) -> Planned:
    return Planned(Step.UNCHANGED, until=until, is_dropped=is_dropped)


# What must not count


LOST_AFTERWARDS = (a_milestone(), a_milestone(LOST, WON_AT + DAY))


@pytest.mark.parametrize(
    ("deal", "is_undone_by_loss", "reason"),
    [
        pytest.param(a_deal(), True, None, id="won"),
        pytest.param(a_deal(gone=Gone.DELETED), False, Reason.DEAL_DELETED, id="deleted"),
        pytest.param(a_deal(gone=Gone.MERGED), False, Reason.DEAL_MERGED, id="merged"),
        pytest.param(a_deal(consent=DENIED), False, Reason.CONSENT_DENIED, id="consent denied"),
        pytest.param(a_deal(milestones=()), False, Reason.MILESTONE_WITHDRAWN, id="not won"),
        pytest.param(a_deal(milestones=LOST_AFTERWARDS), True, Reason.DEAL_LOST, id="lost later"),
        pytest.param(a_deal(milestones=LOST_AFTERWARDS), False, None, id="lost, which undoes none"),
        pytest.param(
            a_deal(milestones=(a_milestone(LOST, WON_AT - DAY), a_milestone())),
            True,
            None,
            id="lost, then won",
        ),
        pytest.param(
            a_deal(milestones=(a_milestone(is_whole_day=True), a_milestone(LOST, WON_AT))),
            True,
            Reason.DEAL_LOST,
            id="lost and won on the same bare date",
        ),
        pytest.param(
            a_deal(milestones=(a_milestone(LOST),)), True, Reason.DEAL_LOST, id="lost, never won"
        ),
        pytest.param(
            a_deal(milestones=(a_milestone(LOST),)),
            False,
            Reason.MILESTONE_WITHDRAWN,
            id="lost, never won, which undoes none",
        ),
    ],
)
def test_a_milestone_counts_unless_it_was_withdrawn(
    deal: Deal, reason: Reason | None, *, is_undone_by_loss: bool
) -> None:
    won: Milestone | None = deal.milestone("won")
    assert withdrawal_of(deal, won, is_undone_by_loss=is_undone_by_loss) is reason


# What the platform has not counted


FRESH = [
    pytest.param(None, id="never seen"),
    pytest.param(an_entry(State.PLANNED), id="planned"),
    pytest.param(an_entry(State.HELD, reason=Reason.CLICK_TOO_RECENT, due_at=LATER), id="was held"),
    pytest.param(an_entry(State.NOT_SENT, reason=Reason.AMOUNT_ZERO), id="was not sent"),
    pytest.param(
        an_entry(State.DEFERRED, value=usd(90), due_at=LATER), id="put off with another value"
    ),
    pytest.param(an_entry(State.REJECTED, value=usd(90)), id="refused with another value"),
    pytest.param(
        an_entry(State.REJECTED, matched=a_match(a_click("old"))), id="refused with another click"
    ),
    pytest.param(
        an_entry(State.REJECTED, milestone_at=WON_AT - DAY), id="refused with another time"
    ),
]


@pytest.mark.parametrize("entry", FRESH)
def test_a_conversion_the_platform_does_not_know_is_new(entry: LedgerEntry | None) -> None:
    conversion = a_conversion()
    item = plan_upload(ORDER_ID, conversion, entry, now=NOW)
    assert (item.step, item.conversion, item.value) == (Step.NEW, conversion, usd(100))


@pytest.mark.parametrize("entry", FRESH)
def test_what_has_a_reason_is_not_sent(entry: LedgerEntry | None) -> None:
    expected = Planned(Step.NOT_SENT, reason=Reason.AMOUNT_MISSING)
    assert plan(NO_AMOUNT, entry) == expected


@pytest.mark.parametrize("entry", FRESH)
def test_a_conversion_that_may_count_later_waits(entry: LedgerEntry | None) -> None:
    expected = Planned(Step.WAIT, reason=Reason.WAITING_FOR_CLICK, until=LATER)
    assert plan(NO_CLICK_YET, entry) == expected


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(an_entry(State.DEFERRED, due_at=LATER), id="put off"),
        pytest.param(an_entry(State.REJECTED, code="UNPARSEABLE_GCLID"), id="refused"),
    ],
)
def test_what_was_put_off_or_refused_does_not_go_out_again_unchanged(entry: LedgerEntry) -> None:
    assert plan(a_conversion(), entry) == unchanged(until=entry.due_at)


def test_what_is_known_to_wait_or_not_to_be_sent_is_unchanged() -> None:
    held = an_entry(State.HELD, reason=Reason.WAITING_FOR_CLICK, due_at=LATER)
    assert plan(NO_CLICK_YET, held).step is Step.UNCHANGED
    not_sent = an_entry(State.NOT_SENT, reason=Reason.AMOUNT_MISSING)
    assert plan(NO_AMOUNT, not_sent).step is Step.UNCHANGED


@pytest.mark.parametrize("moved", [-timedelta(hours=1), timedelta(hours=1)])
def test_a_wait_that_now_ends_at_another_time_is_written_down(moved: timedelta) -> None:
    entry = an_entry(State.HELD, reason=Reason.WAITING_FOR_CLICK, due_at=LATER + moved)
    assert plan(NO_CLICK_YET, entry).step is Step.WAIT


def test_a_value_without_a_match_for_what_was_never_counted_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="never counted"):
        plan(usd(100), None)


# What is in flight


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
@pytest.mark.parametrize(
    ("decision", "waits"),
    [
        pytest.param(a_conversion(), False, id="the same"),
        pytest.param(a_conversion(matched=a_match(a_click("two"))), False, id="another click"),
        pytest.param(usd(100), False, id="the same value"),
        pytest.param(NO_AMOUNT, False, id="no amount any more"),
        pytest.param(NO_CLICK_YET, False, id="no click any more"),
        pytest.param(a_conversion(value=usd(101)), True, id="another value"),
        pytest.param(usd(101), True, id="another value of a counted one"),
        pytest.param(EUR_100, True, id="another currency"),
        pytest.param(LOST_DEAL, True, id="lost"),
    ],
)
def test_a_change_in_flight_waits_for_the_verdict(
    state: State, decision: Decision, *, waits: bool
) -> None:
    until = NOW + VERDICT_RECHECK
    waiting = Planned(Step.WAIT, reason=Reason.VERDICT_PENDING, until=until)
    assert plan(decision, an_entry(state)) == (waiting if waits else unchanged())


def test_a_retraction_in_flight_of_a_deal_still_lost_is_unchanged() -> None:
    entry = an_entry(State.SENDING, operation=Operation.RETRACT, value=usd(0), told=usd(100))
    assert plan(LOST_DEAL, entry) == unchanged()
    assert plan(usd(100), entry).step is Step.WAIT


# What the platform has counted


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(usd(100), unchanged(), id="the same value"),
        pytest.param(usd("100.00"), unchanged(), id="the same, written differently"),
        pytest.param(a_conversion(), unchanged(), id="the same conversion"),
        pytest.param(
            a_conversion(matched=a_match(a_click("two"))), unchanged(), id="another click"
        ),
        pytest.param(NO_AMOUNT, unchanged(), id="a blank amount takes nothing back"),
        pytest.param(NO_CLICK_YET, unchanged(), id="nor does a click that went missing"),
        pytest.param(usd(120), Planned(Step.RESTATE, value=usd(120)), id="another value"),
        pytest.param(
            a_conversion(value=usd(120)),
            Planned(Step.RESTATE, value=usd(120)),
            id="a conversion with another value",
        ),
        pytest.param(EUR_100, Planned(Step.RESTATE, value=EUR_100), id="another currency"),
        pytest.param(usd(0), Planned(Step.RESTATE, value=usd(0)), id="nothing"),
        pytest.param(
            LOST_DEAL,
            Planned(Step.RETRACT, value=usd(0), reason=Reason.DEAL_LOST),
            id="lost",
        ),
    ],
)
def test_a_counted_conversion_is_made_right(decision: Decision, expected: Planned) -> None:
    assert plan(decision, an_entry()) == expected


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_withdrawal_takes_back_what_was_counted(reason: Reason) -> None:
    item = plan(NotSent(reason=reason), an_entry())
    assert (item.step is Step.RETRACT) is (reason in WITHDRAWALS)


def test_what_was_taken_back_is_not_taken_back_again_and_counts_again_once_it_stands() -> None:
    taken_back = an_entry(operation=Operation.RETRACT, value=usd(0))
    assert plan(LOST_DEAL, taken_back) == unchanged()
    assert plan(usd(100), taken_back) == Planned(Step.RESTATE, value=usd(100))


@pytest.mark.parametrize("state", [State.DEFERRED, State.REJECTED])
@pytest.mark.parametrize(
    ("operation", "value", "same", "other"),
    [
        pytest.param(Operation.RESTATE, usd(120), usd(120), usd(130), id="a restatement"),
        pytest.param(Operation.RETRACT, usd(0), LOST_DEAL, usd(130), id="a retraction"),
    ],
)
def test_a_deferred_or_refused_correction_goes_out_again_only_when_it_changed(
    state: State, operation: Operation, value: Money, same: Decision, other: Decision
) -> None:
    due_at = LATER if state is State.DEFERRED else None
    entry = an_entry(state, operation=operation, value=value, told=usd(100), due_at=due_at)
    assert plan(same, entry) == unchanged(until=due_at)
    assert plan(other, entry) == Planned(Step.RESTATE, value=usd(130))


@pytest.mark.parametrize("state", [State.PLANNED, State.DEFERRED, State.REJECTED])
@pytest.mark.parametrize(
    "decision", [pytest.param(usd(100), id="went back"), pytest.param(NO_AMOUNT, id="went blank")]
)
def test_a_correction_is_dropped_when_the_confirmed_value_is_right_again(
    state: State, decision: Decision
) -> None:
    entry = an_entry(state, operation=Operation.RESTATE, value=usd(120), told=usd(100))
    assert plan(decision, entry) == unchanged(is_dropped=True)


# What the platform may have heard without an answer

TAKE_BACK = Planned(Step.RETRACT, value=usd(0), reason=Reason.DEAL_LOST)
UNANSWERED = [State.PLANNED, State.DEFERRED, State.REJECTED, State.NOT_SENT, State.HELD]


@pytest.mark.parametrize("state", UNANSWERED)
def test_an_unsure_conversion_is_taken_back_like_a_counted_one(state: State) -> None:
    entry = an_entry(state, is_unsure=True, reason=Reason.AMOUNT_MISSING, due_at=LATER)
    assert plan(LOST_DEAL, entry) == TAKE_BACK
    assert plan(LOST_DEAL, structs.replace(entry, is_unsure=False)).step is Step.NOT_SENT


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_withdrawal_takes_back_what_may_count(reason: Reason) -> None:
    item = plan(NotSent(reason=reason), an_entry(State.PLANNED, is_unsure=True))
    assert (item.step is Step.RETRACT) is (reason in WITHDRAWALS)


@pytest.mark.parametrize("state", [State.DEFERRED, State.REJECTED])
def test_an_unsure_conversion_that_cannot_be_taken_back_is_not_retracted_every_night(
    state: State,
) -> None:
    entry = an_entry(state, operation=Operation.RETRACT, value=usd(0), is_unsure=True, due_at=LATER)
    assert plan(LOST_DEAL, entry) == unchanged(until=LATER)
    assert plan(a_conversion(), entry).step is Step.NEW


def test_an_unsure_conversion_is_sent_again_even_with_the_confirmed_value() -> None:
    entry = an_entry(
        State.REJECTED, operation=Operation.RESTATE, value=usd(250), told=usd(100), is_unsure=True
    )
    assert plan(usd(100), entry) == Planned(Step.RESTATE, value=usd(100))
    assert plan(usd(250), entry) == unchanged()
    assert plan(NO_AMOUNT, entry) == unchanged(is_dropped=True)


def test_what_was_taken_back_for_all_we_know_is_taken_back_again_where_it_may_count() -> None:
    surely_not_taken = an_entry(State.PLANNED, value=usd(70), told=usd(0), is_unsure=True)
    assert plan(LOST_DEAL, surely_not_taken) == TAKE_BACK


# What counts at a time that is known to be wrong

KNOWN_WRONG = an_entry(reason=Reason.PLATFORM_CANNOT, code=TIME_CANNOT_BE_CORRECTED)
CANNOT = Planned(Step.CANNOT, reason=Reason.PLATFORM_CANNOT)


@pytest.mark.parametrize(
    ("decision", "entry", "planned"),
    [
        pytest.param(usd(100), an_entry(), CANNOT, id="counted"),
        pytest.param(
            usd(100),
            KNOWN_WRONG,
            Planned(Step.UNCHANGED, reason=Reason.PLATFORM_CANNOT),
            id="and said before",
        ),
        pytest.param(
            usd(90),
            an_entry(),
            Planned(Step.RESTATE, usd(90), until=NOW + VERDICT_RECHECK),
            id="worth less by now: that comes first",
        ),
        pytest.param(
            usd(100),
            an_entry(State.ACCEPTED),
            Planned(Step.WAIT, reason=Reason.VERDICT_PENDING, until=NOW + VERDICT_RECHECK),
            id="in flight",
        ),
        pytest.param(
            LOST_DEAL,
            KNOWN_WRONG,
            Planned(Step.RETRACT, usd(0), Reason.DEAL_LOST, NOW + VERDICT_RECHECK),
            id="lost",
        ),
    ],
)
def test_a_time_that_was_wrong_is_said_once_and_keeps_nothing_from_being_corrected(
    decision: Decision, entry: LedgerEntry, planned: Planned
) -> None:
    item = plan_upload(ORDER_ID, decision, entry, now=NOW, is_mistimed=True)
    assert Planned(item.step, item.value, item.reason, item.until, item.is_dropped) == planned


# A plan in numbers


def summary_of(items: Iterable[Item]) -> PlanSummary:
    summary = PlanSummary(is_compared=True)
    for item in items:
        summary.add(item)
    return summary


@pytest.mark.parametrize(
    ("entry", "step"),
    [
        pytest.param(an_entry(State.PLANNED), Step.NEW, id="new"),
        pytest.param(an_entry(State.PLANNED, operation=Operation.RESTATE), Step.RESTATE, id="r"),
        pytest.param(an_entry(State.PLANNED, operation=Operation.RETRACT), Step.RETRACT, id="t"),
        pytest.param(
            an_entry(State.HELD, reason=Reason.WAITING_FOR_CLICK, due_at=LATER),
            Step.WAIT,
            id="held",
        ),
        pytest.param(
            an_entry(State.NOT_SENT, reason=Reason.NO_CLICK), Step.NOT_SENT, id="no click"
        ),
        pytest.param(
            an_entry(State.NOT_SENT, reason=Reason.PLATFORM_CANNOT), Step.CANNOT, id="cannot"
        ),
        pytest.param(an_entry(State.CONFIRMED), None, id="counted by now"),
        pytest.param(an_entry(State.ACCEPTED), None, id="sent by now"),
    ],
)
def test_a_step_that_the_same_run_has_planned_is_known_and_counts_no_more_once_taken_out(
    entry: LedgerEntry, step: Step | None
) -> None:
    by_this_run = structs.replace(entry, run_id=7)
    assert planned_before(by_this_run, 8) is None
    before = planned_before(by_this_run, 7)
    assert (before and before.step) == step
    if before is not None:
        summary = summary_of([*ITEMS, before])
        summary.take_out(before)
        assert (+summary.steps, summary.value) == (summary_of(ITEMS).steps, summary_of(ITEMS).value)
        assert (summary.reasons, summary.digest) == (
            summary_of(ITEMS).reasons,
            summary_of(ITEMS).digest,
        )


def named(name: str) -> OrderId:
    return OrderId(f"cs-{name}")


def new(name: str, value: Money, click: str = "one") -> Item:
    conversion = a_conversion(named(name), value=value, matched=a_match(a_click(click)))
    return Item(Step.NEW, named(name), conversion, conversion.statement)


ITEMS = [
    new("a", usd(100)),
    new("b", EUR_100),
    Item(Step.RESTATE, named("c"), statement=a_statement(value=usd(30))),
    Item(Step.RETRACT, named("d"), statement=a_statement(value=usd(0)), reason=Reason.DEAL_LOST),
    Item(Step.UNCHANGED, named("e"), is_dropped=True),
    Item(Step.WAIT, named("f"), reason=Reason.WAITING_FOR_CLICK, until=LATER),
]


def test_a_summary_adds_up_what_will_be_told_and_why() -> None:
    summary = summary_of(ITEMS)
    assert summary.steps == {
        Step.NEW: 2,
        Step.RESTATE: 1,
        Step.RETRACT: 1,
        Step.UNCHANGED: 1,
        Step.WAIT: 1,
    }
    assert summary.reasons == {
        (Step.RETRACT, Reason.DEAL_LOST): 1,
        (Step.WAIT, Reason.WAITING_FOR_CLICK): 1,
    }
    assert summary.value == {"USD": Decimal(130), "EUR": Decimal(100)}


def test_a_digest_does_not_depend_on_the_order_of_items() -> None:
    assert len({summary_of(order).digest for order in permutations(ITEMS)}) == 1


@pytest.mark.parametrize(
    ("other", "is_the_same"),
    [
        pytest.param(new("a", usd("100.00")), True, id="the amount written differently"),
        pytest.param(new("a", usd("100.001")), False, id="a tenth of a cent"),
        pytest.param(new("a", EUR_100), False, id="another currency"),
        pytest.param(new("a", usd(100), click="two"), False, id="another click"),
        pytest.param(new("z", usd(100)), False, id="another conversion"),
        pytest.param(
            Item(Step.RESTATE, named("a"), statement=a_statement(value=usd(100))),
            False,
            id="another step",
        ),
    ],
)
def test_a_digest_tells_apart_what_would_be_sent(other: Item, *, is_the_same: bool) -> None:
    before, after = summary_of([ITEMS[0]]).digest, summary_of([other]).digest
    assert (before == after) is is_the_same
    assert len(before) == 32


def test_a_digest_says_nothing_of_what_is_not_sent() -> None:
    assert summary_of(ITEMS[:4]).digest == summary_of(ITEMS).digest


@pytest.mark.parametrize("state", [State.DEFERRED, State.REJECTED])
def test_a_conversion_one_action_deferred_or_refused_goes_to_the_rule_s_new_action(
    state: State,
) -> None:
    elsewhere = ConversionAction(destination="elsewhere", action_id="9")
    entry = an_entry(state, due_at=NOW)
    entry = structs.replace(entry, action=elsewhere, statement=a_statement(action=elsewhere))
    item = plan_upload(ORDER_ID, a_conversion(), entry, now=NOW)
    assert item.step is Step.NEW
