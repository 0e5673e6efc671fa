"""Deals that have a contact, an e-mail, a phone or a click in common with one that is gone."""

from datetime import datetime

from sqlalchemy import Connection, select

from convsync.store.schema import deal_keys, deals, shared_keys


def alike(
    connection: Connection, source: str, row: int, since: datetime
) -> list[tuple[str, datetime]]:
    """Return the deals of a source, but for one, that share a key with it and changed since.

    Each comes with when it was changed. A key that too many deals have is left out.
    """
    of_deal = select(deal_keys.c.key).where(deal_keys.c.deal == row)
    in_common = deal_keys.c.key.in_(of_deal) & deal_keys.c.key.not_in(select(shared_keys.c.key))
    found = (
        select(deals.c.deal_id, deals.c.modified_at)
        .join(deal_keys, deal_keys.c.deal == deals.c.id)
        .where(
            deals.c.source == source,
            deals.c.id != row,
            deals.c.gone.is_(None),
            deals.c.modified_at >= since,
            in_common,
        )
        .distinct()
        .order_by(deals.c.deal_id)
    )
    return [(deal_id, modified_at) for deal_id, modified_at in connection.execute(found)]
