"""Deals that have a contact, an e-mail, a phone or a click in common with others that are gone."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, or_, select

from convsync.store.schema import deal_keys, deals, quarantine, shared_keys

_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)


class Alike(NamedTuple):
    """A deal that has something in common with another, and when it was changed.

    One that cannot be read now may have been changed since.
    """

    deal_id: str
    changed_at: datetime
    is_readable: bool = True


def alike(
    connection: Connection, source: str, rows: Collection[int], since: datetime
) -> Mapping[int, Sequence[Alike]]:
    """Return for each of some rows the other deals of a source that share a key and changed since.

    So are those in quarantine, whenever they changed. A key that too many deals have is left out.
    One pass over the deals does for all the rows.
    """
    theirs = select(deal_keys.c.deal, deal_keys.c.key).where(
        deal_keys.c.deal.in_(_ROWS), deal_keys.c.key.not_in(select(shared_keys.c.key))
    )
    having: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, key in connection.execute(theirs, {"rows": list(rows)}):
        having[key].append(row)
    among = theirs.with_only_columns(deal_keys.c.key).subquery()
    is_readable = deals.c.deal_id.not_in(
        select(quarantine.c.deal_id).where(
            quarantine.c.source == source, quarantine.c.deal_id.is_not(None)
        )
    )
    others = (
        select(deals.c.deal_id, deals.c.modified_at, is_readable, deal_keys.c.key)
        .join(deal_keys, deal_keys.c.deal == deals.c.id)
        .where(
            deals.c.source == source,
            deals.c.id.not_in(_ROWS),
            deals.c.gone.is_(None),
            or_(deals.c.modified_at >= since, ~is_readable),
            deal_keys.c.key.in_(select(among.c.key)),
        )
        .order_by(deals.c.id)
    )
    found: defaultdict[int, dict[Alike, None]] = defaultdict(dict)
    for *about, key in connection.execute(others, {"rows": list(rows)}):
        for row in having[key]:
            found[row][Alike(*about)] = None
    return {row: [*others_of] for row, others_of in found.items()}
