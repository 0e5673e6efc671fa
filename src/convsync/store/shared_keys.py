"""Keys that join nobody: an e-mail, a phone or another key that more than a few deals have.

Such a key is a placeholder, or that of many people, and a click that has it says nothing of any of
them; nor is such an e-mail or phone sent. There is no index from keys to deals (see `clicks`), so
these are counted in one pass over the keys, once everything was read, and only where something was
stored. Every key matters where deals are joined to customers (`persons`), and elsewhere e-mails and
phones where they are sent. A deal whose key has become one of these, or is none any more, is due to
be looked at again: what was planned for it in the same run is decided anew before anything is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from convsync.model.key import KeyKind, digests_of
from convsync.model.terms import SharedKeys
from convsync.store import dialect, persons
from convsync.store.deal_row import split
from convsync.store.nobodys_keys import NobodysKeys
from convsync.store.repeated_keys import CountedKey, repeated
from convsync.store.schema import deal_keys, deals, shared_keys

_COLUMNS = ("key", "deals", "example")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A key that joins nobody, by the name it is allowed by, how many deals have it, and one."""

    name: str
    deals: int
    example: str


def note(
    connection: Connection, terms: SharedKeys, *, sends_identifiers: bool, now: datetime
) -> frozenset[int]:
    """Keep which keys are shared by too many deals; deals that this concerns are due.

    Returns of what kinds the keys are that several deals share, where these join them to a
    customer; none where nothing does.
    """
    joins_people = persons.is_needed(connection)
    found: list[CountedKey] = []
    kinds = frozenset[int]()
    if sends_identifiers or joins_people:
        counted = repeated(connection, terms.most)
        found = [one for one in counted.of_more if one[0] not in terms.allowed]
        if joins_people and (counted.is_any_of_fewer or len(found) < len(counted.of_more)):
            kinds = counted.kinds
    if not joins_people:
        matter = _of_people(connection, found)
        found = [row for row in found if row[0] in matter]
    before = set(connection.execute(select(shared_keys.c.key)).scalars())
    connection.execute(delete(shared_keys))
    dialect.insert_rows(connection, shared_keys, _COLUMNS, found)
    if changed := before ^ {key for key, _, _ in found}:
        _make_due(connection, changed, now)
    return kinds


def _of_people(connection: Connection, found: Sequence[CountedKey]) -> set[bytes]:
    """Return the keys that are an e-mail's or phone's, as the deals say that have them."""
    examples = sorted({row for _, _, row in found})
    columns = ("emails", "phones")
    return {
        digest
        for emails, phones in dialect.rows_among(connection, deals, columns, "id", examples)
        for kind, joined in ((KeyKind.EMAIL, emails), (KeyKind.PHONE, phones))
        for digest in digests_of(kind, split(joined))
    }


def _make_due(connection: Connection, keys: set[bytes], now: datetime) -> None:
    of_keys = deal_keys.c.key.in_(bindparam("keys", expanding=True))
    concerned = select(deal_keys.c.deal).where(of_keys)
    later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    due = update(deals).where(deals.c.id.in_(concerned), later).values(reconcile_at=now)
    connection.execute(due, {"keys": sorted(keys)})
    persons.note_news(connection, concerned.params(keys=sorted(keys)))


def digests(connection: Connection) -> frozenset[bytes]:
    """Return all of these keys; they are few."""
    return frozenset(connection.execute(select(shared_keys.c.key)).scalars())


_KEPT = NobodysKeys(
    keys=shared_keys,
    counted=shared_keys.c.deals,
    shown=deals.c.deal_id,
    made=lambda name, count, example: SharedKey(name=name, deals=count, example=example),
)


def listed(connection: Connection) -> list[SharedKey]:
    """Return the keys that join nobody, those of most deals first."""
    return _KEPT.listed(connection)


def of_deal(connection: Connection, row: int) -> list[SharedKey]:
    """Return those among a deal's keys."""
    return _KEPT.of_deal(connection, row)
