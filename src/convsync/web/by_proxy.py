"""Who a trusted proxy says that it forwards for.

Its headers are believed where they come from it: by the address at the other end of the connection,
which no header changes, and by a secret where one is set. From anywhere else they are refused.
"""

import hmac
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request

from convsync import log
from convsync.model.sign_in import ProxyTerms
from convsync.model.user import User
from convsync.process.serving import PEER
from convsync.web.roles import user_with
from convsync.web.visits import RefusedError

SECRET_HEADER: Final = "X-Convsync-Proxy-Secret"  # noqa: S105 - its name


class ByProxy:
    """Reads a proxy's headers."""

    def __init__(self, terms: ProxyTerms) -> None:
        self._terms = terms

    def user_of(self, request: Request) -> User | None:
        """Return whom the proxy names, None where nobody is named.

        Raises RefusedError where the header is not the proxy's, or whom it names has no role here.
        """
        terms = self._terms
        names = request.headers.getlist(terms.user_header)
        if not names:
            return None
        if len(names) > 1 or not self._is_from_proxy(request):
            log.warning("a header that only the proxy may send was refused")
            raise RefusedError(403, f"{terms.user_header} is believed from the proxy alone.")
        groups = ",".join(request.headers.getlist(terms.roles_header)).split(",")
        return user_with(names[0].strip(), (group.strip() for group in groups), terms.roles)

    def _is_from_proxy(self, request: Request) -> bool:
        sent = request.headers.get(SECRET_HEADER, "").encode()
        secret = self._terms.secret
        if secret is not None and not hmac.compare_digest(sent, secret):
            return False
        peer = request.scope.get(PEER) or request.client
        try:
            address = ip_address(peer[0] if peer else "")
        except ValueError:
            return False
        return any(address in network for network in self._terms.networks)
