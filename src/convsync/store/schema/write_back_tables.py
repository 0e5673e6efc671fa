"""What was written into fields of a CRM's deals, or is being written, or was kept from it."""

from sqlalchemy import Column, ForeignKey, String, Table, Text, text

from convsync.store.column_types import Instant
from convsync.store.schema.base import GROWS, index_where, metadata

write_backs = Table(
    "write_backs",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("field", String(100), primary_key=True),
    Column("value", Text),
    Column("pending", Text),
    Column("declined", Text),
    Column("code", Text),
    Column("modified_at", Instant),
    Column("written_at", Instant),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""`value` is what a field holds of ours, `pending` what was sent and never answered, `declined`
what was not written because somebody else's value stands there, or the CRM refused it (`code`).
`modified_at` is the deal's stamp in its CRM as our writing left it."""
index_where("ix_write_backs_pending", text("pending IS NOT NULL"), write_backs.c.deal)
