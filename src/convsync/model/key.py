"""What joins a click to a deal where the deal does not carry the click ID itself."""

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


class Key(Struct, frozen=True):
    """One thing a deal and a click can be joined by. E-mails and phones are already hashed."""

    kind: KeyKind
    value: str

    def digest(self) -> bytes:
        """Return 16 bytes that stand for this key in an index."""
        return blake2b("\0".join((self.kind, self.value)).encode(), digest_size=16).digest()
