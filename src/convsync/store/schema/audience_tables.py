"""Audiences: who should be on which list, whom the platform's list may hold, and the requests."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from convsync.model.audience import Change
from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import GROWS, index_where, metadata, one_of

audience_lists = Table(
    "audience_lists",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("audience", String(40), nullable=False),
    Column("destination", String(50), nullable=False),
    Column("code", String(80), nullable=False, unique=True),
    Column("list_id", String(30)),
    Column("terms", Text),
    Column("is_doubtful", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("audience", "destination"),
)
"""Lists of ad accounts: the code by which each is found again, and what it was last made with. One
that is doubtful may hold people of whom a restored ledger knows nothing."""

audience_batches = Table(
    "audience_batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("list", ForeignKey("audience_lists.id"), nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("change", Word(6), nullable=False),
    Column("state", Word(10), nullable=False),
    Column("request_id", Text),
    Column("members", Integer, nullable=False),
    Column("identifiers", Integer, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("poll_at", Instant),
    Column("outcome", Text),
    CheckConstraint(one_of("change", Change), name="change"),
    CheckConstraint(
        one_of("state", ("sending", "unanswered", "refused", "accepted", "settled")), name="state"
    ),
    CheckConstraint("state <> 'accepted' OR request_id IS NOT NULL", name="request"),
)
"""Requests that changed a list. Each is reserved, and committed, before it is sent."""
index_where("ix_audience_batches_open", text("poll_at IS NOT NULL"), audience_batches.c.poll_at)

audience_members = Table(
    "audience_members",
    metadata,
    Column("list", ForeignKey("audience_lists.id"), primary_key=True),
    Column("identifier", LargeBinary(32), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("deal", ForeignKey("deals.id"), nullable=False),
    Column("state", Word(8), nullable=False),
    Column("batch", ForeignKey("audience_batches.id")),
    Column("added_at", Instant),
    CheckConstraint(
        "CASE state WHEN 'held' THEN batch IS NULL WHEN 'adding' THEN batch IS NOT NULL"
        " WHEN 'removing' THEN batch IS NOT NULL ELSE 1 = 0 END",
        name="state",
    ),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""All that a list may hold: a row is there before its first request leaves, and until the platform
has confirmed the removal."""
Index("ix_audience_members_deal", audience_members.c.deal)
index_where("ix_audience_members_batch", text("batch IS NOT NULL"), audience_members.c.batch)

audience_wanted = Table(
    "audience_wanted",
    metadata,
    Column("audience", String(40), primary_key=True),
    Column("identifier", LargeBinary(32), primary_key=True),
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("is_excluded", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""Who meets which condition and may be listed, as of the last look; some excluded by another."""
