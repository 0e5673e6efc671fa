"""Weekly digests that were sent, or may have been: no week has two, which its key sees to."""

from sqlalchemy import Column, String, Table

from convsync.store.column_types import Instant
from convsync.store.schema.base import metadata

digests = Table(
    "digests",
    metadata,
    Column("week", String(8), primary_key=True),
    Column("begun_at", Instant, nullable=False),
    Column("sent_at", Instant),
    sqlite_with_rowid=False,
)
