"""Reserve, upload, settle, confirm: safe to be stopped anywhere.

A reservation is committed before its request leaves. A run that dies in between leaves a batch in
the state of being sent; the next run sends it again word for word, under the same order IDs, which
the platform takes as the same conversions. A batch is settled, with its audit events, in one
transaction. A request that is refused for good at its first try has told the platform nothing: its
rows go back into the plan, and the run stops. A platform that is away leaves everything where it
stands for the next run.

Two things a repeat does not do. It says nothing that a person has since forbidden: a batch is
repeated only after each of its deals has been looked at as it was last read, which takes such rows
out of it (see `reconcile`). And it makes nothing certain that is not: where the answer to a request
was lost and its repeat is not taken, the platform may have counted the first: the rows stay unsure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from convsync import audit
from convsync.audit import Event, EventKind
from convsync.calls import Attempt, Caller
from convsync.errors import ConvsyncError, TransientError, UnexpectedResponseError
from convsync.model.conversion import Batch, Conversion
from convsync.model.outcome import Accepted, Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.model.rule import ConversionAction
from convsync.retrying import RetryPolicy
from convsync.store import batches
from convsync.store.session import Session
from convsync.upload.destination import Destination, StillProcessing, Unknown, Verdict

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
            if isinstance(outcome, Deferred) and outcome.is_unknown:
                self._alert(f"The platform answered with a code we do not know: {outcome.code}.")

    def _alert(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


class Outbox:
    """What is planned and not yet settled, and the way out for it."""

    def __init__(
        self,
        session: Session,
        destinations: Callable[[str], Destination],
        caller: Caller,
        *,
        retry: RetryPolicy,
        on_sent: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._session = session
        self._destinations = destinations
        self._caller = caller
        self._retry = retry
        self._on_sent = on_sent
        self._limit: int | None = None
        self._failures = 0
        self._refusal: ConvsyncError | None = None
        self.uploaded = Uploaded()

    def recover(self) -> None:
        """Send again, word for word, every batch whose answer never came.

        One that holds a deal which is yet to be looked at is left to the next run.
        """
        with self._session.transaction("recover") as connection:
            numbers = batches.unanswered(connection, looked_at_by=self._session.now)
            left = [batches.load(connection, number) for number in numbers]
            for batch in left:
                if not batch.conversions:
                    batches.close(connection, batch.number)
        self._fly((batch for batch in left if batch.conversions), in_flight=1, again=True)

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
        """Send everything that is ready, of one run's plan or of any, several requests at a time.

        A refusal that names no row halves the next batch, until the row that is meant stands alone;
        every batch that is taken doubles it again. After `RetryPolicy.failures` batches in a row
        without an answer the platform is taken to be away, and the rest is left to the next run; at
        once where it asks for a longer wait than a run should make, as for a day's quota.
        """
        while (action := self._next_action(only_run)) and not self._has_stopped:
            destination = self._destinations(action.destination)
            departing = iter(partial(self._reserve, action, destination, only_run), None)
            self._fly(departing, in_flight=destination.requests_in_flight)

    @property
    def _has_stopped(self) -> bool:
        return self._failures >= self._retry.failures or self._refusal is not None

    def _fly(self, departing: Iterator[Batch], *, in_flight: int, again: bool = False) -> None:
        """Send batches, so many at a time, and settle each as it lands.

        A refusal for good stops the departures; what is in the air still lands before it is raised.
        """
        flying: dict[Future[Attempt[Sequence[Outcome]]], Batch] = {}
        with ThreadPoolExecutor(max_workers=in_flight) as pool:
            while True:
                while len(flying) < in_flight and not self._has_stopped:
                    batch = next(departing, None)
                    if batch is None:
                        break
                    self._session.step(f"upload {batch.number}: before call")
                    flying[pool.submit(self._attempt, batch)] = batch
                if not flying:
                    break
                landed, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in sorted(landed, key=lambda future: flying[future].number):
                    batch = flying.pop(future)
                    self._session.step(f"upload {batch.number}: answered")
                    self._land(batch, future.result(), again=again)
        if self._refusal is not None:
            raise self._refusal

    def _attempt(self, batch: Batch) -> Attempt[Sequence[Outcome]]:
        destination = self._destinations(batch.action.destination)
        now = self._session.now
        return self._caller.attempt(
            destination.upload_quota, lambda: destination.upload(batch, now=now)
        )

    def _land(self, batch: Batch, attempt: Attempt[Sequence[Outcome]], *, again: bool) -> None:
        """Settle an answered batch; leave an unanswered one as it is, to be sent again.

        What has certainly told the platform nothing goes back into the plan instead.
        """
        if attempt.answer is not None:
            self._failures = 0
            is_repeat = again or attempt.may_have_been_heard
            self._settle(batch, attempt.answer, is_repeat=is_repeat)
            self._adapt_limit(batch, attempt.answer)
            return
        if isinstance(attempt.error, TransientError):
            is_long = not self._retry.waits_for(attempt.error)
            self._failures = self._retry.failures if is_long else self._failures + 1
            self.uploaded.problems.append(f"{attempt.error} It is sent again by the next run.")
        else:
            self._refusal = self._refusal or attempt.error
        if attempt.has_told_nothing and not again:
            self._settle(batch, [Untried()] * len(batch.conversions))

    def _adapt_limit(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        if all(isinstance(outcome, Untried) for outcome in outcomes):
            self._limit = max(1, len(batch.conversions) // 2)
        elif self._limit is not None:
            self._limit *= 2

    def _next_action(self, only_run: int | None) -> ConversionAction | None:
        with self._session.transaction("find what is ready") as connection:
            return batches.next_action(connection, self._session.now, only_run)

    def _reserve(
        self, action: ConversionAction, destination: Destination, only_run: int | None
    ) -> Batch | None:
        with self._session.transaction("reserve") as connection:
            batch = batches.reserve(
                connection,
                action,
                run_id=self._session.run_id,
                limit=min(self._limit or destination.max_batch, destination.max_batch),
                now=self._session.now,
                only_run=only_run,
            )
            if batch is not None:
                self._record(connection, [_about_batch(EventKind.RESERVED, batch)])
            return batch

    def _settle(
        self, batch: Batch, outcomes: Sequence[Outcome], *, is_repeat: bool = False
    ) -> None:
        now = self._session.now
        with self._session.transaction(f"settle {batch.number}") as connection:
            deal_rows = batches.deal_rows(connection, batch.number)
            if is_repeat:
                batches.look_again_at_waiting(connection, batch.number, now)
            batches.settle(
                connection,
                batch,
                outcomes,
                now=now,
                poll_at=now + FIRST_POLL,
                is_repeat=is_repeat,
            )
            if is_repeat or any(_is_known_already(outcome) for outcome in outcomes):
                self._look_again(connection, batch, outcomes)
            resent = [_about_batch(EventKind.RESENT, batch)] if is_repeat else []
            about_rows = _about_rows(batch, outcomes, deal_rows, is_repeat=is_repeat)
            self._record(connection, [*resent, *about_rows])
        taken = sum(not isinstance(outcome, Untried) for outcome in outcomes)
        self.uploaded.add(outcomes)
        self.uploaded.sent += taken
        self._on_sent(taken)

    def _ask(self, pending: batches.Pending) -> Verdict | None:
        batch, now = pending.batch, self._session.now
        destination = self._destinations(batch.action.destination)
        self._session.step(f"verdict {batch.number}: before call")
        attempt = self._caller.attempt(
            destination.status_quota,
            lambda: destination.verdict(batch, pending.request_id, now=now),
        )
        self._session.step(f"verdict {batch.number}: answered")
        if isinstance(attempt.error, TransientError | UnexpectedResponseError):
            self.uploaded.problems.append(f"{attempt.error} The next run asks again.")
        elif attempt.error is not None:
            raise attempt.error
        return attempt.answer

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
            is_repeat = isinstance(verdict, Unknown)  # it was taken once: it may count after all
            deal_rows = batches.deal_rows(connection, batch.number)
            batches.close(connection, batch.number)
            batches.write_outcomes(connection, batch, outcomes, is_repeat=is_repeat)
            self._look_again(connection, batch, outcomes)
            events = _about_rows(batch, outcomes, deal_rows, is_repeat=is_repeat)
            self._record(connection, events)
        self.uploaded.add(outcomes)

    def _look_again(self, connection: Any, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Have deals decided anew that may have changed while the platform judged them in vain.

        So are those whose value is not certain, which the platform only said that it knows.
        """
        if any(isinstance(o, Rejected | Deferred) or _is_known_already(o) for o in outcomes):
            batches.look_again_at_unsettled(connection, batch.number, self._session.now)

    def _record(self, connection: object, events: Iterable[Event]) -> None:
        audit.record(connection, events, run_id=self._session.run_id, at=self._session.now)


def next_poll(answered_at: datetime, now: datetime) -> datetime:
    """Return when to ask again: after as long as it has taken so far, half a day at most."""
    return now + min(max(now - answered_at, FIRST_POLL), LONGEST_POLL)


def _is_known_already(outcome: Outcome) -> bool:
    return isinstance(outcome, Confirmed) and bool(outcome.code)


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


def _about_rows(
    batch: Batch,
    outcomes: Sequence[Outcome],
    deal_rows: Mapping[str, int],
    *,
    is_repeat: bool = False,
) -> Iterable[Event]:
    for conversion, outcome in zip(batch.conversions, outcomes, strict=True):
        detail = _detail(batch, conversion, outcome)
        if is_repeat and isinstance(outcome, Rejected | Deferred | Untried):
            detail["may_be_counted"] = True
        yield Event(
            _KIND_OF[type(outcome)],
            detail,
            conversion.source,
            conversion.deal_id,
            conversion.order_id,
            deal_rows[conversion.order_id],
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
