"""The audit log's table: append-only, numbered, and chained.

The number and digest of the last event stand in a row of their own, which every writer locks; two
processes can never write events with one number, and what is cut off the end leaves a mark. There
also stands since which event the log is keyed, and with which key: every event from that one on.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from convsync.model.chain import GENESIS, Head, LoggedEvent
from convsync.model.record import is_named
from convsync.store import dialect
from convsync.store.pages import PAGE, paged
from convsync.store.schema import IS_TOGETHER, audit_events, audit_head, deals, ledger, runs


class AuditRow(NamedTuple):
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


class Tail(NamedTuple):
    """Where the log ends, and since which event it is keyed; None: it is not."""

    head: Head
    keyed_since: int | None
    key_id: bytes | None


class OfDeal(NamedTuple):
    """What a replay needs of an event about a deal."""

    deal: int
    number: int
    run_id: int
    event: str
    order_id: str
    detail: str


_COLUMNS = [audit_events.c[name] for name in AuditRow._fields]


def key_of(connection: Connection) -> bytes | None:
    """Return the key of the digests, None where the database was opened without one."""
    key: bytes | None = connection.get_execution_options().get("convsync_audit_key")
    return key


def head(connection: Connection) -> Head:
    """Return the number and digest of the last event, and lock them until the commit."""
    return tail(connection).head


def tail(connection: Connection) -> Tail:
    """Return where the log ends, and lock it until the commit."""
    found = connection.execute(select(audit_head).with_for_update()).first()
    if found is None:
        connection.execute(insert(audit_head).values(id=1, number=0, digest=GENESIS))
        return Tail(Head(0, GENESIS), None, None)
    return Tail(Head(found.number, found.digest), found.keyed_since, found.key_id)


def last(connection: Connection) -> Tail:
    """Return where the log ends, locking nothing."""
    found = connection.execute(select(audit_head)).first()
    if found is None:
        return Tail(Head(0, GENESIS), None, None)
    return Tail(Head(found.number, found.digest), found.keyed_since, found.key_id)


def append(connection: Connection, rows: Sequence[AuditRow]) -> None:
    """Write events that follow the head, and move it to the last of them."""
    if not rows:
        return
    dialect.insert_rows(connection, audit_events, AuditRow._fields, rows)
    newest = rows[-1]
    connection.execute(update(audit_head).values(number=newest.number, digest=newest.digest))


def begin_keyed(connection: Connection, number: int, key_id: bytes) -> None:
    """Note that every event from `number` on is keyed, and with which key."""
    connection.execute(update(audit_head).values(keyed_since=number, key_id=key_id))


def digest_at(connection: Connection, number: int) -> bytes | None:
    """Return the digest of an event, None where there is no such event."""
    found = select(audit_events.c.digest).where(audit_events.c.number == number)
    return connection.execute(found).scalar()


def written_at(connection: Connection, number: int) -> datetime | None:
    """Return when an event was written, None where there is no such event."""
    found = select(audit_events.c.at).where(audit_events.c.number == number)
    return connection.execute(found).scalar()


def events(
    connection: Connection,
    *,
    run_id: int | None = None,
    event: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    newest: int | None = None,
) -> Iterator[AuditRow]:
    """Yield events in their order, a page at a time; `newest` keeps only so many from the end."""
    found = select(*_COLUMNS)
    for column, value in (
        (audit_events.c.run_id, run_id),
        (audit_events.c.event, event),
    ):
        if value is not None:
            found = found.where(column == value)
    if since is not None:
        found = found.where(audit_events.c.at >= since)
    if until is not None:
        found = found.where(audit_events.c.at < until)
    if newest is not None:
        first = found.with_only_columns(audit_events.c.number)
        found = found.where(
            audit_events.c.number.in_(first.order_by(audit_events.c.number.desc()).limit(newest))
        )
    return (AuditRow(*row) for row in paged(connection, found, audit_events.c.number))


def of_deal(connection: Connection, deal_id: str) -> list[AuditRow]:
    """Return the events about a deal, in their order.

    What many conversions did at once is told of each one of the deal's own, by its order ID.
    """
    its_rows = select(deals.c.id).where(deals.c.deal_id == deal_id)
    alone = select(*_COLUMNS).where(audit_events.c.deal.in_(its_rows))
    found = [AuditRow(*row) for row in connection.execute(alone)]
    conversions = (
        select(ledger.c.id, deals.c.source, deals.c.id.label("deal"), ledger.c.order_id)
        .join(deals, deals.c.id == ledger.c.deal)
        .where(deals.c.deal_id == deal_id)
    )
    its_own = connection.execute(conversions).all()
    together = select(*_COLUMNS).where(IS_TOGETHER)
    for event in paged(connection, together, audit_events.c.number):
        spans = from_json(event.detail)["entries"]
        found += (
            AuditRow(*event)._replace(
                source=one.source, deal_id=deal_id, order_id=one.order_id, deal=one.deal
            )
            for one in its_own
            if is_named(one.id, spans)
        )
    return sorted(found, key=lambda row: row.number)


# What a verification reads


def chain(connection: Connection) -> Iterator[list[Any]]:
    """Yield all events in their order, a page at a time: the fields of `LoggedEvent`, the digest.

    They are plain tuples, for it takes as long to name their fields as to compute their digests.
    """
    after = -1 << 62
    while rows := dialect.raw_rows(connection, _CHAIN, after=after):
        yield rows
        after = rows[-1][0]


_AT = type_coerce(audit_events.c.at, BigInteger)
_CHAIN = (
    select(*(_AT if name == "at" else audit_events.c[name] for name in LoggedEvent._fields))
    .add_columns(audit_events.c.digest)
    .where(audit_events.c.number > bindparam("after"))
    .order_by(audit_events.c.number)
    .limit(PAGE)
)


def of_deals(connection: Connection, after: int, upto: int) -> list[OfDeal]:
    """Return the events about conversions of the deals with these rows, in their order."""
    found = dialect.raw_rows(connection, _OF_DEALS, after=after, upto=upto)
    return sorted(map(OfDeal._make, found), key=itemgetter(1))


_OF_DEALS = (
    select(*(audit_events.c[name] for name in OfDeal._fields))
    .where(audit_events.c.deal > bindparam("after"), audit_events.c.deal <= bindparam("upto"))
    .where(audit_events.c.order_id.is_not(None))
)


def misfiled(connection: Connection, moved: Collection[tuple[str, str]] = ()) -> int | None:
    """Return the number of the first event whose `deal` is not the one it names.

    `moved` names sources that were renamed since, as they were and as they are.
    """
    names = tuple_(audit_events.c.source, deals.c.source)
    is_another = or_(
        deals.c.deal_id != audit_events.c.deal_id,
        and_(deals.c.source != audit_events.c.source, names.not_in(list(moved))),
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
    newest = last(connection).head
    return {**remembered, newest.number: newest.digest} if newest.number else remembered
