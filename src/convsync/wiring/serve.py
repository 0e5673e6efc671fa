"""Settings → who else may sign people in to the page."""

from ipaddress import ip_network

from convsync.model.sign_in import OidcTerms, ProxyTerms, RoleTerms
from convsync.settings import Settings
from convsync.settings.serve_tables import RolesTable


def proxy_terms_of(settings: Settings) -> ProxyTerms | None:
    """Return whose headers are believed, None where nobody's are."""
    table = settings.serve.proxy
    if table is None:
        return None
    return ProxyTerms(
        networks=[ip_network(one) for one in table.addresses],
        user_header=table.user_header,
        roles_header=table.roles_header,
        secret=None if table.secret is None else table.secret.get_secret_value().encode(),
        roles=_roles(table),
    )


def oidc_terms_of(settings: Settings) -> OidcTerms | None:
    """Return which provider signs people in, None where none does."""
    table = settings.serve.oidc
    if table is None:
        return None
    secret = table.client_secret
    return OidcTerms(
        issuer=table.issuer,
        client_id=table.client_id,
        client_secret=None if secret is None else secret.get_secret_value(),
        url=table.url,
        scopes=table.scopes,
        name_claim=table.name_claim,
        roles_claim=table.roles_claim,
        roles=_roles(table),
    )


def _roles(table: RolesTable) -> RoleTerms:
    return RoleTerms(operators=frozenset(table.operators), viewers=frozenset(table.viewers))
