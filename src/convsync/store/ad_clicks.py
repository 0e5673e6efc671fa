"""What the ad platform says of click IDs that deals or logs hold, and the days it was asked of.

Of an ID that it does not know there is no row, and nothing is kept of clicks that nobody here has.
Whether a deal holds one is found in one pass over the deals' keys, which have no index of their own
(see `store.clicks`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from msgspec import structs
from sqlalchemy import Connection, Select, bindparam, delete, func, literal, or_, select

from convsync.model.ad_click import AdClick
from convsync.model.click import ClickIdKind
from convsync.model.key import CLICKS_BEGIN
from convsync.model.period import Period
from convsync.model.seen_clicks import digests_of_ids
from convsync.store import dialect
from convsync.store.pages import PAGE
from convsync.store.schema import ad_clicks, ad_days, clicks, deal_keys, deals

_FIELDS = AdClick.__struct_fields__[1:]
_BEFORE_THE_DEAL = timedelta(days=7)
_OWN = deal_keys.c.key >= literal(CLICKS_BEGIN)
"""That a deal's key is its own click ID."""


class AskedDay(NamedTuple):
    """When an account was asked for a day, and the newest click and deal that were stored then."""

    asked_at: datetime
    newest_click: int
    newest_deal: int


def days_asked(connection: Connection, customer_id: str) -> dict[date, AskedDay]:
    """Return the days that an account has been asked for."""
    columns = (ad_days.c[name] for name in ("day", *AskedDay._fields))
    rows = connection.execute(select(*columns).where(ad_days.c.customer_id == customer_id))
    return {date.fromisoformat(day): AskedDay(*asked) for day, *asked in rows}


def has_unknown(
    connection: Connection, day: Period, next_day: Period, since: AskedDay | None
) -> bool:
    """True where an ID that was stored since then is unknown, and may be of a click of that day.

    One of a click log may be if it was seen on the day or the next; one that only a deal holds if
    the deal was made on the day or in the week after it.
    """
    last_click, last_deal = (since.newest_click, since.newest_deal) if since else (0, 0)
    questions = (
        _unknown_in_logs(day.since, next_day.until, last_click),
        _unknown_on_deals(day.since, day.until + _BEFORE_THE_DEAL, last_deal),
    )
    return any(connection.execute(one.limit(1)).first() for one in questions)


def _unknown_in_logs(since: datetime, until: datetime, after: int) -> Select[int]:
    at = clicks.c.clicked_at
    return select(clicks.c.id).where(
        clicks.c.id > after,
        clicks.c.kind == ClickIdKind.GCLID,
        or_(at.is_(None), (at >= since) & (at < until)),
        clicks.c.key.not_in(select(ad_clicks.c.key)),
    )


def _unknown_on_deals(since: datetime, until: datetime, after: int) -> Select[int]:
    made_at = deals.c.created_at
    return (
        select(deals.c.id)
        .join(deal_keys, deal_keys.c.deal == deals.c.id)
        .where(
            deals.c.id > after,
            or_(made_at.is_(None), (made_at >= since) & (made_at < until)),
            _OWN,
            deal_keys.c.key.not_in(select(ad_clicks.c.key)),
        )
    )


def save(
    connection: Connection, customer_id: str, day: date, found: Sequence[AdClick], now: datetime
) -> int:
    """Keep what a day's clicks say of IDs that are stored; return how many these are."""
    digests = digests_of_ids(ClickIdKind.GCLID, [one.gclid for one in found])
    told = dict(zip(digests, found, strict=True))
    held = {key: told[key] for key in _held(connection, told)}
    for keys in _some(list(held)):
        connection.execute(delete(ad_clicks).where(ad_clicks.c.key.in_(keys)))
    rows = [(key, one.gclid, *_cells(one)) for key, one in held.items()]
    dialect.insert_rows(connection, ad_clicks, ("key", "gclid", *_FIELDS), rows)
    asked = {
        "asked_at": now,
        "newest_click": connection.execute(select(func.max(clicks.c.id))).scalar() or 0,
        "newest_deal": connection.execute(select(func.max(deals.c.id))).scalar() or 0,
    }
    connection.execute(
        dialect.upsert(ad_days, connection)
        .values(customer_id=customer_id, day=day.isoformat(), **asked)
        .on_conflict_do_update(index_elements=["customer_id", "day"], set_=asked)
    )
    return len(held)


def _cells(one: AdClick) -> tuple[str, ...]:
    return one.clicked_on.isoformat(), *structs.astuple(one)[2:]


def _held(connection: Connection, told: Collection[bytes]) -> set[bytes]:
    """Return which of the IDs stand in a click log or on a deal."""
    if not told:
        return set()
    logged = dialect.rows_among(connection, clicks, ("key",), "key", list(told))
    carried = select(deal_keys.c.key).where(_OWN)
    own = connection.execute(carried, execution_options={"yield_per": PAGE})
    return {bytes(key) for (key,) in logged} | {key for (key,) in own if key in told}


def of_gclids(connection: Connection, gclids: Sequence[str]) -> Mapping[str, AdClick]:
    """Return what is known of these gclids, by the gclid."""
    by_key = dict(zip(digests_of_ids(ClickIdKind.GCLID, gclids), gclids, strict=True))
    known = select(ad_clicks).where(ad_clicks.c.key.in_(bindparam("keys", expanding=True)))
    return {
        by_key[row["key"]]: AdClick(
            gclid=by_key[row["key"]],
            clicked_on=date.fromisoformat(row["clicked_on"]),
            **{name: row[name] for name in _FIELDS[1:]},
        )
        for row in connection.execute(known, {"keys": list(by_key)}).mappings()
    }


def forget(connection: Connection, keys: Collection[bytes]) -> None:
    """Take out what is known of clicks with these digests."""
    for some in _some(sorted(keys)):
        connection.execute(delete(ad_clicks).where(ad_clicks.c.key.in_(some)))


def _some(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(keys), PAGE):
        yield keys[first : first + PAGE]
