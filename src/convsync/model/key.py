"""What links a click to a deal that does not carry the click ID itself."""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct


class KeyKind(StrEnum):
    """What a deal and a click can have in common."""

    CLICK = "click"
    CRM = "crm"
    VISITOR = "visitor"
    EMAIL = "email"
    PHONE = "phone"


class Key(Struct, frozen=True, gc=False):
    """One thing a deal and a click can be joined by. E-mails and phones are already hashed."""

    kind: KeyKind
    value: str

    def digest(self) -> bytes:
        """Return 16 bytes that stand for this key in an index."""
        first, begin = _BEGINS[self.kind]
        return first + blake2b(begin + self.value.encode(), digest_size=15).digest()


_FIRST = {
    kind: bytes([place])
    for place, kind in enumerate(
        (KeyKind.CRM, KeyKind.PHONE, KeyKind.EMAIL, KeyKind.VISITOR, KeyKind.CLICK)
    )
}
"""The first byte of a digest tells the kind of key, so that digests of one kind lie together.

So which of a deal's keys may be a click's ID, and which cannot join it to any click because clicks
have none of their kind, is known without looking them up.
"""
CLICKS_BEGIN = _FIRST[KeyKind.CLICK]
"""The digest of a click ID is no less than this, that of any other key is less."""
CRM_END = _FIRST[KeyKind.PHONE]
"""The digest of a CRM's own key is less than this, that of any other key is not."""
PEOPLE_END = _FIRST[KeyKind.VISITOR]
"""The digests of e-mails and phones are less than this, and no less than `CRM_END`."""
_BEGINS = {kind: (first, f"{kind}\0".encode()) for kind, first in _FIRST.items()}


def digests(keys: Iterable[Key]) -> list[bytes]:
    """Return the digest of each key."""
    return [
        first + blake2b(begin + key.value.encode(), digest_size=15).digest()
        for key in keys
        for first, begin in (_BEGINS[key.kind],)
    ]


def kind_of(digest: bytes) -> KeyKind:
    """Return what kind of key a digest stands for."""
    return _KINDS[digest[0]]


_KINDS = {first[0]: kind for kind, first in _FIRST.items()}


def digests_of(kind: KeyKind, values: Iterable[str], *, prefix: str = "") -> list[bytes]:
    """Return the digest of each value as a key of one kind, or of each with a prefix."""
    first, begin = _BEGINS[kind]
    begin += prefix.encode()
    return [first + blake2b(begin + value.encode(), digest_size=15).digest() for value in values]
