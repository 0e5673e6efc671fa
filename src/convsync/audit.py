"""What happened, appended as it happens, each event chained to the one before.

Every event is written in the transaction that made it true, and every move of the ledger together
with its event. `model.chain` says how the chain holds, `verification` what it proves. Each run's
row remembers the log's head at its end, so a tail cannot be cut off unnoticed either. Events hold
order IDs, codes, request IDs, amounts and times, and of click IDs and people a keyed digest alone,
so that a person can be forgotten and the chain still holds (`model.seal`).

A log that is keyed stays keyed: without its key nothing is appended, or somebody who takes the
key out of the config could continue it with digests that anybody can compute.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.json import encode

from convsync.errors import OperatorError
from convsync.model.chain import Head, LoggedEvent, chained, key_id
from convsync.model.event import Event
from convsync.model.ledger import Move, MoveTogether
from convsync.model.planned import PlannedTogether
from convsync.model.seal import sealed
from convsync.store import audit_blocks, audit_log, ledger, new_entries
from convsync.store.audit_log import AuditRow, Tail
from convsync.store.database import Connection
from convsync.store.sums import Alike

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(
    connection: Connection,
    moves: Sequence[Move],
    *,
    planned: Sequence[PlannedTogether] = (),
    run_id: int,
    at: datetime,
) -> None:
    """Write moves to the ledger together with their events: there is no other way to do either.

    What is `planned` together is new, and written first.
    """
    new_entries.insert(connection, planned)
    ledger.write(connection, moves)
    events = [one.event for one in planned] + [move.event for move in moves]
    record(connection, events, run_id=run_id, at=at)


def write_together(
    connection: Connection,
    move: MoveTogether,
    *,
    run_id: int,
    at: datetime,
    before: Sequence[Alike] | None = None,
) -> Sequence[Alike]:
    """Write a move that many entries take alike, with its one event.

    `before` and what is returned are those of `ledger.write_together`.
    """
    alike = ledger.write_together(connection, move, before)
    record(connection, [move.event], run_id=run_id, at=at)
    return alike


def record(connection: Connection, events: Iterable[Event], *, run_id: int, at: datetime) -> None:
    """Append events within the transaction that made them true.

    Raises OperatorError where the log is keyed, and not with the key at hand.
    """
    tail, key = audit_log.tail(connection), audit_log.key_of(connection)
    _require_key(tail, key)
    number, digest = tail.head
    instant = (at - _EPOCH) // timedelta(microseconds=1)
    rows = []
    appended = list(events)
    audit_blocks.add(connection, appended, first=number + 1, run_id=run_id, at=at)
    for event in appended:
        number += 1
        detail = encode(sealed(event.detail, event.order_id, tail.seal)).decode()
        kind, who = event.kind.value, (event.source, event.deal_id, event.order_id)
        digest = chained(digest, LoggedEvent(number, instant, run_id, kind, *who, detail), key)
        rows.append(AuditRow(number, at, run_id, kind, *who, detail, digest, event.deal_row))
    audit_log.append(connection, rows)
    if rows and key is not None and tail.keyed_since is None:
        audit_log.begin_keyed(connection, rows[0].number, key_id(key))


def head_of(connection: Connection) -> Head:
    """Return the last event's number and digest; `str` of it is what a run's last line shows."""
    return audit_log.last(connection).head


def _require_key(tail: Tail, key: bytes | None) -> None:
    if tail.keyed_since is None:
        return
    since = f"The audit log is keyed since event {tail.keyed_since}"
    if key is None:
        raise OperatorError(
            f"{since}, and there is no key. Set CONVSYNC_AUDIT__KEY again: without it nothing can "
            "be appended, or anyone could extend the log."
        )
    if key_id(key) != tail.key_id:
        raise OperatorError(
            f"{since} with another key than CONVSYNC_AUDIT__KEY. Set the key it was keyed with."
        )
