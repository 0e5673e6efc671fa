"""Keys that people have allowed to join deals and clicks, however many have them."""

from sqlalchemy import Column, LargeBinary, String, Table

from convsync.store.column_types import Instant
from convsync.store.schema.base import metadata

allowed_keys = Table(
    "allowed_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("allowed_at", Instant, nullable=False),
    Column("allowed_by", String(100), nullable=False),
)
