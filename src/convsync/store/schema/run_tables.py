"""Runs, the one that may run, plans that a person looks at, and the requests of a quota.

One running run: `runs.lock` is unique, and null once a run has ended.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from convsync.store.column_types import Instant, OrderIdBytes
from convsync.store.schema.base import GROWS, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("command", String(20), nullable=False),
    Column("lock", String(20), unique=True),
    Column("as_of", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("holder", Text, nullable=False),
    Column("lease_until", Instant),
    Column("exit_code", Integer),
    Column("message", Text),
    Column("uploads", Integer, nullable=False, server_default="0"),
    Column("summary", Text),
    Column("progress", Text),
    Column("audit_number", BigInteger),
    Column("audit_digest", LargeBinary(32)),
)
Index("ix_runs_as_of", runs.c.as_of)
Index("ix_runs_finished_at", runs.c.finished_at)
"""`progress` is how far a run has come, as JSON: by stage what is done, and of how many."""

kept_plans = Table(
    "kept_plans",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("order_id", OrderIdBytes, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("agrees", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What a plan would send that a person has seen or is to look at, and whether it still would."""

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(100), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_requests_project_at", requests.c.project, requests.c.at)
