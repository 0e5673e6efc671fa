"""What ad accounts spent and counted, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op


def make() -> None:
    """Make them."""
    op.create_table(
        "ad_costs",
        sa.Column("customer_id", sa.String(length=50), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("view", sa.String(length=10), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("ad_group_id", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("match_type", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("ad_group", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "customer_id",
            "day",
            "view",
            "campaign_id",
            "ad_group_id",
            "item",
            "match_type",
            "device",
            name=op.f("pk_ad_costs"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ad_results",
        sa.Column("customer_id", sa.String(length=50), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("conversions", sa.Float(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "customer_id", "day", "campaign_id", "action_id", name=op.f("pk_ad_results")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ad_names",
        sa.Column("view", sa.String(length=10), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("view", "item", name=op.f("pk_ad_names")),
    )
    op.create_table(
        "cost_days",
        sa.Column("customer_id", sa.String(length=50), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "day", name=op.f("pk_cost_days")),
        sqlite_with_rowid=False,
    )
