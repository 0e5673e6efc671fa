"""What the rows mean that a source has skipped because they are unchanged since the last read.

They stand for their deals as if they had been read again: later than a row before them, and free of
what was wrong with the deal in between.
"""

from collections.abc import Sequence

from convsync.extract.source import Record, Unchanged
from convsync.model.deal import Deal
from convsync.store import deals, quarantine, row_digests
from convsync.store.database import Connection


def read_last(connection: Connection, source: str, chunk: Sequence[Record]) -> list[Deal]:
    """Return the deals that were read, but for those whose later row is known and counts."""
    read = [(place, record) for place, record in enumerate(chunk) if isinstance(record, Deal)]
    known_at = {
        deal_row: place
        for place, record in enumerate(chunk if read else ())
        if isinstance(record, Unchanged)
        for deal_row in record.deal_rows
    }
    if not known_at:
        return [deal for _, deal in read]
    deal_rows = deals.rows_by_id(connection, source, [deal.deal_id for _, deal in read])
    return [
        deal for place, deal in read if known_at.get(deal_rows.get(deal.deal_id, 0), -1) < place
    ]


def release(connection: Connection, source: str, chunk: Sequence[Record]) -> None:
    """Release deals from quarantine that stand again as they did before they could not be read."""
    unchanged = {
        row for record in chunk if isinstance(record, Unchanged) for row in record.deal_rows
    }
    if unchanged and (quarantined := quarantine.deals_in(connection, source)):
        rows = deals.rows_by_id(connection, source, quarantined)
        readable = [deal_id for deal_id, row in rows.items() if row in unchanged]
        quarantine.release_deals(connection, source, readable)


def slide_on(
    connection: Connection,
    known: row_digests.Window,
    chunk: Sequence[Record],
    saved: deals.Saved,
) -> None:
    """Move a window to the rows that follow the last deal known before; new ones follow nothing."""
    new = {stored.deal.deal_id for stored in saved.changed if stored.is_new}
    for record in reversed(chunk):
        if isinstance(record, Unchanged):
            known.slide(connection, record.deal_rows[-1])
            return
        if isinstance(record, Deal) and record.deal_id not in new:
            (row,) = deals.rows_of(connection, record.source, [record.deal_id])
            known.slide(connection, row)
            return
