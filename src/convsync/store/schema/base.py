"""What all tables share: their metadata, how constraints are named, and conditions of indexes."""

from typing import Any

from sqlalchemy import Column, Index, MetaData, TextClause

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

GROWS = "grows"
"""In a table's `info`: it has rows for each deal, click, conversion or event. A preview, which
copies other tables, lays one over it that holds only what it writes."""


def one_of(column: str, words: Any) -> str:
    """Return the condition that a column holds one of some words."""
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


def index_where(
    name: str, condition: TextClause, *columns: Column[Any], unique: bool = False
) -> Index:
    """Index those rows of a table that meet a condition; see `for_both_databases`."""
    return Index(name, *columns, unique=unique, sqlite_where=condition)
