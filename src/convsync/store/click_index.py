"""From a key to the clicks that have it: an index that is filled once clicks were read.

A click's row has its keys, one behind the other, and says all that is known of them. Keys come in
no order, so one by one they would touch the whole index with every chunk of an import, over and
over once it outgrows the database's cache. So the clicks of a chunk are written with their keys
alone, and the index takes in those of all new clicks at the end, in its own order, by one statement
of the database's. What a killed import left out is taken in with the next news of clicks.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
)

from convsync.store import click_news, dialect, runs
from convsync.store.schema import click_keys, clicks

_WIDTH = 16
"""The bytes of a key's digest."""
_FILLED = "clicks in the index of keys"


def fill(connection: Connection) -> None:
    """Take in the keys of all clicks that were stored since it was last filled."""
    behind, last = _last_filled(connection), click_news.last(connection)
    if last > behind:
        found = keys_of(connection, clicks.c.id > behind)
        dialect.insert_found(connection, click_keys, found.order_by(*found.selected_columns))
        runs.remember(connection, _FILLED, str(last))


def add(connection: Connection, seen: Mapping[int, tuple[bytes, bytes]]) -> set[int]:
    """Give known clicks the further keys that they were seen with; return which got another.

    Of each click: the keys that it had, and those that it was seen with.
    """
    rows, links, last = [], [], _last_filled(connection)
    for click, (had, more) in seen.items():
        new = set(apart(more)).difference(apart(had))
        if new:
            rows.append((had + b"".join(sorted(new)), click))
        if click <= last:
            links += [(key, click) for key in new]
    dialect.update_rows(connection, clicks, ("joined_by",), rows, key=("id",))
    dialect.insert_rows(connection, click_keys, ("key", "click"), sorted(links))
    return {click for _, click in rows}


def drop(
    connection: Connection, rows: Iterable[int], least: bytes = b"", below: bytes = b"\xff"
) -> None:
    """Take keys away from clicks: all of them, or those between two."""
    found = dialect.rows_among(connection, clicks, ("id", "joined_by"), "id", sorted(rows))
    left, links = [], []
    for click, joined in found:
        gone = [key for key in apart(joined) if least <= key < below]
        if gone:
            left.append((b"".join(key for key in apart(joined) if key not in gone), click))
            links += [{"one": key, "of": click} for key in gone]
    dialect.update_rows(connection, clicks, ("joined_by",), left, key=("id",))
    if links:
        is_it = (click_keys.c.key == bindparam("one")) & (click_keys.c.click == bindparam("of"))
        connection.execute(delete(click_keys).where(is_it), links)


def may_have(least: bytes, below: bytes) -> ColumnElement[bool]:
    """Return what is true of each click that has a key between two, and of few others.

    Most clicks have one key, of which the database can tell.
    """
    joined = clicks.c.joined_by
    return or_(func.length(joined) > _WIDTH, and_(joined >= least, joined < below))


def keys_of(connection: Connection, those: ColumnElement[bool]) -> Select[tuple[bytes, int]]:
    """Return the query for each key of those clicks and the click's row, as `key` and `click`."""
    longest = connection.execute(select(func.max(func.length(clicks.c.joined_by))).where(those))
    begin = select(literal(1).label("at")).cte("begin", recursive=True)
    following = begin.c.at + _WIDTH
    begin = begin.union_all(select(following).where(following <= (longest.scalar() or 0)))
    key = func.substr(clicks.c.joined_by, begin.c.at, _WIDTH, type_=clicks.c.joined_by.type)
    return (
        select(key.label("key"), clicks.c.id.label("click"))
        .join(begin, begin.c.at <= func.length(clicks.c.joined_by))
        .where(those)
    )


def keys_of_rows(connection: Connection, rows: Iterable[int]) -> set[bytes]:
    """Return all keys that the clicks in these rows have."""
    found = dialect.rows_among(connection, clicks, ("joined_by",), "id", sorted(rows))
    return set(apart(b"".join([joined for (joined,) in found])))


def apart(joined: bytes) -> list[bytes]:
    """Return the keys that stand one behind the other."""
    return [joined[at : at + _WIDTH] for at in range(0, len(joined), _WIDTH)]


def _last_filled(connection: Connection) -> int:
    return int(runs.recall(connection, _FILLED) or 0)
