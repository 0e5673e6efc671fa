"""A call that fails in passing: how often it is tried, how long is waited, what may be heard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

import pytest

from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.retrying import RetryPolicy
from convsync.sending.calls import Attempt, PacedCalls, at_a_time
from convsync.store.database import Database
from convsync.upload.destination import UNLIMITED

LOST = TransientError("away")
NOT_TAKEN = TransientError("enough", retry_after_s=30, surely_not_taken=True)
NOT_TODAY = TransientError("enough for today", retry_after_s=3600, surely_not_taken=True)
REFUSED = OperatorError("no such action")
NONSENSE = UnexpectedResponseError("what?")


def made(*answers: ConvsyncError | str, attempts: int = 4) -> tuple[Attempt[str], list[float]]:
    """Make a call that is answered so, one try after the other; return also what was slept."""
    slept: list[float] = []
    policy = RetryPolicy(attempts=attempts, first_wait_s=1, longest_wait_s=8, sleep=slept.append)
    calls = PacedCalls(Database("sqlite:///never-opened.db"), policy)
    return calls.attempt(UNLIMITED, _call(iter(answers))), slept


def _call(answers: Iterator[ConvsyncError | str]) -> Callable[[], str]:
    def call() -> str:
        answer = next(answers)
        if isinstance(answer, ConvsyncError):
            raise answer
        return answer

    return call


def test_a_call_is_tried_until_it_is_answered() -> None:
    attempt, slept = made(LOST, LOST, "well")
    assert (attempt.answer, attempt.error) == ("well", None)
    assert len(slept) == 2
    assert all(0 < seconds <= 8 for seconds in slept)


def test_a_call_that_fails_too_often_is_given_up_with_its_last_error() -> None:
    attempt, slept = made(LOST, LOST, NOT_TAKEN, "too late", attempts=3)
    assert (attempt.answer, attempt.error) == (None, NOT_TAKEN)
    assert len(slept) == 2


def test_the_other_side_is_given_the_time_it_asks_for() -> None:
    _, slept = made(NOT_TAKEN, NOT_TAKEN, "well")
    assert slept == [30, 30]


@pytest.mark.parametrize("error", [REFUSED, NONSENSE, NOT_TODAY])
def test_a_call_that_waiting_cannot_fix_is_tried_once(error: ConvsyncError) -> None:
    attempt, slept = made(error, "never")
    assert attempt.error is error
    assert slept == []


@pytest.mark.parametrize(
    ("answers", "may_have_been_taken", "was_surely_not_taken"),
    [
        pytest.param(["well"], False, False, id="answered"),
        pytest.param([NOT_TAKEN, "well"], False, False, id="answered after it was turned away"),
        pytest.param([LOST, "well"], True, False, id="answered after an answer was lost"),
        pytest.param([REFUSED], False, True, id="refused"),
        pytest.param([NOT_TAKEN, REFUSED], False, True, id="turned away, then refused"),
        pytest.param([LOST, REFUSED], True, False, id="lost, then refused"),
        pytest.param([NOT_TODAY], False, True, id="turned away for long"),
        pytest.param([LOST, NOT_TODAY], True, False, id="lost, then turned away for long"),
        pytest.param([LOST] * 4, True, False, id="never answered"),
        pytest.param([NONSENSE], False, False, id="answered with nonsense"),
    ],
)
def test_a_failed_call_says_whether_the_platform_may_have_accepted_it(
    answers: list[ConvsyncError | str], *, may_have_been_taken: bool, was_surely_not_taken: bool
) -> None:
    attempt, _ = made(*answers)
    assert attempt.may_have_been_taken is may_have_been_taken
    assert attempt.was_surely_not_taken is was_surely_not_taken


@dataclass(frozen=True)
class Item:
    number: int


def test_nothing_more_leaves_while_an_answer_waits_to_be_taken() -> None:
    told: list[str] = []

    def departing() -> Iterator[Item]:
        for number in range(3):
            told.append(f"{number} leaves")
            yield Item(number)

    def may_leave() -> bool:
        Event().wait(0.05)  # time enough to be answered
        return True

    for item, answer in at_a_time(departing(), lambda one: one, at_once=8, may_leave=may_leave):
        told.append(f"{item.number} is taken")
        assert item is answer
    assert told == [f"{number} {what}" for number in range(3) for what in ("leaves", "is taken")]


def test_as_many_leave_as_there_is_room_for_while_none_is_answered() -> None:
    may_answer, left = Event(), list[int]()

    def departing() -> Iterator[Item]:
        for number in range(5):
            left.append(number)
            if number == 2:
                may_answer.set()
            yield Item(number)

    def call(item: Item) -> bool:
        return may_answer.wait(60)

    answers = at_a_time(departing(), call, at_once=3, may_leave=lambda: True)
    assert next(answers)[1]
    assert left == [0, 1, 2]
    assert len([*answers]) == 4


class UntilReady:
    """Items, and calls about them that are answered once the third item has been made."""

    def __init__(self, items: int) -> None:
        self._items = items
        self.is_ready, self.called = Event(), list[int]()

    def departing(self) -> Iterator[Item]:
        for number in range(self._items):
            if number == 2:
                self.is_ready.set()
            yield Item(number)

    def call(self, item: Item) -> bool:
        self.called.append(item.number)
        return self.is_ready.wait(60)


def test_one_more_is_made_ready_while_all_are_under_way_and_leaves_in_the_place_of_an_answer() -> (
    None
):
    calls = UntilReady(4)
    answers = at_a_time(
        calls.departing(), calls.call, at_once=2, may_leave=lambda: True, makes_ready=True
    )
    assert sorted(item.number for item, answer in answers if answer) == [0, 1, 2, 3]
    assert sorted(calls.called) == [0, 1, 2, 3]


def test_what_was_made_ready_and_may_no_longer_leave_comes_back_without_an_answer() -> None:
    calls = UntilReady(9)
    answers = at_a_time(
        calls.departing(),
        calls.call,
        at_once=2,
        may_leave=lambda: not calls.is_ready.is_set(),
        makes_ready=True,
    )
    *answered, last = [(item.number, answer) for item, answer in answers]
    assert (sorted(answered), last) == ([(0, True), (1, True)], (2, None))
    assert sorted(calls.called) == [0, 1]
