"""A ledger that was restored from a backup: which of its entries may have been sent since."""

from datetime import datetime

from sqlalchemy import Connection, and_, not_, or_

from convsync.model.ledger import ANSWERED, LedgerEntry, State
from convsync.store.entry_row import WITH_DEAL, as_entry
from convsync.store.schema import ledger

_TO_BE_TOLD = ANSWERED | {State.PLANNED, State.HELD, State.NOT_SENT}


def doubtful(
    connection: Connection, *, since: datetime, after: int, limit: int
) -> list[LedgerEntry]:
    """Return the next entries after a number that may have been sent since, not unsure yet."""
    had_something_to_say = and_(
        ledger.c.state.in_(sorted(_TO_BE_TOLD)), ledger.c.event_at.is_not(None)
    )
    is_young = and_(ledger.c.state == State.CONFIRMED, ledger.c.milestone_at >= since)
    found = (
        WITH_DEAL.where(ledger.c.id > after, not_(ledger.c.is_unsure))
        .where(or_(had_something_to_say, is_young))
        .order_by(ledger.c.id)
        .limit(limit)
    )
    return [as_entry(row) for row in connection.execute(found).mappings()]
