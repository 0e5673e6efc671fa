"""Money that came in after the sale: read, assigned to its deals, and passed on to valuing.

Revenue is read after the deals, so that a line finds its deal on the night that brings both. A line
whose deal is not known is kept, and given to it when it comes. Lines are written a chunk at a time,
each chunk with what could not be read of it; the watermark goes with the last.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from convsync.errors import TransientError
from convsync.extract.source import Quarantined
from convsync.model.erased import Erased
from convsync.model.period import Period
from convsync.model.revenue import MoneyTerms, RevenueLine, Takings
from convsync.model.rule import ConversionRule, counts_revenue
from convsync.reading import unread
from convsync.reading.windows import Windows
from convsync.store import deals, quarantine, revenue, runs
from convsync.store.database import Connection
from convsync.store.session import Session

if TYPE_CHECKING:
    from convsync.extract.revenue import RevenueSource

_CHUNK = 5_000
_NO_TAKINGS: Mapping[int, Takings] = {}
_FEW = 20
"""So many missing lines are never taken for a broken export."""


class Earnings:
    """The revenue of one run; what goes wrong with a source is noted in `problems`.

    `unreadable` counts what is newly so, by source. Where more than `vanished_share` of a complete
    source's lines are missing at once, it is a broken export: none is taken back.
    """

    def __init__(
        self,
        session: Session,
        terms: MoneyTerms,
        rules: Sequence[ConversionRule],
        windows: Windows,
        *,
        vanished_share: Decimal,
        problems: list[str],
        unreadable: Counter[str],
        before_moving: Callable[[], None],
        advance: Callable[[str, int], None],
    ) -> None:
        self._session = session
        self._terms = terms
        self._is_counted = counts_revenue(rules)
        self._windows = windows
        self._vanished_share = vanished_share
        self._problems = problems
        self._unreadable = unreadable
        self._before_moving = before_moving
        self._advance = advance

    def read(self, sources: "Sequence[RevenueSource]", erased: Erased) -> None:
        """Read what is new, and make the deals due that it is of.

        A source that is away is left to the next run. Who was forgotten is not read again.
        """
        for source in sources:
            try:
                self._read_source(source, erased)
            except TransientError as error:
                self._problems.append(str(error))
        if sources:
            with self._session.transaction("give revenue to deals") as connection:
                self._make_due(connection, revenue.assign(connection))

    def of(self, connection: Connection, rows: Sequence[int]) -> Mapping[int, Takings]:
        """Return the takings of deals, by row, where a rule counts them."""
        if not self._is_counted:
            return _NO_TAKINGS
        return revenue.of_deals(connection, rows, self._terms)

    def _make_due(self, connection: Connection, rows: frozenset[int]) -> None:
        """Have deals looked at again, in the transaction that changed what came in for them."""
        if self._is_counted:
            now = self._session.now
            deals.look_again_sooner(connection, dict.fromkeys(sorted(rows), now))

    def _read_source(self, source: "RevenueSource", erased: Erased) -> None:
        window = self._windows.of(source.name, source)
        seen, is_sound = revenue.Names(), True
        for chunk, is_last in _with_last(_chunked(source.read(window))):
            lines = [one for one in chunk if isinstance(one, RevenueLine)]
            is_sound &= len(lines) == len(chunk)
            seen.add(lines)
            with self._session.transaction("store revenue") as connection:
                kept = [one for one in lines if not _is_of(erased, one)]
                self._make_due(connection, revenue.save(connection, source.name, kept).deals)
                self._quarantine(connection, source.name, chunk)
                if is_last and source.is_complete:
                    gone = self._take_back(connection, source, seen, is_sound=is_sound)
                    self._make_due(connection, gone)
                if is_last:
                    self._close(connection, source, window)
            self._advance("revenue", len(chunk))

    def _take_back(
        self,
        connection: Connection,
        source: "RevenueSource",
        seen: revenue.Names,
        *,
        is_sound: bool,
    ) -> frozenset[int]:
        """Take out what a complete source no longer has; return the deals that it was of.

        Where a line could not be read, nobody knows which is missing.
        """
        gone = revenue.unseen(connection, source.name, seen)
        if not gone.names or not is_sound:
            return frozenset()
        if len(gone.names) > max(Decimal(_FEW), gone.stored * self._vanished_share):
            self._problems.append(
                f"source '{source.name}': {len(gone.names):,} of {gone.stored:,} lines of revenue"
                " are missing at once, and none was taken back: check whether the export is "
                "complete."
                " If it is, raise [limits] vanished_share for one run."
            )
            return frozenset()
        revenue.remove(connection, source.name, gone.names)
        return gone.deals

    def _close(self, connection: Connection, source: "RevenueSource", window: Period) -> None:
        if source.passes_over_all(window):
            quarantine.release_unseen(connection, source.name, self._session.run_id)
        self._before_moving()
        runs.move_watermark(connection, source.name, window, self._session.run_id)

    def _quarantine(
        self, connection: Connection, source: str, chunk: Sequence[RevenueLine | Quarantined]
    ) -> None:
        unsound = [one for one in chunk if isinstance(one, Quarantined)]
        if new := unread.keep(connection, self._session, source, unsound):
            self._unreadable[source] += new


def _is_of(erased: Erased, line: RevenueLine) -> bool:
    return bool(erased) and line.customer is not None and erased.knows([line.customer])


def _chunked(
    lines: Iterator[RevenueLine | Quarantined],
) -> Iterator[list[RevenueLine | Quarantined]]:
    """Yield what is read in chunks, at least one, which may be empty."""
    chunk: list[RevenueLine | Quarantined] = []
    for line in lines:
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
        chunk.append(line)
    yield chunk


def _with_last(
    chunks: Iterator[list[RevenueLine | Quarantined]],
) -> Iterator[tuple[list[RevenueLine | Quarantined], bool]]:
    held = next(chunks)
    for chunk in chunks:
        yield held, False
        held = chunk
    yield held, True
