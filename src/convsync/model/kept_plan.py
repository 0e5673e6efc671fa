"""A plan that is kept: which conversions it would send, each with its statement by digest.

Whoever has looked at a plan has agreed to that plan and no other. It may be carried out later, by
another process or after the sources have been read again: then those conversions go whose statement
is still the one that was seen, and nothing else.
"""

from hashlib import blake2b

from msgspec import Struct

from convsync.model.ledger import LedgerEntry
from convsync.model.record import about_of, amount_text
from convsync.model.statement import OrderId


class Kept(Struct, frozen=True):
    """One conversion of a kept plan: `digest` stands for all that its request would say."""

    order_id: OrderId
    digest: bytes


def kept(entry: LedgerEntry) -> Kept:
    """Return a conversion that is to be sent, as a plan keeps it."""
    return Kept(entry.order_id, digest_of(entry))


def digest_of(entry: LedgerEntry) -> bytes:
    """Return 16 bytes that change whenever the next request would say something else.

    The milestone's own time stands for the event's, which for a bare date is an instant that each
    run chooses within the day.
    """
    statement = entry.statement
    assert statement is not None, "only what is to be sent is kept"
    click_id, value = statement.click_id, statement.value
    content = (
        entry.order_id,
        statement.action.destination,
        statement.action.action_id,
        statement.operation,
        entry.milestone_at.isoformat(),
        amount_text(value.amount),
        value.currency,
        "" if click_id is None else f"{click_id.kind}:{click_id.value}",
        about_of(statement) or "",
    )
    return blake2b("\0".join(content).encode(), digest_size=16).digest()
