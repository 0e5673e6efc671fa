"""Money that came in after a sale."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, text

from convsync.store.column_types import Instant, Micros
from convsync.store.schema.base import GROWS, index_where, metadata

revenue = Table(
    "revenue",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("line", String(200), primary_key=True),
    Column("deal_id", String(200)),
    Column("customer", LargeBinary(16)),
    Column("paid_at", Instant, nullable=False),
    Column("amount", Micros, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("deal", ForeignKey("deals.id")),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""Lines of revenue, and the deal that each is of, once that is known. See `store.revenue`."""
index_where("ix_revenue_deal", text("deal IS NOT NULL"), revenue.c.deal)
index_where("ix_revenue_unknown", text("deal IS NULL"), revenue.c.deal_id)
index_where("ix_revenue_customer", text("customer IS NOT NULL"), revenue.c.customer)
