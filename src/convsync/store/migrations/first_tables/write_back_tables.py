"""What was written into fields of CRMs, as version 0.1 has it."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make the table."""
    op.create_table(
        "write_backs",
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("pending", sa.Text(), nullable=True),
        sa.Column("declined", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("modified_at", sa.BigInteger(), nullable=True),
        sa.Column("written_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_write_backs_deal")),
        sa.PrimaryKeyConstraint("deal", "field", name=op.f("pk_write_backs")),
        sqlite_with_rowid=False,
    )
    index_where("ix_write_backs_pending", "write_backs", ["deal"], "pending IS NOT NULL")
