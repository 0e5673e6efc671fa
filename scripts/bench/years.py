"""Lets years pass in a settled ledger: night after night, some amounts change and are sent again.

    python -m scripts.bench.years DATABASE EVENTS

Every event is one that the product writes, sealed and chained by its own functions, until the log
has so many. What does not change of an event from one year to the next is written once and kept;
what the nights make of the ledger is written at the end, for only the last of them shows there. So
years pass in minutes, where the real nights would take days. `audit verify` holds for the ledger
that is left.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from msgspec.json import encode
from sqlalchemy import event, func, insert, select, text, update

from convsync import audit
from convsync.model.chain import LoggedEvent, chained
from convsync.model.event import Event, EventKind
from convsync.model.ledger import State
from convsync.model.moves import reserved_together, settled_together
from convsync.model.outcome import Accepted, Confirmed
from convsync.model.replay import Recorded
from convsync.model.rule import ConversionAction
from convsync.model.seal import sealed
from convsync.model.statement import Operation
from convsync.store import audit_log, dialect, recount, row_record, runs
from convsync.store.database import Connection, Database
from convsync.store.dialect import Alike
from convsync.store.schema import audit_blocks, audit_events, audit_head, batches, deals
from convsync.store.schema import runs as runs_table

_A_NIGHT = 10_000
"""How many deals change in one."""
_A_REQUEST = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHANGED = """
    UPDATE ledger SET state = 'confirmed', operation = 'restate', run_id = :run,
        value = (50 + (id * 37 + :run) % 5000) * 1000000,
        told_value = (50 + (id * 37 + :run) % 5000) * 1000000, told_currency = currency,
        batch_id = :batch
    WHERE id IN (SELECT value FROM json_each(:entries))
"""


class Changing(NamedTuple):
    """A conversion whose value changes, and the event that says so but for the value."""

    entry: int
    destination: str
    action: str
    rule: str
    deal: int
    source: str
    deal_id: str
    order_id: str
    until_value: str
    after_value: str


class Passed(NamedTuple):
    """What a night left of a slice of deals: its run, and each batch with its entries."""

    run: int
    sent: Sequence[tuple[int, Sequence[int]]]


def main() -> None:
    """Let nights pass until the log is as long as was asked for."""
    path, most = sys.argv[1], int(sys.argv[2])
    with closing(Database(f"sqlite:///{path}")) as database:
        event.listen(database.engine, "connect", _hurry)
        number = pass_years(database, most)
    print(f"{number:,} events")


def pass_years(database: Database, most: int) -> int:
    """Let nights pass until the log has so many events; return how many it has."""
    changing: dict[int, Sequence[Changing]] = {}
    passed: dict[int, Passed] = {}
    for night, (first, upto) in zip(_nights(database), _slices(database), strict=False):
        with database.transaction("a night") as connection:
            if first not in changing:
                changing[first] = [*_changing(connection, first, upto)]
            passed[first] = _pass_night(connection, night, changing[first])
            number = audit_log.last(connection).head.number
        if number >= most:
            break
    with database.transaction("what is left") as connection:
        for one in passed.values():
            for batch, entries in one.sent:
                numbers = f"[{','.join(map(str, entries))}]"
                left = {"run": one.run, "batch": batch, "entries": numbers}
                connection.execute(text(_CHANGED), left)
        recount.recount(connection)
    return number


def _hurry(connection: Any, _: Any) -> None:
    """Wait for no disk: a ledger that is cut off is grown anew."""
    connection.execute("PRAGMA synchronous = OFF")


def _nights(database: Database) -> Iterator[datetime]:
    """Yield the nights that follow the latest one."""
    with database.reading() as connection:
        latest: datetime = connection.execute(select(func.max(runs_table.c.as_of))).scalar_one()
    return (latest.astimezone(UTC) + timedelta(days=number) for number in count(1))


def _slices(database: Database) -> Iterator[tuple[int, int]]:
    """Yield ranges of deals' rows, from the first to the last, over and over."""
    with database.reading() as connection:
        newest = connection.execute(select(func.max(deals.c.id))).scalar_one()
    while True:
        yield from ((first, first + _A_NIGHT) for first in range(0, newest, _A_NIGHT))


def _changing(connection: Connection, first: int, upto: int) -> Iterator[Changing]:
    """Yield the conversions of these deals that the platform counts."""
    names = audit_log.names_of_deals(connection, first, upto)
    seal = audit_log.last(connection).seal
    for row in row_record.rows_of_deals(connection, first, upto):
        deal, record = row[1], row_record.record_of(row)
        if record is not None and record.told is not None:
            until, _, after = _detail_of(record, seal).partition(_VALUE)
            ours = (record.entry, record.destination, record.action, record.rule)
            yield Changing(*ours, deal, *names[deal], record.order_id, until, after)


