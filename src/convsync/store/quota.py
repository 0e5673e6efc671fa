"""How many requests a project has made lately, by whatever process on this database.

Every request is noted with its time before it leaves, and the note is counted: exactly so many in
any minute and any 24 hours, whoever makes them. Google resets a day's quota at an hour it does not
state; counting any 24 hours keeps to it whenever that is.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from convsync.store.schema import requests

_OF = requests.c.project == bindparam("of")
_INSIDE = (_OF, requests.c.at > bindparam("since"))
_FORGET = delete(requests).where(_OF, requests.c.at <= bindparam("by"))
_USED = select(func.count()).select_from(requests).where(*_INSIDE)
_LEFT = select(requests.c.at).where(*_INSIDE).order_by(requests.c.at)
_NOTE = insert(requests)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def take(
    connection: Connection,
    project: str,
    *,
    per_minute: int | None,
    per_day: int | None,
    now: datetime,
) -> timedelta:
    """Note a request and return no wait, or note nothing and return how long to wait.

    `now` is the machine's time in UTC: quotas know no other.
    """
    connection.execute(_FORGET, {"of": project, "by": now - DAY})
    wait = max(
        _until_free(connection, project, MINUTE, per_minute, now),
        _until_free(connection, project, DAY, per_day, now),
    )
    if not wait:
        connection.execute(_NOTE, {"project": project, "at": now})
    return wait


def _until_free(
    connection: Connection, project: str, window: timedelta, limit: int | None, now: datetime
) -> timedelta:
    """Return how long until fewer than `limit` requests lie within the window."""
    if limit is None:
        return timedelta(0)
    asked = {"of": project, "since": now - window}
    used = connection.execute(_USED, asked).scalar_one()
    if used < limit:
        return timedelta(0)
    leaves = _LEFT.offset(used - limit).limit(1)
    left_at: datetime = connection.execute(leaves, asked).scalar_one()
    return left_at + window - now
