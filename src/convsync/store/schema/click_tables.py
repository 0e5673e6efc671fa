"""Clicks, the keys that join them to deals, and what the ad platform says of them.

Each click ID stands once: the digest of the ID as a key is unique in `clicks`, and joins it to the
deals that carry it. What else joins a click to deals stands in its own row, the digests of its keys
one behind the other, and from a key to its clicks in `click_keys`, which follows from those rows
(`click_index`). So it needs no foreign key: it is filled out of the clicks, whose rows are never
removed, and to look up each would cost more than to write it.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, metadata

clicks = Table(
    "clicks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(16), nullable=False),
    Column("kind", Word(20), nullable=False),
    Column("value", Text, nullable=False),
    Column("clicked_at", Instant),
    Column("is_whole_day", Boolean, nullable=False),
    Column("joined_by", LargeBinary, nullable=False),
    UniqueConstraint("key"),
    info={GROWS: True},
)

click_keys = Table(
    "click_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("click", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)

collected = Table(
    "collected",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("site", String(100), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("visitor", String(32), nullable=False),
    Column("form", String(80)),
    Column("landings", Text, nullable=False),
    Column("emails", Text, nullable=False),
    Column("phones", Text, nullable=False),
    Column("ad_storage", Word(11), nullable=False),
    Column("ad_user_data", Word(11), nullable=False),
    Column("ad_personalization", Word(11), nullable=False),
    Column("consented_at", Instant, nullable=False),
    Column("consent_source", String(10), nullable=False),
    info={GROWS: True},
)
"""What browsers reported, as it came: a night takes the clicks out of it. See `store.collected`."""
Index("ix_collected_site_received_at", collected.c.site, collected.c.received_at)
Index("ix_collected_visitor", collected.c.visitor)

ad_clicks = Table(
    "ad_clicks",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("gclid", Text, nullable=False),
    Column("clicked_on", String(10), nullable=False),
    *(
        Column(name, Text, nullable=False)
        for name in (
            *("campaign_id", "campaign", "ad_group_id", "ad_group"),
            *("keyword", "match_type", "device", "location", "audience"),
        )
    ),
    sqlite_with_rowid=False,
)
"""What the ad platform says of a click, by the digest of its ID; none of those it does not know.
The ID itself is there for the views, in which nothing makes a digest."""
Index("ix_ad_clicks_gclid", ad_clicks.c.gclid)

ad_days = Table(
    "ad_days",
    metadata,
    Column("customer_id", String(50), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("newest_click", Integer, nullable=False),
    Column("newest_deal", Integer, nullable=False),
)
"""Days whose clicks an ad account was asked for, when, and what was stored last by then."""

click_news = Table(
    "click_news",
    metadata,
    Column("click", ForeignKey("clicks.id"), primary_key=True, autoincrement=False),
)
"""Clicks that were known and of which something is new since the last news was spread."""
