"""What a database's error means: whether a later try may pass, and what may be shown of it."""

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

_PASSING_STATES = ("08", "40", "55P", "53300", "57")
"""Connection lost, deadlock, lock not had in time, too many connections, server going or coming.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_PASSING_WORDS = (
    *("refused", "no such file", "temporary failure", "timeout", "timed out", "unreachable"),
    *("starting up", "shutting down", "recovery mode", "too many", "closed the connection"),
)
"""Where there is no state: words in the message about a server that cannot be reached. That of one
which was reached and refused (`FATAL: password …`) has none of them."""
_FULL = frozenset({"SQLITE_FULL", "53100"})


def is_busy(error: DBAPIError) -> bool:
    """True where a database error is one that a later try may get past."""
    if error.connection_invalidated:
        return True
    if state := getattr(error.orig, "sqlstate", None):
        return str(state).startswith(_PASSING_STATES)
    if name := getattr(error.orig, "sqlite_errorname", None):
        return str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    is_away = isinstance(error, OperationalError | InterfaceError)
    message = str(error.orig).lower()
    return is_away and any(word in message for word in _PASSING_WORDS)


def is_full(error: DBAPIError) -> bool:
    """True where there is no room for more on the database's disk."""
    names = (getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return not _FULL.isdisjoint(names)


def is_refusal(error: DBAPIError) -> bool:
    """True where the database is well, and will not take what it was given."""
    return isinstance(error, IntegrityError | DataError)


def database_message(error: DBAPIError) -> str:
    """Return the database's message, without the values that PostgreSQL quotes below it."""
    return next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
