"""Reports cached as last computed: on a ledger of years one takes longer than people wait.

What was asked before is worked out anew once a run has ended, or after a quarter of an hour, by one
thread at a time, which gives way to all others. Whoever asks meanwhile waits a moment for it, and
then is shown the figures there are, with when these were worked out. So a night is slowed by no
reader, and a reader by no night. What takes long, and what nobody has asked for yet, is worked out
by another process (`cli.page_apart`): of Python's threads one computes at a time, and a page would
wait for its turn at every statement.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final, NamedTuple

from convsync import log
from convsync.clock import Clock
from convsync.errors import ConvsyncError
from convsync.report.page import Section
from convsync.store.database import Database
from convsync.store.standing import Standing, standing
from convsync.web.readers import WORKS_AHEAD, give_way

_MOMENT_S: Final = 0.2
_LONGEST: Final = timedelta(minutes=15)
"""For what no run changes: costs and clicks that were fetched."""
_LONG_S: Final = 0.5
"""What took longer than that is worked out by another process, which takes as long to begin."""
_MOST: Final = 200
"""Questions that are remembered; the one asked longest ago is forgotten first."""

Key = tuple[str, tuple[tuple[str, str], ...]]
WorkOut = Callable[[Database, Mapping[str, str], datetime], tuple[str, Sequence[Section]]]


class Outcome(NamedTuple):
    """What a report is of in words, its parts, and how long it took."""

    period: str
    sections: Sequence[Section]
    seconds: float


Outcomes = Iterator[Outcome | ConvsyncError]
"""What reports show, one after the other, or why one could not be worked out."""
Apart = Callable[[Sequence[Key], datetime], Outcomes]
"""Works reports out as of an instant, in a process of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """The parts of a report, what they are of in words, and of which ledger, as of when."""

    period: str
    sections: Sequence[Section]
    at: datetime
    standing: Standing


class _Work:
    """One report that is being worked out: how it ended, once it has."""

    def __init__(self) -> None:
        self.is_done = Event()
        self.worked: Worked | None = None
        self.error: ConvsyncError | None = None


class KeptFigures:
    """Answers with reports, at once where they were asked before."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        moment_s: float = _MOMENT_S,
        apart: Apart | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._moment_s = moment_s
        self._apart = apart
        self._took: dict[str, float] = {}
        self._kept: dict[Key, Worked] = {}
        self._under_way: dict[Key, _Work] = {}
        self._lock = Lock()
        self._one_at_a_time = Lock()

    def of(self, path: str, asked: Mapping[str, str], work_out: WorkOut) -> Worked:
        """Return a report; raises what working it out raises where it never was before."""
        key = key_of(path, asked)
        with self._database.reading() as connection:
            stands = standing(connection)
        with self._lock:
            kept = self._kept.get(key)
            if kept and self._is_current(kept, stands):
                self._kept[key] = self._kept.pop(key)
                return kept
            work = self._under_way.get(key)
            if work is None:
                work = self._under_way[key] = _Work()
                Thread(target=self._do, args=(work, key, work_out, stands), daemon=True).start()
        is_done = work.is_done.wait(None if kept is None else self._moment_s)
        if not is_done and kept is not None:
            return kept
        if work.error is not None:
            raise work.error
        assert work.worked is not None  # it has ended, and by no error
        return work.worked

    def _do(self, work: _Work, key: Key, work_out: WorkOut, stands: Standing) -> None:
        give_way(WORKS_AHEAD)
        path, _ = key
        try:
            with self._one_at_a_time:
                kept = self._kept.get(key)
                is_done = kept is not None and self._is_current(kept, stands)
                work.worked = kept if is_done else self._worked_out(key, work_out, stands)
        except ConvsyncError as error:
            log.warning("a report could not be worked out", path=path, because=str(error))
            work.error = error
        finally:
            self._end(key, work)

    def _worked_out(self, key: Key, work_out: WorkOut, stands: Standing) -> Worked:
        (path, asked), at = key, self._clock()
        if self._apart is not None and self._took.get(path, 0) > _LONG_S:
            (outcome,) = self._apart([key], at)
            if isinstance(outcome, ConvsyncError):
                raise outcome
            return self._known(path, outcome, at, stands)
        begun = monotonic()
        period, sections = work_out(self._database, dict(asked), at)
        return self._known(path, Outcome(period, sections, monotonic() - begun), at, stands)

    def _known(self, path: str, outcome: Outcome, at: datetime, stands: Standing) -> Worked:
        self._took[path] = outcome.seconds
        return Worked(period=outcome.period, sections=outcome.sections, at=at, standing=stands)

    def work_ahead(self, reports: Sequence[tuple[Key, WorkOut]]) -> None:
        """Work out what nobody has asked for yet: one after the other, by another process.

        Whoever asks for one of them meanwhile waits for that, too.
        """
        if self._apart is None:
            for (path, asked), work_out in reports:
                self.of(path, dict(asked), work_out)
            return
        with self._database.reading() as connection:
            stands = standing(connection)
        with self._lock:
            works = {key: _Work() for key, _ in reports if key not in self._under_way}
            self._under_way |= works
        self._do_apart(self._apart, works, stands)

    def _do_apart(self, apart: Apart, works: Mapping[Key, _Work], stands: Standing) -> None:
        at, to_do = self._clock(), dict(works)
        try:
            for key, outcome in zip(works, apart([*works], at), strict=True):
                work = to_do.pop(key)
                if isinstance(outcome, ConvsyncError):
                    work.error = outcome
                else:
                    work.worked = self._known(key[0], outcome, at, stands)
                self._end(key, work)
        except Exception as error:
            for key, work in to_do.items():
                work.error = ConvsyncError("No report could be worked out.")
                if isinstance(error, ConvsyncError):
                    work.error = error
                self._end(key, work)
            raise

    def _end(self, key: Key, work: _Work) -> None:
        with self._lock:
            del self._under_way[key]
            if work.worked is not None:
                self._keep(key, work.worked)
        work.is_done.set()

    def _is_current(self, kept: Worked, stands: Standing) -> bool:
        return kept.standing == stands and self._clock() - kept.at < _LONGEST

    def _keep(self, key: Key, worked: Worked) -> None:
        self._kept.pop(key, None)
        self._kept[key] = worked
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]


def key_of(path: str, asked: Mapping[str, str]) -> Key:
    """Return what a report is kept under."""
    return path, tuple(sorted(asked.items()))
