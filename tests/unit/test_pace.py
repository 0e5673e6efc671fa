"""How fast an API is asked: limits that are kept before they are reached, and waits for all."""

from functools import partial
from threading import Barrier, Lock

import pytest
import requests
import responses

from convsync.errors import TransientError
from convsync.http import Http
from convsync.pace import Limit, Pace
from convsync.retrying import RetryPolicy

URL = "https://crm.example/api"


class Watch:
    """Seconds that pass only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def http(self, *limits: Limit) -> Http:
        pace = Pace(limits, at_once=2, ticks=lambda: self.now)
        policy = RetryPolicy(attempts=1, sleep=self.sleep)
        return Http(name="CRM", base_url=URL, policy=policy, pace=pace)


def turns(pace: Pace, count: int, url: str = URL) -> list[float]:
    return [pace.turn(url) for _ in range(count)]


def test_turns_beyond_a_limit_come_when_the_first_of_them_is_past() -> None:
    pace = Pace([Limit(requests=2, seconds=10)], ticks=lambda: 0.0)
    assert turns(pace, 5) == [0, 0, 10, 10, 20]


def test_a_limit_of_some_requests_holds_up_no_others() -> None:
    limits = [Limit(requests=1, seconds=1, of="/search$"), Limit(requests=4, seconds=10)]
    pace = Pace(limits, ticks=lambda: 0.0)
    assert turns(pace, 2, f"{URL}/deals/search") == [0, 1]
    assert turns(pace, 3, f"{URL}/deals") == [0, 0, 10]


def test_a_limit_that_was_not_used_is_free_at_once() -> None:
    watch = Watch()
    pace = Pace([Limit(requests=1, seconds=1)], ticks=lambda: watch.now)
    assert turns(pace, 1) == [0]
    watch.sleep(30)
    assert turns(pace, 2) == [0, 1]


def test_a_wait_that_was_told_to_one_is_made_by_all() -> None:
    pace = Pace(ticks=lambda: 0.0)
    pace.hold(7)
    pace.hold(3)
    assert turns(pace, 2) == [7, 7]


@pytest.mark.parametrize(
    ("asked_s", "waited_s"),
    [
        pytest.param(7, 7, id="a wait that a run makes is made by every call"),
        pytest.param(86_400, 0, id="a day is left to the next run and holds up nobody"),
    ],
)
@responses.activate
def test_an_answer_that_asks_to_wait_holds_up_other_calls(asked_s: int, waited_s: int) -> None:
    watch = Watch()
    http = watch.http()
    responses.get(f"{URL}/deals", status=429, headers={"Retry-After": str(asked_s)})
    responses.get(f"{URL}/contacts", json=[])
    with pytest.raises(TransientError):
        http.get("deals")
    http.get("contacts")
    assert watch.now == waited_s


@responses.activate
def test_as_many_calls_are_made_at_once_as_an_api_may_have_and_no_more() -> None:
    two, most, lock = Barrier(2, timeout=60), 0, Lock()
    under_way = 0

    def answer(_: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        two.wait()
        with lock:
            under_way -= 1
        return 200, {}, "[]"

    responses.add_callback(responses.GET, f"{URL}/deals", answer)
    http = Watch().http()
    assert http.together([partial(http.get, "deals")] * 8) == [[]] * 8
    assert most == 2


@responses.activate
def test_requests_keep_to_the_limits_of_their_api() -> None:
    watch = Watch()
    http = watch.http(Limit(requests=3, seconds=10))
    responses.get(f"{URL}/deals", json=[])
    for _ in range(7):
        http.get("deals")
    assert watch.now == 20
