"""What the sources say, into the store: windows, bookmarks, quarantine.

A source is read in chunks, one transaction each: the records of a chunk, what could not be read of
it, what it changed, and how far the window has been read are committed together, so a run that is
stopped anywhere reads on where it stood. What a change means for the ledger is not decided here:
each chunk of deals that changed is handed on inside the transaction that stored it.

A source that is away is left to the next run: its watermark stays, and the others are read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

from convsync import audit
from convsync.errors import TransientError
from convsync.extract.source import (
    AnswersForDeals,
    Bookmark,
    ClickChunk,
    ClickSource,
    DealSource,
    Departed,
    KeepsNoTrace,
    LinksPeople,
    PassesOverUnchanged,
    ReadsOn,
    Record,
    TellsConsent,
    read_again,
    with_last,
)
from convsync.model.deal import Deal
from convsync.model.erased import Erased
from convsync.model.event import Event, EventKind
from convsync.model.narrowed import EVERYTHING, Narrowed
from convsync.model.period import Period
from convsync.privacy import consenting, forgetting
from convsync.profile.nights import Counts
from convsync.reading import contents, habits, unchanged_rows, unread
from convsync.reading.chunks import chunked, records_in
from convsync.reading.departures import Departures, Present
from convsync.reading.endings import Endings
from convsync.reading.other_forms import OtherForms
from convsync.reading.recollection import Recollection
from convsync.reading.survivors import Survivors
from convsync.reading.unreached import Reached
from convsync.reading.windows import Windows
from convsync.running.guarding import drained
from convsync.store import click_news, clicks, deals, file_marks, quarantine, row_digests, runs
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.session import Session
from convsync.store.write_backs import save_read

Plan = Callable[[Any, Sequence[StoredDeal]], None]
"""Takes stored deals on to the ledger, within the transaction that stored them."""


class Intake:
    """The way in for deals and clicks, over one session.

    `problems` says what went wrong with sources, `unreadable` how many records are newly so,
    `drained` which sources gave nothing and always had, `has_changed` whether any deal or click was
    stored. `erased` is who was forgotten, and is read no more.

    A chunk of deals is kept only after `before_keeping` has not raised, and a watermark moved only
    after `before_moving` has not; one that lies further in the future than `tolerance` is not
    believed.
    """

    def __init__(
        self,
        session: Session,
        *,
        plan: Plan,
        departures: Departures,
        tolerance: timedelta,
        before_keeping: Callable[[Connection, str, Sequence[StoredDeal]], None],
        before_moving: Callable[[], None],
        advance: Callable[[str, int], None],
    ) -> None:
        self._windows = Windows(session, tolerance)
        self._survivors = Survivors(session)
        self._before_keeping = before_keeping
        self._before_moving = before_moving
        self._session = session
        self._recollection = Recollection(session)
        self._other_forms = OtherForms(session)
        self._endings = Endings(session)
        self._departures = departures
        self._plan = plan
        self._advance = advance
        self._problems: list[str] = []
        self.unreadable: Counter[str] = Counter()
        self.drained: list[str] = []
        self.erased = Erased()
        self.has_changed = False

    @property
    def problems(self) -> list[str]:
        """Return what went wrong with sources, or needs a look."""
        return [
            *self._windows.problems,
            *self._problems,
            *self._survivors.problems,
            *self._departures.problems,
        ]

    def read_new_clicks(self, sources: Iterable[ClickSource]) -> None:
        """Store the clicks logged since the last run, and make the deals due that they concern."""
        for source in sources:
            with self._left_to_the_next_run():
                window = self._windows.of(source.name, source)
                if isinstance(source, TellsConsent):
                    self._hear(source, window)
                self._endings.recall(source)
                stored = self.read_clicks(source, window, moves_watermark=True)
                self._endings.keep(source)
                gave = stored.total or stored.passed_over
                self._note_whether_it_gave(source.name, gave, habits.READS_NEEDED)
        with self._session.transaction("spread news of clicks") as connection:
            if click_news.is_there(connection):
                clicks.spread_news(connection, now=self._session.now)

    def _hear(self, source: TellsConsent, window: Period) -> None:
        for said in source.said(window):
            with self._session.transaction("hear consent") as connection:
                consenting.hear_site(connection, said, self.erased)

    def spread_consent(self) -> None:
        """Make all deals due of whoever said something new of the use of their data."""
        with self._session.transaction("spread news of consent") as connection:
            consenting.spread(connection, self._session)

    def read_changed_deals(self, sources: Iterable[DealSource]) -> None:
        """Store and plan the deals that changed since the last run, and note those that left."""
        for source in sources:
            with self._left_to_the_next_run():
                self._read_changed_deals(source)

    def read_period(
        self, sources: Iterable[DealSource], period: Period, only: Narrowed = EVERYTHING
    ) -> None:
        """Store the deals with milestones in a period; what changed is left to the next run.

        Where deals are named, a source that can be asked for them is asked for no others.
        """
        for source in sources:
            with self._left_to_the_next_run():
                with self._session.transaction("begin to read") as connection:
                    self._departures.begin(connection, source.name)
                self._read_deals(source, _of_period(source, period, only), self._keep_for_next_run)

    def read_clicks(
        self,
        source: ClickSource,
        window: Period,
        *,
        moves_watermark: bool = False,
        again: bool = False,
    ) -> clicks.Stored:
        """Store every sighting in a window of a source.

        What was read before and stands as it did is passed over, unless it is to be read `again`.
        """
        total, run_id = clicks.Stored(), self._session.run_id
        for chunk, is_last in with_last(self._click_chunks(source, window, again=again)):
            with self._session.transaction("store clicks") as connection:
                seen = self.erased.without_clicks(chunk.seen) if self.erased else chunk.seen
                stored = clicks.save(connection, seen)
                beside = {"passed_over": chunk.passed_over, "unreadable": len(chunk.unreadable)}
                total += replace(stored, **beside)
                self._quarantine(connection, source.name, chunk.unreadable)
                if chunk.mark is not None:
                    file_marks.move(connection, source.name, chunk.mark)
                if is_last:
                    passed_over = total.passed_over
                    unread.release_clicks(
                        connection, self._session, source, window, passed_over=passed_over
                    )
                if is_last and moves_watermark:
                    self._before_moving()
                    held = Counts(deals=total.total, unreadable=total.unreadable)
                    self._problems += contents.noted(connection, source.name, held)
                    runs.move_watermark(connection, source.name, window, run_id)
                if stored.total:
                    told = [Event(EventKind.CLICKS_IMPORTED, stored.told, source.name)]
                    audit.record(connection, told, run_id=run_id, at=self._session.now)
            self.has_changed |= bool(stored.total)
            self._advance("clicks", stored.total + len(chunk.unreadable))
        return total

    def _click_chunks(
        self, source: ClickSource, window: Period, *, again: bool
    ) -> Iterator[ClickChunk]:
        if again or not isinstance(source, ReadsOn):
            return source.read(window)
        with self._session.transaction("recall how far a file was read") as connection:
            mark = file_marks.recall(connection, source.name, source.place)
        return source.read_on(window, mark)

    def _read_changed_deals(self, source: DealSource) -> None:
        """Read on in a window that an earlier run left unfinished, then the one that ends now."""
        with self._session.transaction("read bookmark") as connection:
            self._departures.begin(connection, source.name)
            unclear = deals.of_unclear_consent(connection, source.name)
            unfinished = self._windows.unfinished(connection, source.name)
        if unfinished is not None:
            window, place = unfinished
            self._read_window(source, window, Bookmark(place))
        window = self._windows.of(source.name, source)
        self._read_window(source, window)
        if unclear and not unread.passes_over_all(source, window):
            again = read_again(source, unclear, window.until)
            self._read_deals(source, again, self._plan_changed)
        if isinstance(source, KeepsNoTrace):
            self._ask_which_left(source, source)
        if isinstance(source, AnswersForDeals):
            self._ask_again(source, source)
        self._endings.keep(source)

    def _read_window(
        self, source: DealSource, window: Period, after: Bookmark | None = None
    ) -> None:
        present, known = Present(), row_digests.Window(source.name)

        def plan_chunk(connection: Connection, saved: deals.Saved) -> None:
            present.note(saved)
            self._plan_changed(connection, saved)

        reached = Reached(source=source.name)
        records = present.watching(reached.watching(self._changed(source, window, after, known)))
        self._read_deals(source, records, plan_chunk, window, known)
        with self._session.transaction("remember what was reached") as connection:
            self._problems += reached.noted(connection)
        if after is None:
            given = present.given(is_complete=source.is_complete)
            needed = 1 if source.is_complete else habits.READS_NEEDED
            self._note_whether_it_gave(source.name, given, needed)
        if source.is_complete:
            self._note_missing(source.name, present)
        if after is None:
            with self._session.transaction("release what is no longer there") as connection:
                unread.release_deals(connection, self._session, source, window)

    def _note_missing(self, source: str, present: Present) -> None:
        if not present.is_known:
            self._problems.append(
                f"source '{source}': some records have no deal ID that can be read, and might"
                " be any deal: no deal was taken for missing. `convsync quarantine list` has them;"
                " a file's footers are declared with stop_at or ignore_rows_without_id."
            )
        else:
            self._departures.note_missing(source, present)

    def _changed(
        self,
        source: DealSource,
        window: Period,
        after: Bookmark | None,
        known: row_digests.Window,
    ) -> Iterator[Record]:
        if after is not None or not isinstance(source, PassesOverUnchanged):
            return source.read_changed(window, after)
        with self._session.transaction("recall rows") as connection:
            known.slide(connection, 0)
        return source.read_past_unchanged(window, known.stored_as)

    def _note_whether_it_gave(self, source: str, records: int, needed: int) -> None:
        with self._session.transaction("remember what it gave") as connection:
            if habits.has_dried_up(connection, source, records, needed):
                self.drained.append(source)
                self._problems.append(f"{drained(source)}.")

    def _ask_which_left(self, source: DealSource, asked: KeepsNoTrace) -> None:
        """Ask a CRM that keeps no trace of deleted deals, and note which left or were merged."""
        left = self._departures.which_left(source.name, asked)
        kept, deleted = self._survivors.told_apart(source, left)
        if kept:
            self._read_deals(source, kept, self._plan_changed)
        self._departures.note_left(source.name, deleted)

    def _ask_again(self, source: DealSource, answering: AnswersForDeals) -> None:
        """Store and plan deals that vanished, or could not be read, and are there again.

        So are those that wait for a click, where somebody may have become known unseen.
        """
        asked = self._departures.to_ask_for(source.name)
        if isinstance(source, LinksPeople) and source.links_unseen:
            asked = chain(asked, self._departures.waiting_for_a_click(source.name))
        for deal_ids in asked:
            self._read_deals(source, answering.read_named(deal_ids), self._plan_changed)

    def _plan_changed(self, connection: Connection, saved: deals.Saved) -> None:
        self._plan(connection, saved.changed)

    def _read_deals(
        self,
        source: DealSource,
        records: Iterable[Record],
        after_saving: Callable[[Any, deals.Saved], None],
        window: Period | None = None,
        known: row_digests.Window | None = None,
    ) -> None:
        """Store what a source yields; whatever stops this, the source is left behind at once."""
        self._recollection.recall(source)
        self._other_forms.recall(source)
        self._endings.recall(source)
        with closing(chunked(self._survivors.followed(source, records))) as chunks:
            self._keep(source, chunks, after_saving, window, known)
        self._recollection.keep(source)

    def _keep(
        self,
        source: DealSource,
        chunks: Iterable[tuple[list[Record], bool]],
        after_saving: Callable[[Any, deals.Saved], None],
        window: Period | None,
        known: row_digests.Window | None,
    ) -> None:
        for chunk, is_last in chunks:
            with self._session.transaction("store deals") as connection:
                chunk, as_known = self._other_forms.held_back(connection, source.name, chunk)
                named = unchanged_rows.read_last(connection, source.name, chunk)
                read = forgetting.kept_of_people(connection, self.erased, source.name, named)
                read = [*self._recollection.beside(connection, source.name, read)]
                people = _known_in(named, read)
                withdrawn = consenting.withdrawn_in(connection, people)
                saved = save_read(connection, source.name, read, self._session.now)
                consenting.hear_deals(connection, self._session, people, saved, withdrawn)
                self.has_changed |= bool(saved.changed)
                self._before_keeping(connection, source.name, saved.changed)
                self._quarantine(connection, source.name, chunk)
                quarantine.release_deals(connection, source.name, [deal.deal_id for deal in read])
                unchanged_rows.release(connection, source.name, chunk)
                self._departures.note_returned(connection, saved.returned)
                saved = self._recollection.move_conversions(connection, source.name, read, saved)
                saved = replace(saved, unchanged=[*saved.unchanged, *as_known])
                after_saving(connection, saved)
                departed = [record for record in chunk if isinstance(record, Departed)]
                self._departures.note(connection, source.name, departed)
                if window is not None:
                    self._note_progress(connection, source, window, chunk, is_last=is_last)
                if known is not None:
                    unchanged_rows.slide_on(connection, known, chunk, saved)
            self._advance("deals", sum(map(records_in, chunk)))

    def _note_progress(
        self,
        connection: Connection,
        source: DealSource,
        window: Period,
        chunk: Sequence[Record],
        *,
        is_last: bool,
    ) -> None:
        """Write down how far a window has been read, together with the records this covers."""
        if is_last:
            self._before_moving()
            runs.move_watermark(connection, source.name, window, self._session.run_id)
            runs.drop_bookmark(connection, source.name)
            return
        if bookmarks := [record for record in chunk if isinstance(record, Bookmark)]:
            place = bookmarks[-1].place
            runs.place_bookmark(connection, source.name, window, place, self._session.run_id)

    def _quarantine(self, connection: Connection, source: str, records: Sequence[Record]) -> None:
        if new := unread.keep(connection, self._session, source, records):
            self.unreadable[source] += new

    @contextmanager
    def _left_to_the_next_run(self) -> Iterator[None]:
        """Go on with the rest where one source is away; its watermark stays where it was."""
        try:
            yield
        except TransientError as error:
            self._problems.append(str(error))

    def _keep_for_next_run(self, connection: Connection, saved: deals.Saved) -> None:
        """Leave what lies outside a backfill's period to the next nightly run."""
        deals.look_again(connection, {stored.row: self._session.now for stored in saved.changed})


def _known_in(named: Sequence[Deal], kept: Sequence[Deal]) -> list[Deal]:
    """Return deals as they were read, but for those of people who were forgotten."""
    forgotten = {deal.deal_id for deal in kept if deal.consent.is_forgotten}
    return [deal for deal in named if deal.deal_id not in forgotten]


def _of_period(source: DealSource, period: Period, only: Narrowed) -> Iterator[Record]:
    if only.deal_ids and isinstance(source, AnswersForDeals):
        return source.read_named(sorted(only.deal_ids))
    return source.read_period(period)
