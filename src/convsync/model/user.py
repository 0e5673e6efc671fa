"""People who sign in to the page, and what they may do there."""

from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    """What a person may do: look, or also decide what is sent."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class Way(StrEnum):
    """How a person has signed in: by a password of ours, or by somebody else's word."""

    PASSWORD = "password"  # noqa: S105
    PROXY = "proxy"
    OIDC = "oidc"


class User(Struct, frozen=True, kw_only=True):
    """A person by the name they sign in with, which the audit log has for what they decide."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """True for whoever may decide what is sent."""
        return self.role is Role.OPERATOR
