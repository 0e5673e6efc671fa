"""Work in threads: order, errors, how far ahead, and that nobody is left at work."""

from collections.abc import Iterator
from functools import partial
from threading import Event
from threading import enumerate as threads_there_are

import pytest

from convsync.parallel import GivenUpError, ahead, pause, raise_if_given_up, together

PATIENCE_S = 60


def fail(number: int) -> int:
    raise ValueError(str(number))


def none_of_ours_is_left() -> bool:
    """Wait for the threads that are not the test's own, and return whether they ended."""
    ours = [one for one in threads_there_are() if one.name.startswith("ThreadPoolExecutor")]
    for one in ours:
        one.join(PATIENCE_S)
    return not any(one.is_alive() for one in ours)


def test_answers_come_in_the_order_of_the_calls_whichever_is_first() -> None:
    second_is_made = Event()

    def first() -> str:
        assert second_is_made.wait(PATIENCE_S), "they are made at once"
        return "first"

    def second() -> str:
        second_is_made.set()
        return "second"

    assert together([first, second], at_once=2) == ["first", "second"]


def test_one_at_a_time_is_one_at_a_time_in_the_threads_own_order() -> None:
    made: list[int] = []
    together([partial(made.append, number) for number in range(50)], at_once=1)
    assert made == list(range(50))


def test_of_several_errors_the_first_in_order_is_raised() -> None:
    with pytest.raises(ValueError, match="1"):
        together([partial(int, 0), partial(fail, 1), partial(fail, 2)], at_once=3)


def test_no_more_is_read_ahead_than_was_agreed() -> None:
    read: list[int] = []
    three_are_read = Event()

    def items() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            if number == 2:
                three_are_read.set()
            yield number

    reading = ahead(items(), by=2)
    assert next(reading) == 0
    assert three_are_read.wait(PATIENCE_S), "while the first is worked on"
    assert not Event().wait(0.05)
    assert read == [0, 1, 2]
    assert list(reading) == list(range(1, 100))
    assert none_of_ours_is_left()


def test_an_error_comes_after_what_stands_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("the fourth")

    found: list[int] = []
    with pytest.raises(ValueError, match="the fourth"):
        found.extend(ahead(items(), by=5))  # keeps what came before
    assert found == [0, 1, 2]
    assert none_of_ours_is_left()


def test_closing_a_reader_ends_its_wait() -> None:
    is_waiting = Event()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        is_waiting.set()

    def items() -> Iterator[int]:
        yield 0
        pause(wait, float("inf"))

    reading = ahead(items(), by=1)
    assert next(reading) == 0
    assert is_waiting.wait(PATIENCE_S)
    reading.close()  # type: ignore[attr-defined]
    assert none_of_ours_is_left()
    assert max(waited) <= 10, "it looks up every ten seconds"


def test_threads_begun_by_a_thread_that_is_given_up_are_given_up() -> None:
    is_waiting, given_up = Event(), Event()

    def wait_for_ever() -> None:
        is_waiting.set()
        try:
            pause(lambda _: None, float("inf"))
        except GivenUpError:
            given_up.set()
            raise

    def items() -> Iterator[int]:
        yield 0
        together([wait_for_ever, wait_for_ever], at_once=2)

    reading = ahead(items(), by=1)
    assert next(reading) == 0
    assert is_waiting.wait(PATIENCE_S)
    reading.close()  # type: ignore[attr-defined]
    assert given_up.wait(PATIENCE_S)
    assert none_of_ours_is_left()


def test_a_thread_that_nobody_gave_work_waits_in_one_go() -> None:
    waited: list[float] = []
    pause(waited.append, 300)
    raise_if_given_up()
    assert waited == [300]
