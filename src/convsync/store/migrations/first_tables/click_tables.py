"""Clicks and their keys, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op


def make() -> None:
    """Make them."""
    op.create_table(
        "clicks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("is_whole_day", sa.Boolean(), nullable=False),
        sa.Column("joined_by", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
        sa.UniqueConstraint("key", name=op.f("uq_clicks_key")),
    )
    op.create_table(
        "click_keys",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("click", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "click", name=op.f("pk_click_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "collected",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("visitor", sa.String(length=32), nullable=False),
        sa.Column("form", sa.String(length=80), nullable=True),
        sa.Column("landings", sa.Text(), nullable=False),
        sa.Column("emails", sa.Text(), nullable=False),
        sa.Column("phones", sa.Text(), nullable=False),
        sa.Column("ad_storage", sa.String(length=11), nullable=False),
        sa.Column("ad_user_data", sa.String(length=11), nullable=False),
        sa.Column("ad_personalization", sa.String(length=11), nullable=False),
        sa.Column("consented_at", sa.BigInteger(), nullable=False),
        sa.Column("consent_source", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected")),
    )
    op.create_index("ix_collected_site_received_at", "collected", ["site", "received_at"])
    op.create_index("ix_collected_visitor", "collected", ["visitor"])
    op.create_table(
        "ad_clicks",
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("gclid", sa.Text(), nullable=False),
        sa.Column("clicked_on", sa.String(10), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("ad_group_id", sa.Text(), nullable=False),
        sa.Column("ad_group", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("match_type", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ad_clicks")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ad_clicks_gclid", "ad_clicks", ["gclid"])
    op.create_table(
        "ad_days",
        sa.Column("customer_id", sa.String(50), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("newest_click", sa.Integer(), nullable=False),
        sa.Column("newest_deal", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "day", name=op.f("pk_ad_days")),
    )
    op.create_table(
        "click_news",
        sa.Column("click", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["click"], ["clicks.id"], name=op.f("fk_click_news_click")),
        sa.PrimaryKeyConstraint("click", name=op.f("pk_click_news")),
    )
