"""A night interrupted anywhere ends the same: processes are killed with SIGKILL, and run again.

The quick suite kills it at one step of each kind; `make soak` at every step.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from time import monotonic

import pytest

from convsync import pipeline
from convsync.errors import LockedError
from convsync.sandbox.faults import PlannedFault
from convsync.store.runs import LEASE
from tests.crash.conftest import Undisturbed
from tests.crash.night import NOW, end
from tests.nights.company import PAGE_OF, instant

pytestmark = pytest.mark.long

PARTS = 4


def test_the_night_has_everything_in_it(night: Undisturbed) -> None:
    kinds = {step.partition(":")[0].rstrip("0123456789 ") for step in night.steps}
    assert kinds >= {
        "open run",
        "recover",
        "verdict",
        "confirm",
        "store clicks",
        "store deals",
        "note missing deals",
        "plan due deals",
        "reserve",
        "upload",
        "settle",
        "finish run",
    }
    operations = {entry.operation for entry in night.ending.ledger.values()}
    states = {entry.state for entry in night.ending.ledger.values()}
    assert operations == {"count", "restate", "retract"}
    assert states >= {"accepted", "confirmed", "deferred", "rejected", "held", "not_sent"}
    assert len(night.steps) > 80


def kind_of(step: str) -> str:
    """Return a step without the number of its batch or run, and on which side of its commit."""
    return re.sub(r"\d+", "", step.partition(":")[0])


def killed_at(night: Undisturbed, steps: Iterable[int], subtests: pytest.Subtests) -> None:
    for number in steps:
        with subtests.test(night.steps[number], number=number):
            night.evening.again()
            assert night.fork_server.night(night.folder, number).signal == signal.SIGKILL
            assert night.evening.finish() == night.ending


@pytest.mark.parametrize("part", range(PARTS))
def test_a_night_killed_at_a_step_of_any_kind_and_run_again_ends_the_same(
    night: Undisturbed, part: int, subtests: pytest.Subtests
) -> None:
    first = {kind_of(step): number for number, step in reversed([*enumerate(night.steps)])}
    killed_at(night, sorted(first.values())[part::PARTS], subtests)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_night_killed_at_any_step_and_run_again_ends_the_same(
    night: Undisturbed, part: int, subtests: pytest.Subtests
) -> None:
    killed_at(night, range(part, len(night.steps), PARTS), subtests)


PAIRS = random.Random(5).sample(
    [(first, second) for first in range(80) for second in range(60)], 24
)
FEW_PAIRS = 6


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *PAIRS[:FEW_PAIRS],
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in PAIRS[FEW_PAIRS:]),
    ],
)
def test_a_night_killed_twice_and_run_again_ends_the_same(
    night: Undisturbed, first: int, second: int
) -> None:
    night.evening.again()
    assert night.fork_server.night(night.folder, first).signal == signal.SIGKILL
    night.fork_server.night(night.folder, second)
    assert night.evening.finish() == night.ending


@pytest.mark.parametrize("request_number", range(1, 6))
def test_a_night_killed_after_the_platform_counted_and_before_it_answered_ends_the_same(
    night: Undisturbed, request_number: int
) -> None:
    night.evening.again()
    fault = PlannedFault(on="ingest", request=request_number, kind="unavailable_after")
    night.evening.sandbox.platform.faults.add(fault)
    assert night.fork_server.night(night.folder, "waiting to try again").signal == signal.SIGKILL
    assert night.evening.finish() == night.ending


def test_nothing_is_a_second_conversion_however_often_a_night_is_killed(
    night: Undisturbed,
) -> None:
    night.evening.again()
    for number in range(0, len(night.steps), 5):
        night.fork_server.night(night.folder, number)
    assert night.evening.finish() == night.ending
    expected = {page: len(names) for page, names in night.ending.counted.items()}
    assert {page: len(names) for page, names in night.evening.sandbox.books.counted.items()} == (
        expected
    )
    assert expected.keys() == set(PAGE_OF.values())


# Stopped, not killed

PHASES = (
    *("recall who was forgotten: before commit", "carry over names: committed"),
    *("list verdicts due: committed", "verdict", "confirm", "store clicks: before commit"),
    *("store deals: committed", "note missing deals: committed", "plan due deals: before commit"),
    *("recover: committed", "weigh the plan: before commit", "reserve: committed", "upload"),
    *("settle", "forget plans: committed", "sweep identifiers: before commit"),
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_night_stopped_in_any_phase_ends_in_time_says_so_and_is_finished_by_the_next(
    night: Undisturbed, number: signal.Signals, subtests: pytest.Subtests
) -> None:
    for phase in PHASES[number == signal.SIGINT :: 2]:
        with subtests.test(phase):
            assert any(step.startswith(phase) for step in night.steps)
            night.evening.again()
            began = monotonic()
            stopped = night.fork_server.night(night.folder, phase, send=number)
            assert monotonic() - began < 60  # the machine is busy with other tests
            assert (stopped.signal, stopped.exit_code) == (None, 1)
            last = night.evening.company.query("SELECT * FROM runs ORDER BY id DESC LIMIT 1")[0]
            assert last["message"].startswith(f"Stopped by {number.name}. Done: ")
            assert last["lock"] is None
            assert night.evening.finish() == night.ending


# The lock


@pytest.fixture
def holder(night: Undisturbed) -> int:
    """A process that runs, has reserved a batch, and is stopped there."""
    night.evening.again()
    stopped = night.fork_server.night(night.folder, "reserve: committed", send=signal.SIGSTOP)
    assert (stopped.signal, stopped.exit_code) == (None, None)
    return stopped.pid


def test_a_second_run_while_one_is_going_is_told_who_holds_the_lock(
    night: Undisturbed, holder: int
) -> None:
    before = night.evening.company.entries()
    with pytest.raises(LockedError, match=rf"Run 3 \(run\) holds the lock: process {holder} on "):
        night.evening.company.at(NOW, pipeline.run)
    command = [sys.executable, "-c", "from convsync.cli import main; main()"]
    typed = subprocess.run(
        [*command, "run", "--config", night.folder / "convsync.toml", "--as-of", NOW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert typed.returncode == 4
    assert f"process {holder} on " in typed.stderr
    assert night.evening.company.entries() == before
    os.kill(holder, signal.SIGCONT)
    assert night.fork_server.wait_for(holder).exit_code == 0


def test_the_lock_of_a_process_that_is_dead_is_taken_over_at_once(
    night: Undisturbed, holder: int
) -> None:
    end(holder)
    night.fork_server.wait_for(holder)
    assert night.evening.finish() == night.ending


def test_the_lock_of_a_process_elsewhere_is_taken_over_only_after_its_lease(
    night: Undisturbed, holder: int
) -> None:
    company = night.evening.company
    with closing(sqlite3.connect(night.folder / "ledger.db")) as connection, connection:
        connection.execute(
            'UPDATE runs SET holder = \'["elsewhere", 1, "7"]\' WHERE lock IS NOT NULL'
        )
    lease = company.query("SELECT lease_until, started_at FROM runs WHERE lock IS NOT NULL")[0]
    ends_at = instant("1970-01-01") + timedelta(microseconds=lease["lease_until"])
    try:
        company.real_clock = lambda: ends_at - timedelta(seconds=1)
        with pytest.raises(LockedError, match="process 1 on elsewhere, since"):
            company.at(NOW, pipeline.run)
        company.real_clock = lambda: ends_at + LEASE
        assert night.evening.finish() == night.ending
    finally:
        company.real_clock = type(company)(folder=company.folder).real_clock
    os.kill(holder, signal.SIGCONT)
    assert night.fork_server.wait_for(holder).exit_code == 4, "it lost its lock, and says so"
    assert night.evening.finish() == night.ending
