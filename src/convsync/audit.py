"""What happened, appended as it happens, each event chained to the one before.

An event's digest is SHA-256 over the digest before it and the event's own content, so an event that
is changed, removed or slipped in breaks every digest after it; each run's row remembers the log's
head at its end, so a tail cannot be cut off unnoticed either. Events hold order IDs, click IDs,
hashes, codes, request IDs, amounts and times, and no raw personal data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from convsync.model.event import Event
from convsync.model.ledger import Move
from convsync.store import audit_log, ledger
from convsync.store.audit_log import GENESIS, Row
from convsync.store.database import Database


def write(
    connection: Any,
    moves: Sequence[Move],
    *,
    run_id: int,
    at: datetime,
    events: Iterable[Event] | None = None,
) -> None:
    """Write moves to the ledger together with their events: there is no other way to do either.

    `events` stand for those of the moves where one event says what several moves did.
    """
    ledger.write(connection, moves)
    said = [move.event for move in moves] if events is None else events
    record(connection, said, run_id=run_id, at=at)


def record(connection: Any, events: Iterable[Event], *, run_id: int, at: datetime) -> None:
    """Append events within the transaction that made them true."""
    number, digest = audit_log.head(connection)
    instant = at.isoformat()
    rows = []
    for event in events:
        number += 1
        detail = to_json(event.detail).decode()
        kind, who = event.kind.value, (event.source, event.deal_id, event.order_id)
        digest = _chained(digest, number, instant, run_id, kind, who, detail)
        rows.append(Row(number, at, run_id, kind, *who, detail, digest, event.deal_row))
    audit_log.append(connection, rows)


def _chained(
    before: bytes,
    number: int,
    at: str,
    run_id: int,
    kind: str,
    who: tuple[str | None, str | None, str | None],
    detail: str,
) -> bytes:
    whom = ("-" if name is None else f"={name}" for name in who)
    said = "\0".join((str(number), at, str(run_id), kind, *whom, detail))
    return sha256(before + said.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where the log is not what was once written."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `verify` found: how many events it read, and where the chain breaks, if it does."""

    events: int
    broken: Break | None = None


def verify(database: Database) -> Verified:
    """Recompute every digest, and compare the heads that the log and its runs remember."""
    with database.reading() as connection:
        anchors = audit_log.anchors(connection)
        count = 0
        for count, problem in _checked(audit_log.events(connection), anchors):
            if problem:
                return Verified(events=count, broken=Break(number=count, problem=problem))
        missing = [number for number in anchors if number > count]
        if missing:
            problem = f"the log ends here, but event {max(missing)} was once written"
            return Verified(events=count, broken=Break(number=count, problem=problem))
        head = max(anchors, default=0)
        if count > head:
            problem = f"the log's head is event {head}, so this one was slipped in behind it"
            return Verified(events=count, broken=Break(number=head + 1, problem=problem))
        if number := audit_log.misfiled(connection):
            problem = f"event {number} is kept under another deal than it names"
            return Verified(events=count, broken=Break(number=number, problem=problem))
        return Verified(events=count)


def _checked(rows: Iterable[Row], anchors: Mapping[int, bytes]) -> Iterator[tuple[int, str | None]]:
    digest = GENESIS
    for expected, row in enumerate(rows, start=1):
        who = (row.source, row.deal_id, row.order_id)
        at = row.at.isoformat()
        digest = _chained(digest, row.number, at, row.run_id, row.event, who, row.detail)
        if row.number != expected:
            yield expected, f"event {expected} is missing"
        elif digest != row.digest:
            yield expected, f"event {expected} or its digest was edited"
        elif anchors.get(expected, digest) != digest:
            yield expected, f"event {expected} is not the one a run's row remembers"
        else:
            yield expected, None
