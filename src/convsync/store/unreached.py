"""How many deals of each source's last read reached no milestone, by why."""

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from convsync.store import runs

_NAME: Final = "without a milestone: "


def keep(connection: Connection, source: str, counts: Mapping[str, int]) -> None:
    """Remember what a read counted, instead of what the one before did."""
    runs.remember(connection, f"{_NAME}{source}", json.dumps(counts))


def kept(connection: Connection, source: str) -> Mapping[str, int]:
    """Return what the last read of a source counted, nothing where none has yet."""
    found = runs.recall(connection, f"{_NAME}{source}")
    counts: Mapping[str, int] = json.loads(found) if found else {}
    return counts
