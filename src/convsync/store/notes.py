"""What people noted of days, and when what is counted was defined in another way."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, delete, insert, select

from convsync.model.definition import Defined, DefinitionKey, Definitions, Note, Redefinition
from convsync.store.schema import definitions, notes


def add(connection: Connection, day: date, text: str, by: str, *, now: datetime) -> int:
    """Keep a note of a day; return its number."""
    values = {"day": day.isoformat(), "text": text, "by": by, "added_at": now}
    added = connection.execute(insert(notes).values(values).returning(notes.c.number))
    return int(added.scalar_one())


def listed(
    connection: Connection, first: date | None = None, last: date | None = None
) -> Sequence[Note]:
    """Return the notes of days from the first to the last, the oldest first."""
    found = select(*(notes.c[name] for name in Note._fields)).order_by(notes.c.day, notes.c.number)
    if first is not None:
        found = found.where(notes.c.day >= first.isoformat())
    if last is not None:
        found = found.where(notes.c.day <= last.isoformat())
    return [Note._make(row) for row in connection.execute(found)]


def remove(connection: Connection, number: int) -> bool:
    """Take a note out; return whether there was one of that number."""
    return bool(connection.execute(delete(notes).where(notes.c.number == number)).rowcount)


def note_definitions(connection: Connection, now_there: Definitions, *, at: datetime) -> None:
    """Keep what is defined in another way than it was, or for the first time, or no more."""
    rows = [
        {"kind": key.kind, "name": key.name, "since": at, "digest": digest}
        for key, digest in _news(connection, now_there).items()
    ]
    if rows:
        connection.execute(insert(definitions), rows)


def not_counted_by_yet(connection: Connection, now_there: Definitions) -> Sequence[DefinitionKey]:
    """Return what is defined in another way than the last night counted by; none before one."""
    is_known = connection.execute(select(definitions.c.kind).limit(1)).first()
    return list(_news(connection, now_there)) if is_known else []


def _news(connection: Connection, now_there: Definitions) -> dict[DefinitionKey, bytes | None]:
    """Return each definition that differs from the last that is kept; None where it is gone."""
    last: dict[DefinitionKey, bytes | None] = {
        DefinitionKey(Defined(row.kind), row.name): row.digest
        for row in connection.execute(select(definitions).order_by(definitions.c.since))
    }
    news = {key: digest for key, digest in now_there.items() if last.get(key) != digest}
    gone = {key: None for key, digest in last.items() if digest and key not in now_there}
    return {**news, **gone}


def redefinitions(connection: Connection) -> Sequence[Redefinition]:
    """Return what has changed since definitions were first kept, the oldest first."""
    rows = connection.execute(select(definitions).order_by(definitions.c.since, definitions.c.name))
    found: list[Redefinition] = []
    before: dict[DefinitionKey, bytes | None] = {}
    first_at: datetime | None = None
    for row in rows:
        key = DefinitionKey(Defined(row.kind), row.name)
        first_at = first_at or row.since
        if row.since > first_at:
            how = "changed" if before.get(key) else "added"
            found.append(Redefinition(key, row.since, "removed" if row.digest is None else how))
        before[key] = row.digest
    return found
