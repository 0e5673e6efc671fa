"""Runs convsync as its command does, and notes in which stage each thread spends its CPU seconds.

    python -m scripts.bench.sampled OUT run --as-of 2026-06-01T02:00

A thread of its own looks every few milliseconds at what every other has taken since the last look,
and counts it to the stage of what that thread is at. That makes nothing slower that is measured, as
a profiler does which counts calls. It is let in at once, or it would look where a thread lets go by
itself, which is in the database, and count to that what was spent before.

OUT becomes a JSON object of CPU seconds by stage; what the look missed (libraries' own threads, and
threads that ended) is the stage `other threads`, so that the sum is what the process has taken, but
for the looking itself.
"""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

from scripts.bench.stage_table import OTHER_THREADS, START, rank_of, stage_names

_EVERY_S = 0.002
_NANO = 1_000_000_000


class Sampler(threading.Thread):
    """Looks until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.taken_ns: Counter[str] = Counter({START: time.process_time_ns()})
        self.own_ns = 0
        self._stop_now = threading.Event()
        self._before: dict[int, int] = {}
        self._ranks: dict[CodeType, int | None] = {}
        for thread in threading.enumerate():
            self._since_last_look(thread)

    def run(self) -> None:
        """Look, and look again."""
        while not self._stop_now.wait(_EVERY_S):
            self._look()

    def stop(self) -> None:
        """Look for the last time, and give the rest of what the process took a name."""
        self._stop_now.set()
        self.join()
        self._look()
        whole = time.process_time_ns() - self.own_ns
        self.taken_ns[OTHER_THREADS] += whole - self.taken_ns.total()

    def _look(self) -> None:
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread is self:
                self.own_ns = time.thread_time_ns()
            elif (taken := self._since_last_look(thread)) and thread.ident in frames:
                self.taken_ns[self._stage_of(frames[thread.ident])] += taken

    def _since_last_look(self, thread: threading.Thread) -> int:
        number = thread.native_id or 0
        try:  # the number of a thread's clock, as clock_getcpuclockid(3) makes it on Linux
            now = time.clock_gettime_ns((~number << 3) | 6)
        except OSError:  # it has ended meanwhile
            return 0
        before, self._before[number] = self._before.get(number, 0), now
        return now - before

    def _stage_of(self, frame: FrameType | None) -> str:
        best: int | None = None
        while frame is not None:
            rank = self._rank_of(frame)
            if rank is not None and (best is None or rank < best):
                best = rank
            frame = frame.f_back
        return START if best is None else stage_names()[best]

    def _rank_of(self, frame: FrameType) -> int | None:
        code = frame.f_code
        if code not in self._ranks:
            module = str(frame.f_globals.get("__name__", ""))
            self._ranks[code] = rank_of(module, code.co_qualname)
        return self._ranks[code]


def main() -> None:
    """Run the command line under the sampler, and write what it saw, however the command ends."""
    out, *command = sys.argv[1:]
    sys.setswitchinterval(_EVERY_S / 10)
    sampler = Sampler()
    sampler.start()
    sys.argv = ["convsync", *command]
    try:
        from convsync import cli

        cli.main()
    finally:
        sampler.stop()
        seconds = {stage: taken / _NANO for stage, taken in sampler.taken_ns.items()}
        Path(out).write_text(json.dumps(seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
