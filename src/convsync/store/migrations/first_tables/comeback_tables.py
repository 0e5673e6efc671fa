"""Comebacks, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make them."""
    op.create_table(
        "comebacks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=13), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=7), nullable=False),
        sa.CheckConstraint(
            "kind IN ('clicked_again', 'came_back', 'returned')", name=op.f("ck_comebacks_kind")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'leaving', 'told')", name=op.f("ck_comebacks_state")
        ),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_comebacks_deal")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_comebacks_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comebacks")),
        sa.UniqueConstraint("digest", name=op.f("uq_comebacks_digest")),
    )
    index_where("ix_comebacks_waiting", "comebacks", ["id"], "state = 'waiting'")
