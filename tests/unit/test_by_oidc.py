"""Whose word an ID token is, to whom, and until when: only the provider's, to us, now."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from convsync.errors import UnexpectedResponseError
from convsync.model.sign_in import OidcTerms, RoleTerms
from convsync.model.user import Role, User
from convsync.web.by_oidc import ByOidc
from convsync.web.visits import RefusedError

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
ISSUER, SECRET, OUR_SECRET = (
    "https://login.example.com",
    "what the browser holds",
    "our: secret, long enough",
)
OURS, STRANGERS = (RSAKey.generate_key(2048, {"kid": "a"}) for _ in range(2))
BACK = "https://convsync.example.com/sign-in/oidc/back"


def by_oidc(**changed: Any) -> ByOidc:
    terms: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": "convsync",
        "client_secret": OUR_SECRET,
        "url": "https://convsync.example.com",
        "scopes": ["openid", "profile"],
        "name_claim": "preferred_username",
        "roles_claim": "groups",
        "roles": RoleTerms(operators=frozenset({"ops"}), viewers=frozenset({"staff"})),
    }
    return ByOidc(OidcTerms(**{**terms, **changed}), lambda: NOW)


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    """A provider whose page, keys and tokens are described; its token is each test's own."""
    described = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
    }
    with responses.RequestsMock(assert_all_requests_are_fired=False) as answers:
        answers.get(f"{ISSUER}/.well-known/openid-configuration", json=described)
        answers.get(f"{ISSUER}/keys", json=KeySet([OURS]).as_dict(private=False))
        yield answers


def asked_of(page: ByOidc) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.address(SECRET)).query))


def comes_back(
    provider: responses.RequestsMock,
    page: ByOidc,
    *,
    key: Any = OURS,
    algorithm: str = "RS256",
    header: dict[str, str] | None = None,
    **changed: Any,
) -> User:
    """Come back with a code for a token that says what a good one says, but for what changed."""
    asked = asked_of(page)
    claims = {
        "iss": ISSUER,
        "aud": "convsync",
        "sub": "1",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "nonce": asked["nonce"],
        "preferred_username": "ola",
        "groups": ["ops"],
        **changed,
    }
    known = {name: value for name, value in claims.items() if value is not None}
    protected = {"alg": algorithm, **(header or {"kid": "a"})}
    token = jwt.encode(protected, known, key, algorithms=[algorithm])
    provider.post(f"{ISSUER}/token", json={"id_token": token, "access_token": "x"})
    return page.user_of(SECRET, f"{BACK}?code=abc&state={asked['state']}")


def test_a_good_token_names_somebody_and_their_role(provider: responses.RequestsMock) -> None:
    assert comes_back(provider, by_oidc()) == User(name="ola", role=Role.OPERATOR)


def test_the_code_is_exchanged_with_our_secret_and_the_request_s_verifier(
    provider: responses.RequestsMock,
) -> None:
    page = by_oidc()
    comes_back(provider, page)
    (request,) = [call.request for call in provider.calls if call.request.url == f"{ISSUER}/token"]
    form = {name: value for name, (value,) in parse_qs(str(request.body)).items()}
    digest = sha256(form["code_verifier"].encode()).digest()
    assert asked_of(page)["code_challenge"] == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert form["redirect_uri"] == asked_of(page)["redirect_uri"] == BACK
    shown = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert shown == "convsync:our%3A%20secret%2C%20long%20enough"
    assert OUR_SECRET not in str(request.body)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"key": STRANGERS}, id="signed by another"),
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"aud": "another-app"}, id="for another app"),
        pytest.param({"aud": ["convsync", "another-app"], "azp": "another-app"}, id="by another"),
        pytest.param({"nonce": "of another sign-in"}, id="another nonce"),
        pytest.param({"nonce": None}, id="no nonce"),
        pytest.param({"exp": int((NOW - timedelta(hours=1)).timestamp())}, id="over"),
        pytest.param({"exp": None}, id="without an end"),
        pytest.param(
            {"key": OctKey.import_key(OUR_SECRET), "algorithm": "HS256"}, id="by our own secret"
        ),
    ],
)
def test_another_token_lets_nobody_in(
    provider: responses.RequestsMock, changed: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError, match="answers no sign-in"):
        comes_back(provider, by_oidc(), **changed)


def test_an_unsigned_token_lets_nobody_in(provider: responses.RequestsMock) -> None:
    asked = asked_of(by_oidc())
    parts = [b'{"alg":"none"}', b'{"iss":"x"}']
    token = ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])
    provider.post(f"{ISSUER}/token", json={"id_token": token})
    with pytest.raises(RefusedError, match="answers no sign-in"):
        by_oidc().user_of(SECRET, f"{BACK}?code=abc&state={asked['state']}")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "ola@x.example", "email_verified": True}, Role.OPERATOR),
        ({"email": "ola@x.example", "email_verified": False}, None),
        ({"email": "ola@x.example"}, None),
    ],
)
def test_an_e_mail_counts_where_the_provider_has_verified_it(
    provider: responses.RequestsMock, claims: dict[str, Any], expected: Role | None
) -> None:
    roles = RoleTerms(operators=frozenset({"ola@x.example"}), viewers=frozenset())
    page = by_oidc(roles_claim="email", roles=roles)
    if expected is None:
        with pytest.raises(RefusedError, match="in no group"):
            comes_back(provider, page, **claims)
    else:
        assert comes_back(provider, page, **claims).role is expected


def test_a_provider_that_describes_another_is_refused() -> None:
    with responses.RequestsMock() as answers:
        described = {"issuer": "https://evil.example", "authorization_endpoint": ISSUER}
        answers.get(f"{ISSUER}/.well-known/openid-configuration", json=described)
        with pytest.raises(UnexpectedResponseError, match=r"Correct .serve.oidc. issuer"):
            by_oidc().address(SECRET)
