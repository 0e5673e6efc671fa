"""How far sources have been read, and what of them could not be."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, metadata

watermarks = Table(
    "watermarks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("read_until", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("place", Text, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)
"""Windows that a run could not read to their end, and how far it came."""

file_marks = Table(
    "file_marks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("reading", LargeBinary(16), nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("lines_read", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("status", Text),
)
"""How far each file of clicks has been read, and what it was then."""

remembered = Table(
    "remembered",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)

stages = Table(
    "stages",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("stage_id", String(200), primary_key=True),
    Column("pipeline", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("outcome", Word(10), nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Every stage of a CRM as it was once seen, under each name it had; `seen_at` is since when."""

merges = Table(
    "merges",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("survivor", String(200), primary_key=True),
    Column("noticed_at", Instant, nullable=False),
    Column("reached", Text, nullable=False),
    info={GROWS: True},
)
"""Deals that others were merged into, and what all of them had reached when that was noticed."""

survivors = Table(
    "survivors",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("deal_id", String(200), primary_key=True),
    Column("survivor", String(200), nullable=False),
    info={GROWS: True},
)
"""What each deal became that was merged into another, in the end: one that is itself no survivor
of a later merge. Neither needs to have been read."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("place", String(300), primary_key=True),
    Column("deal_id", String(200)),
    Column("problem", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)
Index("ix_quarantine_deal_id", quarantine.c.deal_id)
