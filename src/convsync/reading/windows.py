"""Which window of a source is read: where it resumes, where it starts, and what is not credible.

A window begins at the watermark, less the overlap, and ends at the present, less the lag. What a
run with a wrong clock wrote beyond the true present is put back, and read again.

A record that could not be read may be sound the next night, though its stamp says nothing of it:
the configuration was corrected, or the query. A source that goes by stamps alone is read from its
beginning then.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from convsync.extract.source import ClickSource, DealSource, ListsDeleted, ReadsByStamp
from convsync.model.period import Period
from convsync.store import quarantine, runs
from convsync.store.database import Connection
from convsync.store.session import Session

if TYPE_CHECKING:
    from convsync.extract.revenue import RevenueSource

AnySource: TypeAlias = "DealSource | ClickSource | RevenueSource"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Windows:
    """The windows of one run. `problems` says which watermarks were not believed.

    They also say where a window is longer than its CRM remembers what was deleted.
    A watermark that lies further in the future than `tolerance` is not.
    """

    def __init__(self, session: Session, tolerance: timedelta) -> None:
        self._session = session
        self._tolerance = tolerance
        self.problems: list[str] = []

    def of(self, name: str, source: AnySource) -> Period:
        """Return the window of a source that ends now."""
        with self._session.transaction("read watermark") as connection:
            self._turn_back_from_the_future(connection, name, source)
            watermark = runs.watermark(connection, name)
            left = self._has_left_unread(connection, name, source)
        until = self._session.now - source.lag
        if watermark is None or left:
            return Period(since=EPOCH, until=until)
        window = Period(since=min(watermark - source.overlap, until), until=until)
        self._say_what_is_forgotten(name, source, window)
        return window

    def unfinished(self, connection: Connection, source: str) -> tuple[Period, str] | None:
        """Return where a window was left, unless it ends in the future: then it is read anew."""
        found = runs.bookmark(connection, source)
        if found is not None and found[0].until > self._session.now + self._tolerance:
            runs.drop_bookmark(connection, source)
            return None
        return found

    def _has_left_unread(self, connection: Connection, name: str, source: AnySource) -> bool:
        """Return whether a window might miss records that could not be read on earlier nights."""
        goes_by_stamp = isinstance(source, ReadsByStamp) and source.reads_by_stamp
        return goes_by_stamp and quarantine.has_unread(connection, name, self._session.run_id)

    def _say_what_is_forgotten(self, name: str, source: AnySource, window: Period) -> None:
        listed_for = source.lists_deleted_for if isinstance(source, ListsDeleted) else None
        if listed_for is not None and window.until - window.since > listed_for:
            self.problems.append(
                f"source '{name}' was last read {(window.until - window.since).days} days ago, and"
                f" its CRM lists deleted deals for {listed_for.days} days: what was deleted before"
                f" {window.until - listed_for:%Y-%m-%d} still counts. Look for such deals there;"
                " `convsync deals` lists those that are known."
            )

    def _turn_back_from_the_future(
        self, connection: Connection, name: str, source: AnySource
    ) -> None:
        """Put a watermark back that a run with a wrong clock moved beyond the present.

        What changed since the last run that is believed is read again, and nothing is lost.
        """
        now = self._session.now
        wrong = runs.future_watermark(connection, name, now + self._tolerance)
        if wrong is None:
            return
        believed = runs.last_believable(connection, now, wrong)
        read_until = None if believed is None else believed - source.lag
        runs.turn_back_watermark(connection, name, read_until, self._session.run_id)
        since = "its beginning" if read_until is None else f"{read_until:%Y-%m-%d %H:%M} UTC"
        self.problems.append(
            f"source '{name}' had been read beyond the present, by run {wrong}: the clock was wrong"
            f" then, or is now. It is read again from {since}."
        )
