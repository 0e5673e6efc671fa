"""How the files of sources ended when they were last read, so that one that was cut off is noticed.

A file that is read for the first time may end without a line break, and is read to its end: many
exports do so. It is said once, in the log and by `check`.
"""

from convsync import log
from convsync.extract.source import ClickSource, DealSource, MayBeCutOff
from convsync.store import memory
from convsync.store.session import Session


class Endings:
    """Tells sources how their files ended, and remembers how they end now."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def recall(self, source: DealSource | ClickSource) -> None:
        """Tell a source, before it is read, how its file ended."""
        if isinstance(source, MayBeCutOff):
            with self._session.transaction("recall how a file ended") as connection:
                source.ended_whole = memory.ended_whole(connection, source.name)

    def keep(self, source: DealSource | ClickSource) -> None:
        """Remember, when a source has been read to its end, how its file ended."""
        if not isinstance(source, MayBeCutOff) or source.ends_whole() == source.ended_whole:
            return
        if source.ended_whole is None and not source.ends_whole():
            log.warning(
                "the last row has no line break: look whether the file is cut off there",
                source=source.name,
            )
        with self._session.transaction("remember how a file ended") as connection:
            memory.keep_ending(connection, source.name, whole=source.ends_whole())
