"""What every source of deals or clicks promises, whatever CRM or file is behind it.

A source is read in closed windows on the record's modified stamp, from `watermark - overlap` up to
`now - lag`, and the window's end becomes the next watermark, never the largest stamp seen: a record
that is written late with an earlier stamp, or edited while being read, falls into the overlap of
the next read. Reading the same record twice changes nothing.

A window can be too large for one night: a first read, or a CRM's daily limit reached in the middle.
A source that can go on where it stood says so as it reads, with a Bookmark; it is kept with the
records before it, and handed back with the same window by the next run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from convsync.errors import ConvsyncError
from convsync.model.click import Sighting
from convsync.model.consent import Said
from convsync.model.deal import Deal, Gone, Merged
from convsync.model.file_mark import FileMark
from convsync.model.period import Period
from convsync.model.seen_clicks import NOTHING_SEEN, SeenClicks
from convsync.model.stage import Stage

CLICKS_A_CHUNK = 5_000
ASKED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A record that could not be read: where it stands and what is wrong with it.

    `place` names the file and line, or the CRM's record; `problem` names the column and the fix,
    and shows no cell's content, which may be personal. `deal_id` is there where it could be read.
    """

    place: str
    problem: str
    deal_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Departed:
    """A deal that its CRM no longer has; `survivor` is the deal it was merged into.

    `at` is when it left, where the CRM says.
    """

    deal_id: str
    gone: Gone
    survivor: str | None = None
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a window has been read, in the source's own words: all before it need not be again.

    It holds record IDs or the vendor's page token, and nothing personal.
    """

    place: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Deals whose rows are as they were when last read, one after the other, by their numbers."""

    deal_rows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Pause:
    """Whoever reads records is to store those before it, and only then asks for the next."""


Record = Deal | Quarantined | Departed | Bookmark | Unchanged
"""What a source of deals yields."""
StoredAs = Callable[[bytes], int | None]
"""Tells which stored deal a row of the source with this digest stands for; None: not known."""


class DealSource(Protocol):
    """Reads deals with their milestones, as a stream.

    Every deal is complete in itself: what it does not say now is no longer so. Iterating raises
    OperatorError where the set-up is wrong (file, column, credentials), TransientError where a
    later try may succeed. A record that cannot be read is yielded as Quarantined; the rest goes on.
    """

    name: str
    lag: timedelta
    overlap: timedelta
    is_complete: bool
    """One read yields every deal there is, whatever the window: what is missing is gone."""
    reads_all: bool
    """Every read passes over every record, whatever its window: one in quarantine that it no longer
    yields is fixed."""

    def check_columns(self) -> None:
        """Raise OperatorError where the source, or a mapped column, is not there."""

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one without a modified stamp.

        A source that `reads_all` yields every deal. With `after`, a bookmark of the same window,
        what was read before it may be left out. Deals that left the CRM during the window are
        yielded as Departed, where the CRM tells of them.
        """

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""


@runtime_checkable
class PassesOverUnchanged(Protocol):
    """A source that knows a row it has read before by a digest, at a fraction of reading it.

    Deals carry the digest of their row as `row_digest`; it is kept with what is stored of them.
    """

    def read_past_unchanged(self, window: Period, stored_as: StoredAs) -> Iterator[Record]:
        """Do as `read_changed` does, but yield deals that are stored as they stand as Unchanged.

        `stored_as` may know other rows after each record that is yielded.
        """


@runtime_checkable
class ReadsByStamp(Protocol):
    """A source that finds by its stamp alone what has changed.

    A record that could not be read, and can be now, is missed where its stamp is still that of
    before; so while there is one, such a source is read from its beginning.
    """

    reads_by_stamp: bool


@runtime_checkable
class AnswersForDeals(Protocol):
    """A source that can be asked for deals by their IDs, many in one call."""

    def read_named(self, deal_ids: Sequence[str]) -> Iterator[Record]:
        """Yield those of the deals that are there now; of the others nothing.

        Deals that were merged into one that is yielded may come behind it, as Departed.
        Raises what reading the source raises.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is kept of a source between reads, because its CRM forgets it.

    `stages` are what each stage was once seen as, oldest first; `merged` what merged deals had
    reached, by their IDs.
    """

    stages: Sequence[Stage] = ()
    merged: Mapping[str, Merged] = field(default_factory=dict)


@runtime_checkable
class Remembers(Protocol):
    """A source that reads better for what was kept of earlier reads."""

    @property
    def stages_seen(self) -> Sequence[Stage]:
        """Return the stages that the last read has seen, to be handed back by the next."""

    def recall(self, memory: Memory) -> None:
        """Take what was kept; it is used by the reads that follow."""


@runtime_checkable
class Merges(Protocol):
    """A source that says whether its CRM names what a merged deal became, if it merges deals."""

    @property
    def names_survivors(self) -> bool:
        """Return False where a deal that was merged seems to have been deleted."""


@runtime_checkable
class ListsDeleted(Protocol):
    """A source whose CRM may list the deals that were deleted, and for how long."""

    @property
    def lists_deleted_for(self) -> timedelta | None:
        """Return how long a deleted deal is listed, None where it is not forgotten."""


@runtime_checkable
class LinksPeople(Protocol):
    """A source whose CRM may link a person to a deal."""

    @property
    def links_unseen(self) -> bool:
        """Return True where a link changes neither of both, so that no window shows it."""


@runtime_checkable
class ComesThroughOthers(Protocol):
    """A source that an export or a query writes: on the way, IDs may change their form.

    `ids_are_exact` says that none does, so that IDs in two forms are two deals.
    """

    ids_are_exact: bool


@runtime_checkable
class MayBeCutOff(Protocol):
    """A source that may be a file of lines, whose last row is whole only if a line break ends it.

    `ended_whole` says how the file ended when it was last read, None where it never was.
    """

    name: str
    ended_whole: bool | None

    def ends_whole(self) -> bool:
        """Return whether its last row ends with a line break now, or can be told without one."""


@runtime_checkable
class KeepsNoTrace(Protocol):
    """A source whose CRM says nothing of a deal that was deleted: it must be asked for each."""

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed | Quarantined]:
        """Yield those of the deals that the CRM no longer has, or does not say whether it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickChunk:
    """What was read of a click source at once, and is to be kept in one transaction.

    `mark` says how far the source has been read with it; `passed_over` counts lines of a file that
    were read before and stand as they did.
    """

    seen: SeenClicks = NOTHING_SEEN
    unreadable: Sequence[Quarantined] = ()
    passed_over: int = 0
    mark: FileMark | None = None


