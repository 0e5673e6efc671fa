"""Keys that people have allowed, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op


def make() -> None:
    """Make them."""
    op.create_table(
        "allowed_keys",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("allowed_at", sa.BigInteger(), nullable=False),
        sa.Column("allowed_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_allowed_keys")),
    )
