"""Persons and consent, as version 0.1 has them."""

import sqlalchemy as sa
from alembic import op

from convsync.store.migrations.first_tables.conditions import index_where


def make() -> None:
    """Make them."""
    op.create_table(
        "consents",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("record", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=11), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=True),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.Column("is_news", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", "purpose", "source", "record", name=op.f("pk_consents")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_consents_record_source", "consents", ["record", "source"])
    index_where("ix_consents_news", "consents", ["key"], "is_news")
    op.create_table(
        "shared_keys",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("deals", sa.Integer(), nullable=False),
        sa.Column("example", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["example"], ["deals.id"], name=op.f("fk_shared_keys_example")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_shared_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crowded_keys",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("clicks", sa.Integer(), nullable=False),
        sa.Column("example", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["example"], ["clicks.id"], name=op.f("fk_crowded_keys_example")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_crowded_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "persons",
        sa.Column("deal", sa.Integer(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("parted_at", sa.BigInteger(), nullable=True),
        sa.Column("is_crowd", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_persons_deal")),
        sa.PrimaryKeyConstraint("deal", "joined_at", name=op.f("pk_persons")),
        sqlite_with_rowid=False,
    )
    index_where("ix_persons_person", "persons", ["person"], "parted_at IS NULL")
    index_where("ix_persons_crowd", "persons", ["person"], "is_crowd AND parted_at IS NULL")
    op.create_table(
        "person_news",
        sa.Column("deal", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["deal"], ["deals.id"], name=op.f("fk_person_news_deal")),
        sa.PrimaryKeyConstraint("deal", name=op.f("pk_person_news")),
    )
    op.create_table(
        "erased_keys",
        sa.Column("mark", sa.LargeBinary(length=32), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_erased_keys")),
        sqlite_with_rowid=False,
    )
