"""The ad accounts' lists that keep audiences, and the requests that changed them."""

import json
from collections.abc import Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, func, insert, null, select, update

from convsync.model.audience import Audience, Change, ListTerms
from convsync.store.schema import audience_batches, audience_lists, audience_members


class KeptList(Struct, frozen=True, kw_only=True):
    """A list that keeps an audience, or did.

    `code` is our own name for it at the platform, under which it is found again where the answer to
    its making was lost; a list that another ledger has made is not found by it. `list_id` is the
    platform's, None before it is known; `terms` are what it was last made or changed to. One that
    `is_doubtful` may hold people of whom a restored ledger knows nothing.
    """

    row: int
    audience: str
    destination: str
    code: str
    list_id: str | None
    terms: ListTerms | None
    is_doubtful: bool = False


class AudienceBatch(Struct, frozen=True, kw_only=True):
    """One request that changed a list, and what came of it."""

    number: int
    list_row: int
    run_id: int
    change: Change
    state: str
    request_id: str | None
    members: int
    identifiers: int
    reserved_at: datetime
    answered_at: datetime | None
    outcome: Mapping[str, Any]


# Lists


def all_lists(connection: Connection) -> list[KeptList]:
    """Return every list there is or was, in the order in which they were begun."""
    found = select(audience_lists).order_by(audience_lists.c.id)
    return [_list(row) for row in connection.execute(found).mappings()]


def list_of(connection: Connection, audience: Audience) -> KeptList:
    """Return the list that keeps an audience; one that is not there yet is begun, with a code."""
    found = select(audience_lists).where(
        audience_lists.c.audience == audience.name,
        audience_lists.c.destination == audience.destination,
    )
    row = connection.execute(found).mappings().first()
    if row is None:
        new = {
            "audience": audience.name,
            "destination": audience.destination,
            "code": f"convsync-{audience.name}-{token_hex(8)}",
        }
        connection.execute(insert(audience_lists).values(new))
        row = connection.execute(found).mappings().one()
    return _list(row)


def note_made(connection: Connection, list_row: int, list_id: str, terms: ListTerms) -> None:
    """Note that a list is there, under the platform's number, and what it was made with."""
    made = {"list_id": list_id, "terms": json.dumps(structs.asdict(terms), ensure_ascii=False)}
    connection.execute(update(audience_lists).where(audience_lists.c.id == list_row).values(made))


def doubt_all(connection: Connection) -> None:
    """Doubt every list there is: people may have been added to it since a backup was made."""
    known = audience_lists.c.list_id.is_not(None)
    connection.execute(update(audience_lists).where(known).values(is_doubtful=True))


def begin_anew(connection: Connection, list_row: int) -> None:
    """Take note that a doubtful list was emptied: nobody is on it, and its requests are over."""
    ours = audience_members.c.list == list_row
    connection.execute(delete(audience_members).where(ours))
    is_open = audience_batches.c.state.in_(("sending", "accepted"))
    over = {"state": "unanswered", "poll_at": null()}
    of_list = audience_batches.c.list == list_row
    connection.execute(update(audience_batches).where(of_list, is_open).values(over))
    certain = {"is_doubtful": False}
    connection.execute(
        update(audience_lists).where(audience_lists.c.id == list_row).values(certain)
    )


def _list(row: Any) -> KeptList:
    terms = row["terms"]
    return KeptList(
        row=row["id"],
        audience=row["audience"],
        destination=row["destination"],
        code=row["code"],
        list_id=row["list_id"],
        terms=None if terms is None else ListTerms(**json.loads(terms)),
        is_doubtful=row["is_doubtful"],
    )


# Requests


def open_batch(
    connection: Connection,
    kept: KeptList,
    change: Change,
    *,
    members: int,
    identifiers: int,
    run_id: int,
    now: datetime,
) -> int:
    """Write down a request that is about to leave; return its number."""
    new = {
        "list": kept.row,
        "run_id": run_id,
        "change": change,
        "state": "sending",
        "members": members,
        "identifiers": identifiers,
        "reserved_at": now,
    }
    made = connection.execute(insert(audience_batches).values(new).returning(audience_batches.c.id))
    number: int = made.scalar_one()
    return number


def accept(
    connection: Connection, number: int, request_id: str, *, now: datetime, poll_at: datetime
) -> None:
    """Note under which ID the platform took a request, and when to ask what became of it."""
    taken = {
        "state": "accepted",
        "request_id": request_id,
        "answered_at": now,
        "poll_at": poll_at,
    }
    _set(connection, number, taken)


def end(
    connection: Connection, number: int, state: str, outcome: Mapping[str, Any] | None = None
) -> None:
    """Close a request as settled, refused or unanswered."""
    said = None if outcome is None else json.dumps(outcome)
    _set(connection, number, {"state": state, "poll_at": null(), "outcome": said})


def ask_again(connection: Connection, number: int, poll_at: datetime) -> None:
    """Put off a verdict that was not there yet."""
    _set(connection, number, {"poll_at": poll_at})


def _set(connection: Connection, number: int, values: Mapping[str, Any]) -> None:
    connection.execute(
        update(audience_batches).where(audience_batches.c.id == number).values(**values)
    )


def open_ended(connection: Connection) -> list[AudienceBatch]:
    """Return the requests that hold members and are not awaiting a verdict: nobody answered."""
    holding = select(audience_members.c.batch).where(audience_members.c.batch.is_not(None))
    found = select(audience_batches).where(
        audience_batches.c.state != "accepted",
        (audience_batches.c.state == "sending") | audience_batches.c.id.in_(holding),
    )
    return _batches(connection, found)


def due(connection: Connection, now: datetime) -> list[AudienceBatch]:
    """Return the requests whose verdict is due, the oldest first."""
    return _batches(connection, select(audience_batches).where(audience_batches.c.poll_at <= now))


def latest(connection: Connection, list_row: int, *, limit: int) -> list[AudienceBatch]:
    """Return a list's last requests, the newest first."""
    found = select(audience_batches).where(audience_batches.c.list == list_row)
    newest = found.order_by(audience_batches.c.id.desc()).limit(limit)
    return [_batch(row) for row in connection.execute(newest).mappings()]


def count_awaiting(connection: Connection, list_row: int) -> int:
    """Return how many requests of a list await their verdict."""
    found = (
        select(func.count())
        .select_from(audience_batches)
        .where(audience_batches.c.list == list_row, audience_batches.c.state == "accepted")
    )
    return connection.execute(found).scalar_one()


def _batches(connection: Connection, found: Any) -> list[AudienceBatch]:
    ordered = found.order_by(audience_batches.c.id)
    return [_batch(row) for row in connection.execute(ordered).mappings()]


def _batch(row: Any) -> AudienceBatch:
    return AudienceBatch(
        number=row["id"],
        list_row=row["list"],
        run_id=row["run_id"],
        change=Change(row["change"]),
        state=row["state"],
        request_id=row["request_id"],
        members=row["members"],
        identifiers=row["identifiers"],
        reserved_at=row["reserved_at"],
        answered_at=row["answered_at"],
        outcome=json.loads(row["outcome"] or "{}"),
    )
