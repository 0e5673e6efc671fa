"""The ledger, its batches and sums, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where

_KEPT = {
    "sqlite": [
        """CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches
        BEGIN SELECT RAISE(ABORT, 'batches are never removed'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION batches_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'batches are never removed' USING ERRCODE = '23000'; END $$""",
        """CREATE TRIGGER batches_no_delete BEFORE DELETE
        ON batches FOR EACH ROW EXECUTE FUNCTION batches_no_delete()""",
        """CREATE TRIGGER batches_no_truncate BEFORE TRUNCATE
        ON batches FOR EACH STATEMENT EXECUTE FUNCTION batches_no_delete()""",
    ],
}


def make() -> None:
    """Make them."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(length=50), nullable=False),
        sa.Column("action_id", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("reserved_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state <> 'accepted' OR request_id IS NOT NULL", name=op.f("ck_batches_request")
        ),
        sa.CheckConstraint(
            "state IN ('sending', 'accepted', 'settled')", name=op.f("ck_batches_state")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_batches_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    index_where("ix_batches_sending", "batches", ["id"], "state = 'sending'")
    index_where("ix_batches_accepted", "batches", ["id"], "state = 'accepted'")
    op.create_index("ix_batches_run", "batches", ["run_id"], unique=False)
    for statement in _KEPT[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=50), nullable=False),
        sa.Column("order_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("destination", sa.String(length=50), nullable=False),
        sa.Column("action_id", sa.String(length=256), nullable=False),
        sa.Column("milestone", sa.String(length=50), nullable=False),
        sa.Column("milestone_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("queue", sa.SmallInteger(), nullable=True),
        sa.Column("operation", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("told_value", sa.BigInteger(), nullable=True),
        sa.Column("told_currency", sa.String(length=3), nullable=True),
        sa.Column("is_unsure", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("event_at", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.Integer(), nullable=True),
        sa.Column("click_kind", sa.String(length=20), nullable=True),
        sa.Column("click_id", sa.Text(), nullable=True),
        sa.Column("clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("is_click_estimated", sa.Boolean(), nullable=True),
        sa.Column("seconds_to_close", sa.BigInteger(), nullable=True),
        sa.Column("extras", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("values_version", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "CASE state WHEN 'not_sent' THEN queue IS NULL AND reason IS NOT NULL WHEN 'held' THEN queue IS NULL AND reason IS NOT NULL AND due_at IS NOT NULL WHEN 'confirmed' THEN queue IS NULL AND value IS NOT NULL AND event_at IS NOT NULL AND told_value IS NOT NULL WHEN 'planned' THEN coalesce(queue, 0) = 1 AND value IS NOT NULL AND event_at IS NOT NULL WHEN 'accepted' THEN queue IS NULL AND value IS NOT NULL AND event_at IS NOT NULL AND batch_id IS NOT NULL WHEN 'sending' THEN queue IS NULL AND value IS NOT NULL AND event_at IS NOT NULL AND batch_id IS NOT NULL WHEN 'deferred' THEN coalesce(queue, 0) = 2 AND value IS NOT NULL AND event_at IS NOT NULL AND due_at IS NOT NULL WHEN 'blocked' THEN coalesce(queue, 0) = 3 AND value IS NOT NULL AND event_at IS NOT NULL AND code IS NOT NULL WHEN 'unmatched' THEN queue IS NULL AND value IS NOT NULL AND event_at IS NOT NULL WHEN 'rejected' THEN queue IS NULL ELSE 1 = 0 END",
            name=op.f("ck_ledger_what_its_state_needs"),
        ),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_ledger_deal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sa.UniqueConstraint("deal", "rule", name=op.f("uq_ledger_deal_rule")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE ledger SET (fillfactor = 50)")
    index_where("ix_ledger_batch", "ledger", ["batch_id"], "batch_id IS NOT NULL")
    index_where(
        "ix_ledger_open",
        "ledger",
        ["queue", "destination", "action_id", "id"],
        "queue IS NOT NULL",
    )
    index_where(
        "uq_ledger_order_id_action_id",
        "ledger",
        ["order_id", "action_id"],
        "event_at IS NOT NULL",
        unique=True,
    )
    index_where(
        "uq_ledger_click_event_at",
        "ledger",
        ["click_id", "action_id", "event_at", "destination"],
        "click_kind = 'msclkid' AND event_at IS NOT NULL",
        unique=True,
    )
    index_where(
        "ix_ledger_uncorrectable",
        "ledger",
        ["id"],
        "reason = 'platform_cannot'",
    )
    index_where("ix_ledger_late", "ledger", ["deal"], "reason = 'click_outside_lookback'")
    op.create_table(
        "ledger_sums",
        sa.Column("rule", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("destination", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("action_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("milestone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("told_currency", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("is_worth", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "rule",
            "source",
            "destination",
            "action_id",
            "milestone",
            "state",
            "operation",
            "reason",
            "code",
            "told_currency",
            "is_worth",
            name=op.f("pk_ledger_sums"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "time_sums",
        sa.Column("milestone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenths", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("milestone", "tenths", name=op.f("pk_time_sums")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deal_sums",
        sa.Column("source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("milestone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("segments", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "milestone", "segments", name=op.f("pk_deal_sums")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "standing_sums",
        sa.Column("milestone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stands", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("milestone", "day", "stands", name=op.f("pk_standing_sums")),
        sqlite_with_rowid=False,
    )
