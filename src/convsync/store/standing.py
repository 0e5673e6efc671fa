"""Whether figures that were worked out once are still those of the ledger."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from convsync.store.schema import notes, runs

Standing = tuple[datetime | None, int]
"""When the last run ended, and how many notes there are: figures change with either."""


def standing(connection: Connection) -> Standing:
    """Return how the ledger stands: it is another as soon as a run has ended, and during none."""
    latest = select(runs.c.finished_at).where(runs.c.finished_at.is_not(None))
    ended = connection.execute(latest.order_by(runs.c.finished_at.desc()).limit(1)).scalar()
    noted = connection.execute(select(func.count()).select_from(notes)).scalar_one()
    return ended, noted
