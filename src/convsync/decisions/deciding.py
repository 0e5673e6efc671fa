"""A decision of a person, put on record: an event in the audit log, in its own run.

Such a run needs no lock. What is decided while a night goes on holds from its next step on, or from
the next night, as whoever decides says.
"""

from datetime import datetime

from convsync import audit
from convsync.clock import Clock
from convsync.model.event import Event
from convsync.store import runs
from convsync.store.database import Connection


def put_on_record(
    connection: Connection, command: str, event: Event, *, now: datetime, real_clock: Clock
) -> None:
    """Append a decision's event, within the transaction that makes it true."""
    run_id = runs.begin_unlocked(connection, command, as_of=now, real_now=real_clock())
    audit.record(connection, [event], run_id=run_id, at=now)
    runs.end_unlocked(connection, run_id, real_clock())
