"""Digests of the rows that deals were last read from, by which a source passes over unchanged ones.

A complete export says every night what is stored already. Digests are kept in the order of the
deals' numbers, which is that of the export that first had them; so a window on them that slides
along with the reading knows nearly every row, in memory that does not grow with the deals. A row
outside the window is only read once more, and found to say nothing new.

A digest is dropped with what it stands for: where a deal is gone, or changes by another way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from convsync.store import dialect
from convsync.store.schema import deals, row_digests

WIDTH: Final = 30_000
"""How many rows a window knows: more than are read before it slides on."""
_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)
_COLUMNS = ("source", "deal", "digest")


class Window:
    """The deals of one source whose rows are most likely to be read next, by their digests."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._deals: dict[bytes, int] = {}
        self.stored_as = self._deals.get
        """Returns the number of the deal that stands as a row says, None for an unknown row."""

    def slide(self, connection: Connection, after: int) -> None:
        """Know the rows that follow that of a deal, beginning again behind the last."""
        found = self._following(connection, after, WIDTH)
        if after and len(found) < WIDTH:
            found += self._following(connection, 0, WIDTH - len(found))
        self._deals.clear()
        self._deals.update(found)

    def _following(self, connection: Connection, after: int, limit: int) -> list[tuple[bytes, int]]:
        found = (
            select(row_digests.c.digest, row_digests.c.deal)
            .where(row_digests.c.source == self._source, row_digests.c.deal > after)
            .order_by(row_digests.c.deal)
            .limit(limit)
        )
        return dialect.raw_rows(connection, found)


def add(connection: Connection, source: str, digests: Mapping[int, bytes]) -> None:
    """Keep the digests of new deals' rows, by the deals' numbers; b"" stands for none."""
    rows = [(source, deal, digest) for deal, digest in digests.items() if digest]
    dialect.insert_rows(connection, row_digests, _COLUMNS, rows)


def replace(connection: Connection, source: str, digests: Mapping[int, bytes]) -> None:
    """Keep digests in place of those there are; write nothing where they are the same."""
    of_deals = (row_digests.c.source == source) & row_digests.c.deal.in_(_ROWS)
    found = select(row_digests.c.deal, row_digests.c.digest).where(of_deals)
    stored = {row.deal: row.digest for row in connection.execute(found, {"rows": [*digests]})}
    if stale := [deal for deal, digest in stored.items() if digests[deal] != digest]:
        connection.execute(delete(row_digests).where(of_deals), {"rows": stale})
    fresh = {deal: digest for deal, digest in digests.items() if stored.get(deal) != digest}
    add(connection, source, fresh)


def drop(connection: Connection, deal_rows: Sequence[int]) -> None:
    """Forget the rows of deals, whatever their source."""
    sources = select(deals.c.source).where(deals.c.id.in_(_ROWS))
    of_deals = row_digests.c.source.in_(sources) & row_digests.c.deal.in_(_ROWS)
    connection.execute(delete(row_digests).where(of_deals), {"rows": deal_rows})
