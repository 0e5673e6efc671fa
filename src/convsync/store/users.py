"""People who sign in to the page, and who is signed in until when."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from convsync.model.user import Role, User, Way
from convsync.store.schema import sign_ins, users


class Listed(NamedTuple):
    """A person who may sign in, and since when."""

    user: User
    added_at: datetime


class SignedIn(NamedTuple):
    """A person who has signed in, and how."""

    user: User
    way: Way


def add(connection: Connection, user: User, password_hash: str, at: datetime) -> bool:
    """Add a person; False where there is one of that name."""
    if password_of(connection, user.name) is not None:
        return False
    row = {"name": user.name, "role": user.role, "password": password_hash, "added_at": at}
    connection.execute(insert(users).values(row))
    return True


def remove(connection: Connection, name: str) -> bool:
    """Remove a person and sign them out; False where there is none of that name."""
    sign_out_everywhere(connection, name)
    return bool(connection.execute(delete(users).where(users.c.name == name)).rowcount)


def set_password(connection: Connection, name: str, password_hash: str) -> bool:
    """Give a person another password and sign them out; False where there is none of that name."""
    sign_out_everywhere(connection, name)
    changed = update(users).where(users.c.name == name).values(password=password_hash)
    return bool(connection.execute(changed).rowcount)


def listed(connection: Connection) -> list[Listed]:
    """Return everybody who may sign in, by name."""
    found = select(users.c.name, users.c.role, users.c.added_at).order_by(users.c.name)
    return [
        Listed(User(name=name, role=Role(role)), added_at)
        for name, role, added_at in connection.execute(found)
    ]


def password_of(connection: Connection, name: str) -> str | None:
    """Return the hash of a person's password, None for somebody unknown."""
    return connection.execute(select(users.c.password).where(users.c.name == name)).scalar()


def sign_in(
    connection: Connection,
    name: str,
    token: bytes,
    *,
    way: Way,
    role: Role | None = None,
    at: datetime,
    ends_at: datetime,
) -> None:
    """Sign a person in by a token's digest; what had ended by `at` is forgotten.

    `role` is what others said of them; None: what `users` says, for as long as it does.
    """
    connection.execute(delete(sign_ins).where(sign_ins.c.ends_at <= at))
    row = {"token": token, "name": name, "way": way, "role": role, "ends_at": ends_at}
    connection.execute(insert(sign_ins).values(row))


def signed_in(connection: Connection, token: bytes, at: datetime) -> SignedIn | None:
    """Return who signed in with a token of that digest, None for nobody, or no longer."""
    role = func.coalesce(sign_ins.c.role, users.c.role).label("role")
    found = (
        select(sign_ins.c.name, sign_ins.c.way, role)
        .outerjoin(users, users.c.name == sign_ins.c.name)
        .where(sign_ins.c.token == token, sign_ins.c.ends_at > at, role.is_not(None))
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    return SignedIn(User(name=row.name, role=Role(row.role)), Way(row.way))


def sign_out(connection: Connection, token: bytes) -> None:
    """End what was begun with a token of that digest."""
    connection.execute(delete(sign_ins).where(sign_ins.c.token == token))


def sign_out_everywhere(connection: Connection, name: str) -> None:
    """End whatever a person has begun."""
    connection.execute(delete(sign_ins).where(sign_ins.c.name == name))
