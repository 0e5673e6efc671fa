"""`convsync schedule`: waits for the next night and runs it, where there is no other timer.

APScheduler waits; when a night is due says the timetable. Each night is a process of its own, as
cron's would be: it gives its memory back, its crash ends nobody else, and it reads the
configuration anew. What falls due while one is running is left to the next, which reads it all.
"""

import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event, Lock
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from convsync import log
from convsync.clock import Clock
from convsync.store.watching import Night
from convsync.watch.timetable import Timetable

PATIENCE_S = 20
"""How long a stopped night may take to end: it needs ten seconds at most, by itself."""


def is_to_catch_up(night: Night | None, timetable: Timetable, now: datetime) -> bool:
    """Return whether a night is run at once, at the start: the first ever, or one that was missed.

    So is one that was killed or stopped, or lost its connection. One that a person has to look at
    waits for its time.
    """
    if night is None or night.as_of < timetable.last_by(now):
        return True
    return not night.is_at_its_end and night.exit_code == 1


class Due(BaseTrigger):  # type: ignore[misc]
    """A timetable, as APScheduler asks for it. Days and zones are the timetable's business."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return when the job is due after its last time, or after now."""
        return self._timetable.next_after(previous or now)

    def __str__(self) -> str:
        return str(self._timetable)


class Commands:
    """Runs `convsync` commands as processes, so that a signal to us is not one to them."""

    def __init__(self, program: Sequence[str] = (sys.executable, "-m", "convsync")) -> None:
        self._program = program
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()
        self._is_stopping = False

    def run(self, *words: str) -> None:
        """Run a command to its end; what it prints goes where our own does."""
        with self._lock:
            if self._is_stopping:
                return
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*self._program, *words], stdin=subprocess.DEVNULL, start_new_session=True
            )
            self._running.add(process)
        try:
            code = process.wait()
        finally:
            with self._lock:
                self._running.discard(process)
        log.info("scheduled command ended", command=words[0], exit_code=code)

    def stop(self) -> None:
        """Ask what runs to stop, wait for it, and begin nothing more.

        A run that is killed after all is resumed by the next one, word for word.
        """
        with self._lock:
            self._is_stopping = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


class Schedule:
    """Runs jobs by timetables from `start` to `stop`. Threads are APScheduler's own."""

    def __init__(self, clock: Clock) -> None:
        logging.getLogger("apscheduler").disabled = True  # what matters is logged by our own log
        self._clock = clock
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            timezone="UTC",
        )
        self._scheduler.add_listener(_note_overlap, EVENT_JOB_MAX_INSTANCES)

    def add(self, timetable: Timetable, job: Callable[[], None], *, at_once: bool = False) -> None:
        """Run a job whenever it is due: once where it was due several times meanwhile."""
        first: dict[str, Any] = {"next_run_time": self._clock()} if at_once else {}
        self._scheduler.add_job(job, Due(timetable), **first)

    def run_until(self, stop: Event) -> None:
        """Run what is due until somebody says stop."""
        self._scheduler.start()
        try:
            stop.wait()
        finally:
            self._scheduler.shutdown(wait=False)


def _note_overlap(_: Any) -> None:
    log.info("a run is still going on; the one that is due now is left to the next")
