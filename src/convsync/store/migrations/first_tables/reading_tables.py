"""How far sources were read, as version 0.1 has it."""

import sqlalchemy as sa
from alembic import op


def make() -> None:
    """Make them."""
    op.create_table(
        "watermarks",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("read_until", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_watermarks_run_id")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_watermarks")),
    )
    op.create_table(
        "bookmarks",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_bookmarks_run_id")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_bookmarks")),
    )
    op.create_table(
        "file_marks",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reading", sa.LargeBinary(length=16), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("lines_read", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "path", name=op.f("pk_file_marks")),
    )
    op.create_table(
        "remembered",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_remembered")),
    )
    op.create_table(
        "stages",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("stage_id", sa.String(length=200), nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "stage_id", "pipeline", "name", name=op.f("pk_stages")),
    )
    op.create_table(
        "merges",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("survivor", sa.String(length=200), nullable=False),
        sa.Column("noticed_at", sa.BigInteger(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "survivor", name=op.f("pk_merges")),
    )
    op.create_table(
        "survivors",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("deal_id", sa.String(length=200), nullable=False),
        sa.Column("survivor", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("source", "deal_id", name=op.f("pk_survivors")),
    )
    op.create_table(
        "quarantine",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("deal_id", sa.String(length=200), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_quarantine_run_id")),
        sa.PrimaryKeyConstraint("source", "place", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_deal_id", "quarantine", ["deal_id"], unique=False)
