"""`forget` as an operator types it."""

import io

import pytest

from tests.cli.office import NIGHT, Office


@pytest.fixture
def lived(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", "a secret of sixteen or more")
    office.deal("D-1")
    office.deal("D-2")
    office.night(NIGHT)
    return office


def test_forget_says_what_was_erased_and_explain_says_why_nothing_is_sent(lived: Office) -> None:
    done = lived.types("forget", "--deal", "D-1", "--yes", "--as-of", NIGHT)
    assert done.code == 0, done.err
    assert done.out.startswith("Erased from 1 deal, with 1 click ID.")
    explained = lived.types("explain", "D-1").out
    assert "click-of-D-1" not in explained
    assert lived.types("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--deal", "D-1"], "pass --yes", id="nobody to ask"),
        pytest.param(["--deal", "D-7", "--yes"], "There is no deal D-7", id="no such deal"),
        pytest.param(["--yes"], "Whom?", id="nobody named"),
    ],
)
def test_forget_erases_nobody_by_accident(lived: Office, words: list[str], said: str) -> None:
    refused = lived.types("forget", *words, "--as-of", NIGHT)
    assert refused.code == 2
    assert said in refused.err
    assert "click-of-D-1" in lived.types("explain", "D-1").out


def test_an_address_comes_by_stdin_and_is_never_repeated(
    lived: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.org\n"))
    done = lived.types("forget", "--email-stdin", "--yes", "--as-of", NIGHT)
    assert done.code == 0, done.err
    assert "Erased from 0 deals" in done.out
    monkeypatch.setattr("sys.stdin", io.StringIO("ann at example\n"))
    refused = lived.types("forget", "--email-stdin", "--yes", "--as-of", NIGHT)
    assert refused.code == 2
    assert "Line 1 of stdin is not an e-mail address" in refused.err
    assert "ann" not in refused.err
