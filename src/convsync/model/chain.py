"""How every event of the audit log is chained to the one before.

An event's digest is taken over the digest before it and all the event says, so an event that is
edited, removed or slipped in breaks every digest after it. Without a key the digest is SHA-256,
which anybody can compute anew who can write to the database; with one it is HMAC-SHA256, which only
the holder of the key can.
"""

import hmac
import re
from hashlib import sha256
from typing import NamedTuple

GENESIS = bytes(32)
"""What the first event is chained to."""


_HEAD = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}")


class Head(NamedTuple):
    """The last event of a log: its number, and the digest that vouches for all before it."""

    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Return the head that `str` gave; raises ValueError for any other text."""
        number, _, digits = text.strip().partition(":")
        if not _HEAD.fullmatch(text.strip()):
            raise ValueError("a head is NUMBER:DIGEST, with 64 hexadecimal digits")
        return cls(int(number), bytes.fromhex(digits))


class LoggedEvent(NamedTuple):
    """All that an event's digest covers. `at` is in microseconds since 1970, `detail` JSON text."""

    number: int
    at: int
    run_id: int
    event: str
    source: str | None
    deal_id: str | None
    order_id: str | None
    detail: str


def chained(before: bytes, logged: LoggedEvent, key: bytes | None) -> bytes:
    """Return the digest of an event that follows one with the digest `before`."""
    number, at, run_id, event, source, deal_id, order_id, detail = logged
    whom = (
        f"{'-' if source is None else '=' + source}\0"
        f"{'-' if deal_id is None else '=' + deal_id}\0"
        f"{'-' if order_id is None else '=' + order_id}"
    )
    content = before + f"{number}\0{at}\0{run_id}\0{event}\0{whom}\0{detail}".encode()
    return sha256(content).digest() if key is None else hmac.digest(key, content, "sha256")


def key_id(key: bytes) -> bytes:
    """Return what tells two keys apart, and says nothing of either."""
    return hmac.digest(key, b"convsync audit key", "sha256")[:8]
