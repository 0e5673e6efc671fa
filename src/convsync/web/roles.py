"""What somebody may do here, by the groups that a proxy or provider names."""

from collections.abc import Iterable
from typing import Final

from convsync.model.sign_in import RoleTerms
from convsync.model.user import User
from convsync.web.visits import RefusedError

_LONGEST_NAME: Final = 100


def user_with(name: str, groups: Iterable[str], terms: RoleTerms) -> User:
    """Return somebody with the role of their groups; RefusedError where none of them has one."""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise RefusedError(403, "The sign-in returned no name that can be shown.")
    role = terms.role_of(groups)
    if role is None:
        raise RefusedError(
            403, f"{name} is in no group that may look here: ask whoever runs convsync."
        )
    return User(name=name, role=role)
