"""What the views for BI tools need to know of the configuration."""

from sqlalchemy import Column, Float, Integer, String, Table, Text

from convsync.store.schema.base import metadata

funnel_steps = Table(
    "funnel_steps",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("milestone", String(50), nullable=False),
    Column("definition", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("next_within_days", Float),
)
"""The steps of the funnel as they follow one another, and what was agreed on each, by the last run:
a database cannot read the configuration."""
