"""The `convsync` commands that tasks run, each in its own process.

A process of its own, because a run may be killed at any moment and the worker must not die with it,
nor keep its memory. It belongs to a process group of its own: when Airflow ends a task, the whole
group is asked to stop, and a run then stops at its next safe step.
"""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from convsync.airflow.companies import Company

PROGRAM = (sys.executable, "-m", "convsync")
"""The `convsync` of the worker's own environment."""
PATIENCE_S = 20
"""How long a stopped command may take to end: it needs ten seconds at most, by itself."""
_KEPT_LINES = 1_000
_SECRETS_DIR = "CONVSYNC_SECRETS_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, and the last lines it printed."""

    exit_code: int
    lines: Sequence[str]


def check() -> list[tuple[str, ...]]:
    """Return what is typed before a night."""
    return [("db", "upgrade"), ("check",)]


def run() -> list[tuple[str, ...]]:
    """Return what is typed for a night."""
    return [("run",)]


def release(number: int, *, by: str) -> list[tuple[str, ...]]:
    """Return what sends exactly the plan that a run refused; `by` answers for it."""
    return [("release", str(number), "--by", by)]


def report() -> list[tuple[str, ...]]:
    """Return what is typed after a night, whatever came of it; the last command is the verdict."""
    return [("runs", "--last", "7"), ("status", "--check", "--max-age", "26h")]


def preview(first: date, last: date) -> list[tuple[str, ...]]:
    """Return what shows a backfill of some days, both included."""
    return [("backfill", *_span(first, last), "--dry-run", "--deals")]


def backfill(first: date, last: date, *, by: str, force: bool = False) -> list[tuple[str, ...]]:
    """Return what sends a backfill of some days, both included; `force` even where unusual."""
    forced = ["--force"] if force else []
    return [("backfill", *_span(first, last), "--yes", *forced, "--by", by)]


def _span(first: date, last: date) -> tuple[str, ...]:
    return "--from", first.isoformat(), "--to", last.isoformat()


class Process:
    """Types commands for one company, one after the other, until one of them does not end well."""

    def __init__(self, company: Company, program: Sequence[str] = PROGRAM) -> None:
        self._company = company
        self._program = program
        self._running: subprocess.Popen[str] | None = None

    def run(self, typed: Sequence[Sequence[str]], on_line: Callable[[str], object]) -> Ended:
        """Run the commands; every line they print is handed over as it comes.

        Returns how the last one ended: the first that ended with another code than 0.
        """
        ended = Ended(exit_code=0, lines=())
        for words in typed:
            ended = self._run(words, on_line)
            if ended.exit_code:
                break
        return ended

    def stop(self) -> None:
        """Ask the command to stop, and kill it where it does not within its time."""
        running = self._running
        if running is None:
            return
        _signal(running, signal.SIGTERM)
        try:
            running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            _signal(running, signal.SIGKILL)

    def _run(self, words: Sequence[str], on_line: Callable[[str], object]) -> Ended:
        typed = [*self._program, *words, "--config", str(self._company.config)]
        on_line(f"$ convsync {' '.join(typed[len(self._program) :])}")
        kept: deque[str] = deque(maxlen=_KEPT_LINES)
        with subprocess.Popen(  # noqa: S603 - our own program
            typed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment(),
            cwd=self._company.config.parent,
            start_new_session=True,
        ) as process:
            self._running = process
            assert process.stdout is not None
            for line in process.stdout:
                kept.append(line.rstrip("\n"))
                on_line(kept[-1])
        self._running = None
        return Ended(exit_code=process.returncode, lines=tuple(kept))

    def _environment(self) -> Mapping[str, str]:
        own = self._company.secrets
        return {**os.environ, **({} if own is None else {_SECRETS_DIR: str(own)})}


def _signal(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
