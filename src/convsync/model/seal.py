"""What events keep of click IDs and of people: a keyed digest in place of the thing itself.

An event stays as it was written for ever, because the next one is chained to it, and a person may
ask to be forgotten. So an event holds neither a click ID nor a plain digest of what a statement
says of somebody. It holds a digest that is made with a key of the database's own, and with the
order ID: two conversions of one click look different. The things themselves stand in the ledger,
where they can be erased; a replay of the log seals the ledger's rows in the same way and compares.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from convsync.model.each import EACH

SEALED = ("click", "about")
"""The fields of a record that are sealed. A click's kind stays readable: `gclid:` and a digest."""


def sealed(detail: Mapping[str, Any], order_id: str | None, key: bytes) -> Mapping[str, Any]:
    """Return what an event says with its sealed fields closed; the very same where it has none."""
    if EACH in detail:
        return {**detail, EACH: _each_closed(detail[EACH], key)}
    if "click" not in detail and "about" not in detail:
        return detail
    closed = dict(detail)
    close(closed, order_id, key)
    return closed


def _each_closed(each: Mapping[str, Sequence[Any]], key: bytes) -> Mapping[str, Sequence[Any]]:
    """Return the columns of many conversions with the sealed ones closed, row by row."""
    sealed_columns = {
        name: [*map(closing(name, key), each[name], each["order_id"])]
        for name in SEALED
        if name in each
    }
    return {**each, **sealed_columns}


def close(record: dict[str, Any], order_id: str | None, key: bytes) -> None:
    """Put the digest of each sealed field in its place."""
    for name in SEALED:
        if value := record.get(name):
            record[name] = closed(name, value, order_id, key)


def closed(name: str, value: str | None, order_id: str | None, key: bytes) -> str | None:
    """Return the digest that stands for what a sealed field holds, None for nothing."""
    return closing(name, key)(value, order_id)


def closing(name: str, key: bytes) -> Callable[[str | None, str | None], str | None]:
    """Return what returns the digest of a field for a value and an order ID, as `closed` does.

    A digest that has taken in the key already is copied for each value: a third cheaper.
    """
    keyed = blake2b(key=key, digest_size=8)

    def close_one(value: str | None, order_id: str | None) -> str | None:
        if not value:
            return value
        kind, colon, _ = value.partition(":")
        content = keyed.copy()
        content.update(f"{order_id}\0{name}\0{value}".encode())
        digest = content.hexdigest()
        return f"{kind}:{digest}" if colon else digest

    return close_one