class ClickSource(Protocol):
    """Reads click sightings, as a stream of chunks. Errors are those of DealSource."""

    name: str
    lag: timedelta
    overlap: timedelta

    def check_columns(self) -> None:
        """Raise OperatorError where the source, or a mapped column, is not there."""

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield every sighting logged inside the window, and every one without a stamp."""


@runtime_checkable
class ReadsOn(Protocol):
    """A click source that marks how far it has been read, and reads on from there."""

    @property
    def place(self) -> str:
        """Return what is read, by which its mark is kept."""

    def read_on(self, window: Period, after: FileMark | None) -> Iterator[ClickChunk]:
        """Yield what `read` does, but for what was read up to a mark and stands as it did."""


@runtime_checkable
class TellsConsent(Protocol):
    """A click source that also knows what people said about the use of their data."""

    def said(self, window: Period) -> Iterator[list[tuple[bytes, Said]]]:
        """Yield what was said in a window, each with the digest of a key of whoever said it."""


def read_again(source: DealSource, deal_ids: Sequence[str], until: datetime) -> Iterator[Record]:
    """Yield those of some deals that are there now, whenever they were modified.

    A source that cannot be asked for deals is read whole.
    """
    if isinstance(source, AnswersForDeals):
        for start in range(0, len(deal_ids), ASKED_AT_ONCE):
            yield from source.read_named(deal_ids[start : start + ASKED_AT_ONCE])
        return
    wanted = frozenset(deal_ids)
    ever = Period(since=datetime(1970, 1, 1, tzinfo=UTC), until=until)
    for record in source.read_changed(ever):
        if isinstance(record, Deal) and record.deal_id in wanted:
            yield record


def chunks_of(records: Iterator[Sighting | Quarantined]) -> Iterator[ClickChunk]:
    """Yield chunks of what is read one by one, at least one, which may be empty.

    Where reading stops with an error, what was read before it is yielded first.
    """
    chunk: list[Sighting | Quarantined] = []
    try:
        for record in records:
            if len(chunk) == CLICKS_A_CHUNK:
                yield chunk_of(chunk)
                chunk = []
            chunk.append(record)
    except ConvsyncError:
        yield chunk_of(chunk)
        raise
    yield chunk_of(chunk)


def with_last(chunks: Iterator[ClickChunk]) -> Iterator[tuple[ClickChunk, bool]]:
    """Yield every chunk, and whether it is the last: where reading stops with an error, none is."""
    held: ClickChunk | None = None
    try:
        for chunk in chunks:
            if held is not None:
                yield held, False
            held = chunk
    except ConvsyncError:
        if held is not None:
            yield held, False
        raise
    if held is not None:
        yield held, True


def chunk_of(records: Iterable[Sighting | Quarantined]) -> ClickChunk:
    """Return what was read one by one as a chunk."""
    read = list(records)
    return ClickChunk(
        seen=SeenClicks.of(record for record in read if isinstance(record, Sighting)),
        unreadable=[record for record in read if isinstance(record, Quarantined)],
    )
