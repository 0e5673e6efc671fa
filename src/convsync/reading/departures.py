"""Deals that have disappeared: recorded, doubted if most vanish, and asked for again.

Absence is no proof. A deal that cannot be seen may have been deleted, or the credentials may have
lost a right, or an export may have failed. So where more than a share of a source's deals vanishes
in one run, the run is refused before they are marked, until a person says that it is true; and a
deal that vanished is asked for again, in the vendor's batch calls, while its conversions can still
be corrected: if it is there after all, it is stored as present and sent again.

Deals that were merged do not count as vanished, because the CRM names what they became; nor do
deals that this run has added count as those there were, because an export whose IDs were all
rewritten is missing everything.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice

from convsync import audit
from convsync.errors import UnsafePlanError
from convsync.extract.source import Bookmark, Departed, KeepsNoTrace, Quarantined, Record, Unchanged
from convsync.model.deal import Gone
from convsync.model.event import Event, EventKind
from convsync.running.guarding import SafetyLimits, raise_if_vanished
from convsync.store import deals, quarantine, waiting
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.seen_rows import Seen
from convsync.store.session import Session

CHUNK = 5_000
"""How many deals are marked, or asked for, at once."""
CORRECTABLE_FOR = timedelta(days=90)
"""How long after its last milestone a deal that vanished is asked for again: what was counted
longer ago, no platform lets anybody correct."""


class Present:
    """Which deals a read has found, the unreadable ones included, and how many records it gave.

    A record that could not even be named might be any deal: then nothing is known to be missing.
    """

    def __init__(self) -> None:
        self.seen = Seen()
        self.unreadable: list[str] = []
        self.is_known = True
        self._count = self._unchanged = 0

    def given(self, *, is_complete: bool) -> int:
        """Return how many records a source gave; where it is not complete, only what changed."""
        return self._count - (0 if is_complete else self._unchanged)

    def watching(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass records on, and note those that could not be read."""
        for record in records:
            if isinstance(record, Unchanged):
                self._count += len(record.deal_rows)
                self._unchanged += len(record.deal_rows)
                self.seen.add(record.deal_rows)
                yield record
                continue
            self._count += not isinstance(record, Bookmark)
            if isinstance(record, Quarantined):
                if record.deal_id is None:
                    self.is_known = False
                else:
                    self.unreadable.append(record.deal_id)
            yield record

    def note(self, saved: deals.Saved) -> None:
        """Note deals that were read."""
        self.seen.add([stored.row for stored in saved.changed])
        self.seen.add(saved.unchanged)


