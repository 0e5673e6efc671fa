"""What the ad accounts spent, and what they counted, by the day in each account's calendar.

Texts that a row does not have are empty, so that they can be part of its key.
"""

from sqlalchemy import BigInteger, Column, Float, String, Table, Text

from convsync.store.column_types import Instant, Micros, Word
from convsync.store.schema.base import metadata

ad_costs = Table(
    "ad_costs",
    metadata,
    Column("customer_id", String(50), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("view", Word(10), primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("ad_group_id", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("match_type", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("ad_group", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("cost", Micros, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What was spent, told apart in the ways of `CostView`: each view holds a day's costs once more."""

ad_results = Table(
    "ad_results",
    metadata,
    Column("customer_id", String(50), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("action_id", Text, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("conversions", Float, nullable=False),
    Column("value", Micros, nullable=False),
    sqlite_with_rowid=False,
)
"""What the platform counts for the clicks of a day, by campaign and conversion action."""

ad_names = Table(
    "ad_names",
    metadata,
    Column("view", Word(10), primary_key=True),
    Column("item", Text, primary_key=True),
    Column("name", Text, nullable=False),
)
"""What the platform calls the places and audiences that it otherwise gives by their IDs."""

cost_days = Table(
    "cost_days",
    metadata,
    Column("customer_id", String(50), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("asked_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""Days whose costs an ad account was asked for last, and when: a day may have cost nothing."""
