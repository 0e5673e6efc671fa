"""What was written into fields of a CRM's deals: a row for each deal and field, kept up as it goes.

A value is reserved (`pending`) before it is sent, and settled once the CRM has answered for it.
What stays reserved was perhaps written: the field itself says so to whoever asks. A row of a deal
that was read anew because of nothing but our own writing says when that was.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import structs
from sqlalchemy import Connection, bindparam, delete, func, select, update

from convsync.model.deal import Deal
from convsync.store import deals as stored
from convsync.store import dialect
from convsync.store.deal_row import DealRow
from convsync.store.deals import Saved
from convsync.store.schema import deals, write_backs


class KeptField(NamedTuple):
    """A field of a deal: what it holds of ours, what was sent to it, and what was kept from it."""

    value: str | None
    pending: str | None
    declined: str | None


class Unanswered(NamedTuple):
    """A field that was sent a value, and whose CRM has not answered for it."""

    row: int
    deal_id: str
    field: str
    value: str | None
    pending: str


class FieldValue(NamedTuple):
    """A value for a field of a deal."""

    row: int
    field: str
    value: str


def known(connection: Connection, rows: Sequence[int]) -> Mapping[int, Mapping[str, KeptField]]:
    """Return what is kept of the fields of these deals, by row and field."""
    columns = ("deal", "field", *KeptField._fields)
    found: dict[int, dict[str, KeptField]] = {}
    for deal, field, *kept in dialect.rows_among(connection, write_backs, columns, "deal", rows):
        found.setdefault(deal, {})[field] = KeptField(*kept)
    return found


def reserve(connection: Connection, values: Sequence[FieldValue]) -> None:
    """Keep what is about to be sent."""
    _put(
        connection,
        [
            {"deal": one.row, "field": one.field, "pending": one.value, "declined": None}
            for one in values
        ],
    )


def settle(
    connection: Connection,
    values: Sequence[FieldValue],
    *,
    modified_at: datetime | None,
    now: datetime,
) -> None:
    """Keep that a deal took these values, and its stamp in the CRM since."""
    _put(
        connection,
        [
            {
                "deal": one.row,
                "field": one.field,
                "value": one.value,
                "pending": None,
                "modified_at": modified_at,
                "written_at": now,
            }
            for one in values
        ],
    )


def decline(connection: Connection, values: Sequence[FieldValue], code: str) -> None:
    """Keep that these values were not written, so that they are not tried again each night."""
    _put(
        connection,
        [
            {
                "deal": one.row,
                "field": one.field,
                "pending": None,
                "declined": one.value,
                "code": code,
            }
            for one in values
        ],
    )


def drop_pending(connection: Connection, fields: Iterable[tuple[int, str]]) -> None:
    """Keep that what was reserved was surely not written."""
    for row, field in fields:
        is_it = (write_backs.c.deal == row) & (write_backs.c.field == field)
        connection.execute(update(write_backs).where(is_it).values(pending=None))


def unanswered(connection: Connection, source: str) -> list[Unanswered]:
    """Return what was sent to a source's deals and never answered for."""
    found = (
        select(
            write_backs.c.deal,
            deals.c.deal_id,
            write_backs.c.field,
            write_backs.c.value,
            write_backs.c.pending,
        )
        .join(deals, deals.c.id == write_backs.c.deal)
        .where(write_backs.c.pending.is_not(None), deals.c.source == source)
        .order_by(write_backs.c.deal)
    )
    return [Unanswered._make(row) for row in connection.execute(found)]


def reconsider(connection: Connection, rows: Collection[int]) -> None:
    """Let what was kept from deals that have changed be tried again: its field may be empty now."""
    if rows:
        is_declined = write_backs.c.declined.is_not(None)
        is_one = write_backs.c.deal.in_(bindparam("rows", expanding=True))
        found = update(write_backs).where(is_one, is_declined).values(declined=None, code=None)
        connection.execute(found, {"rows": sorted(rows)})


def save_read(connection: Connection, source: str, chunk: Sequence[Deal], now: datetime) -> Saved:
    """Save deals as they were read; one that nothing but our writing has changed is as it was.

    What was kept from a deal that has changed may be tried again.
    """
    saved = stored.save(connection, source, as_people_left(connection, source, chunk), now=now)
    reconsider(connection, [one.row for one in saved.changed if not one.is_new])
    return saved


def as_people_left(connection: Connection, source: str, chunk: Sequence[Deal]) -> list[Deal]:
    """Return deals as read, but with their former stamp where nothing has changed but by us.

    So they are known: neither stored nor planned anew.
    """
    if not chunk or connection.execute(select(write_backs.c.deal).limit(1)).first() is None:
        return list(chunk)
    ours = func.max(write_backs.c.modified_at)
    found = (
        select(deals.c.deal_id, deals.c.id, deals.c.modified_at, deals.c.digest, ours)
        .join(write_backs, write_backs.c.deal == deals.c.id)
        .where(deals.c.source == source)
        .where(deals.c.deal_id.in_(bindparam("deal_ids", expanding=True)))
        .group_by(deals.c.deal_id, deals.c.id, deals.c.modified_at, deals.c.digest)
    )
    asked = {"deal_ids": [deal.deal_id for deal in chunk]}
    touched = {deal_id: rest for deal_id, *rest in connection.execute(found, asked)}
    return [
        _as_before(deal, *touched[deal.deal_id]) if deal.deal_id in touched else deal
        for deal in chunk
    ]


def _as_before(
    deal: Deal, row: int, before: datetime | None, digest: bytes, ours: datetime | None
) -> Deal:
    if deal.modified_at is None or before is None or ours is None:
        return deal
    if not before < deal.modified_at <= ours:
        return deal
    known_as = structs.replace(deal, modified_at=before)
    return known_as if DealRow.of(row, known_as).digest == digest else deal


def forget(connection: Connection, rows: Sequence[int]) -> None:
    """Erase what was written into these deals."""
    is_one = write_backs.c.deal.in_(bindparam("rows", expanding=True))
    connection.execute(delete(write_backs).where(is_one), {"rows": list(rows)})


def _put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write fields of rows, which all name the same columns; others keep what they hold."""
    if not rows:
        return
    new = dialect.upsert(write_backs, connection).values(list(rows))
    given = {name: new.excluded[name] for name in rows[0] if name not in ("deal", "field")}
    connection.execute(new.on_conflict_do_update(index_elements=["deal", "field"], set_=given))
