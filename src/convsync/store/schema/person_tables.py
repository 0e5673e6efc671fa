"""Customers with several deals, consent, and who was forgotten."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, index_where, metadata

consents = Table(
    "consents",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("purpose", Word(20), primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("record", String(200), primary_key=True),
    Column("status", Word(11), nullable=False),
    Column("said_at", Instant),
    Column("how", Word(10), nullable=False),
    Column("is_news", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What people said about the use of their data, by their keys. See `store.consents`."""
Index("ix_consents_record_source", consents.c.record, consents.c.source)
index_where("ix_consents_news", text("is_news"), consents.c.key)

shared_keys = Table(
    "shared_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("deals", Integer, nullable=False),
    Column("example", ForeignKey("deals.id"), nullable=False),
    sqlite_with_rowid=False,
)
"""Keys that so many deals have that they join none to a click, and one of these deals."""

crowded_keys = Table(
    "crowded_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("clicks", Integer, nullable=False),
    Column("example", ForeignKey("clicks.id"), nullable=False),
    sqlite_with_rowid=False,
)
"""Keys that so many clicks have that they join none to anybody, and one of these clicks."""

persons = Table(
    "persons",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("joined_at", Instant, primary_key=True),
    Column("person", Integer, nullable=False),
    Column("parted_at", Instant),
    Column("is_crowd", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""Customers with several deals, each named by the first of them; what they were before stays. A
crowd is of more deals than a customer has: it is nobody."""
IS_STILL_JOINED = text("parted_at IS NULL")
index_where("ix_persons_person", IS_STILL_JOINED, persons.c.person)
IS_CROWD = text("is_crowd AND parted_at IS NULL")
index_where("ix_persons_crowd", IS_CROWD, persons.c.person)

person_news = Table(
    "person_news",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True, autoincrement=False),
)
"""Deals of which a key changed, or a click with one, since persons were last joined."""

erased_keys = Table(
    "erased_keys",
    metadata,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("added_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""Who was forgotten: marks of what would lead to them again (`model.erased`)."""
