"""Passwords, of which only salted hashes are kept (Argon2id, https://www.rfc-editor.org/rfc/rfc9106).

The library chooses memory and time, and writes them into each hash, so that a later version may
choose more.
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from convsync.errors import OperatorError

SHORTEST, LONGEST = 12, 1_000
"""Of a password, in characters. https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver"""


def hash_of(password: str) -> str:
    """Return what to keep of a password; OperatorError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise OperatorError(f"A password must have {SHORTEST} to {LONGEST:,} characters.")
    return _hasher().hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Return whether a password is the one that was kept.

    Where none was kept it takes as long, so that nobody learns whose names there are.
    """
    if len(password) > LONGEST:
        return False
    try:
        return _hasher().verify(kept or _nobodys(), password) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")
