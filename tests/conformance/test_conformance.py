"""The sandbox does what `cases.py` says Google does, as Google's own clients see it."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from convsync.sandbox.server import Sandbox
from tests.conformance.asking import ACCOUNT, ACTION, Google, Refused, RowsRefused
from tests.conformance.cases import CASES, NOW, Case


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def clients(running: Sandbox) -> Iterator[Google]:
    clients = Google(running)
    yield clients
    clients.close()


@pytest.fixture
def google(clients: Google) -> Google:
    clients.post("/reset", None)
    clients.at(NOW)
    return clients


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_google_answers_as_written(running: Sandbox, google: Google, case: Case) -> None:
    for step in case.given:
        assert not isinstance(google.ask(step), Refused | RowsRefused), step
    google.at(NOW + case.later)
    assert google.ask(case.ask) == case.answer, case.rule
    books = requests.get(f"{running.http_url}/books", timeout=60).json()["counted"]
    page = books.get(f"{ACCOUNT}/{ACTION}", {})
    for name, expected in case.counted.items():
        seen = page.get(name)
        shown = {key: seen[key] for key in expected} if expected is not None and seen else seen
        assert shown == expected, case.rule


def test_every_case_has_a_name_of_its_own() -> None:
    assert {
        name: times for name, times in Counter(case.id for case in CASES).items() if times > 1
    } == {}
