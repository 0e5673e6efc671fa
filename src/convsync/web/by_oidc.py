"""Signing in at a provider of OpenID Connect: the code flow, with PKCE, state and nonce.

Nothing is kept here between leaving for the provider and coming back. State, nonce and verifier
are made from one random secret, which the browser that began holds in a cookie that no script
reads: a code or an answer that was meant for another browser fits none of them.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from convsync import log
from convsync.clock import Clock
from convsync.errors import UnexpectedResponseError
from convsync.http import Answer, Authorisation, Http, Verdict, basic
from convsync.model.sign_in import OidcTerms
from convsync.model.user import User
from convsync.retrying import RetryPolicy
from convsync.web.roles import user_with
from convsync.web.visits import RefusedError

BACK: Final = "/sign-in/oidc/back"
_DISCOVERY: Final = "/.well-known/openid-configuration"
_ALGORITHMS: Final = [
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in ("256", "384", "512")
]
"""By a key of the provider's alone: neither none, nor one that is made with our own secret."""
_LEEWAY_S: Final = 60
_PROVIDER: Final = "the sign-in provider"


class ByOidc:
    """Sends people to the provider, and reads what they come back with.

    Calls raise what `Http` raises where the provider does not answer, or not as one does.
    """

    def __init__(self, terms: OidcTerms, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._redirect_uri = f"{terms.url}{BACK}"

    def address(self, secret: str) -> str:
        """Return where to send a browser that holds a secret."""
        challenge: str = create_s256_code_challenge(_made_of(secret, "verifier"))  # type: ignore[no-untyped-call]
        address: str = prepare_grant_uri(
            self._said("authorization_endpoint"),
            self._terms.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=" ".join(self._terms.scopes),
            state=_made_of(secret, "state"),
            nonce=_made_of(secret, "nonce"),
            code_challenge=challenge,
            code_challenge_method="S256",
        )
        return address

    def user_of(self, secret: str, address: str) -> User:
        """Return who came back with an address, in the browser that holds a secret.

        Raises RefusedError where they did not agree, it answers another browser's question, or
        they have no role here.
        """
        if parse_qs(urlsplit(address).query).get("error"):
            raise RefusedError(403, "The provider returned no access token. Start again.")
        try:
            code = parse_authorization_code_response(address, _made_of(secret, "state"))["code"]
            claims = self._claims(secret, code)
        except (OAuth2Error, JoseError, ValueError) as error:
            log.warning("a sign-in was refused", because=type(error).__name__)
            raise RefusedError(403, "This answers no sign-in that was started here.") from None
        name = claims.get(self._terms.name_claim)
        return user_with(
            str(name or ""), _groups_in(claims, self._terms.roles_claim), self._terms.roles
        )

    def _claims(self, secret: str, code: str) -> Mapping[str, Any]:
        """Return what the provider says of somebody, once that is known to be its word, to us."""
        terms = self._terms
        known: Any = self._asked("GET", self._said("jwks_uri"))
        keys = KeySet.import_key_set(known)
        token = jwt.decode(self._id_token(secret, code), keys, algorithms=_ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": self._said("issuer")},
                "aud": {"essential": True, "value": terms.client_id},
            },
            params={"nonce": _made_of(secret, "nonce"), "client_id": terms.client_id},
        )
        claims.validate(now=int(self._clock().timestamp()), leeway=_LEEWAY_S)
        return claims

    def _id_token(self, secret: str, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": _made_of(secret, "verifier"),
            "client_id": self._terms.client_id,
        }
        answer = self._asked("POST", self._said("token_endpoint"), data=form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ValueError("no ID token")
        return token

    def _said(self, name: str) -> str:
        """Return what the provider says of itself, such as an address."""
        said = self._asked("GET", f"{self._terms.issuer}{_DISCOVERY}")
        found, issuer = said.get(name), said.get("issuer")
        is_it = isinstance(issuer, str) and issuer.rstrip("/") == self._terms.issuer
        if not is_it or not isinstance(found, str):
            raise UnexpectedResponseError(
                f"{self._terms.issuer} does not describe itself as a provider of OpenID Connect:"
                f" issuer or {name} is missing, or another's. Correct [serve.oidc] issuer."
            )
        return found

    def _asked(self, method: str, url: str, **request: Any) -> dict[str, Any]:
        address = urlsplit(url)
        http = Http(
            name=_PROVIDER,
            base_url=f"{address.scheme}://{address.netloc}",
            judge=_refusals_are_read,
            policy=RetryPolicy(attempts=1),
            authorisation=self._who_asks() if method == "POST" else None,
        )
        answer = http.answer(method, url, **request)
        return answer.body if isinstance(answer.body, dict) else {}

    def _who_asks(self) -> Authorisation | None:
        """Return our ID and secret as RFC 6749, 2.3.1 has them; None where there is no secret."""
        secret = self._terms.client_secret
        if secret is None:
            return None
        return basic(quote(self._terms.client_id, safe=""), quote(secret, safe=""))


def _refusals_are_read(answer: Answer) -> Verdict:
    """Take a code that is refused for what it is: no sign-in of ours."""
    return "fine" if answer.status in (400, 401) and isinstance(answer.body, dict) else None


def _made_of(secret: str, purpose: str) -> str:
    """Return what stands for a secret in one place, and says nothing of it in another."""
    made = hmac.new(secret.encode(), purpose.encode(), sha256).digest()
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def _groups_in(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return somebody's groups; an e-mail that the provider has not verified is none."""
    if name == "email" and claims.get("email_verified") is not True:
        return []
    said = claims.get(name)
    return [said] if isinstance(said, str) else [str(one) for one in said or ()]
