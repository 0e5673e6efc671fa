"""Olist's funnel worked out by hand: what should have become of every lead, and why.

Written from the definitions and from the files alone. It shares no code with convsync, nor with the
replay, so that the two can disagree.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
PACIFIC = ZoneInfo("America/Los_Angeles")
WEEKS_44 = timedelta(days=308)
NINETY_DAYS = timedelta(days=90)
MQL_VALUE, WON_VALUE = Decimal(10), Decimal(500)


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What should have become of one milestone: `why` is `sent`, or the reason why it was not."""

    why: str
    gclid: str | None
    happened_at: datetime
    value: Decimal


def fates(data: Path, ends_at: datetime) -> dict[tuple[str, str], Fate]:
    """Return the fate of every lead and every win, by lead and milestone."""
    clicks = clicks_of_leads(data)
    sold = sold_by(data, ends_at)
    found = {}
    for lead in read(data / "olist_funnel" / "leads.csv"):
        at = last_second_of(date.fromisoformat(lead["first_contact_date"]) - WEEKS_44)
        found[lead["mql_id"], "mql"] = fate_of(at, clicks.get(lead["mql_id"]), MQL_VALUE)
    for win in read(data / "olist_funnel" / "won_deals.csv"):
        local = datetime.fromisoformat(win["won_date"] + "+00:00").astimezone(SAO_PAULO)
        at = on_the_wall(local.replace(tzinfo=None) - WEEKS_44)
        value = sold.get(win["seller_id"], WON_VALUE)
        found[win["mql_id"], "won"] = fate_of(at, clicks.get(win["mql_id"]), value)
    return found


def fate_of(at: datetime, click: tuple[str, datetime] | None, value: Decimal) -> Fate:
    if click is None:
        return Fate(why="no_click", gclid=None, happened_at=at, value=value)
    gclid, clicked_at = click
    if clicked_at > at:
        why = "click_after_milestone"
    elif at - clicked_at > NINETY_DAYS:
        why = "click_outside_lookback"
    elif first_night_after(at) - clicked_at > NINETY_DAYS:
        why = "click_too_old_to_upload"
    else:
        why = "sent"
    return Fate(why=why, gclid=gclid, happened_at=at, value=value)


def clicks_of_leads(data: Path) -> dict[str, tuple[str, datetime]]:
    """Return gclid and earliest possible time of each paid-search lead's click."""
    clicks = {}
    for row in read(data / "web_clicks" / "paid_search_leads_with_gclid.csv"):
        if stamp := row["gclid_click_utc"]:
            at = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        else:
            day = date.fromisoformat(row["gclid_click_date_pacific"])
            at = datetime.combine(day, time(), PACIFIC).astimezone(UTC)
        clicks[row["mql_id"]] = row["gclid"], at
    return clicks


def sold_by(data: Path, ends_at: datetime) -> dict[str, Decimal]:
    """Return what each seller had sold by the end."""
    sold: dict[str, Decimal] = {}
    for item in read(data / "olist_funnel" / "order_items.csv"):
        shipped = on_the_wall(datetime.fromisoformat(item["shipping_limit_date"]) - WEEKS_44)
        if shipped < ends_at:
            seller = item["seller_id"]
            sold[seller] = sold.get(seller, Decimal(0)) + Decimal(item["price"])
    return sold


def first_night_after(at: datetime) -> datetime:
    """Return the first three o'clock in the morning after an instant."""
    day = at.astimezone(SAO_PAULO).date()
    nights = (on_the_wall(datetime.combine(day + timedelta(days=n), time(3))) for n in range(3))
    return next(night for night in nights if night > at)


def last_second_of(day: date) -> datetime:
    next_day = datetime.combine(day + timedelta(days=1), time())
    return on_the_wall(next_day) - timedelta(seconds=1)


def on_the_wall(local: datetime) -> datetime:
    """Return the instant at which a clock on the wall in São Paulo shows this."""
    return local.replace(tzinfo=SAO_PAULO).astimezone(UTC)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
