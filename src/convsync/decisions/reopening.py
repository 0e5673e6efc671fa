"""`retry --code … --deal … --run …`: what waits or was refused goes out again, and nothing else.

Each deal is looked at first, as it was last read, because a person may have withdrawn their consent
since: what may not go out leaves the states from which it could. What is left becomes the plan of
this run, by which it is told apart from everything else that is ready.
"""

from collections.abc import Callable, Sequence

from convsync import audit
from convsync.model.chosen import Chosen
from convsync.model.moves import retried
from convsync.store import reopened
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.session import Session

_AT_ONCE = 2_000


def reopen(
    session: Session,
    chosen: Chosen,
    reconcile: Callable[[Connection, Sequence[StoredDeal]], None],
) -> int:
    """Let the chosen conversions go out again by this run; return how many were chosen."""
    after, count = 0, 0
    while True:
        with session.transaction("reopen what is retried") as connection:
            found = reopened.entries(connection, chosen, after=after, limit=_AT_ONCE)
            if not found:
                return count
            reconcile(connection, reopened.deals_of(connection, found))
            upto = found[-1].number
            left = reopened.entries(connection, chosen, after=after, limit=len(found))
            moves = [
                retried(entry, run_id=session.run_id) for entry in left if entry.number <= upto
            ]
            audit.write(connection, moves, run_id=session.run_id, at=session.now)
            after = upto
            count += len(found)
