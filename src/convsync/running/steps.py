"""The steps of a run, each over one session; only `pipeline` knows their order.

Work is done in chunks, one transaction each, so memory does not grow with the number of deals and a
run can be stopped between any two of them. A preview takes the same steps on tables laid over the
ledger.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from convsync import log
from convsync.decisions import reopening
from convsync.intake import Intake
from convsync.model.audience import Renewal, longest_wait
from convsync.model.chosen import Chosen
from convsync.model.ledger import LedgerEntry
from convsync.model.narrowed import EVERYTHING, Narrowed
from convsync.model.period import Period
from convsync.model.rule_digest import rules_digest
from convsync.model.write_back import ToWriteBack
from convsync.outbox import Outbox
from convsync.plan import PlanSummary
from convsync.privacy import forgetting
from convsync.privacy.forgetting import Forgotten, Whom
from convsync.process.memory import give_back
from convsync.reading import chunks
from convsync.reading.departures import Departures
from convsync.reading.earnings import Earnings
from convsync.reading.fading import doubt_lost_milestones
from convsync.reading.windows import Windows
from convsync.running import renames
from convsync.running.conclusion import Conclusion
from convsync.running.other_accounts import doubt_other_accounts
from convsync.running.planning import ChunkPlanner
from convsync.running.services import Services
from convsync.running.weighing import Attitude, Guard, GuardTerms
from convsync.sending.calls import PacedCalls
from convsync.store import (
    allowed_keys,
    audience_lists,
    crowded_keys,
    deals,
    funnel_steps,
    notes,
    order_index,
    persons,
    portions,
    runs,
    shared_keys,
)
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.session import Session

if TYPE_CHECKING:
    from convsync.audiences.keeping import AudienceKeeper
    from convsync.writing_back import WriteBack

_RULES = "rules"
_SHARED = "terms of shared keys"


class Work:
    """The steps of a run, over one session."""

    def __init__(self, services: Services, session: Session, attitude: Attitude) -> None:
        self.services = services
        self.session = session
        terms = GuardTerms(
            limits=services.limits,
            rules=[rule.name for rule in services.rules],
            sources=self._source_names,
            by=services.by,
        )
        self.guard = Guard(session, terms, attitude)
        self.summary = PlanSummary()
        self._planner = ChunkPlanner(
            services,
            session,
            self.summary,
            takings_of=lambda connection, rows: self.earnings.of(connection, rows),
        )
        self.problems: list[str] = []
        self._done: Counter[str] = Counter()
        self.intake = Intake(
            session,
            plan=self._planner.reconcile,
            departures=Departures(session, services.limits, self.guard.doubt),
            tolerance=services.run_limits.clock_tolerance,
            before_keeping=self._doubt_deals,
            before_moving=services.require_right_clock,
            advance=self._advance_or_stop,
        )
        self._calls = PacedCalls(services.database, services.retry, real_clock=services.real_clock)
        self.outbox = self._outbox()
        self.earnings = self._earnings()
        self.conclusion = Conclusion(
            services=services,
            session=session,
            guard=self.guard,
            intake=self.intake,
            outbox=self.outbox,
            summary=self.summary,
            done=self._done,
            problems=self.problems,
        )

    def _outbox(self) -> Outbox:
        services = self.services
        return Outbox(
            self.session,
            services.database,
            services.destinations,
            self._calls,
            retry=services.retry,
            on_sent=lambda rows: self._advance("sent", rows),
            should_stop=lambda: services.stop.is_asked,
        )

    def _earnings(self) -> Earnings:
        services, session = self.services, self.session
        return Earnings(
            session,
            services.money,
            services.rules,
            Windows(session, services.run_limits.clock_tolerance),
            vanished_share=services.limits.vanished_share,
            problems=self.problems,
            unreadable=self.intake.unreadable,
            before_moving=services.require_right_clock,
            advance=self._advance_or_stop,
        )

    def recall_the_forgotten(self) -> None:
        """Know who was forgotten before anything is read; forget whom a backup brought back."""
        services = self.services
        self.intake.erased = forgetting.catch_up(
            self.session, services.privacy, by=services.by, plan=self._planner.reconcile
        )

    def forget(self, whom: Whom) -> Forgotten:
        """Erase all that is kept of somebody."""
        services = self.services
        return forgetting.forget(
            self.session, services.privacy, whom, by=services.by, plan=self._planner.reconcile
        )

    @log.phase("sweep")
    def sweep(self) -> None:
        """Erase identifiers that nothing needs any more."""
        if rules := self.services.rules:
            correctable = max(rule.upload_window for rule in rules)
            matchable = max(rule.upload_window + rule.lookback for rule in rules)
            listable = longest_wait(self.services.audiences)
            forgetting.sweep(
                self.session, correctable=correctable, matchable=matchable, listable=listable
            )

    def carry_over_names(self) -> None:
        """Rename in the ledger what was renamed in the configuration, before anything is read."""
        with self.session.transaction("carry over names") as connection:
            moved, now = self.services.moved, self.session.now
            renames.carry_over(connection, moved, run_id=self.session.run_id, at=now)
        with self.session.transaction("look for renamed rules") as connection:
            renames.doubt_new_rules(connection, self.services.rules, self.guard.doubt)
            doubt_other_accounts(connection, self.services.account_keys, self.guard.doubt)

    def _doubt_deals(
        self, connection: Connection, source: str, chunk: Sequence[StoredDeal]
    ) -> None:
        """Doubt deals known from a source that was removed, and milestones that most have lost."""
        new = {source: [stored.deal.deal_id for stored in chunk if stored.is_new]}
        names, doubt = self._source_names, self.guard.doubt
        renames.doubt_new_deals(connection, new, sources=names, doubt=doubt)
        doubt_lost_milestones(
            connection,
            source,
            chunk,
            {rule.milestone for rule in self.services.rules},
            now=self.session.now,
            share=self.services.limits.vanished_share,
            doubt=doubt,
        )

    @property
    def _source_names(self) -> list[str]:
        return [source.name for source in self.services.deal_sources]

    def check_the_clock(self) -> None:
        """Raise OperatorError where a server says that the machine's clock is wrong."""
        if self.services.servers.largest is None:
            self.services.ask_the_time()
        self.services.require_right_clock()

    # What is read

    @log.phase("read")
    def reconcile_changes(self) -> None:
        """Read clicks and deals that changed, and plan those deals and all that are due."""
        self._notice_new_rules()
        self.gather_clicks()
        self.intake.read_changed_deals(self.services.deal_sources)
        self.earnings.read(self.services.revenue_sources, self.intake.erased)
        self._join_people()
        self.intake.spread_consent()
        self.reconcile_due()

    def gather_clicks(self) -> None:
        """Read the clicks logged since the last run, and make the deals due that they concern."""
        self.intake.read_new_clicks(self.services.click_sources)

    @log.phase("recover")
    def finish_what_was_begun(self) -> None:
        """Repeat what was never answered, and plan again what that leaves to be done."""
        self.outbox.recover()
        self.reconcile_due()

    @log.phase("recover")
    def repeat_the_unanswered(self) -> None:
        """Repeat what was never answered, once its deals have been looked at, and no others."""
        while True:
            with self.session.transaction("plan unanswered deals") as connection:
                chunk = deals.in_unanswered(connection, self.session.now, limit=chunks.CHUNK)
                self._planner.reconcile(connection, chunk)
            self.services.stop.raise_if_asked()
            if not chunk:
                break
        self.outbox.recover()

    @log.phase("reopen")
    def reopen(self, chosen: Chosen) -> int:
        """Let chosen conversions go out again, as this run's plan; return how many were chosen."""
        return reopening.reopen(self.session, chosen, self._planner.reconcile)

    @log.phase("read period")
    def reconcile_period(self, period: Period, only: Narrowed = EVERYTHING) -> None:
        """Read deals with milestones in a period, and plan those milestones and no others.

        Clicks are read first, as for a run: both see the same evidence. What a preview plans is
        compared with what is then to be carried out.
        """
        self.summary.is_compared = True
        self.gather_clicks()
        sources = [one for one in self.services.deal_sources if only.has_source(one.name)]
        self.intake.read_period(sources, period, only)
        self.earnings.read(self.services.revenue_sources, self.intake.erased)
        self._join_people()
        self.intake.spread_consent()
        after = 0
        while True:
            with self.session.transaction("plan period") as connection:
                chunk = deals.reached_in(
                    connection, period.since, period.until, after=after, limit=chunks.CHUNK
                )
                if not chunk:
                    return
                meant = [one for one in chunk if only.has_deal(one.deal.source, one.deal.deal_id)]
                self._planner.reconcile(connection, meant, within=period, only=only)
            self.services.stop.raise_if_asked()
            after = chunk[-1].row

    def _join_people(self) -> None:
        """Join deals that are one customer's, once all were read; whom it concerns is due.

        Keys that too many deals have join nobody, so these are found before.
        """
        services, now = self.services, self.session.now
        sends = any(rule.has_enhanced_conversions for rule in services.rules)
        sends = sends or bool(services.audiences)
        with self.session.transaction("join people") as connection:
            terms = allowed_keys.added_to(connection, services.shared_keys)
            said = f"{terms.most} {sends} {sorted(key.hex() for key in terms.allowed)}"
            if self.intake.has_changed or runs.recall(connection, _SHARED) != said:
                shared = shared_keys.note(connection, terms, sends_identifiers=sends, now=now)
                crowded_keys.note(connection, terms.allowed, now=now)
                runs.remember(connection, _SHARED, said)
                persons.join(connection, shared=shared, by_origin=services.needs_origins, now=now)

    def _notice_new_rules(self) -> None:
        """Make every deal due where the rules are not those of the last run."""
        digest = rules_digest(self.services.rules, self.services.takes)
        with self.session.transaction("compare rules") as connection:
            notes.note_definitions(connection, self.services.definitions, at=self.session.now)
            funnel_steps.keep(connection, self.services.funnel, self.services.agreements)
            before = runs.recall(connection, _RULES)
            if before != digest:
                deals.look_at_all_again(connection, self.session.now)
                runs.remember(connection, _RULES, digest)

    def _advance(self, stage: str, count: int) -> None:
        log.count(stage, count)
        self._done[stage] += count
        self.services.progress.advance(stage, count)

    def _advance_or_stop(self, stage: str, count: int) -> None:
        """Say how far it has come between two transactions, which is where it may stop."""
        self._advance(stage, count)
        self.services.stop.raise_if_asked()

    # What is planned

    def reconcile_due(self) -> None:
        """Plan the deals that are due to be looked at again."""
        is_total_known = False
        while True:
            with self.session.transaction("plan due deals") as connection:
                chunk = deals.due(connection, self.session.now, limit=chunks.CHUNK)
                if not chunk:
                    return
                if not is_total_known:
                    total = deals.count_due(connection, self.session.now)
                    self.services.progress.expect("due", total)
                    is_total_known = True
                self._planner.reconcile(connection, chunk)
            self._advance_or_stop("due", len(chunk))

    def let_read(
        self,
        read_plan: Callable[[Iterator[LedgerEntry]], None],
        *,
        only: portions.Portion = None,
    ) -> None:
        """Have somebody read all that would go out now, or a portion of it."""
        with self.session.transaction("read the plan") as connection:
            read_plan(portions.entries(connection, self.session.now, only))

    def weigh(self, *, only: portions.Portion = None, is_whole: bool = True) -> None:
        """Raise UnsafePlanError where what is ready to go out is far from what is usual."""
        drained = self.intake.drained if is_whole else ()
        self.guard.weigh(self.summary, drained=drained, only=only, is_whole=is_whole)

    @log.phase("send")
    def send(self, *, only: portions.Portion = None) -> None:
        """Send all that is ready, or a portion of it."""
        order_index.ensure(self.services.database, self.session)
        with self.services.database.reading() as connection:
            ready = self.guard.rows_ready(connection, only)
        self.services.progress.expect("sent", ready)
        give_back(after=ready)
        self.outbox.send(only=only)

    # What few companies do: imported where it is done

    def write_back(self) -> None:
        """Write into the CRMs what they are to know."""
        if self.services.write_backs:
            self._writing_back.write()

    def to_write_back(self) -> Sequence[ToWriteBack]:
        """Return what the CRMs lack of it."""
        return self._writing_back.plan() if self.services.write_backs else ()

    @property
    def _writing_back(self) -> "WriteBack":
        from convsync.writing_back import WriteBack

        services = self.services
        return WriteBack(self.session, services.write_backs, self.problems, services.stop)

    def look_who_came_back(self) -> None:
        """Keep which known people came back, to be told to sales once the run has ended."""
        if self.services.tell is not None:
            from convsync.audiences import coming_back

            log.count("came back", coming_back.look(self.session, self.services.tell))

    def watch_values(self) -> None:
        """Ask whether the values that rules use still hold."""
        if self.services.learning is not None:
            from convsync.values import drift

            self.conclusion.drift = drift.watch(self.session, self.services.learning)

    @cached_property
    def keeper(self) -> "AudienceKeeper":
        """Return what keeps the lists of audiences."""
        from convsync.audiences.keeping import AudienceKeeper

        services = self.services
        return AudienceKeeper(
            self.session,
            services.audiences,
            services.destinations,
            self._calls,
            configured=[*services.takes],
            stop=services.stop,
        )

    def keep_audiences(self) -> Sequence[Renewal]:
        """Bring the lists of audiences to what their conditions say; return what that took."""
        with self.session.transaction("list audiences") as connection:
            is_needed = bool(self.services.audiences or audience_lists.all_lists(connection))
        if not is_needed:
            return ()
        renewed = self.keeper.keep()
        self.problems += self.keeper.problems
        return renewed
