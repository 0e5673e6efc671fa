"""Keys that join nobody: an e-mail, a phone or another key that more than a few deals have.

Such a key is a placeholder, or that of many people, and a click that has it says nothing of any of
them. There is no index from keys to deals (see `clicks`), so these are counted in one pass over the
keys that clicks have at all, once everything was read, and only where something was stored. A deal
whose key has become one of these, or is none any more, is due to be looked at again: what was
planned for it in the same run is decided anew before anything is sent.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from convsync.model.terms import SharedKeys
from convsync.store import dialect
from convsync.store.schema import click_keys, deal_keys, deals, shared_keys

_COLUMNS = ("key", "deals", "example")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A key that joins nobody, by the name it is allowed by, how many deals have it, and one."""

    name: str
    deals: int
    example: str


def note(connection: Connection, terms: SharedKeys, *, now: datetime) -> None:
    """Keep which keys are shared by too many deals; deals that this concerns are due."""
    counted = (
        select(deal_keys.c.key, func.count(), func.min(deal_keys.c.deal))
        .where(deal_keys.c.key.in_(select(click_keys.c.key)))
        .group_by(deal_keys.c.key)
        .having(func.count() > terms.most)
    )
    found = [tuple(row) for row in connection.execute(counted) if row[0] not in terms.allowed]
    before = set(connection.execute(select(shared_keys.c.key)).scalars())
    connection.execute(delete(shared_keys))
    dialect.insert_rows(connection, shared_keys, _COLUMNS, found)
    if changed := before ^ {key for key, _, _ in found}:
        _make_due(connection, changed, now)


def _make_due(connection: Connection, keys: set[bytes], now: datetime) -> None:
    of_keys = deal_keys.c.key.in_(bindparam("keys", expanding=True))
    concerned = select(deal_keys.c.deal).where(of_keys)
    later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    due = update(deals).where(deals.c.id.in_(concerned), later).values(reconcile_at=now)
    connection.execute(due, {"keys": sorted(keys)})


def listed(connection: Connection) -> list[SharedKey]:
    """Return the keys that join nobody, those of most deals first."""
    found = (
        select(shared_keys.c.key, shared_keys.c.deals, deals.c.deal_id)
        .join(deals, deals.c.id == shared_keys.c.example)
        .order_by(shared_keys.c.deals.desc(), shared_keys.c.key)
    )
    return [
        SharedKey(name=f"key:{row.key.hex()}", deals=row.deals, example=row.deal_id)
        for row in connection.execute(found)
    ]
