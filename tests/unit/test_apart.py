"""Work in another process gives what it would have given in this one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from convsync.errors import OperatorError, TransientError
from convsync.process.apart import in_another_process


def count_to(last: int) -> Iterator[int]:
    yield from range(1, last + 1)


def whose_process(items: int) -> Iterator[int]:
    """Yield the number of the process, as often as is asked for."""
    for _ in range(items):
        yield os.getpid()


def failing_after(items: int) -> Iterator[int]:
    yield from count_to(items)
    raise OperatorError("deals.csv, line 4: there is no such day.")


def killed_after(items: int) -> Iterator[int]:
    yield from count_to(items)
    os.kill(os.getpid(), signal.SIGKILL)


def printing() -> Iterator[int]:
    print("not a result")  # noqa: T201
    yield 1


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.long
def test_results_come_in_order_from_another_process() -> None:
    assert list(in_another_process(count_to, 1_000)) == list(range(1, 1_001))
    (process,) = set(in_another_process(whose_process, 3))
    assert process != os.getpid()
    assert not is_running(process)


def test_an_error_comes_behind_the_results_before_it() -> None:
    results = in_another_process(failing_after, 3)
    assert [next(results) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OperatorError, match=r"^deals.csv, line 4") as raised:
        next(results)
    assert "failing_after" in raised.value.__notes__[0]


def test_a_process_that_is_killed_leaves_its_work_to_the_next_run() -> None:
    results = in_another_process(killed_after, 2)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(TransientError, match="ended with status -9 before it was done"):
        next(results)


def test_closing_the_results_ends_the_child_process() -> None:
    results = in_another_process(whose_process, 1_000_000)
    process = next(results)
    assert is_running(process)
    results.close()
    assert not is_running(process)


def test_no_child_process_survives_the_killed_parent() -> None:
    work = (
        "import os, signal\n"
        "from convsync.process.apart import in_another_process\n"
        "from tests.unit.test_apart import whose_process\n"
        "print(next(in_another_process(whose_process, 1_000_000)), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", work], cwd=root, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        process = int(first.stdout.readline())
    given_up = time.monotonic() + 60
    while is_running(process):
        assert time.monotonic() < given_up
        time.sleep(0.01)


def test_output_printed_by_a_child_process_is_not_a_result() -> None:
    assert list(in_another_process(printing)) == [1]


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_is_for_the_first_to_heed(asked: signal.Signals) -> None:
    results = in_another_process(whose_process, 20_000)
    os.kill(next(results), asked)
    assert sum(1 for _ in results) == 19_999
