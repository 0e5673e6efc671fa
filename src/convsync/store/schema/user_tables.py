"""People who sign in to the page, and who is signed in."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, Text

from convsync.store.column_types import Instant, Word
from convsync.store.schema.base import metadata

users = Table(
    "users",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", Word(10), nullable=False),
    Column("password", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
)
"""`password` is a salted Argon2 hash, with its parameters."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),
    Column("user", ForeignKey("users.name"), nullable=False),
    Column("ends_at", Instant, nullable=False),
)
"""By the digest of the token in a browser's cookie: who reads the table cannot sign in with it."""
