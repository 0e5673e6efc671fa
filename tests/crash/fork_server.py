"""Runs nights in processes of their own, and kills them: `python -m tests.crash.fork_server`.

A line of JSON on stdin asks for a night, a line on stdout says how it ended. Imports are paid for
once: every night is a fork of this process, which itself never opens a channel, because gRPC does
not survive a fork that comes after one.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# Imported for the children's sake.
import convsync.upload.google.data_manager  # noqa: F401
from convsync import pipeline
from convsync.cli import signals
from convsync.errors import ConvsyncError
from convsync.reading import chunks
from tests.nights.company import Company, instant, small_batches

DEALS_AT_ONCE, ROWS_AT_ONCE = 3, 2
"""So few that a night of a dozen deals has several parts of everything."""


def main() -> None:
    """Answer until stdin ends."""
    chunks.CHUNK = DEALS_AT_ONCE
    for line in sys.stdin:
        asked = json.loads(line)
        if pid := asked.get("wait_for") or os.fork():
            _answer(pid)
        else:
            os._exit(_night(**asked))


def _answer(pid: int) -> None:
    """Say how a night ended: by a signal, with an exit code, or not yet (it stopped itself)."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    ending = {
        "pid": pid,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
    }
    sys.stdout.write(json.dumps(ending) + "\n")
    sys.stdout.flush()


def _night(folder: str, now: str, at: int | str | None, send: int) -> int:
    steps: list[str] = []
    company = Company(
        folder=Path(folder),
        on_step=_stopper(steps, at, send),
        through=small_batches(ROWS_AT_ONCE),
    )
    try:
        with signals.listening() as stop:
            company.at(instant(now), lambda each: pipeline.run(replace(each, stop=stop)))
    except ConvsyncError as error:
        return error.exit_code
    finally:
        (Path(folder) / "steps.json").write_text(json.dumps(steps))
    return 0


def _stopper(steps: list[str], at: int | str | None, send: int) -> Callable[[str], Any]:
    """Return a listener that once, at the step of that number or name, signals this process."""

    def on_step(name: str) -> None:
        nonlocal at
        is_it = len(steps) == at if isinstance(at, int) else at is not None and name.startswith(at)
        steps.append(name)
        if is_it:
            at = None
            os.kill(os.getpid(), send)

    return on_step


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