def _detail_of(record: Recorded, seal: bytes) -> str:
    """Return what the event says that `moves.corrected` gives of another amount."""
    detail = {
        "state": State.PLANNED,
        "operation": Operation.RESTATE,
        "event_at": record.event_at,
        "value": _VALUE,
        "currency": record.currency,
        "click": record.click,
        "about": record.about,
        "rule": record.rule,
    }
    return encode(sealed(detail, record.order_id, seal)).decode()


_VALUE = "VALUE"


def _pass_night(connection: Connection, at: datetime, changing: Sequence[Changing]) -> Passed:
    """Restate these conversions, and let the platform confirm it."""
    run = runs.begin_unlocked(connection, "run", as_of=at, real_now=at)
    started = Event(EventKind.RUN_STARTED, {"command": "run", "as_of": at.isoformat()})
    audit.record(connection, [started], run_id=run, at=at)
    _restate(connection, run, at, changing)
    parts = [changing[start : start + _A_REQUEST] for start in range(0, len(changing), _A_REQUEST)]
    sent = [(_send(connection, run, at, some), [one.entry for one in some]) for some in parts]
    ended = {"exit_code": 0, "message": "", "uploads": len(changing)}
    audit.record(connection, [Event(EventKind.RUN_FINISHED, ended)], run_id=run, at=at)
    number, digest = audit.head_of(connection)
    runs.finish(
        connection,
        run,
        real_now=at,
        exit_code=0,
        message="",
        uploads=len(changing),
        summary={},
        audit_number=number,
        audit_digest=digest,
    )
    return Passed(run, sent)


def _restate(connection: Connection, run: int, at: datetime, changing: Sequence[Changing]) -> None:
    """Append an event for each, chained to the one before, and the block that they are."""
    values = [50 + (one.entry * 37 + run) % 5000 for one in changing]
    details = [
        f"{one.until_value}{value}.00{one.after_value}"
        for one, value in zip(changing, values, strict=True)
    ]
    before, kind = audit_log.tail(connection).head, EventKind.RESTATED.value
    instant = (at - _EPOCH) // timedelta(microseconds=1)
    number, digest = before
    digests = []
    for one, detail in zip(changing, details, strict=True):
        number += 1
        whom = (one.source, one.deal_id, one.order_id)
        digest = chained(digest, LoggedEvent(number, instant, run, kind, *whom, detail), None)
        digests.append(digest)
    columns = {
        "number": range(before.number + 1, number + 1),
        "at": Alike(at),
        "run_id": Alike(run),
        "event": Alike(kind),
        **{name: [getattr(one, name) for one in changing] for name in _WHOM},
        "detail": details,
        "digest": digests,
    }
    dialect.insert_columns(connection, audit_events, columns, len(changing))
    connection.execute(update(audit_head).values(number=number, digest=digest))
    block = {
        "first": before.number + 1,
        "last": number,
        "run_id": run,
        "at": at,
        "kinds": kind,
        "rules": "\n".join(sorted({one.rule for one in changing})),
        "codes": "",
        "least": min(values),
        "most": max(values),
        "amounts": array("f", values).tobytes(),
    }
    connection.execute(insert(audit_blocks).values(block))


_WHOM = ("source", "deal_id", "order_id", "deal")


def _send(connection: Connection, run: int, at: datetime, some: Sequence[Changing]) -> int:
    """Reserve a request, and write down that the platform took and confirmed it; return which."""
    action = ConversionAction(destination=some[0].destination, action_id=some[0].action)
    numbers = [one.entry for one in some]
    request_id = f"years-{run}-{numbers[0]}"
    request = {
        "run_id": run,
        "destination": action.destination,
        "action_id": action.action_id,
        "state": "settled",
        "rows": len(numbers),
        "reserved_at": at,
        "answered_at": at,
        "request_id": request_id,
    }
    made = insert(batches).values(request).returning(batches.c.id)
    batch: int = connection.execute(made).scalar_one()
    together = [
        reserved_together(numbers, batch, action),
        settled_together(numbers, Accepted(request_id=request_id), batch, action),
        settled_together(numbers, Confirmed(), batch, action),
    ]
    events = [move.event for move in together if move is not None]
    audit.record(connection, events, run_id=run, at=at)
    return batch


if __name__ == "__main__":
    main()
