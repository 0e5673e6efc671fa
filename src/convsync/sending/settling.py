"""What a platform answered, written down: a batch and its rows, in one transaction with its events.

Most batches get one answer for all their rows, and most rows have nothing that sets them apart: no
code from an earlier answer, nothing that the platform may count otherwise. Such rows move together,
by one UPDATE and one event that names them all, however many there are. The others are looked at
one by one, each with an event of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from convsync import audit, log
from convsync.model.event import Event, EventKind
from convsync.model.ledger import ANSWERED, Move, MoveTogether, State
from convsync.model.money import add_to
from convsync.model.moves import released, settled, settled_together
from convsync.model.outcome import Accepted, Deferred, Outcome, Untried
from convsync.model.rule import ConversionAction
from convsync.store import batches, ledger
from convsync.store.batches import Pending, ReservedBatch
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
    `value` is what was sent, by currency. `of` has the rows by destination, and `shut` says why a
    destination got no more.
    """

    outcomes: Counter[EventKind] = field(default_factory=Counter)
    sent: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    of: dict[str, Counter[EventKind]] = field(default_factory=dict)
    shut: dict[str, str] = field(default_factory=dict)

    def add(self, answers: "Answers", destination: str) -> None:
        """Count what a destination answered for one batch in."""
        own = self.of.setdefault(destination, Counter())
        for kind, rows in answers.kinds.items():
            self.outcomes[kind] += rows
            own[kind] += rows
        if self.rejected:
            self.rejected -= answers.numbers
        self.rejected |= answers.numbers_in({State.REJECTED})
        for outcome in answers.outcomes:
            if isinstance(outcome, Deferred) and outcome.is_unknown:
                self.note(f"The platform answered with an unknown code: {outcome.code}.")

    def add_sent(self, batch: ReservedBatch, answers: "Answers") -> int:
        """Count in what the platform took of a batch; return how many rows these are."""
        for currency, amount in batch.rows.amounts(answers.numbers_in(_TAKEN)).items():
            add_to(self.value, currency, amount)
        taken = answers.kinds.total() - answers.kinds[EventKind.UNTRIED]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the answers for a batch make of its entries: those that move together, and the others.

    `outcomes` are the different answers there were.
    """

    together: Sequence[MoveTogether]
    alone: Sequence[Move]
    outcomes: Set[Outcome]

    @property
    def is_one(self) -> bool:
        """True where one answer is all that was answered, and moves all rows together."""
        return len(self.together) == 1 and not self.alone

    @property
    def kinds(self) -> Counter[EventKind]:
        """Return how many entries took each kind of move."""
        kinds = Counter(move.event.kind for move in self.alone)
        for moved in self.together:
            kinds[moved.event.kind] += len(moved.numbers)
        return kinds

    @property
    def numbers(self) -> set[int]:
        """Return the numbers of all entries."""
        return self.numbers_in(frozenset(State))

    def numbers_in(self, states: Set[State]) -> set[int]:
        """Return the numbers of the entries that are in one of these states now."""
        found = {move.after.number for move in self.alone if move.after.state in states}
        for moved in self.together:
            if moved.changes["state"] in states:
                found.update(moved.numbers)
        return found

    @property
    def is_unsettled(self) -> bool:
        """True where an entry may have to be decided anew: it was not counted, or not for sure."""
        return any(move.after.state in ANSWERED or move.after.code for move in self.alone) or any(
            moved.changes["state"] in ANSWERED or moved.changes.get("code")
            for moved in self.together
        )

    @property
    def cleared(self) -> set[tuple[ConversionAction, str]]:
        """Return the actions and codes that taken probes have shown to be no longer blocked."""
        return {
            (move.after.action, move.before.code)
            for move in self.alone
            if move.before is not None
            and move.before.code
            and move.after.state in {State.CONFIRMED, State.UNMATCHED}
        }


class AnsweredBatch(NamedTuple):
    """A batch, an outcome for each of its rows, and whether it had left before."""

    batch: ReservedBatch
    outcomes: Sequence[Outcome]
    is_repeat: bool


class Settled(NamedTuple):
    """A batch, and what the answers made of its entries."""

    batch: ReservedBatch
    answers: Answers


class Settling:
    """Writes down what was answered, over one session; `uploaded` adds it up."""

    def __init__(
        self,
        session: Session,
        destinations: Callable[[str], Destination],
        on_sent: Callable[[int], None],
    ) -> None:
        self._session = session
        self._destinations = destinations
        self._on_sent = on_sent
        self.uploaded = Uploaded()

    def settle(self, answered: Sequence[AnsweredBatch]) -> None:
        """Write down what was answered, in a transaction of its own."""
        if answered:
            with self.transaction(answered) as connection:
                settled = [self.write(connection, one) for one in answered]
            self.note(settled)

    def transaction(
        self, answered: Sequence[AnsweredBatch], *, or_else: str = ""
    ) -> AbstractContextManager[Connection]:
        """Open a transaction under the name of the first batch that is to be settled in it."""
        step = f"settle {answered[0].batch.number}" if answered else or_else
        return self._session.transaction(step)

    def write(self, connection: Connection, answered: AnsweredBatch) -> Settled:
        """Write down an outcome for every row of a batch, in its order."""
        batch, outcomes, is_repeat = answered.batch, answered.outcomes, answered.is_repeat
        now = self._session.now
        request_id = next((o.request_id for o in outcomes if isinstance(o, Accepted)), None)
        first_poll = self._destinations(batch.action.destination).takes.first_poll
        poll_at = now + (first_poll or timedelta(0))
        numbers = batch.rows.numbers
        apart = frozenset(numbers) if is_repeat else batch.rows.apart
        if is_repeat:
            batches.recheck_waiting_deals(connection, batch.number, now)
            self._record(connection, _resent(batch))
        batches.answer(connection, batch.number, request_id=request_id, now=now, poll_at=poll_at)
        parted = _parted(numbers, apart, outcomes)
        answers = self._answers(connection, batch, *parted, is_repeat=is_repeat)
        self._write(connection, batch, answers, is_repeat=is_repeat)
        return Settled(batch, answers)

    def note(self, settled: Iterable[Settled]) -> None:
        """Count and log what became of batches, once it is committed."""
        for batch, answers in settled:
            self._note(answers, batch.action.destination)
            self._on_sent(self.uploaded.add_sent(batch, answers))

    def settle_verdict(self, pending: Pending, verdict: Verdict) -> None:
        """Write down the verdict on an accepted batch, or when to ask for it again."""
        now = self._session.now
        if isinstance(verdict, StillProcessing):
            takes = self._destinations(pending.action.destination).takes
            poll_at = takes.next_poll(pending.answered_at, now)
            with self._session.transaction(f"confirm {pending.number}") as connection:
                batches.ask_again(connection, pending.number, poll_at)
            return
        is_repeat = isinstance(verdict, Unknown)  # it was taken once: it may count after all
        with self._session.transaction(f"confirm {pending.number}") as connection:
            numbers, apart = batches.numbers_of(connection, pending.number)
            outcomes = [Untried()] * len(numbers) if isinstance(verdict, Unknown) else verdict
            batches.close(connection, pending.number)
            parted = _parted(numbers, frozenset(numbers) if is_repeat else apart, outcomes)
            answers = self._answers(connection, pending, *parted, is_repeat=is_repeat)
            self._write(connection, pending, answers, is_repeat=False)
        self._note(answers, pending.action.destination)

    def _answers(
        self,
        connection: Connection,
        batch: ReservedBatch | Pending,
        alike: Mapping[Outcome, Sequence[int]],
        apart: dict[int, Outcome],
        *,
        is_repeat: bool,
    ) -> Answers:
        """Return the moves of a batch's rows, given as `_parted` returns them."""
        together = []
        for outcome, numbers in alike.items():
            if not numbers:
                continue
            moved = settled_together(numbers, outcome, batch.number, batch.action)
            if moved is None:
                apart |= dict.fromkeys(numbers, outcome)
            else:
                together.append(moved)
        entries = ledger.entries_numbered(connection, sorted(apart))
        alone = [
            settled(entry, apart[entry.number], is_repeat=is_repeat, now=self._session.now)
            for entry in entries
        ]
        return Answers(together=together, alone=alone, outcomes=alike.keys())

    def _write(
        self,
        connection: Connection,
        batch: ReservedBatch | Pending,
        answers: Answers,
        *,
        is_repeat: bool,
    ) -> None:
        """Write moves, and have deals that were still unsettled decided anew.

        Those may have changed while the platform judged them; so may those whose value is not
        certain, where the platform only answered that it knows them.
        """
        run_id, now = self._session.run_id, self._session.now
        for move in answers.together:
            alike = batch.adds_up if isinstance(batch, ReservedBatch) and answers.is_one else None
            audit.write_together(connection, move, run_id=run_id, at=now, before=alike)
        audit.write(connection, answers.alone, run_id=run_id, at=now)
        if is_repeat or answers.is_unsettled:
            batches.recheck_unsettled_deals(connection, batch.number, now)
        for action, code in answers.cleared:
            self._release(connection, action, code)

    def _release(self, connection: Connection, action: ConversionAction, code: str) -> None:
        """Release all entries that a set-up blocked, once it has been fixed."""
        run_id, now = self._session.run_id, self._session.now
        while left := batches.blocked_entries(connection, action, code, limit=_RELEASED_AT_ONCE):
            audit.write(connection, [released(entry) for entry in left], run_id=run_id, at=now)

    def _record(self, connection: Connection, event: Event) -> None:
        audit.record(connection, [event], run_id=self._session.run_id, at=self._session.now)

    def _note(self, answers: Answers, destination: str) -> None:
        """Count and log what became of a batch, once it is written."""
        self.uploaded.add(answers, destination)
        for kind, rows in answers.kinds.items():
            log.count(kind.value, rows)


def _parted(
    numbers: Sequence[int], apart: Set[int], outcomes: Sequence[Outcome]
) -> tuple[Mapping[Outcome, Sequence[int]], dict[int, Outcome]]:
    """Return by outcome the numbers that move together, and the outcome of each that is apart.

    An outcome that none of those have has none.
    """
    alike: dict[Outcome, list[int]] = {}
    alone: dict[int, Outcome] = {}
    for outcome, answered in groupby(zip(numbers, outcomes, strict=True), key=itemgetter(1)):
        some = [number for number, _ in answered]
        if apart:
            alone |= {number: outcome for number in some if number in apart}
            some = [number for number in some if number not in apart]
        alike.setdefault(outcome, []).extend(some)
    return alike, alone


def _resent(batch: ReservedBatch) -> Event:
    return Event(
        EventKind.RESENT,
        {
            "resent_batch": batch.number,
            "destination": batch.action.destination,
            "action": batch.action.action_id,
            "rows": len(batch.rows),
        },
    )
