"""Which weeks' digests were sent: a week is reserved before its digest leaves, and has but one.

A week that was reserved and never settled may have been sent: whoever sent it was killed.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from convsync.store import dialect
from convsync.store.schema import digests


class Kept(NamedTuple):
    """A week's digest: since when it was to be sent, and when it was; None: perhaps never."""

    begun_at: datetime
    sent_at: datetime | None


def reserve(connection: Connection, week: str, now: datetime) -> bool:
    """Reserve a week for whoever asks first; False where it has been."""
    row = dialect.upsert(digests, connection).values(week=week, begun_at=now)
    first = row.on_conflict_do_nothing(index_elements=["week"]).returning(digests.c.week)
    return connection.execute(first).first() is not None


def settle(connection: Connection, week: str, now: datetime) -> None:
    """Keep it that a reserved week's digest was sent."""
    connection.execute(update(digests).where(digests.c.week == week).values(sent_at=now))


def release(connection: Connection, week: str) -> None:
    """Give a week back whose digest reached nobody, or is to be sent again."""
    connection.execute(delete(digests).where(digests.c.week == week))


def kept(connection: Connection, week: str) -> Kept | None:
    """Return what is kept of a week's digest, None where nobody began to send it."""
    found = select(digests.c.begun_at, digests.c.sent_at).where(digests.c.week == week)
    row = connection.execute(found).first()
    return None if row is None else Kept(row.begun_at, row.sent_at)
