"""The tables that say who may sign in to the page without a password of its own."""

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from convsync.model.sign_in import EVERYBODY
from convsync.settings.values import ApiUrl, AuditKey, Table, Words, listed


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError(
            f"'{value}' is neither an address nor a network such as 10.0.0.0/24"
        ) from None


Network = Annotated[str, AfterValidator(_network)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]


class RolesTable(Table):
    """Which groups or roles elsewhere give somebody which role on the page.

    "*" stands for everybody who was signed in. Nobody else is let in.
    """

    operators: Words = ()
    viewers: Words = ()

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Any:
        if not self.operators and not self.viewers:
            raise ValueError(
                'operators and viewers are empty, so nobody is let in: name groups, or "*" for all'
            )
        if EVERYBODY in self.operators:
            raise ValueError('operators name groups: "*" would let everybody decide what is sent')
        return self


class ProxySignInTable(RolesTable):
    """A proxy that signs people in, and says in headers who they are.

    The headers are trusted only from `addresses`, and only with the secret, if there is one:
    CONVSYNC_SERVE__PROXY__SECRET, which the proxy sends as X-Convsync-Proxy-Secret.
    """

    addresses: Annotated[tuple[Network, ...], BeforeValidator(listed), Field(min_length=1)]
    user_header: HeaderName = "X-Forwarded-User"
    roles_header: HeaderName = "X-Forwarded-Groups"
    secret: AuditKey | None = None

    @model_validator(mode="after")
    def _is_no_neighbour(self) -> "ProxySignInTable":
        if self.secret is None and any(ip_network(one).is_loopback for one in self.addresses):
            raise ValueError(
                "a proxy on this machine needs a secret, CONVSYNC_SERVE__PROXY__SECRET: any other"
                " process here could send its headers"
            )
        return self


class OidcTable(RolesTable):
    """An OpenID Connect provider that signs people in.

    `url` is where browsers reach the page; register `url`/sign-in/oidc/back. The secret,
    CONVSYNC_SERVE__OIDC__CLIENT_SECRET, may be left out if the provider issues none.
    """

    issuer: ApiUrl
    client_id: str
    client_secret: SecretStr | None = None
    url: ApiUrl
    scopes: Words = ("openid", "profile")
    name_claim: str = "preferred_username"
    roles_claim: str = "groups"

    @model_validator(mode="after")
    def _asks_who_it_is(self) -> "OidcTable":
        if "openid" not in self.scopes:
            raise ValueError('scopes lack "openid", without which nobody says who it is')
        return self


class ServeTable(Table):
    """Who signs people in to the page, besides `convsync users`."""

    proxy: ProxySignInTable | None = None
    oidc: OidcTable | None = None
