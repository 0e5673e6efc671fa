"""People who sign in to the page, and who is signed in."""

from sqlalchemy import Column, LargeBinary, String, Table, Text

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
    Column("name", String(100), nullable=False),
    Column("way", Word(10), nullable=False),
    Column("role", Word(10)),
    Column("ends_at", Instant, nullable=False),
)
"""By the digest of the token in a browser's cookie: who reads the table cannot sign in with it.

`role` is what others said; null for who signed in by a password, whose role is that in `users`.
"""
