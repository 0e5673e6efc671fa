"""Who else may sign people in to the page, and which role that gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from convsync.model.user import Role

EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTerms:
    """Which groups make somebody what; `EVERYBODY` among viewers: whoever has come through."""

    operators: frozenset[str]
    viewers: frozenset[str]

    def role_of(self, groups: Iterable[str]) -> Role | None:
        """Return the role of somebody in these groups, None where they have none."""
        theirs = frozenset(groups)
        if theirs & self.operators:
            return Role.OPERATOR
        return Role.VIEWER if EVERYBODY in self.viewers or theirs & self.viewers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyTerms:
    """From where a proxy's headers are believed, what they are called, and what they make of whom.

    `secret` is what the proxy shows, None where its address is enough.
    """

    networks: Sequence[IPv4Network | IPv6Network]
    user_header: str
    roles_header: str
    secret: bytes | None = field(repr=False)
    roles: RoleTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcTerms:
    """A provider of OpenID Connect, who we are there, and what its claims make of whom.

    `url` is the page's own, as browsers reach it.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    url: str
    scopes: Sequence[str]
    name_claim: str
    roles_claim: str
    roles: RoleTerms
