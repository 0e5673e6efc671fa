"""People sign in at a real provider of OpenID Connect, and nobody by what was meant for others."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.cli.office import NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.fakes.oidc_provider import Provider, path_of, provider

pytestmark = pytest.mark.long
OIDC = """
[serve.oidc]
issuer = "{issuer}"
client_id = "convsync"
url = "http://127.0.0.1:8490"
operators = ["ops"]
viewers = ["staff"]
"""


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with provider() as there:
        yield there


@pytest.fixture
def visitor(office: Office, there: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    monkeypatch.setenv("CONVSYNC_SERVE__OIDC__CLIENT_SECRET", "our secret there")
    office.configure("\n[retry]", f"{OIDC.format(issuer=there.url)}\n[retry]")
    with page_of(office, NIGHT) as visitor:
        yield visitor


def leaves(visitor: Visitor, onward: str = "/") -> str:
    """Leave for the provider; return the address of its page."""
    asked = f"{visitor.url}/sign-in/oidc?next={onward}"
    answer = visitor.session.get(asked, allow_redirects=False, timeout=60)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def comes_back(visitor: Visitor, address: str) -> str:
    return visitor.opens(path_of(address))


def another(visitor: Visitor) -> Visitor:
    """Return another browser, before the same page."""
    return Visitor(visitor.url, requests.Session())


@pytest.mark.parametrize(("sub", "name", "may_act"), [("1", "ola", True), ("2", "vic", False)])
def test_whom_the_provider_names_is_in_with_the_role_of_their_groups(
    visitor: Visitor, there: Provider, office: Office, sub: str, name: str, may_act: bool
) -> None:
    assert "Sign in with your organisation" in visitor.opens("/errors")
    address = leaves(visitor, "/errors")
    shown = comes_back(visitor, there.agrees(address, sub))
    assert visitor.path == "/errors"
    assert f"Sign out {name}" in shown
    assert ("Run now" in visitor.opens("/")) is may_act
    held = str(office.tables())
    assert all(value not in held for value in visitor.session.cookies.values())


def test_the_browser_is_asked_for_state_nonce_and_proof_of_who_began(visitor: Visitor) -> None:
    first, second = (parse_qs(urlsplit(leaves(visitor)).query) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    for once in ("state", "nonce", "code_challenge"):
        assert first[once] != second[once]
    secrets = {first[once][0] for once in ("state", "nonce", "code_challenge")}
    assert len(secrets) == 3


@pytest.mark.parametrize(
    ("sub", "complaint"),
    [
        pytest.param("3", "eve is in no group that may look here", id="without a role"),
        pytest.param("4", "returned no name", id="without a name"),
        pytest.param("", "returned no access token", id="who refuses"),
    ],
)
def test_people_outside_the_named_groups_are_not_let_in(
    visitor: Visitor, there: Provider, sub: str, complaint: str
) -> None:
    assert complaint in comes_back(visitor, there.agrees(leaves(visitor), sub))
    assert visitor.status == 403
    assert "Sign in" in visitor.opens("/")


def test_an_answer_signs_in_only_the_browser_that_started(
    visitor: Visitor, there: Provider
) -> None:
    back = there.agrees(leaves(visitor), "1")
    for other in (another(visitor), another(visitor)):
        assert "started elsewhere" in comes_back(other, back)
        assert other.status == 403
        leaves(other)
        comes_back(other, back)
        assert other.status == 403, "its state is another browser's"


def test_a_code_of_somebody_elses_sign_in_is_worth_nothing_under_ones_own_state(
    visitor: Visitor, there: Provider
) -> None:
    theirs = parse_qs(urlsplit(there.agrees(leaves(another(visitor)), "1")).query)["code"][0]
    ours = parse_qs(urlsplit(leaves(visitor)).query)["state"][0]
    shown = visitor.opens(f"/sign-in/oidc/back?code={theirs}&state={ours}")
    assert visitor.status == 403, "its nonce is another"
    assert "answers no sign-in" in shown


def test_an_answer_counts_once(visitor: Visitor, there: Provider) -> None:
    back = there.agrees(leaves(visitor), "1")
    comes_back(visitor, back)
    assert visitor.status == 200
    visitor.opens("/")
    visitor.sends("/sign-out")
    comes_back(visitor, back)
    assert visitor.status == 403


def test_a_code_that_nobody_gave_and_a_provider_that_is_gone_let_nobody_in(
    visitor: Visitor, office: Office, there: Provider
) -> None:
    state = parse_qs(urlsplit(leaves(visitor)).query)["state"][0]
    visitor.opens(f"/sign-in/oidc/back?code=made-up&state={state}")
    assert visitor.status == 403
    office.configure(there.url, "http://127.0.0.1:9")
    with page_of(office, NIGHT) as nowhere:
        nowhere.opens("/sign-in/oidc")
        assert nowhere.status == 503


def test_where_no_provider_is_configured_there_is_no_such_page(office: Office) -> None:
    with page_of(office, NIGHT) as visitor:
        for path in ("/sign-in/oidc", "/sign-in/oidc/back?code=1&state=2"):
            visitor.opens(path)
            assert visitor.status == 404
