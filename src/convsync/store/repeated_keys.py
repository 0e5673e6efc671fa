"""Keys that several deals have: those of too many, and whether there are any others.

PostgreSQL counts keys in a table of hashes. SQLite sorts them, which costs three times what it does
to read them, so there they are counted here, by four bytes of each. Two keys may have these in
common: what looks as if several had it is looked at once more, key by key.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from convsync.store import dialect
from convsync.store.schema import deal_keys

_BUCKETS: Final = 64
_PART: Final = slice(8, 12)
_MOST_BY_CHANCE: Final = 10_000
"""Among the keys of ten million deals, two thousand pairs are alike in bucket and four bytes."""

CountedKey = tuple[bytes, int, int]
"""A key, the number of its deals and the row of the first."""


class Repeated(NamedTuple):
    """The keys that more deals have than a number, and whether one is of several, but no more.

    That may be taken for true where very many keys are alike in four bytes.
    """

    of_more: list[CountedKey]
    is_any_of_fewer: bool


def repeated(connection: Connection, most: int) -> Repeated:
    """Return the keys that more than `most` deals have, in order, and whether others are shared."""
    if connection.dialect.name == "sqlite":
        return _looked_at(connection, most, *_alike(connection, most))
    of_more, is_any_of_fewer = [], False
    for found in _counted(connection):
        if found[1] > most:
            of_more.append(found)
        else:
            is_any_of_fewer = True
    return Repeated(sorted(of_more), is_any_of_fewer)


def _counted(connection: Connection) -> Iterator[CountedKey]:
    counted = (
        select(deal_keys.c.key, func.count(), func.min(deal_keys.c.deal))
        .group_by(deal_keys.c.key)
        .having(func.count() > 1)
    )
    for key, count, deal in dialect.raw_stream(connection, counted):
        yield bytes(key), count, deal


def _alike(connection: Connection, most: int) -> tuple[set[bytes], set[bytes]]:
    """Return four bytes that more than `most` keys have alike, and such as fewer have, but several.

    Of the latter no more than tell whether all are alike by chance.
    """
    buckets = [bytearray() for _ in range(_BUCKETS)]
    for (key,) in dialect.raw_stream(connection, select(deal_keys.c.key)):
        buckets[key[-1] % _BUCKETS] += key[_PART]
    of_more: set[bytes] = set()
    of_fewer: set[bytes] = set()
    while buckets:
        parts = array("I", bytes(buckets.pop()))
        if len(set(parts)) == len(parts):
            continue
        for part, times in Counter(parts).items():
            if times > most:
                of_more.add(array("I", [part]).tobytes())
            elif times > 1 and len(of_fewer) <= _MOST_BY_CHANCE:
                of_fewer.add(array("I", [part]).tobytes())
    return of_more, of_fewer - of_more


def _looked_at(
    connection: Connection, most: int, of_more: set[bytes], of_fewer: set[bytes]
) -> Repeated:
    """Return what is repeated among the keys with these four bytes."""
    is_any_of_fewer = len(of_fewer) > _MOST_BY_CHANCE
    counts: dict[bytes, tuple[int, int]] = {}
    once: set[bytes] = set()
    every = select(deal_keys.c.key, deal_keys.c.deal)
    for key, deal in dialect.raw_stream(connection, every) if of_more or of_fewer else ():
        if (part := key[_PART]) in of_more:
            times, first = counts.get(key, (0, deal))
            counts[key] = times + 1, min(first, deal)
        elif not is_any_of_fewer and part in of_fewer:
            is_any_of_fewer = key in once
            once.add(key)
        if is_any_of_fewer and not of_more:
            break
    return Repeated(
        [(key, *found) for key, found in sorted(counts.items()) if found[0] > most],
        is_any_of_fewer or any(1 < times <= most for times, _ in counts.values()),
    )
