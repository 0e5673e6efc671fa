"""Whom a trusted proxy names is let in, by its word alone; and nobody by anybody else's."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from convsync.errors import OperatorError
from convsync.settings import load_settings
from tests.cli.office import NIGHT, Office
from tests.cli.page import Visitor, page_of

pytestmark = pytest.mark.long

SECRET = "what the proxy alone knows"
PROXY = """
[serve.proxy]
addresses = ["127.0.0.1"]
operators = ["ops", "admins"]
viewers = ["staff"]
"""
OLA = {"X-Forwarded-User": "ola", "X-Forwarded-Groups": "staff,ops"}
KNOWN = {"X-Convsync-Proxy-Secret": SECRET}


@pytest.fixture
def behind(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("CONVSYNC_SERVE__PROXY__SECRET", SECRET)
    office.configure("\n[retry]", f"{PROXY}\n[retry]")
    return office


@pytest.fixture
def visitor(behind: Office) -> Iterator[Visitor]:
    with page_of(behind, NIGHT) as visitor:
        yield visitor


def comes(visitor: Visitor, path: str = "/", **headers: str) -> str:
    """Open a page as a proxy would ask for it."""
    visitor.session.headers.clear()
    visitor.session.headers.update({name.replace("_", "-"): text for name, text in headers.items()})
    return visitor.opens(path)


@pytest.mark.parametrize(
    ("groups", "may_act"),
    [("staff", False), ("staff, ops", True), ("admins", True)],
)
def test_whom_the_proxy_names_is_in_with_the_role_of_their_groups(
    visitor: Visitor, groups: str, may_act: bool
) -> None:
    shown = comes(visitor, **{**KNOWN, "X-Forwarded-User": "ola", "X-Forwarded-Groups": groups})
    assert visitor.status == 200
    assert "Sign out ola" in shown
    assert ("Run now" in shown) is may_act
    assert (visitor.opens("/do/run") and visitor.status == 200) is may_act


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(OLA, id="without the secret"),
        pytest.param({**OLA, "X-Convsync-Proxy-Secret": "a guess"}, id="with another secret"),
    ],
)
def test_the_proxy_header_is_refused_without_the_secret(
    visitor: Visitor, headers: dict[str, str]
) -> None:
    shown = comes(visitor, **headers)
    assert visitor.status == 403
    assert "believed from the proxy alone" in shown
    assert not visitor.session.cookies


def test_the_proxy_header_is_refused_from_another_address(behind: Office) -> None:
    behind.configure('addresses = ["127.0.0.1"]', 'addresses = ["10.0.0.0/24"]')
    with page_of(behind, NIGHT) as visitor:
        comes(visitor, **OLA, **KNOWN)
        assert visitor.status == 403


def test_who_is_in_no_group_that_has_a_role_stays_out(visitor: Visitor) -> None:
    shown = comes(visitor, **KNOWN, **{"X-Forwarded-User": "eve", "X-Forwarded-Groups": "guests"})
    assert visitor.status == 403
    assert "eve is in no group that may look here" in shown


def test_a_session_lasts_for_as_long_as_the_proxy_names_the_same_person(visitor: Visitor) -> None:
    comes(visitor, **OLA, **KNOWN)
    assert "Sign in" in comes(visitor), "nobody is named, though the cookie is there"
    comes(visitor, **OLA, **KNOWN)
    shown = comes(visitor, **KNOWN, **{"X-Forwarded-User": "pia", "X-Forwarded-Groups": "staff"})
    assert "Sign out pia" in shown
    assert "Run now" not in shown
    shown = comes(visitor, **KNOWN, **{"X-Forwarded-User": "pia", "X-Forwarded-Groups": "ops"})
    assert "Run now" in shown, "her groups have changed"


def test_passwords_still_work_beside_single_sign_on(visitor: Visitor) -> None:
    assert "Sign out vera" in visitor.signs_in("vera")


def test_forms_of_whom_a_proxy_names_carry_a_proof_as_well(visitor: Visitor) -> None:
    comes(visitor, **OLA, **KNOWN)
    answer = visitor.session.post(f"{visitor.url}/do/run", {}, timeout=60)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(("", ""), "needs a secret", id="on this machine without one"),
        pytest.param(('"127.0.0.1"', '"proxy"'), "neither an address nor a network", id="a name"),
        pytest.param(('"staff"', ""), None, id="no viewers"),
        pytest.param(('"ops", "admins"', '"*"'), "everybody decide", id="all operators"),
    ],
)
def test_an_impossible_proxy_setting_is_reported(
    office: Office, change: tuple[str, str], complaint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if complaint != "needs a secret":
        monkeypatch.setenv("CONVSYNC_SERVE__PROXY__SECRET", SECRET)
    office.configure("\n[retry]", f"{PROXY.replace(*change)}\n[retry]")
    if complaint is None:
        load_settings(office.config)
        return
    with pytest.raises(OperatorError, match=complaint):
        load_settings(office.config)


def test_no_header_changes_where_a_request_comes_from(behind: Office) -> None:
    behind.configure('addresses = ["127.0.0.1"]', 'addresses = ["10.0.0.7"]')
    words = ["serve", "--config", str(behind.config), "--port", "0", "--proxy", "127.0.0.1"]
    command = [sys.executable, "-m", "convsync", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            url = serving.stdout.readline().removeprefix("the page: ").strip()
            claimed = {**OLA, **KNOWN, "X-Forwarded-For": "10.0.0.7"}
            answer = requests.get(url, headers=claimed, timeout=60)
            assert answer.status_code == 403
            assert "believed from the proxy alone" in answer.text
        finally:
            serving.terminate()
