"""Click IDs get their campaign, keyword, device and place from the ad account that has them.

An account is asked day by day, as far back as it answers, where there may be something to learn: an
ID that is not known yet and may be of that day. A click in a log is of the day on which it was
first seen or of the one before, for a page may have been left open past midnight; one that only a
deal holds is of the deal's own day or of the week before. A day that is settled is asked for again
only for what was stored since. `again` asks for every day. Each day is committed, so that what
breaks off continues where it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from convsync.model.period import Period
from convsync.store import ad_clicks
from convsync.store.ad_clicks import AskedDay
from convsync.store.database import Connection, Database
from convsync.upload.ad_account import ClickReader

YOUNG = timedelta(days=3)
"""So long after its end a day may still get clicks; Google states no term, so this is generous."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enriched:
    """What one account told: days asked for, clicks they had, and how many of these are stored."""

    customer_id: str
    days: int = 0
    read: int = 0
    stored: int = 0


def enrich(
    database: Database,
    reader: ClickReader,
    *,
    now: datetime,
    again: bool = False,
    on_day: Callable[[date], None] = lambda _: None,
) -> Enriched:
    """Ask an account for each day that is due, or for all of them `again`; keep what it says.

    Raises what the reader does; the days before are kept.
    """
    zone = ZoneInfo(reader.time_zone)
    with database.reading() as connection:
        due = [*_due(connection, reader, zone, now, again=again)]
    read = stored = 0
    for day in due:
        on_day(day)
        found = reader.clicks_on(day)
        with database.transaction("clicks of a day") as connection:
            stored += ad_clicks.save(connection, reader.customer_id, day, found, now)
        read += len(found)
    return Enriched(customer_id=reader.customer_id, days=len(due), read=read, stored=stored)


def _due(
    connection: Connection, reader: ClickReader, zone: ZoneInfo, now: datetime, *, again: bool
) -> Iterator[date]:
    asked = ad_clicks.days_asked(connection, reader.customer_id)
    today = now.astimezone(zone).date()
    for age in range(reader.days_back.days - 1, -1, -1):
        day = today - timedelta(days=age)
        if again or _is_due(connection, day, asked.get(day), zone):
            yield day


def _is_due(connection: Connection, day: date, asked: AskedDay | None, zone: ZoneInfo) -> bool:
    that_day, next_day = (Period.of_days(one, one, zone) for one in (day, day + _DAY))
    is_settled = asked is not None and asked.asked_at >= that_day.until + YOUNG
    return ad_clicks.has_unknown(connection, that_day, next_day, asked if is_settled else None)
