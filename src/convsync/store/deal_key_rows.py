"""The keys of deals: what joins them to clicks and to one another.

Most edits of a deal leave its keys as they are, and so they are compared before they are written.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete

from convsync.store import dialect, persons
from convsync.store.deal_row import DealRow
from convsync.store.schema import deal_keys

_ROWS: Any = bindparam("rows", expanding=True)


def insert(connection: Connection, rows: Sequence[DealRow]) -> None:
    """Write the keys of deals that have none yet."""
    persons.note_need(connection, [row.deal for row in rows])
    keys = [(row.number, key) for row in rows for key in sorted(row.keys)]
    dialect.insert_rows(connection, deal_keys, ("deal", "key"), keys)


def replace(connection: Connection, rows: Sequence[DealRow]) -> None:
    """Write the keys of those deals that have others than before, and note that they have."""
    were: dict[int, set[bytes]] = {row.number: set() for row in rows}
    kept = dialect.rows_among(connection, deal_keys, ("deal", "key"), "deal", [*were])
    for deal, key in kept:
        were[deal].add(bytes(key))
    changed = [row for row in rows if were[row.number] != set(row.keys)]
    if not changed:
        return
    numbers = [row.number for row in changed]
    connection.execute(delete(deal_keys).where(deal_keys.c.deal.in_(_ROWS)), {"rows": numbers})
    insert(connection, changed)
    persons.note_changed(connection, numbers)
