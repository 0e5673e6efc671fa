"""Reserve, upload, settle, confirm: safe to be stopped anywhere.

A reservation is committed before its request leaves. A run that dies in between leaves a batch in
the state of being sent; the next run sends it again word for word, under the same order IDs, which
the platform takes as the same conversions. A batch is settled, with its audit events, in one
transaction. A request that is refused for good at its first try has told the platform nothing: its
rows go back into the plan, and the run stops. A platform that is away leaves everything where it
stands for the next run.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from convsync import audit
from convsync.audit import Event, EventKind
from convsync.errors import ConvsyncError, TransientError
from convsync.model.conversion import Batch, Conversion
from convsync.model.outcome import Accepted, Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.store import batches
from convsync.store.session import Session
from convsync.upload.destination import Destination, StillProcessing, Unknown, Verdict

Answer = TypeVar("Answer")

FIRST_POLL = timedelta(minutes=30)
"""Google's own advice: no verdict is there earlier.
https://developers.google.com/data-manager/api/devguides/diagnostics"""
LONGEST_POLL = timedelta(hours=12)

_KIND_OF: dict[type[Outcome], EventKind] = {
    Accepted: EventKind.ACCEPTED,
    Confirmed: EventKind.CONFIRMED,
    Rejected: EventKind.REJECTED,
    Deferred: EventKind.DEFERRED,
    Untried: EventKind.UNTRIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a request is tried within one run, and how long is waited between the tries."""

    attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    sleep: Callable[[float], None] = sleep


@dataclass(slots=True)
class Uploaded:
    """What the outbox did in one run, in rows by outcome, and what it could not do."""

    outcomes: Counter[EventKind] = field(default_factory=Counter)
    sent: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count one batch's outcomes in."""
        for outcome in outcomes:
            self.outcomes[_KIND_OF[type(outcome)]] += 1


class Outbox:
    """What is planned and not yet settled, and the way out for it."""

    def __init__(
        self,
        session: Session,
        destinations: Callable[[str], Destination],
        *,
        retry: RetryPolicy | None = None,
        on_sent: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._session = session
        self._destinations = destinations
        self._retry = retry or RetryPolicy()
        self._on_sent = on_sent
        self.uploaded = Uploaded()
        self._is_first_try = True

    def recover(self) -> None:
        """Send again, word for word, every batch whose answer never came."""
        with self._session.transaction("recover") as connection:
            left = [batches.load(connection, number) for number in batches.unanswered(connection)]
        for batch in left:
            self._send(batch, again=True)

    def confirm(self) -> None:
        """Ask for the verdicts that are due, and settle what they say."""
        with self._session.transaction("list verdicts due") as connection:
            due = batches.due_for_verdict(connection, self._session.now)
        for number in due:
            with self._session.transaction("load verdict due") as connection:
                pending = batches.pending(connection, number)
            verdict = self._ask(pending)
            if verdict is not None:
                self._settle_verdict(pending, verdict)

    def send(self, *, only_run: int | None = None) -> None:
        """Send everything that is ready, of one run's plan or of any, batch by batch.

        A refusal that names no row halves the next batch, until the row that is meant stands alone;
        every batch that is taken doubles it again.
        """
        limit: int | None = None
        while batch := self._reserve(limit, only_run):
            outcomes = self._send(batch)
            if outcomes is None:
                return
            if all(isinstance(outcome, Untried) for outcome in outcomes):
                limit = max(1, len(batch.conversions) // 2)
            elif limit is not None:
                limit *= 2

    def _reserve(self, limit: int | None, only_run: int | None) -> Batch | None:
        with self._session.transaction("reserve") as connection:
            action = batches.next_action(connection, self._session.now, only_run)
            if action is None:
                return None
            most = self._destinations(action.destination).max_batch
            batch = batches.reserve(
                connection,
                action,
                run_id=self._session.run_id,
                limit=min(limit or most, most),
                now=self._session.now,
                only_run=only_run,
            )
            self._record(connection, [_about_batch(EventKind.RESERVED, batch)])
            return batch

    def _send(self, batch: Batch, *, again: bool = False) -> Sequence[Outcome] | None:
        """Upload and settle a batch; None where the platform is away and the batch is left."""
        destination = self._destinations(batch.action.destination)
        try:
            outcomes = self._tried(
                f"upload {batch.number}", lambda: self._upload(destination, batch)
            )
        except TransientError as error:
            self.uploaded.problems.append(f"{error} It is sent again by the next run.")
            return None
        except ConvsyncError:
            if not again and self._is_first_try:
                self._settle(batch, [Untried()] * len(batch.conversions))
            raise
        self._settle(batch, outcomes, again=again)
        return outcomes

    def _upload(self, destination: Destination, batch: Batch) -> Sequence[Outcome]:
        outcomes = destination.upload(batch, now=self._session.now)
        assert len(outcomes) == len(batch.conversions), "a destination answers for every row"
        return outcomes

    def _settle(self, batch: Batch, outcomes: Sequence[Outcome], *, again: bool = False) -> None:
        now = self._session.now
        with self._session.transaction(f"settle {batch.number}") as connection:
            batches.settle(connection, batch, outcomes, now=now, poll_at=now + FIRST_POLL)
            if again:
                self._look_again(connection, batch, outcomes)
            resent = [_about_batch(EventKind.RESENT, batch)] if again else []
            self._record(connection, [*resent, *_about_rows(batch, outcomes)])
        taken = sum(not isinstance(outcome, Untried) for outcome in outcomes)
        self.uploaded.add(outcomes)
        self.uploaded.sent += taken
        self._on_sent(taken)

    def _ask(self, pending: batches.Pending) -> Verdict | None:
        batch, now = pending.batch, self._session.now
        destination = self._destinations(batch.action.destination)
        try:
            return self._tried(
                f"verdict {batch.number}",
                lambda: destination.verdict(batch, pending.request_id, now=now),
            )
        except TransientError as error:
            self.uploaded.problems.append(f"{error} The next run asks again.")
            return None

    def _settle_verdict(self, pending: batches.Pending, verdict: Verdict) -> None:
        batch, now = pending.batch, self._session.now
        with self._session.transaction(f"confirm {batch.number}") as connection:
            match verdict:
                case StillProcessing():
                    batches.ask_again(connection, batch.number, next_poll(pending.answered_at, now))
                    return
                case Unknown():
                    outcomes: Sequence[Outcome] = [Untried()] * len(batch.conversions)
                case _:
                    outcomes = verdict
            batches.close(connection, batch.number)
            batches.write_outcomes(connection, batch, outcomes)
            self._look_again(connection, batch, outcomes)
            self._record(connection, _about_rows(batch, outcomes))
        self.uploaded.add(outcomes)

    def _look_again(self, connection: Any, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Have deals decided anew that may have changed while the platform judged them in vain."""
        if any(isinstance(outcome, Rejected | Deferred) for outcome in outcomes):
            batches.look_again_at_unsent(connection, batch.number, self._session.now)

    def _tried(self, name: str, call: Callable[[], Answer]) -> Answer:
        """Make a call as a named step; again where that helps, no sooner than the server says."""
        policy = self._retry
        backoff = wait_exponential_jitter(multiplier=policy.first_wait_s, max=policy.longest_wait_s)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after_s if isinstance(error, TransientError) else None
            return max(backoff(state), asked or 0.0)

        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(policy.attempts),
            wait=wait,
            reraise=True,
            sleep=policy.sleep,
        )
        self._session.step(f"{name}: before call")
        try:
            answer = retrying(call)
        finally:
            self._is_first_try = retrying.statistics.get("attempt_number") == 1
        self._session.step(f"{name}: answered")
        return answer

    def _record(self, connection: object, events: Iterable[Event]) -> None:
        audit.record(connection, events, run_id=self._session.run_id, at=self._session.now)


def next_poll(answered_at: datetime, now: datetime) -> datetime:
    """Return when to ask again: after as long as it has taken so far, half a day at most."""
    return now + min(max(now - answered_at, FIRST_POLL), LONGEST_POLL)


def _about_batch(kind: EventKind, batch: Batch) -> Event:
    return Event(
        kind,
        {
            "batch": batch.number,
            "destination": batch.action.destination,
            "action": batch.action.action_id,
            "rows": len(batch.conversions),
        },
    )


def _about_rows(batch: Batch, outcomes: Sequence[Outcome]) -> Iterable[Event]:
    for conversion, outcome in zip(batch.conversions, outcomes, strict=True):
        yield Event(
            _KIND_OF[type(outcome)],
            _detail(batch, conversion, outcome),
            conversion.source,
            conversion.deal_id,
            conversion.order_id,
        )


def _detail(batch: Batch, conversion: Conversion, outcome: Outcome) -> dict[str, str | int]:
    detail: dict[str, str | int] = {
        "rule": conversion.rule,
        "operation": conversion.operation.value,
        "value": str(conversion.value.amount),
        "currency": conversion.value.currency,
        "batch": batch.number,
    }
    match outcome:
        case Accepted(request_id=request_id):
            detail["request"] = request_id
        case Deferred(code=code, until=until):
            detail |= {"code": code, "until": until.isoformat()}
        case Confirmed(code=code) | Rejected(code=code) if code:
            detail["code"] = code
        case _:
            pass
    return detail
