"""Keys that several deals have: those of too many, and whether there are any others.

PostgreSQL counts keys in a table of hashes. SQLite sorts them, which costs three times what it does
to read them, so there they are counted here, by four bytes of each. Two keys may have these in
common: what looks as if several had it is looked at once more, key by key.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from convsync.model.key import KeyKind
from convsync.store import dialect
from convsync.store.schema import deal_keys

_BUCKETS: Final = 256
"""By the last byte: all keys of one bucket are looked at together, which bounds the memory."""
_PART: Final = slice(8, 12)
_MOST_BY_CHANCE: Final = 10_000
"""Among ten million keys of a kind, some fifty pairs are alike in bucket and four bytes."""

CountedKey = tuple[bytes, int, int]
"""A key, the number of its deals and the row of the first."""


class Repeated(NamedTuple):
    """The keys that more deals have than a number, and whether one is of several, but no more.

    That may be taken for true where very many keys are alike in four bytes. `kinds` are the first
    bytes of the kinds of keys of which several deals have one.
    """

    of_more: list[CountedKey]
    is_any_of_fewer: bool
    kinds: frozenset[int]


def repeated(connection: Connection, most: int) -> Repeated:
    """Return the keys that more than `most` deals have, in order, and whether others are shared."""
    of_more: list[CountedKey] = []
    kinds_of_fewer: set[int] = set()
    if connection.dialect.name == "sqlite":
        for kind, alike in _alike(connection, most).items():
            found, is_any_of_fewer = _looked_at(connection, most, kind, alike)
            of_more += found
            kinds_of_fewer |= {kind} if is_any_of_fewer else set()
    else:
        for one in _counted(connection):
            if one[1] > most:
                of_more.append(one)
            else:
                kinds_of_fewer.add(one[0][0])
    kinds = kinds_of_fewer.union(key[0] for key, _, _ in of_more)
    return Repeated(sorted(of_more), bool(kinds_of_fewer), frozenset(kinds))


def _counted(connection: Connection) -> Iterator[CountedKey]:
    counted = (
        select(deal_keys.c.key, func.count(), func.min(deal_keys.c.deal))
        .group_by(deal_keys.c.key)
        .having(func.count() > 1)
    )
    for key, count, deal in dialect.raw_stream(connection, counted):
        yield bytes(key), count, deal


class _Alike(NamedTuple):
    """Four bytes that keys have alike: more than a number of them, or several, but no more.

    Of the latter no more than tell whether all are alike by chance.
    """

    of_more: set[bytes]
    of_fewer: set[bytes]


def _alike(connection: Connection, most: int) -> dict[int, _Alike]:
    """Return what keys have alike, by their kind, where any have."""
    by_kind = [[bytearray() for _ in range(_BUCKETS)] for _ in KeyKind]
    for (key,) in dialect.raw_stream(connection, select(deal_keys.c.key)):
        by_kind[key[0]][key[-1]] += key[_PART]
    alike: dict[int, _Alike] = {}
    for kind, buckets in enumerate(by_kind):
        while buckets:
            parts = array("I", bytes(buckets.pop()))
            if len(set(parts)) < len(parts):
                _note_alike(parts, most, alike.setdefault(kind, _Alike(set(), set())))
    return alike


def _note_alike(parts: Iterable[int], most: int, alike: _Alike) -> None:
    for part, times in Counter(parts).items():
        if times > most:
            alike.of_more.add(array("I", [part]).tobytes())
        elif times > 1 and len(alike.of_fewer) <= _MOST_BY_CHANCE:
            alike.of_fewer.add(array("I", [part]).tobytes())


def _looked_at(
    connection: Connection, most: int, kind: int, alike: _Alike
) -> tuple[list[CountedKey], bool]:
    """Return what is repeated among the keys of a kind, and whether any has fewer deals."""
    of_more, of_fewer = alike.of_more, alike.of_fewer - alike.of_more
    is_any_of_fewer = len(of_fewer) > _MOST_BY_CHANCE
    counts: dict[bytes, tuple[int, int]] = {}
    once: set[bytes] = set()
    every = select(deal_keys.c.key, deal_keys.c.deal).where(is_of_kind(deal_keys.c.key, kind))
    for key, deal in dialect.raw_stream(connection, every):
        if is_any_of_fewer and not of_more:
            break
        if (part := key[_PART]) in of_more:
            times, first = counts.get(key, (0, deal))
            counts[key] = times + 1, min(first, deal)
        elif not is_any_of_fewer and part in of_fewer:
            is_any_of_fewer = key in once
            once.add(key)
    return (
        [(key, *found) for key, found in counts.items() if found[0] > most],
        is_any_of_fewer or any(1 < times <= most for times, _ in counts.values()),
    )


def is_of_kind(key: ColumnElement[bytes], kind: int) -> ColumnElement[bool]:
    """Return the condition that a digest is of a kind of key, which is its first byte."""
    return key.between(bytes([kind]), bytes([kind + 1]))  # none has one byte alone
