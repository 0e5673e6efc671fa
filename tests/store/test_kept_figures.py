"""Reports are shown as they were worked out last, anew once a run has ended, and to all at once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import Event
from time import monotonic

import pytest

from convsync.errors import OperatorError, TransientError
from convsync.report.page import Section
from convsync.store import notes, runs
from convsync.store.database import Database
from convsync.web.kept_figures import KeptFigures, Key, Outcome, Outcomes, key_of
from tests.builders import NOW

PATH, USUAL = "/funnel", {"since": "", "until": ""}
GUARD_S = 60


@dataclass
class Report:
    """Works out how often it was asked; slowly, while it is held."""

    asked: int = 0
    goes_on: Event = field(default_factory=Event)
    has_begun: Event = field(default_factory=Event)

    def __call__(
        self, _: Database, words: Mapping[str, str], at: datetime
    ) -> tuple[str, Sequence[Section]]:
        self.has_begun.set()
        assert self.goes_on.wait(GUARD_S)
        self.asked += 1
        if words.get("since") == "nonsense":
            raise OperatorError("since is not a day")
        return f"answer {self.asked} to {words.get('since')}", ()


@pytest.fixture
def report() -> Report:
    report = Report()
    report.goes_on.set()
    return report


@pytest.fixture
def hours() -> list[float]:
    return [0.0]


@pytest.fixture
def kept(database: Database, hours: list[float]) -> KeptFigures:
    """Figures for people who wait as long as it takes."""
    return KeptFigures(database, lambda: NOW + timedelta(hours=hours[0]), moment_s=GUARD_S)


@pytest.fixture
def hurried(database: Database, hours: list[float]) -> KeptFigures:
    """Figures for people who wait for nothing that they can have at once."""
    return KeptFigures(database, lambda: NOW + timedelta(hours=hours[0]), moment_s=0)


def a_night(database: Database, at: datetime = NOW) -> None:
    with database.transaction("a night") as connection:
        number = runs.begin_unlocked(connection, "run", as_of=at, real_now=at)
        runs.end_unlocked(connection, number, at)


def test_the_same_question_is_worked_out_once_and_another_by_itself(
    kept: KeptFigures, report: Report
) -> None:
    assert [kept.of(PATH, USUAL, report).period for _ in range(3)] == ["answer 1 to "] * 3
    assert kept.of(PATH, {"since": "2026-03-01"}, report).period == "answer 2 to 2026-03-01"
    assert kept.of("/values", USUAL, report).period == "answer 3 to "


@pytest.mark.parametrize("happens", ["a night", "a note", "an hour"])
def test_a_report_is_computed_again_once_something_has_changed(
    kept: KeptFigures, report: Report, database: Database, hours: list[float], happens: str
) -> None:
    a_night(database)
    kept.of(PATH, USUAL, report)
    changes: dict[str, Callable[[], None]] = {
        "a night": lambda: a_night(database, NOW + timedelta(days=1)),
        "a note": lambda: note(database),
        "an hour": lambda: hours.__setitem__(0, 1.0),
    }
    changes[happens]()
    assert kept.of(PATH, USUAL, report).period == "answer 2 to "


def note(database: Database) -> None:
    with database.transaction("note") as connection:
        notes.add(connection, date(2026, 3, 2), "new prices", "ben", now=NOW)


@pytest.mark.long
def test_a_report_being_recomputed_is_shown_in_its_last_version(
    hurried: KeptFigures, report: Report, database: Database
) -> None:
    first = hurried.of(PATH, USUAL, report)
    a_night(database)
    report.goes_on.clear()
    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda _: hurried.of(PATH, USUAL, report), range(8)))
    assert answers == [first] * 8
    report.goes_on.set()
    until, patience = monotonic() + GUARD_S, Event()
    while hurried.of(PATH, USUAL, report).period == first.period:
        assert monotonic() < until
        patience.wait(0.01)
    assert report.asked == 2, "for all of them together"


def test_twenty_who_ask_first_wait_for_one_answer(kept: KeptFigures, report: Report) -> None:
    report.goes_on.clear()
    with ThreadPoolExecutor(20) as readers:
        answers = [readers.submit(kept.of, PATH, USUAL, report) for _ in range(20)]
        assert report.has_begun.wait(GUARD_S)
        report.goes_on.set()
        assert {answer.result(GUARD_S).period for answer in answers} == {"answer 1 to "}


def test_an_invalid_request_for_a_report_is_refused_each_time_and_not_cached(
    kept: KeptFigures, report: Report
) -> None:
    for _ in range(2):
        with pytest.raises(OperatorError, match="not a day"):
            kept.of(PATH, {"since": "nonsense"}, report)
    assert report.asked == 2


def test_what_is_worked_out_ahead_by_another_process_is_shown_at_once(
    database: Database, report: Report
) -> None:
    def apart(keys: Sequence[Key], _: datetime) -> Outcomes:
        for path, _asked in keys:
            yield OperatorError("nothing agreed") if path == "/values" else Outcome(path, (), 0.1)

    kept = KeptFigures(database, lambda: NOW, moment_s=GUARD_S, apart=apart)
    kept.work_ahead([(key_of(path, USUAL), report) for path in (PATH, "/values", "/trend")])
    assert kept.of(PATH, USUAL, report).period == PATH
    assert kept.of("/trend", USUAL, report).period == "/trend"
    assert report.asked == 0
    assert kept.of("/values", USUAL, report).period == "answer 1 to "


def test_what_takes_long_is_worked_out_by_another_process_from_then_on(
    database: Database, report: Report, hours: list[float]
) -> None:
    def apart(_: Sequence[Key], at: datetime) -> Outcomes:
        yield Outcome(f"apart, {at:%H:%M}", (), 9.0)

    def clock() -> datetime:
        return NOW + timedelta(hours=hours[0])

    kept = KeptFigures(database, clock, moment_s=GUARD_S, apart=apart)
    assert kept.of(PATH, USUAL, report).period == "answer 1 to "
    kept.work_ahead([(key_of(PATH, USUAL), report)])
    hours[0] = 1
    asked = {"since": "2026-01-01", "until": ""}
    assert kept.of(PATH, asked, report).period == f"apart, {clock():%H:%M}"
    assert report.asked == 1


def test_whoever_waits_hears_that_the_other_process_was_killed(
    database: Database, report: Report
) -> None:
    def apart(keys: Sequence[Key], _: datetime) -> Outcomes:
        yield Outcome("one", (), 0.1)
        raise TransientError("killed")

    kept = KeptFigures(database, lambda: NOW, moment_s=GUARD_S, apart=apart)
    reports = [(key_of(path, USUAL), report) for path in (PATH, "/trend")]
    with pytest.raises(TransientError, match="killed"):
        kept.work_ahead(reports)
    assert kept.of(PATH, USUAL, report).period == "one"
    assert kept.of("/trend", USUAL, report).period == "answer 1 to "
