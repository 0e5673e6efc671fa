"""Every arrow of the ledger, allowed and forbidden, and what its event says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec import structs

from convsync.model import moves
from convsync.model.click import MatchBasis
from convsync.model.consent import UNSPECIFIED
from convsync.model.conversion import Conversion
from convsync.model.customer import CustomerType
from convsync.model.event import Event, EventKind
from convsync.model.ledger import (
    ARROWS,
    IN_FLIGHT,
    ForbiddenMoveError,
    LedgerEntry,
    Move,
    State,
    record_of,
)
from convsync.model.moves import Place
from convsync.model.outcome import (
    EXPLANATIONS,
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    Matched,
    NotMatched,
    Outcome,
    Reason,
    Rejected,
    Untried,
)
from convsync.model.replay import Record, after
from convsync.model.statement import Operation, OrderId
from tests.builders import (
    ACTION,
    NOW,
    SOMEBODY,
    WON_AT,
    a_click,
    a_conversion,
    a_match,
    a_new_entry,
    a_statement,
    an_entry,
    one_of,
    reserved,
    usd,
)

PLACE = Place(action=ACTION, milestone="won", milestone_at=WON_AT)
UNTIL = NOW + timedelta(hours=6)
RESTATED = a_statement(operation=Operation.RESTATE, value=usd(120))
RETRACTED = a_statement(operation=Operation.RETRACT, value=usd(0))
THERE = Confirmed(code="ALREADY_EXISTS", is_by_our_key=False)


def settled(outcome: Outcome) -> Callable[[LedgerEntry], Move]:
    return lambda entry: moves.settled(entry, outcome, now=NOW)


def together(outcome: Outcome) -> Callable[[LedgerEntry], Move]:
    def step(entry: LedgerEntry) -> Move:
        moved = moves.settled_together([entry.number], outcome, 7, ACTION)
        assert moved is not None
        return one_of(moved, entry)

    return step


PLANNING = {None, "planned", "held", "not_sent", "deferred", "blocked", "unmatched", "rejected"}
RESTING = {"planned", "deferred", "blocked", "unmatched", "rejected", "confirmed"}
FLYING = {"sending", "accepted"}
MOVES: list[tuple[str, Callable[[LedgerEntry], Move], set[str | None], str]] = [
    (
        "planned",
        lambda entry: moves.planned(entry, a_conversion(), run_id=2),
        PLANNING | {"confirmed"},
        "planned",
    ),
    (
        "corrected",
        lambda entry: moves.corrected(entry, RESTATED, reason=None, run_id=2),
        PLANNING | {"confirmed"},
        "planned",
    ),
    (
        "taken back",
        lambda entry: moves.corrected(entry, RETRACTED, reason=Reason.DEAL_LOST, run_id=2),
        PLANNING | {"confirmed"},
        "planned",
    ),
    (
        "held",
        lambda entry: moves.held(entry, PLACE, Reason.WAITING_FOR_CLICK, UNTIL, run_id=2),
        PLANNING,
        "held",
    ),
    (
        "not sent",
        lambda entry: moves.not_sent(entry, PLACE, Reason.NO_CLICK, run_id=2),
        PLANNING,
        "not_sent",
    ),
    ("kept", lambda entry: moves.kept(entry, run_id=2), set(RESTING), "confirmed"),
    (
        "uncorrectable",
        lambda entry: moves.uncorrectable(entry, "TOO_OLD", run_id=2),
        set(RESTING),
        "confirmed",
    ),
    (
        "withheld",
        lambda entry: moves.withheld(entry, run_id=2),
        {"sending", "deferred", "blocked"},
        "planned",
    ),
    ("reserved", lambda entry: reserved(entry, 7), {"planned", "deferred"}, "sending"),
    ("released", moves.released, {"blocked"}, "planned"),
    (
        "retried",
        lambda entry: moves.retried(entry, run_id=2),
        {"planned", "deferred", "blocked", "unmatched", "rejected"},
        "planned",
    ),
    ("accepted", settled(Accepted(request_id="r-1")), {"sending"}, "accepted"),
    ("confirmed", settled(Confirmed()), set(FLYING), "confirmed"),
    ("rejected", settled(Rejected(code="X")), set(FLYING), "rejected"),
    ("blocked", settled(Blocked(code="TERMS")), set(FLYING), "blocked"),
    ("unmatched", settled(NotMatched(code="UNKNOWN_CLICK")), set(FLYING), "unmatched"),
    ("deferred", settled(Deferred(code="LATER", until=UNTIL)), set(FLYING), "deferred"),
    ("untried", settled(Untried()), set(FLYING), "planned"),
    ("accepted together", together(Accepted(request_id="r-1")), {"sending"}, "accepted"),
    ("confirmed together", together(Confirmed()), set(FLYING), "confirmed"),
    ("unmatched together", together(NotMatched(code="UNKNOWN_CLICK")), set(FLYING), "unmatched"),
    ("untried together", together(Untried()), set(FLYING), "planned"),
    ("shifted", settled(THERE), set(FLYING), "planned"),
]


def entry_in(state: State | None) -> LedgerEntry:
    """An entry that was counted before; None: one that is not in the ledger yet."""
    if state is None:
        return a_new_entry()
    return an_entry(state, told=usd(90), due_at=NOW, batch=3, code="OLD")


def planned_as(entry: LedgerEntry) -> Event:
    """An event that says all of an entry."""
    return Event(EventKind.PLANNED, record_of(entry))


def replayed(*events: Event) -> Record:
    """The entry that the events lead to."""
    return after((number, event.kind, event.detail) for number, event in enumerate(events))


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize(
    ("move", "comes_from", "leads_to"), [pytest.param(*each[1:], id=each[0]) for each in MOVES]
)
def test_each_move_takes_exactly_its_own_arrows(
    move: Callable[[LedgerEntry], Move],
    comes_from: set[str | None],
    leads_to: str,
    state: State | None,
) -> None:
    if state in comes_from:
        assert move(entry_in(state)).after.state == leads_to
    else:
        with pytest.raises(ForbiddenMoveError):
            move(entry_in(state))


@pytest.mark.parametrize("state", [None, *State])
def test_an_entry_is_marked_unsure_in_the_state_it_is_in(state: State | None) -> None:
    if state in IN_FLIGHT or state is None:
        with pytest.raises(ForbiddenMoveError):
            moves.marked_unsure(entry_in(state))
    else:
        after = moves.marked_unsure(entry_in(state)).after
        assert (after.state, after.is_unsure) == (state, True)


@pytest.mark.parametrize("state", [None, *State])
def test_a_merge_moves_an_entry_in_whatever_state_it_is_and_changes_nothing_else_of_it(
    state: State | None,
) -> None:
    entry = entry_in(state)
    if state is None:
        with pytest.raises(ForbiddenMoveError):
            moves.merged_into(entry, 9, "D-9", run_id=2)
        return
    left, move = moves.merged_into(entry, 9, "D-9", run_id=2)
    assert move.after == structs.replace(entry, deal_row=9, deal_id="D-9", run_id=2)
    assert left.kind is EventKind.MERGED_AWAY
    assert replayed(move.event) == record_of(move.after)
    assert (left.deal_row, move.event.deal_row) == (entry.deal_row, 9)


def test_the_table_of_arrows_has_none_that_no_move_takes() -> None:
    taken: dict[EventKind, tuple[set[State | None], set[State]]] = {}
    for _, move, comes_from, _ in MOVES:
        for state in [None, *State]:
            if state in comes_from:
                made = move(entry_in(state))
                froms, tos = taken.setdefault(made.event.kind, (set(), set()))
                froms.add(state)
                tos.add(made.after.state)
    late = settled(THERE)(an_entry(State.SENDING, event_at=NOW))
    taken[EventKind.SHIFTED][1].add(late.after.state)
    rest = set(State) - IN_FLIGHT
    states = set(State)
    assert taken | {EventKind.UNSURE: (rest, rest), EventKind.MERGED_IN: (states, states)} == {
        kind: (set(comes_from), set(leads_to)) for kind, (comes_from, leads_to) in ARROWS.items()
    }


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize(
    ("move", "comes_from"), [pytest.param(each[1], each[2], id=each[0]) for each in MOVES]
)
def test_an_event_says_all_that_its_move_changed(
    move: Callable[[LedgerEntry], Move], comes_from: set[str | None], state: State | None
) -> None:
    if state not in comes_from:
        return
    before = entry_in(state)
    earlier = [] if state is None else [planned_as(before)]
    made = move(before)
    assert replayed(*earlier, made.event) == record_of(made.after)


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted(request_id="r-1"),
        Confirmed(),
        Confirmed(code="1 of 3: SOMETHING"),
        NotMatched(code="UNKNOWN_CLICK"),
        Untried(),
    ],
    ids=str,
)
def test_one_event_says_of_many_entries_what_one_of_each_would(outcome: Outcome) -> None:
    entries = [
        structs.replace(an_entry(State.SENDING, order_id=OrderId(f"cs-{n}"), batch=7), number=n)
        for n in (1, 2, 4)
    ]
    moved = moves.settled_together([1, 2, 4], outcome, 7, ACTION)
    assert moved is not None
    assert moved.event.detail["entries"] == "1-2,4"
    for entry in entries:
        one_by_one = moves.settled(entry, outcome, now=NOW).after
        assert replayed(planned_as(entry), moved.event) == record_of(one_by_one)


@pytest.mark.parametrize(
    "outcome",
    [THERE, Rejected(code="X"), Blocked(code="TERMS"), Deferred(code="LATER", until=UNTIL)],
    ids=str,
)
def test_bad_outcomes_are_recorded_deal_by_deal(outcome: Outcome) -> None:
    assert moves.settled_together([1, 2], outcome, 7, ACTION) is None


# What an answer means depends on what was asked before


def test_a_code_that_helps_once_rejects_the_second_time() -> None:
    once = Deferred(code="WAIT_ONCE", until=UNTIL, is_once=True)
    first = moves.settled(an_entry(State.SENDING), once, now=NOW)
    assert first.after.state is State.DEFERRED
    again = reserved(first.after, 8).after
    second = moves.settled(again, once, now=NOW).after
    assert (second.state, second.reason) == (State.REJECTED, Reason.PLATFORM_REFUSED)


def test_some_conversion_already_there_is_anothers_on_a_first_try() -> None:
    after = moves.settled(an_entry(State.SENDING), THERE, now=NOW).after
    assert (after.state, after.told) == (State.PLANNED, None)
    assert after.statement == a_statement(event_at=WON_AT + timedelta(seconds=1))


@pytest.mark.parametrize("is_unsure", [False, True])
def test_an_existing_conversion_is_ours_if_our_request_may_have_arrived(*, is_unsure: bool) -> None:
    entry = an_entry(State.SENDING, is_unsure=is_unsure)
    after = moves.settled(entry, THERE, is_repeat=not is_unsure, now=NOW).after
    assert (after.state, after.told) == (State.CONFIRMED, usd(100))


def test_a_second_is_never_moved_into_the_future() -> None:
    after = moves.settled(an_entry(State.SENDING, event_at=NOW), THERE, now=NOW).after
    assert (after.state, after.due_at) == (State.DEFERRED, NOW + timedelta(seconds=1))


def test_a_probe_keeps_its_code_until_it_is_answered() -> None:
    blocked = an_entry(State.BLOCKED, code="TERMS")
    probe = reserved(moves.released(blocked, is_probe=True).after, 8).after
    assert moves.settled(probe, Accepted(request_id="r"), now=NOW).after.code == "TERMS"
    assert moves.settled(probe, Confirmed(), now=NOW).after.code == ""
    assert moves.released(blocked).after.code == ""


@pytest.mark.parametrize(("state", "is_unsure"), [(State.SENDING, True), (State.DEFERRED, False)])
def test_what_is_withheld_may_count_if_it_was_never_answered(
    state: State, *, is_unsure: bool
) -> None:
    after = moves.withheld(an_entry(state, value=usd(90), batch=3), run_id=2).after
    assert (after.state, after.is_unsure, after.value) == (State.PLANNED, is_unsure, usd(90))
    assert moves.withheld(an_entry(state, is_unsure=True), run_id=2).after.is_unsure


OUTCOMES: list[Outcome] = [
    Accepted(request_id="r"),
    Rejected(code="X"),
    Blocked(code="X"),
    NotMatched(code="X"),
    Deferred(code="X", until=UNTIL),
    Untried(),
]


@pytest.mark.parametrize("is_repeat", [False, True])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_a_conversion_whose_repeat_is_not_confirmed_is_unsure(
    outcome: Outcome, *, is_repeat: bool
) -> None:
    entry = an_entry(State.SENDING, batch=3)
    assert moves.settled(entry, outcome, is_repeat=is_repeat, now=NOW).after.is_unsure is is_repeat


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
    operation: Operation, outcome: Outcome, *, stays: bool
) -> None:
    entry = an_entry(State.SENDING, operation=operation, is_unsure=True)
    assert moves.settled(entry, outcome, now=NOW).after.is_unsure is stays


def test_what_was_never_counted_cannot_be_kept_nor_be_beyond_correction() -> None:
    with pytest.raises(ForbiddenMoveError):
        moves.kept(an_entry(State.PLANNED), run_id=2)
    with pytest.raises(ForbiddenMoveError):
        moves.uncorrectable(an_entry(State.PLANNED), "X", run_id=2)


@pytest.mark.parametrize("state", list(State))
def test_an_entry_in_flight_is_not_yet_said_to_count_otherwise(state: State) -> None:
    entry = an_entry(state, is_unsure=True)
    assert entry.may_count_otherwise is (state not in IN_FLIGHT)
    assert not an_entry(state).may_count_otherwise


BARE_DAY_ENDS_AT = WON_AT + timedelta(hours=8)


@pytest.mark.parametrize(
    ("conversion", "is_the_same"),
    [
        pytest.param(a_conversion(), True, id="word for word"),
        pytest.param(a_conversion(value=usd("100.00")), True, id="the amount written differently"),
        pytest.param(
            a_conversion(matched=a_match(a_click(is_whole_day=True), is_estimated=True)),
            True,
            id="the click known differently",
        ),
        pytest.param(
            a_conversion(event_at=WON_AT - timedelta(hours=2)),
            True,
            id="another second of the same bare date",
        ),
        pytest.param(a_conversion(value=usd(101)), False, id="another value"),
        pytest.param(a_conversion(operation=Operation.RETRACT), False, id="another operation"),
        pytest.param(a_conversion(matched=a_match(a_click("two"))), False, id="another click"),
        pytest.param(a_conversion(milestone_at=BARE_DAY_ENDS_AT), False, id="another time"),
        pytest.param(a_conversion(identifiers=SOMEBODY), False, id="another person"),
        pytest.param(a_conversion(consent=UNSPECIFIED), False, id="another consent"),
        pytest.param(
            a_conversion(customer_type=CustomerType.NEW), False, id="another type of customer"
        ),
        pytest.param(a_conversion(variables={"days": "1"}), False, id="another custom variable"),
    ],
)
def test_only_what_the_platform_would_read_is_news(
    conversion: Conversion, *, is_the_same: bool
) -> None:
    assert an_entry(State.REJECTED).says_the_same_as(conversion) is is_the_same


def test_an_entry_without_a_click_says_the_same_as_a_conversion_without_one() -> None:
    nobody = Matched(basis=MatchBasis.IDENTIFIER, click=None, clicked_at=None)
    entry = an_entry(State.REJECTED, matched=nobody)
    assert entry.says_the_same_as(a_conversion(matched=nobody))
    assert not entry.says_the_same_as(a_conversion())
    assert not an_entry(State.REJECTED).says_the_same_as(a_conversion(matched=nobody))


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence_and_a_fix(reason: Reason) -> None:
    explanation = EXPLANATIONS[reason]
    for text in (explanation.sentence, explanation.fix):
        assert text[0].isupper()
        assert text.endswith(".")
