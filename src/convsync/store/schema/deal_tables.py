"""Deals, what they reached, and the keys that join them to clicks.

The digest of a deal's row and its keys name the deal without a foreign key: they are written in the
transaction that writes the deal, whose row is never removed. A database would look the deal up once
more for each of them.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, index_where, metadata

deals = Table(
    "deals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("source", String(100), nullable=False),
    Column("deal_id", String(200), nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("created_at", Instant),
    Column("modified_at", Instant),
    Column("amount", Text),
    Column("currency", String(3)),
    Column("ad_user_data", Word(11), nullable=False),
    Column("ad_personalization", Word(11), nullable=False),
    Column("consented_at", Instant),
    Column("customer_type", Word(10)),
    Column("emails", Text),
    Column("phones", Text),
    Column("plain_hashes", Text),
    Column("clicks", Text),
    Column("segments", Text),
    Column("gone", Word(10)),
    Column("reconcile_at", Instant),
    UniqueConstraint("deal_id", "source"),
    info={GROWS: True},
)
index_where("ix_deals_reconcile_at", text("reconcile_at IS NOT NULL"), deals.c.reconcile_at)

IS_UNCLEAR = text("(ad_user_data = 'unclear' OR ad_personalization = 'unclear')")
index_where("ix_deals_unclear", IS_UNCLEAR, deals.c.source)
_IS_GONE = text("gone IS NOT NULL")
index_where("ix_deals_gone", _IS_GONE, deals.c.source, deals.c.id)

milestones = Table(
    "milestones",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("reached_at", Instant, nullable=False),
    Column("is_whole_day", Boolean, nullable=False),
    Column("is_estimated", Boolean, nullable=False, server_default=false()),
    Column("estimated_at", Instant),
    Column("withdrawn_at", Instant),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
_IS_WITHDRAWN = text("withdrawn_at IS NOT NULL")
index_where("ix_milestones_withdrawn", _IS_WITHDRAWN, milestones.c.name)

IS_ESTIMATED = text("is_estimated")
index_where("ix_milestones_estimated", IS_ESTIMATED, milestones.c.name)

row_digests = Table(
    "row_digests",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("deal", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What the rows of deals were when last read: apart from the deals, because every night all of
these are read, and hardly a deal is."""

deal_keys = Table(
    "deal_keys",
    metadata,
    Column("deal", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(16), primary_key=True),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
