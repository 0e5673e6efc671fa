"""The audit log, as version 0.1 has it."""

import sqlalchemy as sa
from alembic import op

_APPEND_ONLY = {
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
_LIGHTLY_COMPRESSED = """DO $$ BEGIN
        ALTER TABLE audit_events ALTER COLUMN detail SET COMPRESSION lz4;
    EXCEPTION WHEN feature_not_supported THEN
        ALTER TABLE audit_events ALTER COLUMN detail SET STORAGE EXTERNAL;
    END $$"""


def make() -> None:
    """Make them."""
    op.create_table(
        "audit_events",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=True),
        sa.Column("deal_id", sa.String(length=200), nullable=True),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("deal", sa.Integer(), nullable=True),
        sa.CheckConstraint("(deal IS NULL) = (deal_id IS NULL)", name=op.f("ck_audit_events_deal")),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_audit_events_deal")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_audit_events_run_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_deal", "audit_events", ["deal"], unique=False)
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_LIGHTLY_COMPRESSED)
    op.create_table(
        "audit_blocks",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("first_entry", sa.BigInteger(), nullable=True),
        sa.Column("last_entry", sa.BigInteger(), nullable=True),
        sa.Column("first_deal", sa.BigInteger(), nullable=True),
        sa.Column("last_deal", sa.BigInteger(), nullable=True),
        sa.Column("least", sa.Float(), nullable=True),
        sa.Column("most", sa.Float(), nullable=True),
        sa.Column("amounts", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_audit_blocks_run_id")),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_audit_blocks")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seal", sa.LargeBinary(length=16), nullable=False),
        sa.Column("keyed_since", sa.BigInteger(), nullable=True),
        sa.Column("key_id", sa.LargeBinary(length=8), nullable=True),
        sa.Column("sealed", sa.BigInteger(), nullable=True),
        sa.Column("sealed_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sealed_in", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
