"""The part of the audit log that is sealed in a file: where it ends, and its removal.

An event is removed only once the log says that it is sealed: the database's own triggers hold
whoever tries it before to that.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec.json import decode
from sqlalchemy import Connection, delete, func, select, update

from convsync.model.chain import Head, LoggedEvent
from convsync.store import audit_log
from convsync.store.schema import audit_blocks, audit_events, audit_head


def last_before(connection: Connection, at: datetime) -> int:
    """Return the number of the event before the first one that was written at or after an instant.

    It is the last of those that were appended together.
    """
    since = select(func.min(audit_blocks.c.first)).where(audit_blocks.c.at >= at)
    first = connection.execute(since).scalar()
    return audit_log.last(connection).head.number if first is None else int(first) - 1


def chain_upto(
    connection: Connection, begins: Head, last: int
) -> Iterator[tuple[LoggedEvent, bytes]]:
    """Yield the events after the log's beginning up to a number, each with its digest."""
    for page in audit_log.chain(connection, after=begins.number):
        for row in page:
            if row[0] > last:
                return
            yield LoggedEvent._make(row[:-1]), row[-1]


def remove(connection: Connection, last: Head, *, sealed_in: int) -> None:
    """Let the log begin after an event, as the event with the number `sealed_in` says."""
    sealed = {"sealed": last.number, "sealed_digest": last.digest, "sealed_in": sealed_in}
    connection.execute(update(audit_head).values(sealed))
    connection.execute(delete(audit_events).where(audit_events.c.number <= last.number))
    connection.execute(delete(audit_blocks).where(audit_blocks.c.last <= last.number))


def latest(connection: Connection) -> Mapping[str, Any] | None:
    """Return what the log says of its latest sealing, None where nothing was sealed."""
    number = audit_log.last(connection).sealed_in
    if number is None:
        return None
    found = select(audit_events.c.detail).where(audit_events.c.number == number)
    detail = connection.execute(found).scalar()
    said: Mapping[str, Any] = {} if detail is None else decode(detail)
    return said
