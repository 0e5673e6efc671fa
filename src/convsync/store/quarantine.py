"""Records that could not be read, so that each is shown until it can be.

A record leaves the quarantine when its deal is read or has left, or when a read that passes over
every record no longer finds anything wrong at its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, or_, select

from convsync.store import dialect
from convsync.store.schema import quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record that could not be read, where it stands and why."""

    source: str
    place: str
    problem: str
    deal_id: str | None


def add(connection: Connection, entries: Sequence[Entry], *, run_id: int, now: datetime) -> int:
    """Add records of one source, or note that they are still as they were; return how many are new.

    One that has moved, as lines of a file do, is known by its deal.
    """
    if not entries:
        return 0
    new = _new_among(connection, entries)
    statement = dialect.upsert(quarantine, connection)
    fresh = {name: statement.excluded[name] for name in ("deal_id", "problem", "run_id")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["source", "place"], set_=fresh),
        [
            {
                "source": entry.source,
                "place": entry.place,
                "problem": entry.problem,
                "deal_id": entry.deal_id,
                "first_seen_at": now,
                "run_id": run_id,
            }
            for entry in entries
        ],
    )
    return new


def _new_among(connection: Connection, entries: Sequence[Entry]) -> int:
    is_known = or_(
        quarantine.c.place.in_(bindparam("places", expanding=True)),
        quarantine.c.deal_id.in_(bindparam("deal_ids", expanding=True)),
    )
    found = select(quarantine.c.place, quarantine.c.deal_id).where(
        quarantine.c.source == entries[0].source, is_known
    )
    deal_ids = [entry.deal_id for entry in entries if entry.deal_id is not None]
    asked = {"places": [entry.place for entry in entries], "deal_ids": deal_ids}
    known = {name for row in connection.execute(found, asked) for name in row if name is not None}
    return sum(entry.place not in known and entry.deal_id not in known for entry in entries)


def release_deals(connection: Connection, source: str, deal_ids: Sequence[str]) -> None:
    """Drop what was wrong with deals that have been read, or have left, since."""
    if connection.execute(select(quarantine.c.place).limit(1)).first() is None:
        return
    is_read = quarantine.c.deal_id.in_(bindparam("deal_ids", expanding=True))
    released = delete(quarantine).where(quarantine.c.source == source, is_read)
    connection.execute(released, {"deal_ids": deal_ids})


def deals_in(connection: Connection, source: str) -> list[str]:
    """Return the IDs of the deals of a source that are in quarantine."""
    is_deal = (quarantine.c.source == source) & quarantine.c.deal_id.is_not(None)
    found = select(quarantine.c.deal_id).where(is_deal).distinct()
    return [str(deal_id) for deal_id in connection.execute(found).scalars()]


def among(connection: Connection, source: str, deal_ids: Iterable[str]) -> set[str]:
    """Return those of the deals of a source that are in quarantine."""
    asked = [*deal_ids]
    return {*asked}.intersection(deals_in(connection, source)) if asked else set()


def unread_before(connection: Connection, source: str, run_id: int, limit: int) -> list[str]:
    """Return the IDs of deals that earlier runs could not read, the longest unread first."""
    is_earlier = (quarantine.c.source == source) & (quarantine.c.run_id != run_id)
    found = (
        select(quarantine.c.deal_id)
        .where(is_earlier, quarantine.c.deal_id.is_not(None))
        .order_by(quarantine.c.run_id, quarantine.c.deal_id)
        .limit(limit)
    )
    deal_ids = dict.fromkeys(map(str, connection.execute(found).scalars()))
    return [deal_id for deal_id in deal_ids if deal_id.replace("-", "").isalnum()]


def has_unread(connection: Connection, source: str, run_id: int) -> bool:
    """Return whether there are records of a source that earlier runs could not read."""
    is_earlier = (quarantine.c.source == source) & (quarantine.c.run_id != run_id)
    found = select(quarantine.c.place).where(is_earlier).limit(1)
    return connection.execute(found).first() is not None


def release_unseen(
    connection: Connection, source: str, run_id: int, place: str = "", *, behind: int = 0
) -> None:
    """Drop what this run, which passed over every record of a source, did not find again.

    `place` is what all places begin with that it passed over, such as a file's name. Where it began
    `behind` so many lines, the lines' numbers follow, and those before are left.
    """
    is_unseen = (quarantine.c.source == source) & (quarantine.c.run_id != run_id)
    is_there = quarantine.c.place.startswith(place, autoescape=True)
    if behind:
        found = connection.execute(select(quarantine.c.place).where(is_unseen, is_there)).scalars()
        later = [one for one in found if int(one.removeprefix(place)) > behind]
        is_there = quarantine.c.place.in_(later)
    connection.execute(delete(quarantine).where(is_unseen, is_there))


def entries(connection: Connection) -> list[RowMapping]:
    """Return every record in quarantine, by source and place."""
    return list(connection.execute(_IN_ORDER).mappings())


def first(connection: Connection, count: int) -> list[RowMapping]:
    """Return the first records in quarantine, by source and place."""
    return list(connection.execute(_IN_ORDER.limit(count)).mappings())


def of_deal(connection: Connection, deal_id: str) -> list[RowMapping]:
    """Return the records of a deal in quarantine, by source and place."""
    found = _IN_ORDER.where(quarantine.c.deal_id == deal_id)
    return list(connection.execute(found).mappings())


_IN_ORDER = select(quarantine).order_by(quarantine.c.source, quarantine.c.place)


def found_by(connection: Connection, run_id: int, *, limit: int) -> list[Entry]:
    """Return the first records that a run could not read, by source and place."""
    found = (
        select(quarantine.c.source, quarantine.c.place, quarantine.c.problem, quarantine.c.deal_id)
        .where(quarantine.c.run_id == run_id)
        .order_by(quarantine.c.source, quarantine.c.place)
        .limit(limit)
    )
    return [Entry(**row) for row in connection.execute(found).mappings()]


def count(connection: Connection) -> int:
    """Return how many records are in quarantine."""
    return connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
