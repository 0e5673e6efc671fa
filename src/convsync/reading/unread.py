"""Records that could not be read: into the quarantine, and out of it.

One leaves when its deal is read, or when a read has gone through all that stands where it stood and
finds nothing wrong there any more.
"""

from collections.abc import Iterable
from pathlib import Path

from convsync.extract.source import ClickSource, DealSource, Quarantined, ReadsOn, Record
from convsync.model.period import Period
from convsync.reading.windows import EPOCH
from convsync.store import quarantine
from convsync.store.database import Connection
from convsync.store.session import Session


def keep(connection: Connection, session: Session, source: str, records: Iterable[Record]) -> int:
    """Put those of some records into quarantine that could not be read; return how many are new."""
    entries = [
        quarantine.Entry(
            source=source, place=record.place, problem=record.problem, deal_id=record.deal_id
        )
        for record in records
        if isinstance(record, Quarantined)
    ]
    return quarantine.add(connection, entries, run_id=session.run_id, now=session.now)


def passes_over_all(source: DealSource, window: Period) -> bool:
    """Return whether reading a window goes through every record there is."""
    return source.reads_all or window.since == EPOCH


def release_deals(
    connection: Connection, session: Session, source: DealSource, window: Period
) -> None:
    """Release what a finished read of a window has found nothing wrong with."""
    if passes_over_all(source, window):
        quarantine.release_unseen(connection, source.name, session.run_id)


def release_clicks(
    connection: Connection,
    session: Session,
    source: ClickSource,
    window: Period,
    *,
    passed_over: int,
) -> None:
    """Do the same for clicks, but leave what stands in another file of the source.

    Lines of a file that were `passed_over` are as they were, and so is what was wrong with them.
    """
    run_id = session.run_id
    if isinstance(source, ReadsOn):
        places = f"{Path(source.place).name}:"
        quarantine.release_unseen(connection, source.name, run_id, places, behind=passed_over)
    elif window.since == EPOCH:
        quarantine.release_unseen(connection, source.name, run_id, f"{source.name} row ")
