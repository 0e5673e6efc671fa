"""The steps of a run, each over one session; in which order they are taken, `pipeline` knows.

Work is done in chunks, one transaction each, so memory does not grow with the number of deals and a
run can be stopped between any two of them. A preview takes the same steps on a copy of the ledger.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Protocol

from convsync import audit, intake, log, renames
from convsync.calls import PacedCalls
from convsync.clock import SERVERS, Clock, ServerClocks, system_clock
from convsync.departures import Departures
from convsync.errors import OperatorError, UnsafePlanError
from convsync.extract.source import ClickSource, DealSource
from convsync.intake import Intake
from convsync.model.event import Event, EventKind
from convsync.model.period import Period
from convsync.model.rule import Agreement, ConversionRule
from convsync.model.statement import Operation
from convsync.model.takes import Takes
from convsync.model.terms import Moved, RunLimits
from convsync.outbox import Outbox, Uploaded
from convsync.plan import Outgoing, PlanSummary, SafetyLimits, Step, Usual, raise_if_unsafe
from convsync.reconcile import reconcile_chunk
from convsync.retrying import RetryPolicy
from convsync.store import account, audit_log, clicks, deals, ledger, quarantine, runs
from convsync.store.database import Connection, Database, OnStep, ignore_step
from convsync.store.deals import StoredDeal
from convsync.store.session import Session
from convsync.upload.destination import Destination

_RULES = "rules"


class Progress(Protocol):
    """Hears how far a run has come."""

    def advance(self, stage: str, count: int) -> None:
        """Note that `count` more records of a stage are done."""


class NoProgress:
    """Hears nothing."""

    def advance(self, stage: str, count: int) -> None:
        """Do nothing."""


def _ask_nobody() -> None:
    """Leave the machine's clock alone."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a run works with, made by `wiring`.

    `ask_the_time` has a server say what time it is, into `servers`, where there is one to ask.
    """

    database: Database
    rules: Sequence[ConversionRule]
    takes: Mapping[str, Takes]
    deal_sources: Sequence[DealSource]
    click_sources: Sequence[ClickSource]
    destinations: Callable[[str], Destination]
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    moved: Moved = field(default_factory=Moved)
    run_limits: RunLimits = field(default_factory=RunLimits)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = system_clock
    real_clock: Clock = system_clock
    servers: ServerClocks = SERVERS
    ask_the_time: Callable[[], None] = _ask_nobody
    on_step: OnStep = ignore_step
    progress: Progress = field(default_factory=NoProgress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did. `exit_code` is what the process ends with; `problems` say why it is not 0."""

    run_id: int
    plan: PlanSummary
    uploaded: Uploaded
    sums: account.Sums
    quarantined: int
    problems: Sequence[str]

    @property
    def exit_code(self) -> int:
        """Return 0 where all is well, waiting included; 1 where rows or work were left."""
        rejected = self.uploaded.outcomes[EventKind.REJECTED]
        return 1 if rejected or self.problems else 0


