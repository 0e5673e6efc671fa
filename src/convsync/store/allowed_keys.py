"""Keys that people let join, however many deals or clicks have them, beside the configuration's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from convsync.model.terms import SharedKeys
from convsync.store.schema import allowed_keys

_PREFIX = "key:"


class AllowedKey(NamedTuple):
    """A key by the name it is listed by, who allowed it, and when."""

    name: str
    allowed_at: datetime
    allowed_by: str


def add(connection: Connection, name: str, *, by: str, at: datetime) -> bool:
    """Allow a key by the name it is listed by; False where it is allowed already."""
    key = digest_of(name)
    known = select(allowed_keys.c.key).where(allowed_keys.c.key == key)
    if connection.execute(known).first() is not None:
        return False
    row = {"key": key, "allowed_at": at, "allowed_by": by}
    connection.execute(insert(allowed_keys).values(row))
    return True


def remove(connection: Connection, key: bytes) -> bool:
    """Allow a key no longer; False where it was not."""
    return bool(connection.execute(delete(allowed_keys).where(allowed_keys.c.key == key)).rowcount)


def listed(connection: Connection) -> Sequence[AllowedKey]:
    """Return the keys that are allowed, the latest first."""
    found = select(allowed_keys).order_by(allowed_keys.c.allowed_at.desc(), allowed_keys.c.key)
    return [
        AllowedKey(name_of(row.key), row.allowed_at, row.allowed_by)
        for row in connection.execute(found)
    ]


def added_to(connection: Connection, terms: SharedKeys) -> SharedKeys:
    """Return the configuration's terms with what people have allowed since."""
    found = frozenset(map(bytes, connection.execute(select(allowed_keys.c.key)).scalars()))
    return replace(terms, allowed=terms.allowed | found) if found else terms


def name_of(key: bytes) -> str:
    """Return the name that a key is listed by."""
    return f"{_PREFIX}{key.hex()}"


def digest_of(name: str) -> bytes:
    """Return the digest of the key that is listed by a name."""
    return bytes.fromhex(name.removeprefix(_PREFIX))
