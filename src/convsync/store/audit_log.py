"""The audit log's table: append-only, numbered, and chained.

The number and digest of the last event stand in a row of their own, which every writer locks; two
processes can never write events with one number, and what is cut off the end leaves a mark.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, or_, select, update

from convsync.store import dialect
from convsync.store.pages import paged
from convsync.store.schema import audit_events, audit_head, deals, runs

GENESIS = bytes(32)
"""What the first event is chained to."""


class Row(NamedTuple):
    """One event as it is stored. `detail` is JSON text, in the very bytes the digest covers.

    The digest covers all but `deal`, the row of the deal it names, by which it is found.
    """

    number: int
    at: datetime
    run_id: int
    event: str
    source: str | None
    deal_id: str | None
    order_id: str | None
    detail: str
    digest: bytes
    deal: int | None


_COLUMNS = [audit_events.c[name] for name in Row._fields]


def head(connection: Connection) -> tuple[int, bytes]:
    """Return the number and digest of the last event, and lock them until the commit."""
    found = select(audit_head.c.number, audit_head.c.digest).with_for_update()
    row = connection.execute(found).first()
    if row is None:
        connection.execute(insert(audit_head).values(id=1, number=0, digest=GENESIS))
        return 0, GENESIS
    return row.number, row.digest


def append(connection: Connection, rows: Sequence[Row]) -> None:
    """Write events that follow the head, and move it to the last of them."""
    if not rows:
        return
    dialect.insert_rows(connection, audit_events, Row._fields, rows)
    last = rows[-1]
    connection.execute(update(audit_head).values(number=last.number, digest=last.digest))


def events(
    connection: Connection,
    *,
    deal_id: str | None = None,
    run_id: int | None = None,
    event: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    newest: int | None = None,
) -> Iterator[Row]:
    """Yield events in their order, a page at a time; `newest` keeps only so many from the end."""
    found = select(*_COLUMNS)
    for column, value in (
        (audit_events.c.run_id, run_id),
        (audit_events.c.event, event),
    ):
        if value is not None:
            found = found.where(column == value)
    if deal_id is not None:
        its_rows = select(deals.c.id).where(deals.c.deal_id == deal_id)
        found = found.where(audit_events.c.deal.in_(its_rows))
    if since is not None:
        found = found.where(audit_events.c.at >= since)
    if until is not None:
        found = found.where(audit_events.c.at < until)
    if newest is not None:
        first = found.with_only_columns(audit_events.c.number)
        last = first.order_by(audit_events.c.number.desc()).limit(newest)
        found = found.where(audit_events.c.number.in_(last))
    return (Row(*row) for row in paged(connection, found, audit_events.c.number))


def misfiled(connection: Connection) -> int | None:
    """Return the number of the first event whose `deal` is not the one it names."""
    is_another = or_(
        deals.c.deal_id != audit_events.c.deal_id, deals.c.source != audit_events.c.source
    )
    found = (
        select(func.min(audit_events.c.number))
        .join(deals, deals.c.id == audit_events.c.deal)
        .where(is_another)
    )
    return connection.execute(found).scalar()


def anchors(connection: Connection) -> dict[int, bytes]:
    """Return the log's head, and the heads that past runs remembered, by number."""
    found = select(runs.c.audit_number, runs.c.audit_digest).where(
        runs.c.audit_number > 0, runs.c.audit_digest.is_not(None)
    )
    remembered = {row.audit_number: row.audit_digest for row in connection.execute(found)}
    last = connection.execute(select(audit_head.c.number, audit_head.c.digest)).first()
    return (
        remembered if last is None or not last.number else {**remembered, last.number: last.digest}
    )