class Departures:
    """What left a source during one run, and what came back to it.

    `doubt` is called when too much has vanished, before it is marked: it raises the error, or
    lets it pass where a person has confirmed it. `problems` names merges whose survivor cannot be
    read: what was merged into it stays as it is until it can, for its conversions are to move.
    """

    def __init__(
        self, session: Session, limits: SafetyLimits, doubt: Callable[[UnsafePlanError], None]
    ) -> None:
        self._session = session
        self._limits = limits
        self._doubt = doubt
        self._first_new: dict[str, int] = {}
        self._there_were: dict[str, int] = {}
        self._vanished: Counter[str] = Counter()
        self.problems: list[str] = []

    def begin(self, connection: Connection, source: str) -> None:
        """Remember which deals there were before a source is read."""
        self._first_new[source] = deals.next_row(connection)

    def note(self, connection: Connection, source: str, departed: Sequence[Departed]) -> None:
        """Mark deals of which the CRM says that they left, of those that were ever read."""
        quarantine.release_deals(connection, source, [one.deal_id for one in departed])
        left = _of_those_present(connection, source, departed)
        survivors = {one.survivor for _, one in left if one.survivor is not None}
        unread = quarantine.among(connection, source, survivors)
        for one in [one for _, one in left if one.survivor in unread]:
            self.problems.append(
                f"source '{source}': deal {one.deal_id} was merged into {one.survivor}, which could"
                " not be read. What was counted stays as it is until it can."
            )
        left = [(row, one) for row, one in left if one.survivor not in unread]
        self._weigh(connection, source, sum(one.gone is Gone.DELETED for _, one in left))
        self._mark(connection, source, left)

    def which_left(self, name: str, source: KeepsNoTrace) -> list[Departed | Quarantined]:
        """Ask a CRM that keeps no trace of deleted deals which of those we know it lacks.

        It may not say of some: these could not be read.
        """
        after, departed = 0, list[Departed | Quarantined]()
        while True:
            with self._session.transaction("list present deals") as connection:
                known = deals.present_after(connection, name, after, limit=CHUNK)
            if not known:
                return departed
            departed += source.departed_among([deal_id for _, deal_id in known])
            after = known[-1][0]

    def note_left(self, name: str, departed: Sequence[Departed]) -> None:
        """Mark deals that a CRM has no longer."""
        with self._session.transaction("weigh departed deals") as connection:
            self._weigh(connection, name, len(departed))
        for first in range(0, len(departed), CHUNK):
            with self._session.transaction("note departed deals") as connection:
                some = departed[first : first + CHUNK]
                quarantine.release_deals(connection, name, [one.deal_id for one in some])
                self._mark(connection, name, _of_those_present(connection, name, some))

    def note_missing(self, source: str, present: Present) -> None:
        """Mark the deals that a complete read did not find; they are due at once."""
        with self._session.transaction("find missing deals") as connection:
            present.seen.add(deals.rows_of(connection, source, present.unreadable))
            missing = sum(1 for _ in deals.gone_missing(connection, source, present.seen))
            self._weigh(connection, source, missing)
        while missing > 0:
            with self._session.transaction("note missing deals") as connection:
                found = deals.gone_missing(connection, source, present.seen)
                left = [
                    (row, Departed(deal_id=deal_id, gone=Gone.DELETED))
                    for row, deal_id in islice(found, CHUNK)
                ]
                self._mark(connection, source, left)
            missing -= CHUNK

    def to_ask_for(self, source: str) -> Iterator[list[str]]:
        """Yield the IDs of deals that vanished and could still be corrected, so many at a time.

        So are those that could not be read on an earlier night: nothing else would touch them.
        """
        with self._session.transaction("list deals in quarantine") as connection:
            unread = quarantine.unread_before(connection, source, self._session.run_id, CHUNK)
        if unread:
            yield unread
        since, after = self._session.now - CORRECTABLE_FOR, 0
        while True:
            with self._session.transaction("list vanished deals") as connection:
                vanished = deals.vanished_after(connection, source, after, since, limit=CHUNK)
            if not vanished:
                return
            yield [deal_id for _, deal_id in vanished]
            after = vanished[-1][0]

    def waiting_for_a_click(self, source: str) -> Iterator[list[str]]:
        """Yield the IDs of present deals that wait for a click to become known."""
        after = 0
        while True:
            with self._session.transaction("list deals that wait for a click") as connection:
                found = waiting.for_a_click(
                    connection, source, after, run_id=self._session.run_id, limit=CHUNK
                )
            if not found:
                return
            yield [deal_id for _, deal_id in found]
            after = found[-1][0]

    def note_returned(self, connection: Connection, returned: Sequence[StoredDeal]) -> None:
        """Write down that deals are there again which were marked as gone."""
        about = [
            Event(EventKind.DEAL_RETURNED, {}, one.deal.source, one.deal.deal_id, deal_row=one.row)
            for one in returned
        ]
        self._record(connection, about)

    def _weigh(self, connection: Connection, source: str, more: int) -> None:
        """Count deals as vanished before they are marked; doubt it where that is too many."""
        if not more:
            return
        if source not in self._there_were:
            before = self._first_new[source]
            self._there_were[source] = deals.count_present(connection, source, before)
        self._vanished[source] += more
        try:
            raise_if_vanished(
                source, self._vanished[source], self._there_were[source], self._limits
            )
        except UnsafePlanError as error:
            self._doubt(error)

    def _mark(
        self, connection: Connection, source: str, gone: Sequence[tuple[int, Departed]]
    ) -> None:
        """Mark deals that left their CRM, by their rows; they are due at once."""
        for kind in Gone:
            of_kind = [row for row, record in gone if record.gone is kind]
            deals.mark_gone(connection, of_kind, kind, self._session.now)
        about = [
            Event(EventKind.DEAL_GONE, _about(record), source, record.deal_id, deal_row=row)
            for row, record in gone
        ]
        self._record(connection, about)

    def _record(self, connection: Connection, events: Sequence[Event]) -> None:
        if events:
            audit.record(connection, events, run_id=self._session.run_id, at=self._session.now)


def _of_those_present(
    connection: Connection, source: str, departed: Sequence[Departed]
) -> list[tuple[int, Departed]]:
    """Return those that were ever read and are not marked yet, with their rows."""
    gone = {record.deal_id: record for record in departed}
    rows = deals.present(connection, source, list(gone))
    return [(rows[one], gone[one]) for one in rows]


def _about(departed: Departed) -> dict[str, str]:
    survivor = {} if departed.survivor is None else {"survivor": departed.survivor}
    return {"gone": departed.gone.value, **survivor}
