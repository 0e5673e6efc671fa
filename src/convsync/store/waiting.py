"""Deals of which a conversion waits for a click to become known."""

from sqlalchemy import Connection, exists, select

from convsync.model.ledger import State
from convsync.model.outcome import Reason
from convsync.store.schema import deals, ledger


def for_a_click(
    connection: Connection, source: str, row: int, *, run_id: int, limit: int
) -> list[tuple[int, str]]:
    """Return row and ID of a source's present deals after `row` that wait for a click.

    What began to wait in this run has just been read. What waits is due some day, so only deals
    that are due are looked through.
    """
    waits = exists().where(
        ledger.c.deal == deals.c.id,
        ledger.c.state == State.HELD,
        ledger.c.reason == Reason.WAITING_FOR_CLICK,
        ledger.c.run_id != run_id,
    )
    found = (
        select(deals.c.id, deals.c.deal_id)
        .where(deals.c.reconcile_at.is_not(None), deals.c.source == source)
        .where(deals.c.gone.is_(None), deals.c.id > row, waits)
        .order_by(deals.c.id)
        .limit(limit)
    )
    return [(row, deal_id) for row, deal_id in connection.execute(found)]
