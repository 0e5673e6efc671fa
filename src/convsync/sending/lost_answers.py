"""What a platform may count, and would count again: requests without an answer, never repeated.

Some platforms know a repeated request for what it is only for a while, or not at all
(`model.takes.Repeats`). What was sent to one, and not answered in time, is given up before a run
sends anything: it is not sent, with the reason `answer_lost`, and stays unsure for ever. That is
said instead of a second conversion, and of a confirmation that nobody gave.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from convsync import audit, log
from convsync.model.ledger import LedgerEntry, Move, State
from convsync.model.moves import Place, not_sent, withheld
from convsync.model.outcome import Reason
from convsync.store import batches, ledger
from convsync.store.batches import ReservedBatch
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.upload.destination import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAnswers:
    """Gives up what must not be sent again, over one session."""

    session: Session
    destinations: Callable[[str], Destination]

    def give_up_in(self, batch: ReservedBatch) -> ReservedBatch:
        """Give up those rows of an unanswered batch; return it with what may be sent again."""
        repeats = self.destinations(batch.action.destination).takes.repeats
        if repeats.are_always_safe:
            return batch
        left_at, now = batch.left_at, self.session.now
        numbers = [
            number
            for number, statement in zip(batch.rows.numbers, batch.rows.statements, strict=True)
            if not repeats.may_repeat(statement, left_at, now)
        ]
        if not numbers:
            return batch
        kept = batch.rows.but({*numbers})
        with self.session.transaction(f"give up {batch.number}") as connection:
            self._give_up(connection, ledger.entries_numbered(connection, numbers))
            if not kept:
                batches.close(connection, batch.number)
        return structs.replace(batch, rows=kept)

    def give_up_waiting(self) -> None:
        """Give up what a repeat has not settled, and would go out again after its time."""
        with self.session.transaction("find unsure") as connection:
            names = batches.destinations_unsure(connection)
        for name in names:
            repeats = self.destinations(name).takes.repeats
            if repeats.are_always_safe:
                continue
            with self.session.transaction(f"give up unsure {name}") as connection:
                waiting = batches.waiting_unsure(connection, name)
                self._give_up(
                    connection, [one for one in waiting if not repeats.knows(one.statement)]
                )

    def _give_up(self, connection: Connection, entries: Sequence[LedgerEntry]) -> None:
        run_id, now = self.session.run_id, self.session.now
        moves = [move for entry in entries for move in _given_up(entry, run_id)]
        audit.write(connection, moves, run_id=run_id, at=now)
        if entries:
            log.warning("given up as unsure", rows=len(entries), because="the answer was lost")


def _given_up(entry: LedgerEntry, run_id: int) -> Iterator[Move]:
    """Yield the moves: out of the request that was never answered, and into no other."""
    if entry.state is State.SENDING:
        yield (taken_out := withheld(entry, run_id=run_id))
        entry = taken_out.after
    place = Place(action=entry.action, milestone=entry.milestone, milestone_at=entry.milestone_at)
    yield not_sent(entry, place, Reason.ANSWER_LOST, run_id=run_id)
