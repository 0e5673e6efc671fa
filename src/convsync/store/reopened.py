"""Conversions that a person wants tried again: what waits to be sent, or was not taken."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, or_, select

from convsync.model.chosen import Chosen
from convsync.model.ledger import ANSWERED, LedgerEntry, State
from convsync.store import deals as stored_deals
from convsync.store.deals import StoredDeal
from convsync.store.entry_row import WITH_DEAL, as_entry
from convsync.store.schema import batches, deals, ledger

_MAY_BE_RETRIED = sorted(ANSWERED | {State.PLANNED})


def entries(connection: Connection, chosen: Chosen, *, after: int, limit: int) -> list[LedgerEntry]:
    """Return the first chosen entries with a number after one, in the order of their numbers."""
    found = WITH_DEAL.where(ledger.c.id > after, *_conditions(chosen))
    rows = connection.execute(found.order_by(ledger.c.id).limit(limit))
    return [as_entry(row) for row in rows.mappings()]


def deals_of(connection: Connection, found: list[LedgerEntry]) -> list[StoredDeal]:
    """Return the deals of some entries, each once."""
    rows = sorted({entry.deal_row for entry in found})
    return stored_deals.numbered(connection, rows)


def _conditions(chosen: Chosen) -> Iterator[ColumnElement[bool]]:
    yield ledger.c.state.in_(_MAY_BE_RETRIED)
    if chosen.codes:
        yield ledger.c.code.in_(chosen.codes)
    if chosen.deal_ids:
        yield deals.c.deal_id.in_(chosen.deal_ids)
    if chosen.run_id is not None:
        sent = select(batches.c.id).where(batches.c.run_id == chosen.run_id)
        yield or_(ledger.c.run_id == chosen.run_id, ledger.c.batch_id.in_(sent))
