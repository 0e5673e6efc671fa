"""Indexes of those rows that meet a condition."""

import sqlalchemy as sa
from alembic import op


def index_where(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    """Index those rows of a table that meet a condition, on both databases."""
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
