"""Reserve, upload, settle, confirm: safe to be stopped anywhere.

A reservation is committed before its request leaves. A run that dies in between leaves a batch in
the state of being sent; the next run sends it again word for word, under the same order IDs, which
the platform takes as the same conversions. A batch is settled, with its audit events, in one
transaction. A request that is refused for good at its first try has changed nothing there: its
rows go back into the plan, and the run stops. While a platform is away everything stays as it is
for the next run.

Two things a repeat does not do. It repeats nothing that a person has since forbidden: a batch is
repeated only after each of its deals has been looked at as it was last read, which takes such rows
out of it (see `reconcile`). And it makes nothing certain that is not: where the answer to a request
was lost and its repeat is not taken, the platform may have counted the first: the rows stay unsure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial

from convsync import audit, log
from convsync.calls import Attempt, PacedCalls, threads
from convsync.errors import ConvsyncError, TransientError, UnexpectedResponseError
from convsync.model.event import Event, EventKind
from convsync.model.ledger import ANSWERED, LedgerEntry, Move, State
from convsync.model.moves import released, reserved_together, settled
from convsync.model.outcome import Accepted, Deferred, Outcome, Untried
from convsync.model.rule import ConversionAction
from convsync.retrying import RetryPolicy
from convsync.store import batches
from convsync.store.batches import ReservedBatch
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.upload.destination import Destination, StillProcessing, Unknown, Verdict

_RELEASED_AT_ONCE = 5_000
_TAKEN = frozenset({State.ACCEPTED, State.CONFIRMED})


@dataclass(slots=True)
class Uploaded:
    """What the outbox did in one run, in rows by outcome, and what it could not do.

    `failures` are calls that were not answered; they are no problem where nothing is left of them
    at the run's end. `rejected` are the entries refused that nothing has settled since, and
    `value` is what was sent, by currency.
    """

    outcomes: Counter[EventKind] = field(default_factory=Counter)
    sent: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, moves: Sequence[Move], outcomes: Iterable[Outcome]) -> None:
        """Count one batch's outcomes in."""
        self.outcomes.update(move.event.kind for move in moves)
        for move in moves:
            if move.after.state is State.REJECTED:
                self.rejected.add(move.after.number)
            else:
                self.rejected.discard(move.after.number)
        for outcome in outcomes:
            if isinstance(outcome, Deferred) and outcome.is_unknown:
                self.note(f"The platform answered with a code we do not know: {outcome.code}.")

    def add_sent(self, moves: Sequence[Move]) -> int:
        """Count in what the platform took of a batch; return how many rows these are."""
        taken = 0
        for move in moves:
            entry = move.after
            taken += move.event.kind is not EventKind.UNTRIED
            if entry.state in _TAKEN and entry.statement is not None:
                money = entry.statement.value
                so_far = self.value.get(money.currency, Decimal(0))
                self.value[money.currency] = so_far + money.amount
        self.sent += taken
        return taken

    def note_failure(self, problem: str) -> None:
        """Add a call that was not answered, once."""
        if problem not in self.failures:
            self.failures.append(problem)

    def note(self, problem: str) -> None:
        """Add a problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)


class Outbox:
    """What is planned and not yet settled, and the way out for it."""

    def __init__(
        self,
        session: Session,
        destinations: Callable[[str], Destination],
        calls: PacedCalls,
        *,
        retry: RetryPolicy,
        on_sent: Callable[[int], None] = lambda _rows: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._session = session
        self._destinations = destinations
        self._calls = calls
        self._retry = retry
        self._on_sent = on_sent
        self._should_stop = should_stop
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
                if not batch.entries:
                    batches.close(connection, batch.number)
        self._dispatch((batch for batch in left if batch.entries), in_flight=1, is_repeat=True)

    def confirm(self) -> None:
        """Ask for the verdicts that are due, and settle what they say."""
        with self._session.transaction("list verdicts due") as connection:
            due = batches.due_for_verdict(connection, self._session.now)
        for number in due:
            if self._should_stop():
                return
            with self._session.transaction("load verdict due") as connection:
                pending = batches.pending(connection, number)
            verdict = self._ask(pending)
            if verdict is not None:
                self._settle_verdict(pending, verdict)

    def probe_blocked(self) -> None:
        """Release one entry of each action and code that the account's set-up has blocked.

        Once such a probe is taken, the set-up has been fixed, and all others follow.
        """
        with self._session.transaction("probe what is blocked") as connection:
            probes = [
                entry
                for action, code, _ in batches.blocked(connection)
                for entry in batches.blocked_entries(connection, action, code, limit=1)
            ]
            self._write(connection, [released(entry, is_probe=True) for entry in probes])
        for entry in probes:
            log.info("probe", action=entry.action.action_id, code=entry.code)

    def send(self, *, only_run: int | None = None) -> None:
        """Send everything that is ready, of one run's plan or of any, several requests at a time.

        A refusal that names no row halves the next batch, until the row that is meant stands alone;
        every batch that is taken doubles it again. After `RetryPolicy.failures` batches in a row
        without an answer the platform is considered down, and the rest is left to the next run; at
        once where it asks for a longer wait than a run should make, as for a day's quota.
        """
        while (action := self._next_action(only_run)) and not self._has_stopped:
            destination = self._destinations(action.destination)
            departing = iter(partial(self._reserve, action, destination, only_run), None)
            self._dispatch(departing, in_flight=destination.requests_in_flight)

    @property
    def _has_stopped(self) -> bool:
        is_away = self._failures >= self._retry.failures
        return is_away or self._refusal is not None or self._should_stop()

    def _dispatch(
        self, departing: Iterator[ReservedBatch], *, in_flight: int, is_repeat: bool = False
    ) -> None:
        """Send batches, so many at a time, and settle each as its answer comes.

        A refusal for good stops further requests; those in flight are settled before it is raised.
        """
        under_way: dict[Future[Attempt[Sequence[Outcome]]], ReservedBatch] = {}
        with threads(in_flight) as pool:
            while True:
                while len(under_way) < in_flight and not self._has_stopped:
                    batch = next(departing, None)
                    if batch is None:
                        break
                    self._session.step(f"upload {batch.number}: before call")
                    under_way[pool.submit(self._attempt, batch)] = batch
                if not under_way:
                    break
                answered, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in sorted(answered, key=lambda future: under_way[future].number):
                    batch = under_way.pop(future)
                    self._session.step(f"upload {batch.number}: answered")
                    self._take_answer(batch, future.result(), is_repeat=is_repeat)
        if self._refusal is not None:
            raise self._refusal

    def _attempt(self, reserved: ReservedBatch) -> Attempt[Sequence[Outcome]]:
        destination = self._destinations(reserved.action.destination)
        now = self._session.now
        return self._calls.attempt(
            destination.upload_quota, lambda: destination.upload(reserved.batch, now=now)
        )

    def _take_answer(
        self, batch: ReservedBatch, attempt: Attempt[Sequence[Outcome]], *, is_repeat: bool
    ) -> None:
        """Settle an answered batch; leave an unanswered one as it is, to be sent again.

        What was certainly not taken goes back into the plan instead.
        """
        if attempt.answer is not None:
            self._failures = 0
            is_repeat = is_repeat or attempt.may_have_been_taken
            self._settle(batch, attempt.answer, is_repeat=is_repeat)
            self._adapt_limit(batch, attempt.answer)
            return
        if isinstance(attempt.error, TransientError):
            is_long = not self._retry.waits_for(attempt.error)
            self._failures = self._retry.failures if is_long else self._failures + 1
            self.uploaded.note_failure(f"{attempt.error} It is sent again by the next run.")
            log.warning("batch unanswered", batch=batch.number, because=str(attempt.error))
            if self._failures >= self._retry.failures:
                log.warning("sending stops", because="the platform does not answer")
        else:
            self._refusal = self._refusal or attempt.error
            log.warning("batch refused", batch=batch.number, because=str(attempt.error))
        if attempt.was_surely_not_taken and not is_repeat:
            self._settle(batch, [Untried()] * len(batch.entries))

    def _adapt_limit(self, batch: ReservedBatch, outcomes: Sequence[Outcome]) -> None:
        if all(isinstance(outcome, Untried) for outcome in outcomes):
            self._limit = max(1, len(batch.entries) // 2)
        elif self._limit is not None:
            self._limit *= 2

    def _next_action(self, only_run: int | None) -> ConversionAction | None:
        with self._session.transaction("find what is ready") as connection:
            return batches.next_action(connection, self._session.now, only_run)

    def _reserve(
        self, action: ConversionAction, destination: Destination, only_run: int | None
    ) -> ReservedBatch | None:
        now, run_id = self._session.now, self._session.run_id
        limit = min(self._limit or destination.max_batch, destination.max_batch)
        with self._session.transaction("reserve") as connection:
            ready = batches.ready(connection, action, limit=limit, now=now, only_run=only_run)
            if not ready:
                return None
            number = batches.open_batch(connection, action, run_id=run_id, rows=len(ready), now=now)
            ready.sort(key=lambda entry: entry.number)  # the order in which a repeat loads them
            taken, event = reserved_together(ready, number, action)
            audit.write(connection, taken, run_id=run_id, at=now, events=[event])
        entries = [move.after for move in taken]
        return ReservedBatch(number=number, action=action, entries=entries)

    def _settle(
        self, batch: ReservedBatch, outcomes: Sequence[Outcome], *, is_repeat: bool = False
    ) -> None:
        now = self._session.now
        moves = self._moves(batch, outcomes, is_repeat=is_repeat)
        request_id = next((o.request_id for o in outcomes if isinstance(o, Accepted)), None)
        first_poll = self._destinations(batch.action.destination).takes.first_poll
        poll_at = now + (first_poll or timedelta(0))
        with self._session.transaction(f"settle {batch.number}") as connection:
            if is_repeat:
                batches.recheck_waiting_deals(connection, batch.number, now)
            batches.answer(
                connection, batch.number, request_id=request_id, now=now, poll_at=poll_at
            )
            self._write_answers(connection, batch, moves, is_repeat=is_repeat)
        self._note(moves, outcomes)
        self._on_sent(self.uploaded.add_sent(moves))

    def _ask(self, pending: batches.Pending) -> Verdict | None:
        reserved, now = pending.reserved, self._session.now
        destination = self._destinations(reserved.action.destination)
        self._session.step(f"verdict {reserved.number}: before call")
        attempt = self._calls.attempt(
            destination.status_quota,
            lambda: destination.verdict(reserved.batch, pending.request_id, now=now),
        )
        self._session.step(f"verdict {reserved.number}: answered")
        if isinstance(attempt.error, TransientError | UnexpectedResponseError):
            self.uploaded.note_failure(f"{attempt.error} The next run asks again.")
        elif attempt.error is not None:
            raise attempt.error
        return attempt.answer

    def _settle_verdict(self, pending: batches.Pending, verdict: Verdict) -> None:
        reserved, now = pending.reserved, self._session.now
        if isinstance(verdict, StillProcessing):
            with self._session.transaction(f"confirm {reserved.number}") as connection:
                takes = self._destinations(reserved.action.destination).takes
                poll_at = takes.next_poll(pending.answered_at, now)
                batches.ask_again(connection, reserved.number, poll_at)
            return
        is_repeat = isinstance(verdict, Unknown)  # it was taken once: it may count after all
        outcomes: Sequence[Outcome] = (
            [Untried()] * len(reserved.entries) if isinstance(verdict, Unknown) else verdict
        )
        moves = self._moves(reserved, outcomes, is_repeat=is_repeat)
        with self._session.transaction(f"confirm {reserved.number}") as connection:
            batches.close(connection, reserved.number)
            self._write_answers(connection, reserved, moves, is_repeat=False)
        self._note(moves, outcomes)

    def _note(self, moves: Sequence[Move], outcomes: Sequence[Outcome]) -> None:
        """Count and log what became of a batch, once it is written."""
        self.uploaded.add(moves, outcomes)
        for kind, rows in Counter(move.event.kind for move in moves).items():
            log.count(kind.value, rows)

    def _moves(
        self, batch: ReservedBatch, outcomes: Sequence[Outcome], *, is_repeat: bool
    ) -> list[Move]:
        now = self._session.now
        return [
            settled(entry, outcome, is_repeat=is_repeat, now=now)
            for entry, outcome in zip(batch.entries, outcomes, strict=True)
        ]

    def _write_answers(
        self,
        connection: Connection,
        batch: ReservedBatch,
        moves: Sequence[Move],
        *,
        is_repeat: bool,
    ) -> None:
        """Write answered entries, and have deals that were still unsettled decided anew.

        Those may have changed while the platform judged them; so may those whose value is not
        certain, where the platform only answered that it knows them.
        """
        resent = [_resent(batch)] if is_repeat else []
        events = [*resent, *(move.event for move in moves)]
        self._write(connection, moves, events)
        if is_repeat or any(_is_unsettled(move.after) for move in moves):
            batches.recheck_unsettled_deals(connection, batch.number, self._session.now)
        for action, code in {cleared for move in moves if (cleared := _cleared_by(move))}:
            self._release(connection, action, code)

    def _release(self, connection: Connection, action: ConversionAction, code: str) -> None:
        """Release all entries that a set-up blocked, once it has been fixed."""
        while left := batches.blocked_entries(connection, action, code, limit=_RELEASED_AT_ONCE):
            self._write(connection, [released(entry) for entry in left])

    def _write(
        self,
        connection: Connection,
        moves: Sequence[Move],
        events: Iterable[Event] | None = None,
    ) -> None:
        run_id, now = self._session.run_id, self._session.now
        audit.write(connection, moves, run_id=run_id, at=now, events=events)


def _is_unsettled(entry: LedgerEntry) -> bool:
    return entry.state in ANSWERED or bool(entry.code)


def _cleared_by(move: Move) -> tuple[ConversionAction, str] | None:
    """Return the action and the code that a taken probe has shown to be no longer blocked."""
    if move.before is None or not move.before.code:
        return None
    is_taken = move.after.state in {State.CONFIRMED, State.UNMATCHED}
    return (move.after.action, move.before.code) if is_taken else None


def _resent(batch: ReservedBatch) -> Event:
    return Event(
        EventKind.RESENT,
        {
            "resent_batch": batch.number,
            "destination": batch.action.destination,
            "action": batch.action.action_id,
            "rows": len(batch.entries),
        },
    )
