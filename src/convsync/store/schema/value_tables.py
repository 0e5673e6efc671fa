"""Learned values: every version that was kept, and who let the rules use it."""

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, Table, Text

from convsync.store.column_types import Instant
from convsync.store.schema.base import metadata

value_versions = Table(
    "value_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("learned_at", Instant, nullable=False),
    Column("learned_by", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("forecasts", Text, nullable=False),
    Column("accepted_at", Instant),
    Column("accepted_by", Text),
    Column("restates", Boolean, nullable=False),
    CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted"),
)
"""A version never changes; the one that was accepted last is what rules use."""
