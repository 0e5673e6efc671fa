"""What a reader of the trend should know: what people noted, and when definitions changed."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import metadata

notes = Table(
    "notes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("day", String(10), nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
)
Index("ix_notes_day", notes.c.day)

definitions = Table(
    "definitions",
    metadata,
    Column("kind", Word(10), primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("digest", LargeBinary(16)),
)
"""Each definition that nights counted by, since when; without a digest since when there is none."""
