"""`users`: who may sign in to the page."""

import gc
import io
import json

import pytest

from tests.cli.office import CommandResult, Office

PASSWORD = "a long enough password"


def added(
    office: Office, monkeypatch: pytest.MonkeyPatch, *words: str, password: str = PASSWORD
) -> CommandResult:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return office.types("users", *words, "--password-stdin")


@pytest.mark.long
def test_whoever_is_added_is_listed_with_their_role_until_they_are_removed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        "ann may sign in as operator"
        in added(office, monkeypatch, "add", "ann", "--role", "operator").out
    )
    assert added(office, monkeypatch, "add", "bob").code == 0
    rows = json.loads(office.types("users", "list", "--format", "json").out)
    assert [(row["name"], row["role"]) for row in rows] == [("ann", "operator"), ("bob", "viewer")]
    assert office.types("users", "remove", "bob").code == 0
    assert "bob" not in office.types("users", "list").out
    assert office.types("users", "remove", "bob").code == 2


@pytest.mark.long
def test_a_name_is_given_once_and_a_password_can_be_changed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(office, monkeypatch, "add", "ann")
    again = added(office, monkeypatch, "add", "ann", "--role", "operator")
    assert (again.code, "users password ann" in again.err) == (2, True)
    before = office.sql("SELECT password FROM users")
    assert added(office, monkeypatch, "password", "ann", password="another long one").code == 0
    assert office.sql("SELECT password FROM users") != before
    assert added(office, monkeypatch, "password", "bob").code == 2


@pytest.mark.parametrize("password", ["short", "x" * 1_001])
def test_a_password_of_a_wrong_length_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    said = added(office, monkeypatch, "add", "ann", password=password)
    assert (said.code, "12 to 1,000 characters" in said.err) == (2, True)
    assert office.sql("SELECT count(*) FROM users") == [(0,)]


def test_nobody_is_asked_where_nobody_can_be(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = office.types("users", "add", "ann")
    assert (said.code, "--password-stdin" in said.err) == (2, True)


def test_a_page_that_nobody_may_see_is_not_served(office: Office) -> None:
    said = office.types("serve")
    assert (said.code, "convsync users add" in said.err) == (2, True)


@pytest.mark.long
def test_the_page_listens_elsewhere_only_over_tls_or_behind_a_proxy(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(office, monkeypatch, "add", "ann")
    said = office.types("serve", "--host", "0.0.0.0", "--port", "0")
    assert said.code == 2
    assert "passwords would be readable" in said.err
    gc.collect()  # from Python 3.13 on, a ledger that was left open is an error by now
