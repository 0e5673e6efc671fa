"""A night is started on the page, watched, and stopped; it lives by itself, under its own lock."""

import json
import re
from collections.abc import Callable, Iterator
from threading import Event
from time import monotonic
from typing import Any

import pytest

from tests.cli.office import NIGHT, Office
from tests.cli.page import Visitor, page_of

pytestmark = pytest.mark.long
GUARD_S = 120


@pytest.fixture
def otto(office: Office) -> Iterator[Visitor]:
    """An operator before the page of a company whose first night is still to come."""
    office.deal("D-1", mql_date="")
    office.write_files()
    with page_of(office, NIGHT) as visitor:
        visitor.signs_in("otto")
        yield visitor


def starts(visitor: Visitor) -> str:
    visitor.opens("/do/run")
    return visitor.sends("/do/run")


def run_of(office: Office, number: int = 1) -> dict[str, Any]:
    listed = json.loads(office.types("runs", "--format", "json").out)
    found: dict[str, Any] = next(row for row in listed if row["run"] == number)
    return found


def until(visitor: Visitor, path: str, shows: Callable[[str], bool]) -> str:
    """Open a page again and again until it shows something."""
    patience, ends = Event(), monotonic() + GUARD_S
    while not shows(shown := visitor.opens(path)):
        assert monotonic() < ends, shown
        patience.wait(0.1)
    return shown


def has_ended(shown: str) -> bool:
    return "RUNNING" not in shown


def test_a_night_is_started_and_the_log_names_who_did_it(office: Office, otto: Visitor) -> None:
    assert "Run now" in otto.text
    starts(otto)
    assert otto.path == "/runs/1"
    until(otto, "/runs/1", has_ended)
    run = run_of(office)
    assert (run["command"], run["state"], run["sent"]) == ("run", "OK", 1)
    started = office.types("audit", "list", "--event", "run_started", "--format", "json").out
    assert '"by": "otto"' in started
    assert office.types("audit", "verify").code == 0


def test_a_run_is_watched_by_all_survives_the_page_and_keeps_others_waiting(
    office: Office, otto: Visitor, let_go: Callable[[], None]
) -> None:
    starts(otto)
    shown = until(otto, "/runs/1", lambda shown: "reading deals 1" in shown)
    assert "Stop" in shown
    assert '<script src="/static/watch.js" defer>' in otto.html
    assert "script-src 'self'" in otto.headers["content-security-policy"]
    assert "Run 1 is in progress: watch it" in otto.opens("/")
    assert re.search(r"so far: .*reading deals 1", office.types("runs", "show", "1").out)
    refused = starts(otto)
    assert otto.status == 409
    assert "Run 1 (run) holds the lock" in refused
    with page_of(office, NIGHT) as anew:
        anew.signs_in("vera")
        assert "reading deals 1" in anew.opens("/runs/1")
        assert "/do/stop" not in anew.html
        let_go()
        assert "script" not in until(anew, "/runs/1", has_ended)
    assert run_of(office)["state"] == "OK"
    assert len(office.counted("333")) == 1


def test_a_run_is_stopped_at_a_safe_step_and_the_log_says_by_whom(
    office: Office, otto: Visitor, let_go: Callable[[], None]
) -> None:
    starts(otto)
    until(otto, "/runs/1", lambda shown: "reading deals 1" in shown)
    assert "Stop run 1 at its next safe step?" in otto.opens("/do/stop?about=1")
    otto.sends("/do/stop", about="1")
    assert otto.path == "/runs/1"
    assert "Stopped by SIGTERM" in until(otto, "/runs/1", has_ended)
    asked = office.types("audit", "list", "--event", "stop_asked", "--format", "json").out
    assert '"by": "otto"' in asked
    otto.opens("/do/stop?about=1")
    assert otto.status == 404
    let_go()
    assert office.night().code == 0
    assert len(office.counted("333")) == 1


def test_a_run_that_does_not_begin_says_why(office: Office, otto: Visitor) -> None:
    office.configure("[rules.won]", "[rules.won]\nnonsense = 1")
    said = starts(otto)
    assert "nonsense" in said
    assert office.types("runs", "--format", "json").code == 2
    assert otto.opens("/runs/1")
    assert otto.status == 404
