"""One run, top to bottom: the only module that knows the order.

    confirm → clicks → deals → due → recover → due → (is it safe?) → send

A request that was never answered is repeated only once the deals have been read: a person may have
withdrawn their consent since. What became of it may change what is due, which is looked at again.

A night reconciles the deals that changed and those that are due; a backfill reconciles a date
range; there is no third way to send anything. Both do their work in chunks, one transaction each,
so memory does not grow with the number of deals and a run can be stopped between any two of them. A
preview is the same code on a copy of the ledger: what it shows is what would happen.

Time is passed in. `now` is the instant the run takes as the present, the machine's or `--as-of`;
leases alone go by the machine's clock.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any, Protocol, TypeVar

from convsync import audit
from convsync.audit import Event, EventKind
from convsync.calls import Caller
from convsync.clock import Clock, system_clock
from convsync.errors import ConvsyncError, TransientError, UnsafePlanError
from convsync.extract.source import (
    Bookmark,
    ClickSource,
    DealSource,
    Departed,
    KeepsNoTrace,
    Quarantined,
    Record,
)
from convsync.model.click import Sighting
from convsync.model.conversion import Operation
from convsync.model.deal import Deal, Gone
from convsync.model.period import Period
from convsync.model.rule import Agreement, ConversionRule
from convsync.outbox import Outbox, Uploaded
from convsync.plan import Outgoing, PlanSummary, SafetyLimits, Step, Usual, raise_if_unsafe
from convsync.reconcile import Desk
from convsync.retrying import RetryPolicy
from convsync.store import audit_log, clicks, deals, ledger, quarantine, runs
from convsync.store.database import Database, OnStep, ignore_step
from convsync.store.deals import Seen, StoredDeal
from convsync.store.session import PreviewSession, RunSession, Session
from convsync.upload.destination import Destination

CHUNK = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RULES = "rules"

T = TypeVar("T")


class Progress(Protocol):
    """Hears how far a run has come."""

    def advance(self, stage: str, count: int) -> None:
        """Note that `count` more records of a stage are done."""


class NoProgress:
    """Hears nothing."""

    def advance(self, stage: str, count: int) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a run works with, made by `wiring`."""

    database: Database
    rules: Sequence[ConversionRule]
    deal_sources: Sequence[DealSource]
    click_sources: Sequence[ClickSource]
    destinations: Callable[[str], Destination]
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = system_clock
    real_clock: Clock = system_clock
    on_step: OnStep = ignore_step
    progress: Progress = field(default_factory=NoProgress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did. `exit_code` is what the process ends with; `problems` say why it is not 0."""

    run_id: int
    plan: PlanSummary
    uploaded: Uploaded
    sums: ledger.Sums
    quarantined: int
    problems: Sequence[str]

    @property
    def exit_code(self) -> int:
        """Return 0 where all is well, waiting included; 1 where rows or work were left."""
        rejected = self.uploaded.outcomes[EventKind.REJECTED]
        return 1 if rejected or self.problems else 0


def run(services: Services, *, force: bool = False) -> Report:
    """Reconcile what changed since the last run, and send it.

    Raises LockedError while another run holds the lock, UnsafePlanError where the plan is unusual
    and not forced, OperatorError where a person has to fix the set-up first.
    """
    with _running(services, "run") as work:
        work.outbox.confirm()
        work.reconcile_changes()
        work.finish_what_was_begun()
        if not force:
            work.refuse_if_unsafe()
        work.outbox.send()
    return work.report


def plan(services: Services) -> Report:
    """Return what `run` would plan now, and write and send nothing."""
    with _previewing(services, "plan") as work:
        work.reconcile_changes()
        return work.report


def backfill(
    services: Services,
    period: Period,
    *,
    approve: Callable[[Report], bool] | None = None,
    force: bool = False,
) -> Report | None:
    """Reconcile every milestone reached in a period, and send what is missing or wrong.

    With `approve` the plan is previewed first, and goes only if it is approved and has not changed
    by the time it is made; None is returned where it was not. Without, it goes if it is not
    unusual. Raises what `run` raises.
    """
    seen: str | None = None
    if approve is not None:
        preview = plan_backfill(services, period)
        if not approve(preview):
            return None
        seen = preview.plan.digest
    with _running(services, "backfill") as work:
        work.reconcile_period(period)
        work.outbox.recover()
        if seen is None and not force:
            work.refuse_if_unsafe(only_this_run=True)
        if seen is not None and work.summary.digest != seen:
            raise UnsafePlanError(
                "The deals changed between the preview and the start. Nothing was sent; "
                "look at the plan again."
            )
        work.outbox.send(only_run=work.session.run_id)
    return work.report


def plan_backfill(services: Services, period: Period) -> Report:
    """Return what a backfill of the period would plan now, and write and send nothing."""
    with _previewing(services, "plan") as work:
        work.reconcile_period(period)
        return work.report


def resend(services: Services, *, force: bool = False) -> Report:
    """Send what is waiting to be sent, and ask for verdicts, without reading any source.

    Deals that are due are looked at first, as they were last read, so that none goes out that may
    not. What a run refused to send as unusual waits there too: it is refused here as well.
    """
    with _running(services, "retry") as work:
        work.outbox.confirm()
        work.reconcile_due()
        work.finish_what_was_begun()
        if not force:
            work.refuse_if_unsafe()
        work.outbox.send()
    return work.report


def import_clicks(services: Services, source: ClickSource) -> clicks.Stored:
    """Add every sighting of a source to the click store; the same ones again change nothing."""
    now = services.clock()
    with services.database.transaction("open import") as connection:
        run_id = runs.begin_unlocked(
            connection, "clicks import", as_of=now, real_now=services.real_clock()
        )
    session = RunSession(
        services.database, run_id, now, real_clock=services.real_clock, has_lock=False
    )
    work = _Work(services, session)
    try:
        stored = work.read_clicks(source, Period(since=_EPOCH, until=now))
    except ConvsyncError as error:
        _end_import(session, services, error)
        raise
    _end_import(session, services)
    return stored


def _end_import(
    session: RunSession, services: Services, error: ConvsyncError | None = None
) -> None:
    with session.transaction("close import") as connection:
        runs.end_unlocked(connection, session.run_id, services.real_clock(), error)


@contextmanager
def _running(services: Services, command: str) -> Iterator["_Work"]:
    """Open a run, and close it however it ends."""
    now = services.clock()
    with services.database.transaction("open run") as connection:
        run_id = runs.open_run(
            connection,
            command,
            as_of=now,
            real_now=services.real_clock(),
            holder=runs.this_process(),
        )
        started = Event(EventKind.RUN_STARTED, {"command": command, "as_of": now.isoformat()})
        audit.record(connection, [started], run_id=run_id, at=now)
    session = RunSession(
        services.database,
        run_id,
        now,
        real_clock=services.real_clock,
        on_step=services.on_step,
    )
    work = _Work(services, session)
    try:
        yield work
    except ConvsyncError as error:
        work.finish(error.exit_code, str(error))
        raise
    work.finish(work.report.exit_code, "; ".join(work.report.problems))


@contextmanager
def _previewing(services: Services, command: str) -> Iterator["_Work"]:
    now = services.clock()
    with services.database.preview() as connection:
        run_id = runs.begin_unlocked(connection, command, as_of=now, real_now=services.real_clock())
        yield _Work(services, PreviewSession(connection, run_id, now))


class _Work:
    """The steps of a run, over one session."""

    def __init__(self, services: Services, session: Session) -> None:
        self.services = services
        self.session = session
        self.summary = PlanSummary()
        self.problems: list[str] = []
        self.outbox = Outbox(
            session,
            services.destinations,
            Caller(services.database, services.retry, real_clock=services.real_clock),
            retry=services.retry,
            on_sent=lambda rows: services.progress.advance("sent", rows),
        )

    # What is read

    def reconcile_changes(self) -> None:
        """Read clicks and deals that changed, and plan those deals and all that are due."""
        self._notice_new_rules()
        for click_source in self.services.click_sources:
            with self._left_to_the_next_run():
                self._read_new_clicks(click_source)
        with self.session.transaction("spread news of clicks") as connection:
            if clicks.has_news(connection):
                clicks.spread_news(connection, now=self.session.now)
        for deal_source in self.services.deal_sources:
            with self._left_to_the_next_run():
                self._read_changed_deals(deal_source)
        self.reconcile_due()

    def finish_what_was_begun(self) -> None:
        """Repeat what was never answered, and plan again what that leaves to be done."""
        self.outbox.recover()
        self.reconcile_due()

    def reconcile_period(self, period: Period) -> None:
        """Read deals with milestones in a period, and plan those milestones and no others."""
        for source in self.services.deal_sources:
            with self._left_to_the_next_run():
                self._read_deals(source, source.read_period(period), self._keep_for_next_night)
        after = 0
        while True:
            with self.session.transaction("plan period") as connection:
                chunk = deals.reached_in(
                    connection, period.since, period.until, after=after, limit=CHUNK
                )
                if not chunk:
                    return
                self._reconcile(connection, chunk, within=period)
            after = chunk[-1].row

    def read_clicks(
        self, source: ClickSource, window: Period, *, moves_watermark: bool = False
    ) -> clicks.Stored:
        """Store every sighting in a window of a source."""
        new = earlier = known = 0
        for records, is_last in _chunked(source.read(window)):
            sightings = [record for record in records if isinstance(record, Sighting)]
            with self.session.transaction("store clicks") as connection:
                stored = clicks.save(connection, sightings)
                self._quarantine(connection, source.name, records)
                if is_last and moves_watermark:
                    runs.move_watermark(connection, source.name, window, self.session.run_id)
                if sightings:
                    self._record(connection, [_about_clicks(source.name, stored)])
            new, earlier = new + stored.new, earlier + stored.earlier
            known += stored.known
            self.services.progress.advance("clicks", len(records))
        return clicks.Stored(new, earlier, known)

    def _read_new_clicks(self, source: ClickSource) -> None:
        window = self._window(source.name, source)
        self.read_clicks(source, window, moves_watermark=True)

    def _read_changed_deals(self, source: DealSource) -> None:
        """Read on in a window that an earlier run left unfinished, then the one that ends now."""
        with self.session.transaction("read bookmark") as connection:
            unfinished = runs.bookmark(connection, source.name)
        if unfinished is not None:
            window, place = unfinished
            self._read_window(source, window, Bookmark(place))
        self._read_window(source, self._window(source.name, source))
        if isinstance(source, KeepsNoTrace):
            self._ask_for_departed(source.name, source)

    def _read_window(
        self, source: DealSource, window: Period, after: Bookmark | None = None
    ) -> None:
        present = _Present()

        def plan_chunk(connection: Any, saved: deals.Saved) -> None:
            present.note(saved)
            self._reconcile(connection, saved.changed)

        records = present.watching(source.read_changed(window, after))
        self._read_deals(source, records, plan_chunk, window)
        if source.is_complete and present.is_known:
            self._note_missing(source, present)

    def _read_deals(
        self,
        source: DealSource,
        records: Iterable[Record],
        after_saving: Callable[[Any, deals.Saved], None],
        window: Period | None = None,
    ) -> None:
        for chunk, is_last in _chunked(records):
            read = [record for record in chunk if isinstance(record, Deal)]
            with self.session.transaction("store deals") as connection:
                saved = deals.save(connection, source.name, read, now=self.session.now)
                self._quarantine(connection, source.name, chunk)
                quarantine.release_deals(connection, source.name, [deal.deal_id for deal in read])
                after_saving(connection, saved)
                departed = [record for record in chunk if isinstance(record, Departed)]
                self._note_departed(connection, source.name, departed)
                if window is not None:
                    self._note_progress(connection, source, window, chunk, is_last=is_last)
            self.services.progress.advance("deals", len(chunk))

    def _note_progress(
        self,
        connection: Any,
        source: DealSource,
        window: Period,
        chunk: Sequence[Record],
        *,
        is_last: bool,
    ) -> None:
        """Write down how far a window has been read, together with the records this covers."""
        if is_last:
            runs.move_watermark(connection, source.name, window, self.session.run_id)
            runs.drop_bookmark(connection, source.name)
            if source.reads_all:
                quarantine.release_unseen(connection, source.name, self.session.run_id)
            return
        if bookmarks := [record for record in chunk if isinstance(record, Bookmark)]:
            place = bookmarks[-1].place
            runs.place_bookmark(connection, source.name, window, place, self.session.run_id)

    def _note_departed(self, connection: Any, source: str, departed: Sequence[Departed]) -> None:
        """Mark deals that left their CRM, of those that were ever read."""
        gone = {record.deal_id: record for record in departed}
        rows = deals.present(connection, source, list(gone))
        self._note_gone(connection, source, [(rows[one], gone[one]) for one in rows])

    def _note_gone(
        self, connection: Any, source: str, gone: Sequence[tuple[int, Departed]]
    ) -> None:
        """Mark deals that left their CRM, by their rows; they are due at once."""
        for kind in Gone:
            of_kind = [row for row, record in gone if record.gone is kind]
            deals.mark_gone(connection, of_kind, kind, self.session.now)
        self._record(
            connection,
            [
                Event(
                    EventKind.DEAL_GONE, _about_gone(record), source, record.deal_id, deal_row=row
                )
                for row, record in gone
            ],
        )

    def _ask_for_departed(self, name: str, source: KeepsNoTrace) -> None:
        """Ask a CRM that keeps no trace of deleted deals which of those we know it still has."""
        after = 0
        while True:
            with self.session.transaction("list present deals") as connection:
                known = deals.present_after(connection, name, after, limit=CHUNK)
            if not known:
                return
            departed = list(source.departed_among([deal_id for _, deal_id in known]))
            with self.session.transaction("note departed deals") as connection:
                self._note_departed(connection, name, departed)
            after = known[-1][0]

    def _note_missing(self, source: DealSource, present: "_Present") -> None:
        """Mark the deals that a complete read did not find; they are due at once."""
        with self.session.transaction("find unreadable deals") as connection:
            present.seen.add(deals.rows_of(connection, source.name, present.unreadable))
        while True:
            with self.session.transaction("note missing deals") as connection:
                found = deals.gone_missing(connection, source.name, present.seen)
                missing = [
                    (row, Departed(deal_id=deal_id, gone=Gone.DELETED))
                    for row, deal_id in islice(found, CHUNK)
                ]
                self._note_gone(connection, source.name, missing)
            if len(missing) < CHUNK:
                return

    def _window(self, name: str, source: DealSource | ClickSource) -> Period:
        with self.session.transaction("read watermark") as connection:
            watermark = runs.watermark(connection, name)
        until = self.session.now - source.lag
        since = _EPOCH if watermark is None else watermark - source.overlap
        return Period(since=min(since, until), until=until)

    def _notice_new_rules(self) -> None:
        """Make every deal due where the rules are not those of the last run."""
        digest = rules_digest(self.services.rules)
        with self.session.transaction("compare rules") as connection:
            before = runs.recall(connection, _RULES)
            if before != digest:
                deals.look_at_all_again(connection, self.session.now)
                runs.remember(connection, _RULES, digest)

    def _quarantine(
        self, connection: Any, source: str, records: Sequence[Record | Sighting]
    ) -> None:
        entries = [
            quarantine.Entry(
                source=source,
                place=record.place,
                problem=record.problem,
                deal_id=record.deal_id,
            )
            for record in records
            if isinstance(record, Quarantined)
        ]
        quarantine.add(connection, entries, run_id=self.session.run_id, now=self.session.now)

    @contextmanager
    def _left_to_the_next_run(self) -> Iterator[None]:
        """Go on with the rest where one source is away; its watermark stays where it was."""
        try:
            yield
        except TransientError as error:
            self.problems.append(str(error))

    # What is planned

    def reconcile_due(self) -> None:
        """Plan the deals that are to be looked at again by now."""
        while True:
            with self.session.transaction("plan due deals") as connection:
                chunk = deals.due(connection, self.session.now, limit=CHUNK)
                if not chunk:
                    return
                self._reconcile(connection, chunk)
            self.services.progress.advance("due", len(chunk))

    def _keep_for_next_night(self, connection: Any, saved: deals.Saved) -> None:
        """Leave what lies outside a backfill's period to the next nightly run."""
        deals.look_again(connection, {stored.row: self.session.now for stored in saved.changed})

    def _reconcile(
        self, connection: Any, chunk: Sequence[StoredDeal], *, within: Period | None = None
    ) -> None:
        """Decide, plan and write down every milestone of a chunk of deals."""
        if not chunk:
            return
        rows = [stored.row for stored in chunk]
        candidates = clicks.candidates(connection, rows)
        known = [stored.row for stored in chunk if not stored.is_new]
        entries = ledger.entries_for(connection, known) if known else {}
        desk = Desk(self.services.rules, self.session.now, self.session.run_id)
        for stored in chunk:
            found = (*stored.deal.clicks, *candidates.get(stored.row, ()))
            desk.reconcile(stored, found, entries, within)
        ledger.write(connection, desk.changes)
        self._record(connection, desk.events)
        for item in desk.items:
            self.summary.add(item)
        held = {row: at for row, at in desk.look_again.items() if at is not None}
        if within is None:
            no_longer = {row: None for row in known if row not in held}
            deals.look_again(connection, {**held, **no_longer})
        else:
            deals.look_again_sooner(connection, held)

    def refuse_if_unsafe(self, *, only_this_run: bool = False) -> None:
        """Raise UnsafePlanError where what is ready to go out is far from what is usual."""
        only = self.session.run_id if only_this_run else None
        with self.session.transaction("weigh the plan") as connection:
            ready = ledger.ready(connection, self.session.now, only)
            counted, currencies = ledger.counted(connection)
            uploads = runs.usual_uploads(connection)
        outgoing = Outgoing(
            new=ready.by_operation.get(Operation.COUNT, 0),
            restated=ready.by_operation.get(Operation.RESTATE, 0),
            retracted=ready.by_operation.get(Operation.RETRACT, 0),
            currencies=ready.currencies,
        )
        usual = Usual(uploads=uploads, counted=counted, currencies=currencies)
        raise_if_unsafe(outgoing, usual, self.services.limits)

    # How it ends

    @cached_property
    def report(self) -> Report:
        """What was done, as it stood when first asked for."""
        with self.session.transaction("add up") as connection:
            sums = ledger.sums(connection, self.services.rules)
            quarantined = quarantine.count(connection)
        return Report(
            run_id=self.session.run_id,
            plan=self.summary,
            uploaded=self.outbox.uploaded,
            sums=sums,
            quarantined=quarantined,
            problems=[*self.problems, *self.outbox.uploaded.problems],
        )

    def finish(self, exit_code: int, message: str) -> None:
        """Close the run: give the lock back, and anchor the audit log."""
        uploaded = self.outbox.uploaded
        finished = Event(
            EventKind.RUN_FINISHED,
            {"exit_code": exit_code, "message": message, "outcomes": dict(uploaded.outcomes)},
        )
        with self.session.transaction("finish run") as connection:
            self._record(connection, [finished])
            number, digest = audit_log.head(connection)
            runs.finish(
                connection,
                self.session.run_id,
                real_now=self.services.real_clock(),
                exit_code=exit_code,
                message=message,
                uploads=uploaded.sent,
                summary=summary_of(self.summary),
                audit_number=number,
                audit_digest=digest,
            )

    def _record(self, connection: Any, events: Sequence[Event]) -> None:
        if events:
            audit.record(connection, events, run_id=self.session.run_id, at=self.session.now)


class _Present:
    """Which deals a complete read has found, the unreadable ones included.

    A record that could not even be named might be any deal: then nothing is known to be missing.
    """

    def __init__(self) -> None:
        self.seen = Seen()
        self.unreadable: list[str] = []
        self.is_known = True

    def watching(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass records on, and note those that could not be read."""
        for record in records:
            if isinstance(record, Quarantined):
                if record.deal_id is None:
                    self.is_known = False
                else:
                    self.unreadable.append(record.deal_id)
            yield record

    def note(self, saved: deals.Saved) -> None:
        """Note deals that were read."""
        self.seen.add(stored.row for stored in saved.changed)
        self.seen.add(saved.unchanged)


def rules_digest(rules: Sequence[ConversionRule]) -> str:
    """Return what changes whenever a rule does."""
    said = json.dumps([repr(rule) for rule in rules]).encode()
    return blake2b(said, digest_size=16).hexdigest()


def summary_of(plan: PlanSummary) -> dict[str, Any]:
    """Return a plan's numbers as JSON."""
    return {
        "steps": {step.value: plan.steps[step] for step in Step},
        "reasons": {
            f"{step.value}: {reason.value}": count
            for (step, reason), count in sorted(plan.reasons.items())
        },
        "value": {currency: str(amount) for currency, amount in sorted(plan.value.items())},
    }


def _about_gone(departed: Departed) -> dict[str, str]:
    survivor = {} if departed.survivor is None else {"survivor": departed.survivor}
    return {"gone": departed.gone.value, **survivor}


def _about_clicks(source: str, stored: clicks.Stored) -> Event:
    detail = {"new": stored.new, "earlier": stored.earlier, "known": stored.known}
    return Event(EventKind.CLICKS_IMPORTED, detail, source)


def _chunked(records: Iterable[T]) -> Iterator[tuple[list[T], bool]]:
    """Yield chunks, and whether each is the last; at least one, which may be empty.

    Where reading stops with an error, what was read before it is yielded first: a CRM's daily limit
    must not cost what it has already given.
    """
    chunk: list[T] = []
    try:
        for record in records:
            if len(chunk) == CHUNK:
                yield chunk, False
                chunk = []
            chunk.append(record)
    except ConvsyncError:
        yield chunk, False
        raise
    yield chunk, True
