"""How a run ends: what was done and what is wrong, its row in the ledger, and its closing line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from convsync import audit, log
from convsync.intake import Intake
from convsync.model.chain import Head
from convsync.model.event import Event, EventKind
from convsync.model.expected import Forecast
from convsync.model.ledger import Side
from convsync.outbox import Outbox
from convsync.plain_text import several
from convsync.plan import PlanSummary, Step
from convsync.report.closing import Closing, Ending, ending_of, platform_lines
from convsync.running.services import Report, Services
from convsync.running.weighing import Guard
from convsync.store import account, audit_log, batches, figures, quarantine, runs
from convsync.store.database import Connection
from convsync.store.retired import Retired, retired
from convsync.store.session import PreviewSession, Session

_LISTED = 20
"""How many records that could not be read a preview lists."""


@dataclass(kw_only=True)
class Conclusion:
    """What a run comes to, of what did its work. `done` counts records by stage, `drift` says where
    the last closed months stray from the learned values that rules use.
    """

    services: Services
    session: Session
    guard: Guard
    intake: Intake
    outbox: Outbox
    summary: PlanSummary
    done: Counter[str]
    problems: list[str]
    drift: Sequence[Forecast] = ()

    def what_stands(self) -> str:
        """Say what a run that was stopped has done, and what has no answer yet."""
        with self.session.transaction("see what is unanswered") as connection:
            unanswered = len(batches.unanswered(connection))
        planned = sum(self.summary.steps[step] for step in (Step.NEW, Step.RESTATE, Step.RETRACT))
        return (
            f"Done: {planned:,} planned, {self.outbox.uploaded.sent:,} sent. Unanswered:"
            f" {unanswered:,} requests, which the next run repeats identically."
        )

    @cached_property
    def report(self) -> Report:
        """What was done and what is amiss, as it stood when first asked for: at the end."""
        with self.session.transaction("add up") as connection:
            sums = account.sums(connection, self.services.rules)
            quarantined = quarantine.count(connection)
            left = [*self._left_unsent(connection), *self._blocked(connection)]
            is_preview = isinstance(self.session, PreviewSession)
            gone = self._retired(connection) if is_preview else ()
            unreadable = self._unreadable_in(connection) if is_preview else ()
        return Report(
            run_id=self.session.run_id,
            plan=self.summary,
            uploaded=self.outbox.uploaded,
            sums=sums,
            quarantined=quarantined,
            problems=[
                *self.problems,
                *self.guard.problems,
                *self.intake.problems,
                *self._unreadable(),
                *self.outbox.uploaded.problems,
                *left,
            ],
            retired=gone,
            unreadable=unreadable,
        )

    def _unreadable_in(self, connection: Connection) -> Sequence[quarantine.Entry]:
        return quarantine.found_by(connection, self.session.run_id, limit=_LISTED)

    def _retired(self, connection: Connection) -> Sequence[Retired]:
        """Return what counts under names that left the configuration: a preview shows it."""
        return retired(
            connection,
            rules=[rule.name for rule in self.services.rules],
            sources=[source.name for source in self.services.deal_sources],
        )

    def _left_unsent(self, connection: Connection) -> Sequence[str]:
        """Return the calls that failed, unless what they were about was done after all."""
        now = self.session.now
        is_left = (
            batches.unanswered(connection)
            or batches.due_for_verdict(connection, now)
            or account.ready(connection, now).by_operation
        )
        return self.outbox.uploaded.failures if is_left else []

    def _blocked(self, connection: Connection) -> Iterator[str]:
        """Say what waits for a person to change the account's set-up."""
        for action, code, count in batches.blocked(connection):
            yield (
                f"{count:,} conversions of {action.destination}, action {action.action_id}, wait"
                f" for the account's set-up: {code}. `convsync status` says what to do."
            )

    def _unreadable(self) -> Iterator[str]:
        """Report how many records can no longer be read, where they are more than the limit."""
        if self.intake.unreadable.total() > self.services.run_limits.unreadable:
            for source, count in self.intake.unreadable.items():
                yield (
                    f"source '{source}': {several(count, 'record')} could not be read that had been"
                    " sound or unknown; `convsync status` names them."
                )

    def finish(self, exit_code: int, message: str, *, is_at_its_end: bool) -> None:
        """Close the run: give the lock back, and anchor the audit log; then say how it ended."""
        uploaded = self.outbox.uploaded
        finished = Event(
            EventKind.RUN_FINISHED,
            {
                "exit_code": exit_code,
                "message": message,
                "uploads": uploaded.sent,
                "outcomes": dict(uploaded.outcomes),
                "is_at_its_end": is_at_its_end,
            },
        )
        waiting = self.report.sums.total(Side.WAITING) if is_at_its_end else 0
        ending = ending_of(exit_code, waiting=waiting, is_at_its_end=is_at_its_end)
        with self.session.transaction("finish run") as connection:
            self.guard.note_forced(connection)
            audit.record(connection, [finished], run_id=self.session.run_id, at=self.session.now)
            number, digest = audit_log.head(connection)
            runs.finish(
                connection,
                self.session.run_id,
                real_now=self.services.real_clock(),
                exit_code=exit_code,
                message=message,
                uploads=uploaded.sent,
                summary=self._numbers(ending),
                audit_number=number,
                audit_digest=digest,
            )
        closing = Closing(
            ending=ending,
            run_id=self.session.run_id,
            counts=self._counts(waiting) if is_at_its_end else {"sent": uploaded.sent},
            value=uploaded.value,
            head=Head(number=number, digest=digest),
            platforms=platform_lines(self.services.takes, uploaded),
        )
        outcomes = {kind.value: rows for kind, rows in uploaded.outcomes.items()}
        log.info("run ends", exit_code=exit_code, ended=str(closing), **outcomes)
        self.services.on_close(closing)

    def _numbers(self, ending: Ending) -> dict[str, Any]:
        """Return what a run's row keeps of what it did, as JSON."""
        uploaded, weighed = self.outbox.uploaded, self.guard.figures
        return {
            **summary_of(self.summary),
            "figures": None if weighed is None else figures.as_kept(weighed),
            "ending": ending.value,
            "done": dict(self.done),
            "outcomes": {kind.value: rows for kind, rows in uploaded.outcomes.items()},
            "rejected": len(uploaded.rejected),
            "unreadable": dict(self.intake.unreadable),
            "sent": {currency: str(amount) for currency, amount in sorted(uploaded.value.items())},
        }

    def _counts(self, waiting: int) -> dict[str, int]:
        uploaded = self.outbox.uploaded
        counts = {
            "sent": uploaded.sent,
            "confirmed": uploaded.outcomes[EventKind.CONFIRMED],
            "rejected": len(uploaded.rejected),
            "waiting": waiting,
            "not_sent": self.report.sums.total(Side.NOT_SENT),
            "unreadable": self.report.quarantined,
        }
        return {**counts, "drift": len(self.drift)} if self.drift else counts


def summary_of(plan: PlanSummary) -> dict[str, Any]:
    """Return a plan's numbers as JSON."""
    return {
        "steps": {step.value: plan.steps[step] for step in Step},
        "reasons": {
            step.value: {
                reason.value: count
                for (of, reason), count in sorted(plan.reasons.items())
                if of is step
            }
            for step in Step
            if any(of is step for of, _ in plan.reasons)
        },
        "value": {currency: str(amount) for currency, amount in sorted(plan.value.items())},
    }
