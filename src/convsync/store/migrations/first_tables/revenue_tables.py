"""Revenue, as version 0.1 has it."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make the table."""
    op.create_table(
        "revenue",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("line", sa.String(length=200), nullable=False),
        sa.Column("deal_id", sa.String(length=200), nullable=True),
        sa.Column("customer", sa.LargeBinary(length=16), nullable=True),
        sa.Column("paid_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_revenue_deal")),
        sa.PrimaryKeyConstraint("source", "line", name=op.f("pk_revenue")),
        sqlite_with_rowid=False,
    )
    index_where("ix_revenue_deal", "revenue", ["deal"], "deal IS NOT NULL")
    index_where("ix_revenue_unknown", "revenue", ["deal_id"], "deal IS NULL")
    index_where("ix_revenue_customer", "revenue", ["customer"], "customer IS NOT NULL")
