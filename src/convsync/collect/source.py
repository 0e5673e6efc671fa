"""Browser reports as a source of clicks that a night reads like any other.

Reports of a visitor who refused storage, or that data goes to the ad platform, in them or since,
are not read for clicks. What visitors said of that is read from all.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec import Struct

from convsync.extract.source import ClickChunk
from convsync.model.collected import Report
from convsync.model.period import Period
from convsync.model.seen_clicks import SeenClicks
from convsync.store import collected
from convsync.store.consents import Statement
from convsync.store.database import Database


class CollectedClicks(Struct, kw_only=True):
    """The clicks that a site's visitors brought along. Errors are those of the database."""

    name: str
    database: Database
    lag: timedelta = timedelta(seconds=0)
    overlap: timedelta = timedelta(minutes=10)
    """A report is committed some time after it was received: a busy database delays it."""

    def check_columns(self) -> None:
        """Do nothing: the columns are convsync's own."""

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield the clicks of all reports received within the window, a page at a time."""
        last: Report | None = None
        try:
            while page := self._page(window, last):
                yield ClickChunk(seen=SeenClicks.of(seen for one in page for seen in one.sightings))
                last = page[-1]
        finally:
            self.database.close()

    def said(self, window: Period) -> Iterator[list[Statement]]:
        """Yield what visitors said of the use of their data in a window, a page at a time.

        Whoever refused refused for all that their browser has ever reported.
        """
        last: Report | None = None
        try:
            while page := self._page(window, last, with_refused=True):
                yield [*self._statements(page)]
                last = page[-1]
        finally:
            self.database.close()

    def _statements(self, page: Sequence[Report]) -> Iterator[Statement]:
        refusals = {one.visitor: one for one in page if _refuses(one)}
        with self.database.reading() as connection:
            earlier = collected.of_visitors(connection, refusals) if refusals else ()
        pairs = [*((one, one) for one in page), *((one, refusals[one.visitor]) for one in earlier)]
        for known, saying in pairs:
            for key in known.digests:
                for said in saying.statements:
                    yield key, said

    def _page(
        self, window: Period, after: Report | None, *, with_refused: bool = False
    ) -> Sequence[Report]:
        with self.database.reading() as connection:
            return collected.received(
                connection, self.name, window, after, with_refused=with_refused
            )


def _refuses(report: Report) -> bool:
    return any(said.is_refusal for said in report.statements)
