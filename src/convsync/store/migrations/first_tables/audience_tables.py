"""Audiences, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make them."""
    op.create_table(
        "audience_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("destination", sa.String(length=50), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("list_id", sa.String(length=30), nullable=True),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("is_doubtful", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience_lists")),
        sa.UniqueConstraint(
            "audience", "destination", name=op.f("uq_audience_lists_audience_destination")
        ),
        sa.UniqueConstraint("code", name=op.f("uq_audience_lists_code")),
    )
    _make_batches()
    _make_members()
    op.create_table(
        "audience_wanted",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("identifier", sa.LargeBinary(length=32), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_audience_wanted_deal")),
        sa.PrimaryKeyConstraint("audience", "identifier", "deal", name=op.f("pk_audience_wanted")),
        sqlite_with_rowid=False,
    )


def _make_batches() -> None:
    op.create_table(
        "audience_batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("list", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("identifiers", sa.Integer(), nullable=False),
        sa.Column("reserved_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("change IN ('add', 'remove')", name=op.f("ck_audience_batches_change")),
        sa.CheckConstraint(
            "state IN ('sending', 'unanswered', 'refused', 'accepted', 'settled')",
            name=op.f("ck_audience_batches_state"),
        ),
        sa.CheckConstraint(
            "state <> 'accepted' OR request_id IS NOT NULL",
            name=op.f("ck_audience_batches_request"),
        ),
        sa.ForeignKeyConstraint(
            ["list"], ["audience_lists.id"], name=op.f("fk_audience_batches_list")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_audience_batches_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience_batches")),
    )
    index_where("ix_audience_batches_open", "audience_batches", ["poll_at"], "poll_at IS NOT NULL")


def _make_members() -> None:
    op.create_table(
        "audience_members",
        sa.Column("list", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "CASE state WHEN 'held' THEN batch IS NULL WHEN 'adding' THEN batch IS NOT NULL"
            " WHEN 'removing' THEN batch IS NOT NULL ELSE 1 = 0 END",
            name=op.f("ck_audience_members_state"),
        ),
        sa.ForeignKeyConstraint(
            ["batch"], ["audience_batches.id"], name=op.f("fk_audience_members_batch")
        ),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_audience_members_deal")),
        sa.ForeignKeyConstraint(
            ["list"], ["audience_lists.id"], name=op.f("fk_audience_members_list")
        ),
        sa.PrimaryKeyConstraint("list", "identifier", name=op.f("pk_audience_members")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audience_members_deal", "audience_members", ["deal"])
    index_where("ix_audience_members_batch", "audience_members", ["batch"], "batch IS NOT NULL")
