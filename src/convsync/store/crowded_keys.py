"""Keys that join nobody because too many clicks have them: a kiosk, an office, a test address.

A person's device or e-mail is behind a few clicks, not behind hundreds. As with what too many deals
have (`shared_keys`), such a key is found once everything was read, finds no click from then on and
leads from none to another; it is listed, and can be allowed. Deals that it led to a click so far,
or that it may lead to one again, are due to be looked at.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, union_all

from convsync.store import click_index, click_news, dialect, persons, runs
from convsync.store.nobodys_keys import NobodysKeys
from convsync.store.reach import MOST_CLICKS
from convsync.store.schema import click_keys, clicks, crowded_keys, deal_keys

_COUNTED = "clicks counted by their keys"
_COLUMNS = ("key", "clicks", "example")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedKey:
    """A key that joins nobody, by the name it is allowed by, how many clicks have it, and one."""

    name: str
    clicks: int
    example: str


def note(connection: Connection, allowed: Set[bytes], *, now: datetime) -> None:
    """Keep which keys too many clicks have; deals that this concerns are due.

    All clicks are counted where there are new ones since the last time, and else none.
    """
    counted = f"{click_news.last(connection)} {sorted(key.hex() for key in allowed)}"
    if runs.recall(connection, _COUNTED) == counted:
        return
    runs.remember(connection, _COUNTED, counted)
    if not click_news.may_lead_on(connection):
        return  # every key is of one click
    found = {key: of_key for key, *of_key in _counted(connection) if key not in allowed}
    before = set(connection.execute(select(crowded_keys.c.key)).scalars())
    connection.execute(delete(crowded_keys))
    rows = [(key, *of_key) for key, of_key in found.items()]
    dialect.insert_rows(connection, crowded_keys, _COLUMNS, rows)
    if changed := before ^ found.keys():
        concerned = _deals_behind(connection, changed)
        persons.make_due(connection, concerned, now)
        persons.note_changed(connection, concerned)


def count_anew(connection: Connection) -> None:
    """Have all clicks counted the next time: known ones have got another key."""
    runs.remember(connection, _COUNTED, "")


def _counted(connection: Connection) -> list[tuple[bytes, int, int]]:
    """Return the keys that too many clicks have, with how many, and the row of the first."""
    by_key = (
        select(click_keys.c.key, func.count(), func.min(click_keys.c.click))
        .group_by(click_keys.c.key)
        .having(func.count() > MOST_CLICKS)
    )
    return [(bytes(key), count, first) for key, count, first in connection.execute(by_key)]


def _deals_behind(connection: Connection, keys: Set[bytes]) -> set[int]:
    """Return the deals that have these keys, or another key or the ID of a click with one."""
    having = select(click_keys.c.click).where(click_keys.c.key.in_(sorted(keys)))
    theirs = union_all(
        select(click_index.keys_of(connection, clicks.c.id.in_(having)).subquery().c.key),
        select(clicks.c.key).where(clicks.c.id.in_(having)),
    )
    found = select(deal_keys.c.deal).where(deal_keys.c.key.in_(theirs)).distinct()
    return set(connection.execute(found).scalars())


_KEPT = NobodysKeys(
    keys=crowded_keys,
    counted=crowded_keys.c.clicks,
    shown=clicks.c.value,
    made=lambda name, count, example: CrowdedKey(name=name, clicks=count, example=example),
)


def listed(connection: Connection) -> list[CrowdedKey]:
    """Return the keys that join nobody for the number of their clicks, those of most first."""
    return _KEPT.listed(connection)


def of_deal(connection: Connection, row: int) -> list[CrowdedKey]:
    """Return those among a deal's keys."""
    return _KEPT.of_deal(connection, row)