class Work:
    """The steps of a run, over one session."""

    def __init__(
        self, services: Services, session: Session, doubt: Callable[[UnsafePlanError], None]
    ) -> None:
        self.services = services
        self.session = session
        self.summary = PlanSummary()
        self.problems: list[str] = []
        self.intake = Intake(
            session,
            plan=self._reconcile,
            departures=Departures(session, services.limits, doubt),
            tolerance=services.run_limits.clock_tolerance,
            before_moving=self.stop_if_the_clock_is_wrong,
            advance=self._advance,
        )
        self.outbox = Outbox(
            session,
            services.destinations,
            PacedCalls(services.database, services.retry, real_clock=services.real_clock),
            retry=services.retry,
            on_sent=lambda rows: self._advance("sent", rows),
        )

    def carry_over_names(self) -> None:
        """Rename in the ledger what was renamed in the configuration, before anything is read."""
        with self.session.transaction("carry over names") as connection:
            moved, now = self.services.moved, self.session.now
            renames.carry_over(connection, moved, run_id=self.session.run_id, at=now)

    def check_the_clock(self) -> None:
        """Raise OperatorError where a server says that the machine's clock is wrong."""
        if self.services.servers.largest is None:
            self.services.ask_the_time()
        self.stop_if_the_clock_is_wrong()

    def stop_if_the_clock_is_wrong(self) -> None:
        """Raise OperatorError where what servers have said so far is too far from our own clock."""
        skew, allowed = self.services.servers.largest, self.services.run_limits.clock_tolerance
        if skew is not None and skew.certain > allowed:
            raise OperatorError(
                f"This machine's clock says {skew.ours:%Y-%m-%d %H:%M:%S} UTC, {skew.server} says"
                f" {skew.theirs:%Y-%m-%d %H:%M:%S} UTC. Nothing was read beyond what had been, and"
                " nothing was sent. Set the clock, then run again; [limits] clock_minutes says how"
                f" far it may be off ({allowed.total_seconds() / 60:g})."
            )

    # What is read

    @log.phase("read")
    def reconcile_changes(self) -> None:
        """Read clicks and deals that changed, and plan those deals and all that are due."""
        self._notice_new_rules()
        self.intake.read_new_clicks(self.services.click_sources)
        self.intake.read_changed_deals(self.services.deal_sources)
        self.reconcile_due()

    @log.phase("recover")
    def finish_what_was_begun(self) -> None:
        """Repeat what was never answered, and plan again what that leaves to be done."""
        self.outbox.recover()
        self.reconcile_due()

    @log.phase("read period")
    def reconcile_period(self, period: Period) -> None:
        """Read deals with milestones in a period, and plan those milestones and no others."""
        self.intake.read_period(self.services.deal_sources, period)
        after = 0
        while True:
            with self.session.transaction("plan period") as connection:
                chunk = deals.reached_in(
                    connection, period.since, period.until, after=after, limit=intake.CHUNK
                )
                if not chunk:
                    return
                self._reconcile(connection, chunk, within=period)
            after = chunk[-1].row

    def _notice_new_rules(self) -> None:
        """Make every deal due where the rules are not those of the last run."""
        digest = rules_digest(self.services.rules, self.services.takes)
        with self.session.transaction("compare rules") as connection:
            before = runs.recall(connection, _RULES)
            if before != digest:
                deals.look_at_all_again(connection, self.session.now)
                runs.remember(connection, _RULES, digest)

    def _advance(self, stage: str, count: int) -> None:
        log.count(stage, count)
        self.services.progress.advance(stage, count)

    # What is planned

    def reconcile_due(self) -> None:
        """Plan the deals that are to be looked at again by now."""
        while True:
            with self.session.transaction("plan due deals") as connection:
                chunk = deals.due(connection, self.session.now, limit=intake.CHUNK)
                if not chunk:
                    return
                self._reconcile(connection, chunk)
            self._advance("due", len(chunk))

    def _reconcile(
        self, connection: Connection, chunk: Sequence[StoredDeal], *, within: Period | None = None
    ) -> None:
        """Decide, plan and write down every milestone of a chunk of deals."""
        if not chunk:
            return
        rows = [stored.row for stored in chunk]
        candidates = clicks.candidates(connection, rows)
        known = [stored.row for stored in chunk if not stored.is_new]
        entries = ledger.entries_for(connection, known) if known else {}
        done = reconcile_chunk(
            chunk,
            self.services.rules,
            candidates,
            entries,
            now=self.session.now,
            run_id=self.session.run_id,
            next_number=ledger.next_number(connection),
            within=within,
            takes=self.services.takes,
        )
        audit.write(connection, done.moves, run_id=self.session.run_id, at=self.session.now)
        for item in done.items:
            self.summary.add(item)
        held = {row: at for row, at in done.look_again.items() if at is not None}
        if within is None:
            no_longer = {row: None for row in known if row not in held}
            deals.look_again(connection, {**held, **no_longer})
        else:
            deals.look_again_sooner(connection, held)

    def refuse_if_unsafe(self, *, only_this_run: bool = False) -> None:
        """Raise UnsafePlanError where what is ready to go out is far from what is usual."""
        only = self.session.run_id if only_this_run else None
        with self.session.transaction("weigh the plan") as connection:
            ready = account.ready(connection, self.session.now, only)
            counted, currencies = account.counted(connection)
            uploads = runs.usual_uploads(connection)
            renames.refuse_counting_again(
                connection,
                rules=[rule.name for rule in self.services.rules],
                sources=[source.name for source in self.services.deal_sources],
            )
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
            sums = account.sums(connection, self.services.rules)
            quarantined = quarantine.count(connection)
        return Report(
            run_id=self.session.run_id,
            plan=self.summary,
            uploaded=self.outbox.uploaded,
            sums=sums,
            quarantined=quarantined,
            problems=[*self.problems, *self.intake.problems, *self.outbox.uploaded.problems],
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

    def _record(self, connection: Connection, events: Sequence[Event]) -> None:
        if events:
            audit.record(connection, events, run_id=self.session.run_id, at=self.session.now)


def rules_digest(rules: Sequence[ConversionRule], destinations: Iterable[str] = ()) -> str:
    """Return what changes whenever a rule does, or a destination comes or goes; and only then.

    Sets are put in order: theirs differs from one process to the next.
    """
    said = json.dumps(
        [[asdict(rule) for rule in rules], sorted(destinations)], default=_plain, sort_keys=True
    )
    return blake2b(said.encode(), digest_size=16).hexdigest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


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
