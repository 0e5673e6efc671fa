"""The audit log, append-only, and what stands in which part of it.

Triggers refuse to change an event, and to remove one that is not sealed in a file
(`audit_head.sealed` is the last that is). An event's number is its primary key, and one that names
a deal is found by that deal's row: events are added in the order of these.
"""

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    event,
)

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, metadata

_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite keeps rows in the order of such a key, without an index beside the table.

https://www.sqlite.org/lang_createtable.html#rowid
"""

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("event", Word(20), nullable=False),
    Column("source", String(100)),
    Column("deal_id", String(200)),
    Column("order_id", String(64)),
    Column("detail", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=False),
    Column("deal", ForeignKey("deals.id")),
    CheckConstraint("(deal IS NULL) = (deal_id IS NULL)", name="deal"),
    info={GROWS: True},
)
Index("ix_audit_events_deal", audit_events.c.deal)
APPEND_ONLY = {
    "sqlite": [
        """CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
        WHEN OLD.number > coalesce((SELECT sealed FROM audit_head), 0)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
        WHEN EXISTS (SELECT 1 FROM audit_events WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '23000'; END $$""",
        """CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR TRUNCATE
        ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()""",
        """CREATE FUNCTION audit_events_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT max(number) FROM removed)
                > coalesce((SELECT sealed FROM audit_head), 0)
            THEN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '23000'; END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER audit_events_no_delete AFTER DELETE ON audit_events
        REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_no_delete()""",
    ],
}
"""What makes each database refuse to change an event, or to take one out.

SQLite's INSERT OR REPLACE fires no trigger for what it deletes, and is refused by one of its own.
https://www.sqlite.org/lang_conflict.html
"""
for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        _trigger: Any = DDL  # has no types
        event.listen(audit_events, "after_create", _trigger(_statement).execute_if(_dialect))

LIGHTLY_COMPRESSED = """DO $$ BEGIN
        ALTER TABLE audit_events ALTER COLUMN detail SET COMPRESSION lz4;
    EXCEPTION WHEN feature_not_supported THEN
        ALTER TABLE audit_events ALTER COLUMN detail SET STORAGE EXTERNAL;
    END $$"""
"""On PostgreSQL: an event about many deals has 80 KB of digests, which its own compression halves
at three times the cost of writing them. LZ4 is cheap, and not built into every server.

https://www.postgresql.org/docs/current/storage-toast.html
"""
_compression: Any = DDL  # has no types
event.listen(
    audit_events, "after_create", _compression(LIGHTLY_COMPRESSED).execute_if("postgresql")
)

audit_blocks = Table(
    "audit_blocks",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("codes", Text, nullable=False),
    Column("batch", Integer),
    Column("first_entry", BigInteger),
    Column("last_entry", BigInteger),
    Column("first_deal", BigInteger),
    Column("last_deal", BigInteger),
    Column("least", Float),
    Column("most", Float),
    Column("amounts", LargeBinary),
    info={GROWS: True},
)
"""What stands in which part of the audit log: a row for all events that were appended at once, and
one for each event that names many entries. See `store.audit_blocks`."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(16), nullable=False),
    Column("keyed_since", BigInteger),
    Column("key_id", LargeBinary(8)),
    Column("sealed", BigInteger),
    Column("sealed_digest", LargeBinary(32)),
    Column("sealed_in", BigInteger),
    CheckConstraint("id = 1", name="single"),
)
