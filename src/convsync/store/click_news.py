"""Which stored clicks are news, and whether clicks lead on from one to another.

Clicks are numbered as they come, and all behind the last whose news was spread are news; of those
before it, only what `mark` names. A click leads on to another where both have a key, as a visitor
has who came back. Where none does, a night need not follow any, and it would ask for every chunk of
deals; so it is looked for as news is spread, and once found, it is taken to stay so.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, func, select

from convsync.store import dialect, runs
from convsync.store.schema import click_keys, click_news, clicks

_SPREAD = "clicks whose news was spread"
_LEAD_ON = "several clicks have a key"


def mark(connection: Connection, rows: Collection[int]) -> None:
    """Note that something is new of clicks that were known, unless that is news already."""
    if rows:
        statement = dialect.upsert(click_news, connection).on_conflict_do_nothing()
        connection.execute(statement, [{"click": row} for row in sorted(rows)])


def is_there(connection: Connection) -> bool:
    """True where a click is stored that no deal has been matched with yet."""
    if last(connection) > last_spread(connection):
        return True
    return connection.execute(select(click_news.c.click).limit(1)).first() is not None


def close(connection: Connection) -> None:
    """Take note that the news of all clicks was spread."""
    note_leading_on(connection)
    connection.execute(delete(click_news))
    runs.remember(connection, _SPREAD, str(last(connection)))


def note_leading_on(connection: Connection) -> None:
    """Take note where a click leads on to another."""
    if runs.recall(connection, _LEAD_ON) is None and _share_a_key(connection):
        runs.remember(connection, _LEAD_ON, "yes")


def may_lead_on(connection: Connection) -> bool:
    """True where a click may lead to another: some do, or there is news that may."""
    return runs.recall(connection, _LEAD_ON) is not None or is_there(connection)


def last(connection: Connection) -> int:
    """Return the row of the newest click, 0 where there is none."""
    newest = select(clicks.c.id).order_by(clicks.c.id.desc()).limit(1)  # quick in a view too
    return connection.execute(newest).scalar() or 0


def last_spread(connection: Connection) -> int:
    """Return the row of the last click whose news was spread, 0 where none was."""
    return int(runs.recall(connection, _SPREAD) or 0)


def _share_a_key(connection: Connection) -> bool:
    by_key = select(click_keys.c.key).group_by(click_keys.c.key)
    return connection.execute(by_key.having(func.count() > 1).limit(1)).first() is not None
