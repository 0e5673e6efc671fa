"""Reserve, upload, settle, confirm: can be stopped anywhere.

A reservation is committed before its request leaves. A run that dies in between leaves a batch in
the state of being sent; the next run sends it again word for word, under the same order IDs, which
the platform takes as the same conversions. A batch is settled, with its audit events, in one
transaction. A request that is refused for good at its first try has changed nothing there: its
rows go back into the plan, that platform gets no more, and the run ends with the refusal once the
others have had theirs. While a platform is away everything stays as it is for the next run.

Where several requests are under way at once, one more batch is reserved and waits for the next
place; if it may not leave any more, its rows go back into the plan. Not where a repeat might count
twice: a run that dies would have to give such a batch up, although it never left.

Two things a repeat does not do. It repeats nothing that a person has since forbidden: a batch is
repeated only after each of its deals has been looked at as it was last read, which takes such rows
out of it (see `reconcile`). And it makes nothing certain that is not: where the answer to a request
was lost and its repeat is not taken, the platform may have counted the first: the rows stay unsure.
What a platform might take for something new is not repeated at all (see `lost_answers`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import overload

from convsync import audit, log
from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.model.moves import released, reserved_together
from convsync.model.outcome import Outcome, Untried
from convsync.model.rule import ConversionAction
from convsync.model.statement import Batch, Statement
from convsync.retrying import RetryPolicy
from convsync.sending.calls import Attempt, PacedCalls, at_a_time
from convsync.sending.lost_answers import LostAnswers
from convsync.sending.settling import AnsweredBatch, Settling
from convsync.store import batches, portions
from convsync.store.batches import ReservedBatch
from convsync.store.database import Connection, Database
from convsync.store.portions import Portion
from convsync.store.session import Session
from convsync.upload.destination import Destination, Verdict

_VERDICTS_IN_FLIGHT = 4
"""So many verdicts are asked for at a time; the quota of the calls sets their pace."""


class Outbox:
    """What is planned and not yet settled, and the way out for it."""

    def __init__(
        self,
        session: Session,
        database: Database,
        destinations: Callable[[str], Destination],
        calls: PacedCalls,
        *,
        retry: RetryPolicy,
        on_sent: Callable[[int], None] = lambda _rows: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._session = session
        self._database = database
        self._destinations = destinations
        self._calls = calls
        self._retry = retry
        self._should_stop = should_stop
        self._limit: int | None = None
        self._failures: Counter[str] = Counter()
        self._refusals: dict[str, ConvsyncError] = {}
        self._answered: list[AnsweredBatch] = []
        self._reserves_more = False
        self._settling = Settling(session, destinations, on_sent)
        self._lost = LostAnswers(session=session, destinations=destinations)
        self.uploaded = self._settling.uploaded

    def recover(self) -> None:
        """Send again, word for word, every batch whose answer never came.

        One that holds a deal which is yet to be looked at is left to the next run. What must not be
        sent again is given up instead.
        """
        self._lost.give_up_waiting()
        with self._session.transaction("recover") as connection:
            numbers = batches.unanswered(connection, looked_at_by=self._session.now)
            left = [batches.load(connection, number) for number in numbers]
            for batch in left:
                if not batch.rows:
                    batches.close(connection, batch.number)
        open_ = [one for one in left if one.rows and self._opened(one.action.destination)]
        again = [self._lost.give_up_in(batch) for batch in open_]
        for name in sorted({batch.action.destination for batch in again if batch.rows}):
            own = (one for one in again if one.rows and one.action.destination == name)
            self._dispatch(name, own, in_flight=1, is_repeat=True)

    def confirm(self) -> None:
        """Ask for the verdicts that are due, several at a time, and settle what they say."""
        with self._session.transaction("list verdicts due") as connection:
            due = batches.due_for_verdict(connection, self._session.now)
        answers = at_a_time(
            (one for one in map(self._pending, due) if not self._has_refused(one.action)),
            self._ask_for,
            at_once=_VERDICTS_IN_FLIGHT,
            may_leave=lambda: not self._should_stop(),
        )
        with closing(answers):
            for pending, attempt in answers:
                if attempt is not None:
                    self._session.step(f"verdict {pending.number}: answered")
                    self._take_verdict(pending, attempt)

    def _pending(self, number: int) -> batches.Pending:
        with self._session.transaction("load verdict due") as connection:
            pending = batches.pending(connection, number)
        self._session.step(f"verdict {number}: before call")
        return pending

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
            released_now = [released(entry, is_probe=True) for entry in probes]
            audit.write(connection, released_now, run_id=self._session.run_id, at=self._session.now)
        for entry in probes:
            log.info("probe", action=entry.action.action_id, code=entry.code)

    def send(self, *, only: Portion = None) -> None:
        """Send everything that is ready, or a portion of it, several requests at a time.

        A refusal that names no row halves the next batch, until the row that is meant stands alone;
        every batch that is taken doubles it again. After `RetryPolicy.failures` batches in a row
        without an answer the platform is considered down, and the rest is left to the next run; at
        once where it asks for a longer wait than a run should make, as for a day's quota. What one
        platform does keeps nothing from another: a refusal for good is raised once all have had
        what is theirs.
        """
        while (action := self._next_action(only)) and not self._should_stop():
            if (destination := self._opened(action.destination)) is not None:
                departing = self._departing(action, destination, only)
                at_once = destination.requests_in_flight
                self._dispatch(action.destination, departing, in_flight=at_once)
        if self._refusals:
            raise next(iter(self._refusals.values()))

    def _opened(self, name: str) -> Destination | None:
        """Return a destination, None where a person has to fix its set-up first."""
        try:
            return self._destinations(name)
        except OperatorError as error:
            self._refuse(name, error)
            return None

    def _refuse(self, name: str, error: ConvsyncError) -> None:
        """Send a destination no more in this run; a person has to fix its set-up first."""
        self._refusals.setdefault(name, error)
        self.uploaded.shut[name] = "its set-up has to be fixed"

    def _has_refused(self, action: ConversionAction) -> bool:
        return action.destination in self._refusals

    def _is_shut(self, name: str) -> bool:
        """True where nothing more is sent to a destination in this run."""
        return name in self._refusals or self._failures[name] >= self._retry.failures

    def _has_stopped(self, name: str) -> bool:
        return self._is_shut(name) or self._should_stop()

    def _dispatch(
        self,
        name: str,
        departing: Iterator[ReservedBatch],
        *,
        in_flight: int,
        is_repeat: bool = False,
    ) -> None:
        """Send batches to a destination, so many at a time, and settle each as its answer comes.

        As long as there is more to send, that is done in the transaction that reserves the next.
        A refusal for good stops further requests to it; those in flight are settled, and a batch
        that was reserved ahead goes back into the plan.
        """
        answers = at_a_time(
            map(self._leaving, departing),
            self._attempt,
            at_once=in_flight,
            may_leave=lambda: not self._has_stopped(name),
            makes_ready=in_flight > 1 and self._destinations(name).takes.repeats.are_always_safe,
        )
        with closing(answers):
            for batch, attempt in answers:
                if attempt is None:
                    self._put_back(batch)
                    continue
                self._session.step(f"upload {batch.number}: answered")
                self._take_answer(batch, attempt, is_repeat=is_repeat)
                if self._has_stopped(name) or not self._reserves_more:
                    self._settle_answered()
        self._reserves_more = False
        self._settle_answered()

    def _leaving(self, batch: ReservedBatch) -> ReservedBatch:
        self._session.step(f"upload {batch.number}: before call")
        return batch

    def _attempt(self, reserved: ReservedBatch) -> Attempt[Sequence[Outcome]]:
        destination = self._destinations(reserved.action.destination)
        now, repeats = self._session.now, destination.takes.repeats
        return self._calls.attempt(
            destination.upload_quota,
            lambda: destination.upload(reserved.batch, now=now),
            name=f"{destination.name} upload",
            is_noted=reserved.is_noted,
            is_repeatable=repeats.are_always_safe
            or all(repeats.may_repeat(one, now, now) for one in reserved.rows.statements),
        )

    def _take_answer(
        self, batch: ReservedBatch, attempt: Attempt[Sequence[Outcome]], *, is_repeat: bool
    ) -> None:
        """Have an answered batch settled; leave an unanswered one as it is, to be sent again.

        What was certainly not taken goes back into the plan instead.
        """
        name = batch.action.destination
        if attempt.answer is not None:
            self._failures[name] = 0
            is_repeat = is_repeat or attempt.may_have_been_taken
            self._answered.append(AnsweredBatch(batch, attempt.answer, is_repeat))
            self._adapt_limit(batch, attempt.answer)
            return
        if isinstance(attempt.error, TransientError):
            is_long = not self._retry.waits_for(attempt.error)
            self._failures[name] = self._retry.failures if is_long else self._failures[name] + 1
            self.uploaded.note_failure(f"{attempt.error} It is sent again by the next run.")
            log.warning("batch unanswered", batch=batch.number, because=str(attempt.error))
            if self._is_shut(name):
                self.uploaded.shut[name] = "it does not answer"
                log.warning("sending stops", destination=name, because=self.uploaded.shut[name])
        elif attempt.error is not None:
            self._refuse(name, attempt.error)
            log.warning("batch refused", batch=batch.number, because=str(attempt.error))
        if attempt.was_surely_not_taken and not is_repeat:
            self._put_back(batch)

    def _put_back(self, batch: ReservedBatch) -> None:
        """Have the rows of a batch that the platform knows nothing of go back into the plan."""
        untried = [Untried()] * len(batch.rows)
        self._answered.append(AnsweredBatch(batch, untried, is_repeat=False))

    def _settle_answered(self) -> None:
        answered, self._answered = self._answered, []
        self._settling.settle(answered)

    def _adapt_limit(self, batch: ReservedBatch, outcomes: Sequence[Outcome]) -> None:
        if all(isinstance(outcome, Untried) for outcome in outcomes):
            self._limit = max(1, len(batch.rows) // 2)
        elif self._limit is not None:
            self._limit *= 2

    def _next_action(self, only: Portion) -> ConversionAction | None:
        with self._session.transaction("find what is ready") as connection:
            shut = [name for name in {*self._refusals, *self._failures} if self._is_shut(name)]
            return portions.next_action(connection, self._session.now, only, but=shut)

    def _departing(
        self, action: ConversionAction, destination: Destination, only: Portion
    ) -> Iterator[ReservedBatch]:
        """Yield batches that are reserved, one whenever there is room for its request."""
        self._reserves_more = True
        while (batch := self._settle_and_reserve(action, destination, only)) is not None:
            yield batch
        self._reserves_more = False

    def _settle_and_reserve(
        self, action: ConversionAction, destination: Destination, only: Portion
    ) -> ReservedBatch | None:
        """Settle what was answered, and reserve what may leave next, None where nothing may."""
        with self._settling.transaction(self._answered, or_else="reserve") as connection:
            settled = [self._settling.write(connection, one) for one in self._answered]
            reserved = self._reserve(connection, action, destination, only)
        self._answered = []
        self._settling.note(settled)
        return reserved

    def _reserve(
        self,
        connection: Connection,
        action: ConversionAction,
        destination: Destination,
        only: Portion,
    ) -> ReservedBatch | None:
        now, run_id = self._session.now, self._session.run_id
        limit = min(self._limit or destination.max_batch, destination.max_batch)
        rows = batches.ready(connection, action, limit=limit, now=now, only=only)
        if not rows:
            return None
        number = batches.open_batch(connection, action, run_id=run_id, rows=len(rows), now=now)
        taken = reserved_together(rows.numbers, number, action)
        alike = audit.write_together(connection, taken, run_id=run_id, at=now)
        is_noted = self._calls.note(connection, destination.upload_quota)
        return ReservedBatch(
            number=number,
            action=action,
            rows=rows,
            adds_up=alike,
            is_noted=is_noted,
            left_at=now,
        )

    def _ask_for(self, pending: batches.Pending) -> Attempt[Verdict]:
        """Ask for one verdict, in a thread of its own."""
        destination = self._destinations(pending.action.destination)
        statements = _AsStored(self._database, pending)
        batch = Batch(number=pending.number, action=pending.action, statements=statements)
        now = self._session.now
        return self._calls.attempt(
            destination.status_quota,
            lambda: destination.verdict(batch, pending.request_id, now=now),
            name=f"{destination.name} verdict",
        )

    def _take_verdict(self, pending: batches.Pending, attempt: Attempt[Verdict]) -> None:
        if isinstance(attempt.error, TransientError | UnexpectedResponseError):
            self.uploaded.note_failure(f"{attempt.error} The next run asks again.")
        elif attempt.error is not None:
            self._refuse(pending.action.destination, attempt.error)
        if attempt.answer is not None:
            self._settling.settle_verdict(pending, attempt.answer)


class _AsStored(Sequence[Statement]):
    """The statements of an accepted batch, read from the ledger when one is first looked at.

    Most verdicts are about all rows alike, and need none of them.
    """

    def __init__(self, database: Database, pending: batches.Pending) -> None:
        self._database = database
        self._pending = pending

    def __len__(self) -> int:
        return self._pending.rows

    @overload
    def __getitem__(self, index: int) -> Statement: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Statement]: ...
    def __getitem__(self, index: int | slice) -> Statement | Sequence[Statement]:
        return self._read[index]

    @cached_property
    def _read(self) -> Sequence[Statement]:
        with self._database.reading() as connection:
            rows = batches.rows_of(connection, self._pending.number, self._pending.action)
        return rows.statements
