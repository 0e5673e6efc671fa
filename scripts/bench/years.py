"""Lets years pass in a settled ledger: night after night, some amounts change and are sent again.

    python -m scripts.bench.years DATABASE EVENTS

Every event is the product's own, appended by the product's own writer, until the log has so many.
What they make of the ledger is written by a statement a night, in place of a row at a time: some
minutes, where the real nights would take days. `audit verify` holds for the ledger that is left.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import func, insert, select, text

from convsync import audit
from convsync.model.event import Event, EventKind
from convsync.model.ledger import State
from convsync.model.moves import reserved_together, settled_together
from convsync.model.outcome import Accepted, Confirmed
from convsync.model.replay import Recorded
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation
from convsync.store import audit_log, recount, row_record, runs
from convsync.store.database import Connection, Database
from convsync.store.schema import batches, deals
from convsync.store.schema import runs as runs_table

_A_NIGHT = 10_000
"""How many deals change in one."""
_A_REQUEST = 2_000
_CHANGED = """
    UPDATE ledger SET state = 'confirmed', operation = 'restate', run_id = :run,
        value = (50 + (id * 37 + :run) % 5000) * 1000000,
        told_value = (50 + (id * 37 + :run) % 5000) * 1000000, told_currency = currency,
        batch_id = :batch
    WHERE id IN (SELECT value FROM json_each(:entries))
"""


def main() -> None:
    """Let nights pass until the log is as long as was asked for."""
    path, most = sys.argv[1], int(sys.argv[2])
    with closing(Database(f"sqlite:///{path}")) as database:
        for night, (first, upto) in zip(_nights(database), _slices(database), strict=False):
            with database.transaction("a night") as connection:
                pass_night(connection, night, first, upto)
                number = audit_log.last(connection).head.number
            if number >= most:
                break
        with database.transaction("recount") as connection:
            recount.recount(connection)
    print(f"{number:,} events")


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


def pass_night(connection: Connection, at: datetime, first: int, upto: int) -> None:
    """Restate the conversions of these deals, and let the platform confirm it."""
    run = runs.begin_unlocked(connection, "run", as_of=at, real_now=at)
    started = Event(EventKind.RUN_STARTED, {"command": "run", "as_of": at.isoformat()})
    names = audit_log.names_of_deals(connection, first, upto)
    changed = [
        (row[1], record)
        for row in row_record.rows_of_deals(connection, first, upto)
        if (record := row_record.record_of(row)) is not None and record.told is not None
    ]
    restated = [_restated(run, deal, *names[deal], record) for deal, record in changed]
    audit.record(connection, [started, *restated], run_id=run, at=at)
    for start in range(0, len(changed), _A_REQUEST):
        some = [record for _, record in changed[start : start + _A_REQUEST]]
        _send(connection, run, at, some)
    ended = {"exit_code": 0, "message": "", "uploads": len(changed)}
    audit.record(connection, [Event(EventKind.RUN_FINISHED, ended)], run_id=run, at=at)
    number, digest = audit.head_of(connection)
    runs.finish(
        connection,
        run,
        real_now=at,
        exit_code=0,
        message="",
        uploads=len(changed),
        summary={},
        audit_number=number,
        audit_digest=digest,
    )


def _restated(run: int, deal: int, source: str, deal_id: str, record: Recorded) -> Event:
    """Return the event that `moves.corrected` gives of another amount."""
    detail = {
        "state": State.PLANNED,
        "operation": Operation.RESTATE,
        "event_at": record.event_at,
        "value": f"{50 + (record.entry * 37 + run) % 5000}.00",
        "currency": record.currency,
        "click": record.click,
        "about": record.about,
        "rule": record.rule,
    }
    return Event(EventKind.RESTATED, detail, source, deal_id, record.order_id, deal)


def _send(connection: Connection, run: int, at: datetime, some: Sequence[Recorded]) -> None:
    """Reserve a request, and write down that the platform took and confirmed it."""
    action = ConversionAction(destination=some[0].destination, action_id=some[0].action)
    numbers = [record.entry for record in some]
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
    batch = connection.execute(made).scalar_one()
    together = [
        reserved_together(numbers, batch, action),
        settled_together(numbers, Accepted(request_id=request_id), batch, action),
        settled_together(numbers, Confirmed(), batch, action),
    ]
    events = [move.event for move in together if move is not None]
    audit.record(connection, events, run_id=run, at=at)
    entries = f"[{','.join(map(str, numbers))}]"
    connection.execute(text(_CHANGED), {"run": run, "batch": batch, "entries": entries})


if __name__ == "__main__":
    main()
