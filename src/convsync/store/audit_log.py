"""The audit log's table: append-only, numbered, and chained.

The number and digest of the last event stand in a row of their own, which every writer locks; two
processes can never write events with one number, and what is cut off the end leaves a mark. There
also stands since which event the log is keyed, and with which key: every event from that one on;
the key by which events keep click IDs (`model.seal`); and up to which event the log was sealed in a
file, and which event says so: what is left begins after that (`sealing`).
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from secrets import token_bytes
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
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
from convsync.store import dialect
from convsync.store.schema import audit_events, audit_head, deals, runs


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
    """Where the log ends, and since which event it is keyed; None: it is not.

    `seal` is the key by which events keep click IDs and what is said of people. The log begins
    after the event that is the head `begins`; `sealed_in` is the number of the event that says so,
    None where nothing was sealed and the log begins with its first event.
    """

    head: Head
    keyed_since: int | None
    key_id: bytes | None
    seal: bytes
    begins: Head = Head(0, GENESIS)
    sealed_in: int | None = None


class OfDeal(NamedTuple):
    """What a replay needs of an event about a deal."""

    deal: int
    number: int
    run_id: int
    event: str
    order_id: str
    detail: str


_AT_ONCE = 100
"""How many events are read at once: one may say something of each of hundreds of deals."""
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
    found = connection.execute(_TAIL).first()
    if found is None:
        seal = token_bytes(16)
        begun = {"id": 1, "number": 0, "digest": GENESIS, "seal": seal}
        connection.execute(insert(audit_head).values(begun))
        return Tail(Head(0, GENESIS), None, None, seal)
    return _tail(found)


def last(connection: Connection) -> Tail:
    """Return where the log ends, locking nothing."""
    found = connection.execute(select(audit_head)).first()
    if found is None:
        return Tail(Head(0, GENESIS), None, None, b"")
    return _tail(found)


def _tail(found: Row[Any]) -> Tail:
    newest = Head(found.number, found.digest)
    begins = Head(0, GENESIS) if found.sealed is None else Head(found.sealed, found.sealed_digest)
    return Tail(newest, found.keyed_since, found.key_id, found.seal, begins, found.sealed_in)


def append(connection: Connection, rows: Sequence[AuditRow]) -> None:
    """Write events that follow the head, and move it to the last of them."""
    if not rows:
        return
    dialect.insert_rows(connection, audit_events, AuditRow._fields, rows)
    newest = rows[-1]
    connection.execute(_TO, {"to": newest.number, "with": newest.digest})


_TAIL = select(audit_head).with_for_update()
_TO = update(audit_head).values(number=bindparam("to"), digest=bindparam("with"))


def begin_keyed(connection: Connection, number: int, key_id: bytes) -> None:
    """Note that every event from `number` on is keyed, and with which key."""
    connection.execute(update(audit_head).values(keyed_since=number, key_id=key_id))


def digest_at(connection: Connection, number: int) -> bytes | None:
    """Return the digest of an event, None where there is no such event.

    The last event that was sealed is known by its digest, too.
    """
    found = select(audit_events.c.digest).where(audit_events.c.number == number)
    digest: bytes | None = connection.execute(found).scalar()
    if digest is not None:
        return digest
    begins = last(connection).begins
    return begins.digest if number == begins.number else None


def written_at(connection: Connection, number: int) -> datetime | None:
    """Return when an event was written, None where there is no such event."""
    found = select(audit_events.c.at).where(audit_events.c.number == number)
    return connection.execute(found).scalar()


# What a verification reads


def chain(connection: Connection, *, after: int = -1 << 62) -> Iterator[list[Any]]:
    """Yield all events after a number in their order, a page at a time.

    Each is a plain tuple of the fields of `LoggedEvent` and the digest: to name the fields takes as
    long as to compute the digest.
    """
    while rows := dialect.raw_rows(connection, _CHAIN, after=after):
        yield rows
        after = rows[-1][0]


_AT = type_coerce(audit_events.c.at, BigInteger)
_CHAIN = (
    select(*(_AT if name == "at" else audit_events.c[name] for name in LoggedEvent._fields))
    .add_columns(audit_events.c.digest)
    .where(audit_events.c.number > bindparam("after"))
    .order_by(audit_events.c.number)
    .limit(_AT_ONCE)
)


def numbered(
    connection: Connection, numbers: Sequence[int]
) -> Iterator[tuple[int, int, str, str, str]]:
    """Yield number, run, kind, source and detail of these events, one held at a time."""
    for number in numbers:
        yield from dialect.raw_rows(connection, _NUMBERED, number=number)


_NUMBERED = select(
    *(audit_events.c[name] for name in ("number", "run_id", "event", "source", "detail"))
).where(audit_events.c.number == bindparam("number"))


def of_deals(connection: Connection, after: int, upto: int) -> list[OfDeal]:
    """Return the events about conversions of the deals with these rows, in their order."""
    found = dialect.raw_rows(connection, _OF_DEALS, after=after, upto=upto)
    return sorted(map(OfDeal._make, found), key=itemgetter(1))


_OF_DEALS = (
    select(*(audit_events.c[name] for name in OfDeal._fields))
    .where(audit_events.c.deal > bindparam("after"), audit_events.c.deal <= bindparam("upto"))
    .where(audit_events.c.order_id.is_not(None))
)


def names_of_deals(connection: Connection, after: int, upto: int) -> dict[int, tuple[str, str]]:
    """Return source and ID of the deals with these rows."""
    found = select(deals.c.id, deals.c.source, deals.c.deal_id).where(
        deals.c.id > after, deals.c.id <= upto
    )
    return {row: (source, name) for row, source, name in dialect.raw_rows(connection, found)}


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
    """Return the log's head, and the heads that past runs remembered, by number.

    Those whose events were sealed are left out: nothing leads to them.
    """
    newest, begins = last(connection).head, last(connection).begins
    found = select(runs.c.audit_number, runs.c.audit_digest).where(
        runs.c.audit_number > begins.number, runs.c.audit_digest.is_not(None)
    )
    remembered = {row.audit_number: row.audit_digest for row in connection.execute(found)}
    return {**remembered, newest.number: newest.digest} if newest.number else remembered
