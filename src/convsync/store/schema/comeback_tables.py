"""What sales is told of known people who come back."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text, text

from convsync.model.comeback import ComebackKind
from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import index_where, metadata, one_of

comebacks = Table(
    "comebacks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("kind", Word(13), nullable=False),
    Column("deal", ForeignKey("deals.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("said", Text, nullable=False),
    Column("state", Word(7), nullable=False),
    CheckConstraint(one_of("kind", ComebackKind), name="kind"),
    CheckConstraint(one_of("state", ("waiting", "leaving", "told")), name="state"),
)
"""Each once, which the digest sees to. One that is `leaving` may have been told."""
index_where("ix_comebacks_waiting", text("state = 'waiting'"), comebacks.c.id)
