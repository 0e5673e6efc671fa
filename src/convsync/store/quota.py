"""How many requests a project has made lately, by whatever process on this database.

Every request is noted with its time before it leaves, and the note is counted: exactly so many in
any minute and any 24 hours, whoever makes them. Google resets a day's quota at an hour it does not
state; counting any 24 hours keeps to it whenever that is.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from convsync.store.schema import requests

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
    connection.execute(
        delete(requests).where(requests.c.project == project, requests.c.at <= now - DAY)
    )
    wait = max(
        _until_free(connection, project, MINUTE, per_minute, now),
        _until_free(connection, project, DAY, per_day, now),
    )
    if not wait:
        connection.execute(insert(requests).values(project=project, at=now))
    return wait


def _until_free(
    connection: Connection, project: str, window: timedelta, limit: int | None, now: datetime
) -> timedelta:
    """Return how long until fewer than `limit` requests lie within the window."""
    if limit is None:
        return timedelta(0)
    inside = (requests.c.project == project, requests.c.at > now - window)
    used = connection.execute(
        select(func.count()).select_from(requests).where(*inside)
    ).scalar_one()
    if used < limit:
        return timedelta(0)
    leaves = (
        select(requests.c.at).where(*inside).order_by(requests.c.at).offset(used - limit).limit(1)
    )
    left_at: datetime = connection.execute(leaves).scalar_one()
    return left_at + window - now
