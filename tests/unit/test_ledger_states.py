from dataclasses import replace
from datetime import timedelta

import pytest

from convsync.model.click import MatchBasis
from convsync.model.consent import UNSPECIFIED
from convsync.model.conversion import Conversion
from convsync.model.customer import CustomerType
from convsync.model.ledger import ARROWS, IN_FLIGHT, State
from convsync.model.outcome import EXPLANATIONS, Matched, Reason
from convsync.model.statement import Operation
from tests.builders import NOW, SOMEBODY, WON_AT, a_click, a_conversion, a_match, an_entry, usd


def reachable_from(state: State) -> set[State]:
    seen: set[State] = set()
    ahead = {state}
    while ahead:
        seen |= ahead
        ahead = {after for before in ahead for after in ARROWS[before]} - seen
    return seen


@pytest.mark.parametrize("state", list(State))
def test_every_state_leads_to_confirmed_and_comes_from_planned(state: State) -> None:
    assert State.CONFIRMED in reachable_from(state)
    assert state in reachable_from(State.PLANNED)


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_nothing_in_flight_is_held_or_given_up(state: State) -> None:
    assert not ARROWS[state] & {State.HELD, State.NOT_SENT}


@pytest.mark.parametrize("state", sorted(set(State) - {State.SENDING}))
def test_only_what_was_reserved_is_sent_and_only_what_was_sent_is_accepted(state: State) -> None:
    assert State.ACCEPTED not in ARROWS[state]
    is_reservable = state in {State.PLANNED, State.DEFERRED}
    assert (State.SENDING in ARROWS[state]) is is_reservable


def test_what_was_confirmed_changes_only_by_a_correction() -> None:
    assert ARROWS[State.CONFIRMED] == {State.PLANNED, State.CONFIRMED}


@pytest.mark.parametrize("state", [State.PLANNED, State.DEFERRED, State.REJECTED])
def test_a_correction_that_is_no_longer_needed_can_be_dropped(state: State) -> None:
    assert State.CONFIRMED in ARROWS[state]


def test_a_conversion_counts_as_counted_from_its_first_verdict_on() -> None:
    assert not an_entry(State.ACCEPTED).has_been_counted
    assert an_entry(State.CONFIRMED).has_been_counted
    assert an_entry(State.DEFERRED, told=usd(100), value=usd(90)).has_been_counted
    assert an_entry(State.CONFIRMED, told=usd(0)).has_been_counted


@pytest.mark.parametrize(("state", "is_unsure"), [(State.SENDING, True), (State.DEFERRED, False)])
def test_what_is_taken_back_into_the_plan_may_count_if_it_was_never_answered(
    state: State, *, is_unsure: bool
) -> None:
    entry = an_entry(state, value=usd(90), due_at=NOW).taken_back()
    assert (entry.state, entry.is_unsure, entry.value) == (State.PLANNED, is_unsure, usd(90))
    assert replace(an_entry(state), is_unsure=True).taken_back().is_unsure


@pytest.mark.parametrize("state", list(State))
def test_what_is_being_asked_is_not_yet_said_to_count_otherwise(state: State) -> None:
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
            a_conversion(milestone_at=BARE_DAY_ENDS_AT, event_at=NOW),
            True,
            id="a bare date whose day is not over",
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
        pytest.param(
            replace(a_conversion(), variables={"days": "1"}), False, id="another custom variable"
        ),
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
def test_every_reason_has_a_sentence_and_a_mend(reason: Reason) -> None:
    explanation = EXPLANATIONS[reason]
    for text in (explanation.sentence, explanation.mend):
        assert text[0].isupper()
        assert text.endswith(".")
