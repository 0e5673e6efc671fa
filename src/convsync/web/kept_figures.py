"""Reports cached as last computed: on a ledger of years one takes longer than people wait.

What was asked before is worked out anew once a run has ended, or after a quarter of an hour, by one
thread at a time, which gives way to all others. Whoever asks meanwhile waits a moment for it, and
then is shown the figures there are, with when these were worked out. So a night is slowed by no
reader, and a reader by no night.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Final

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
_MOST: Final = 200
"""Questions that are remembered; the one asked longest ago is forgotten first."""

Key = tuple[str, tuple[tuple[str, str], ...]]
WorkOut = Callable[[Database, Mapping[str, str], datetime], tuple[str, Sequence[Section]]]


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

    def __init__(self, database: Database, clock: Clock, *, moment_s: float = _MOMENT_S) -> None:
        self._database = database
        self._clock = clock
        self._moment_s = moment_s
        self._kept: dict[Key, Worked] = {}
        self._under_way: dict[Key, _Work] = {}
        self._lock = Lock()
        self._one_at_a_time = Lock()

    def of(self, path: str, asked: Mapping[str, str], work_out: WorkOut) -> Worked:
        """Return a report; raises what working it out raises where it never was before."""
        key = (path, tuple(sorted(asked.items())))
        with self._database.reading() as connection:
            stands = standing(connection)
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept.standing == stands and self._clock() - kept.at < _LONGEST:
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
        path, asked = key
        at = self._clock()
        try:
            with self._one_at_a_time:
                period, sections = work_out(self._database, dict(asked), at)
            work.worked = Worked(period=period, sections=sections, at=at, standing=stands)
        except ConvsyncError as error:
            log.warning("a report could not be worked out", path=path, because=str(error))
            work.error = error
        finally:
            with self._lock:
                del self._under_way[key]
                if work.worked is not None:
                    self._keep(key, work.worked)
            work.is_done.set()

    def _keep(self, key: Key, worked: Worked) -> None:
        self._kept.pop(key, None)
        self._kept[key] = worked
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
