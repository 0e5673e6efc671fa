"""What events keep of click IDs and of people: a keyed digest in place of the thing itself.

An event stays as it was written for ever, because the next one is chained to it, and a person may
ask to be forgotten. So an event holds neither a click ID nor a plain digest of what a statement
says of somebody. It holds a digest that is made with a key of the database's own, and with the
order ID: two conversions of one click look different. The things themselves stand in the ledger,
where they can be erased; a replay of the log seals the ledger's rows in the same way and compares.
"""

from collections.abc import Mapping, Sequence
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
    order_ids = each["order_id"]
    sealed_columns = {
        name: [
            closed(name, value, order_id, key)
            for value, order_id in zip(each[name], order_ids, strict=True)
        ]
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
    if not value:
        return value
    kind, colon, _ = value.partition(":")
    content = f"{order_id}\0{name}\0{value}".encode()
    digest = blake2b(content, key=key, digest_size=8).hexdigest()
    return f"{kind}:{digest}" if colon else digest
