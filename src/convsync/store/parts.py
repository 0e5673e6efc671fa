"""Names that hold a part of one: of deals, orders, clicks and requests.

Each is a pass over a table or over an index that holds little else, and ends as soon as enough is
found. Click IDs are long, and nearly all begin alike: fewer than six characters tell nothing.
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, literal, select

from convsync.store import dialect
from convsync.store.schema import HAS_CONTENT, batches, clicks, deals, ledger

_OF_ORDER_ID = re.compile(r"[cs\-0-9a-f]+", re.IGNORECASE)
_LEAST_OF_CLICK = 6


def deal_ids(connection: Connection, part: str, limit: int) -> Sequence[str]:
    """Return deal IDs with a part, in any case of letters."""
    return _with_part(connection, deals.c.deal_id, part, limit)


def order_ids(connection: Connection, part: str, limit: int) -> Sequence[str]:
    """Return order IDs of what was ever ready to be sent."""
    if not _OF_ORDER_ID.fullmatch(part):
        return []
    text = dialect.in_hex(connection, ledger.c.order_id)
    spelled = literal("cs-").concat(text)
    found = select(ledger.c.order_id).where(HAS_CONTENT, spelled.icontains(part, autoescape=True))
    return list(dict.fromkeys(connection.execute(found.limit(limit)).scalars()))


def request_ids(connection: Connection, part: str, limit: int) -> Sequence[str]:
    """Return request IDs."""
    return _with_part(connection, batches.c.request_id, part, limit)


def click_ids(connection: Connection, part: str, limit: int) -> Sequence[str]:
    """Return click IDs of the click log, and of what was planned."""
    if len(part) < _LEAST_OF_CLICK:
        return []
    logged = _with_part(connection, clicks.c.value, part, limit)
    return logged or _with_part(connection, ledger.c.click_id, part, limit)


def _with_part(
    connection: Connection, column: Column[Any], part: str, limit: int, *conditions: Any
) -> Sequence[str]:
    found = select(column).where(*conditions, column.icontains(part, autoescape=True))
    return list(dict.fromkeys(connection.execute(found.limit(limit)).scalars()))
