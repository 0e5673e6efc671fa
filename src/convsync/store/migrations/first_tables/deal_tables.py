"""Deals, milestones and their keys, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make them."""
    op.create_table(
        "deals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("deal_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("modified_at", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Text(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("ad_user_data", sa.String(length=11), nullable=False),
        sa.Column("ad_personalization", sa.String(length=11), nullable=False),
        sa.Column("consented_at", sa.BigInteger(), nullable=True),
        sa.Column("customer_type", sa.String(length=10), nullable=True),
        sa.Column("emails", sa.Text(), nullable=True),
        sa.Column("phones", sa.Text(), nullable=True),
        sa.Column("plain_hashes", sa.Text(), nullable=True),
        sa.Column("clicks", sa.Text(), nullable=True),
        sa.Column("segments", sa.Text(), nullable=True),
        sa.Column("gone", sa.String(length=10), nullable=True),
        sa.Column("reconcile_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deals")),
        sa.UniqueConstraint("deal_id", "source", name=op.f("uq_deals_deal_id_source")),
    )
    index_where("ix_deals_reconcile_at", "deals", ["reconcile_at"], "reconcile_at IS NOT NULL")
    unclear = "(ad_user_data = 'unclear' OR ad_personalization = 'unclear')"
    index_where("ix_deals_unclear", "deals", ["source"], unclear)
    index_where("ix_deals_gone", "deals", ["source", "id"], "gone IS NOT NULL")
    op.create_table(
        "milestones",
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("reached_at", sa.BigInteger(), nullable=False),
        sa.Column("is_whole_day", sa.Boolean(), nullable=False),
        sa.Column("is_estimated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("estimated_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_milestones_deal")),
        sa.PrimaryKeyConstraint("deal", "name", name=op.f("pk_milestones")),
        sqlite_with_rowid=False,
    )
    index_where("ix_milestones_estimated", "milestones", ["name"], "is_estimated")
    index_where("ix_milestones_withdrawn", "milestones", ["name"], "withdrawn_at IS NOT NULL")
    op.create_table(
        "row_digests",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("source", "deal", name=op.f("pk_row_digests")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deal_keys",
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("deal", "key", name=op.f("pk_deal_keys")),
        sqlite_with_rowid=False,
    )
