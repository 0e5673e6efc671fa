"""How far a run has come, on stderr: bars with the time left on a terminal, else plain lines."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from convsync.cli.output import note
from convsync.cli.streams import Drawing
from convsync.model.run_stage import STAGES

PLAIN_EVERY = 50_000
"""How often progress is reported where there is no terminal, in records."""


class Shown(Protocol):
    """Progress that a question can interrupt."""

    def expect(self, stage: str, total: int) -> None:
        """Note how many records of a stage there will be, once that is known."""

    def advance(self, stage: str, count: int) -> None:
        """Note that `count` more records of a stage are done."""

    def paused(self) -> AbstractContextManager[None]:
        """Leave the terminal to somebody else for a while."""


@contextmanager
def showing_progress() -> Iterator[Shown]:
    """Show how far a run has come."""
    if sys.stderr.isatty():
        with _Bars() as bars:
            yield bars
    else:
        lines = _Lines()
        yield lines
        lines.finish()


class _Lines:
    """Progress as lines: one for every so many records of a stage, and its total at the end."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._totals: dict[str, int] = {}

    def expect(self, stage: str, total: int) -> None:
        self._totals[stage] = self._counts.get(stage, 0) + total

    def advance(self, stage: str, count: int) -> None:
        before = self._counts.get(stage, 0)
        self._counts[stage] = before + count
        if before // PLAIN_EVERY != (before + count) // PLAIN_EVERY:
            total = self._totals.get(stage)
            of = "" if total is None else f" of {total:,}"
            note(f"{STAGES.get(stage, stage)}: {before + count:,}{of}")

    def paused(self) -> AbstractContextManager[None]:
        """Do nothing: lines are in nobody's way."""
        return nullcontext()

    def finish(self) -> None:
        """Print every stage's total."""
        if self._counts:
            totals = ", ".join(f"{stage} {count:,}" for stage, count in self._counts.items())
            note(f"done: {totals}")


class _Bars:
    """Progress as bars, one a stage: a count, and the time left where its total is known."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        err: Any = Drawing(sys.stderr)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<14}"),
            TextColumn("{task.completed:>11,.0f}{task.fields[of]}"),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=err, force_terminal=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bars off the terminal, and put them back."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def expect(self, stage: str, total: int) -> None:
        """Give a stage's bar its end."""
        if not total:
            return
        task = self._task(stage)
        end = total + self._progress.tasks[task].completed
        self._progress.update(task, total=end, of=f" of {end:,.0f}")

    def advance(self, stage: str, count: int) -> None:
        """Move a stage's bar, which appears with its first record."""
        self._progress.advance(self._task(stage), count)

    def _task(self, stage: str) -> Any:
        if stage not in self._tasks:
            name = STAGES.get(stage, stage)
            self._tasks[stage] = self._progress.add_task(name, total=None, of="")
        return self._tasks[stage]
