"""`convsync sandbox`, as a newcomer lives in it: a company that is ready, and its switches."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from convsync.cli import app
from convsync.errors import OperatorError
from convsync.sandbox.crm.vendors import SERVERS
from convsync.sandbox.living import settle_in
from convsync.sandbox.server import Sandbox

CONVSYNC = Path(sys.executable).parent / "convsync"


def run(*arguments: str) -> str:
    """Run a command; its errors are raised."""
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return result.output


@pytest.fixture(scope="module")
def welcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the sandbox as its reader is told to, and yield what it prints."""
    folder = tmp_path_factory.mktemp("living") / "sandbox"
    command = [str(CONVSYNC), "sandbox", "--demo", "--folder", str(folder)]
    ports = ["--http-port", "0", "--grpc-port", "0", "--as-of", "2026-03-02T02:00"]
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        lines = iter(serving.stdout.readline, "")
        said = ""
        for line in lines:
            said += line
            if "sandbox set` alone" in line:
                break
        yield said
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=60) == 0


@pytest.mark.long
def test_the_six_things_to_try_do_what_the_sandbox_says(
    welcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (url,) = re.findall(r"^  export CONVSYNC_SANDBOX_URL=(\S+)$", welcome, re.M)
    monkeypatch.setenv("CONVSYNC_SANDBOX_URL", url)
    (to_folder,) = re.findall(r"^  cd (.*)$", welcome, re.M)
    monkeypatch.chdir(to_folder)
    (fault,) = re.findall(r"sandbox set faults (.*)$", welcome, re.M)
    night, next_night = re.findall(r"run --as-of (\S+)", welcome)

    run("db", "upgrade")
    assert "+ " in run("plan", "--deals", "--as-of", night)
    assert night[:16] in run("sandbox", "show", "clock"), "it follows --as-of"
    run("run", "--as-of", night)
    deal = re.findall(r"^[+] \S+ (\S+)", run("plan", "--deals", "--as-of", night), re.M)
    assert not deal, "what was sent is planned no more"
    run("sandbox", "set", "faults", *shlex.split(fault))
    sent = re.search(r"run 2: sent (\d+)", run("run", "--as-of", next_night))
    assert sent, "the second night finishes, despite the lost answer"
    assert int(sent[1]) > 0, "and has something to send"
    assert next_night[:16] in run("sandbox", "show", "clock")
    counted = json.loads(run("sandbox", "show", "books?summary=1"))
    assert counted
    run("audit", "verify")


def test_the_nights_to_try_have_come_already(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        welcome = settle_in("hubspot", tmp_path, deals=5)(sandbox)
    nights = re.findall(r"--as-of (\d\S+)", welcome)
    assert len(nights) == 3
    assert all(datetime.fromisoformat(night) <= datetime.now(UTC) for night in nights)


@pytest.mark.long
def test_every_switch_is_listed_with_what_it_takes(welcome: str) -> None:
    found = re.search(r"at (http://\S+)\.", welcome)
    assert found
    listed = run("sandbox", "set", "--url", found[1])
    for switch in ("clock", "faults", "account", "crms/world", "crms/{vendor}/faults"):
        assert f"{switch}\n    " in listed


@pytest.mark.long
def test_mistakes_at_the_switches_are_told_with_the_fix(welcome: str) -> None:
    found = re.search(r"at (http://\S+)\.", welcome)
    assert found
    at = ("--url", found[1])
    with pytest.raises(OperatorError, match="is not JSON"):
        run("sandbox", "set", "clock", "tomorrow", *at)
    with pytest.raises(OperatorError, match="lists all"):
        run("sandbox", "set", "clokc", "1", *at)
    with pytest.raises(OperatorError, match="refused clock"):
        run("sandbox", "set", "clock", '{"now": "2026-03-01T02:00"}', *at)
    with pytest.raises(OperatorError, match="No sandbox answers"):
        run("sandbox", "show", "books", "--url", "http://127.0.0.1:9")


def test_a_crm_that_is_not_played_is_refused_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="the sandbox plays hubspot, "):
        run("sandbox", "--demo", "--crm", "siebel", "--folder", str(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("crm", sorted(SERVERS))
def test_each_crm_can_be_lived_with(
    crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox() as sandbox:
        settle_in(crm, tmp_path, deals=60)(sandbox)
        monkeypatch.chdir(tmp_path)
        run("db", "upgrade")
        assert re.search(r"new +[1-9]", run("plan"))


def test_a_config_that_somebody_has_edited_is_kept(tmp_path: Path) -> None:
    (tmp_path / "convsync.toml").write_text("# mine\n")
    with Sandbox() as sandbox:
        settle_in("odoo", tmp_path)(sandbox)
    assert (tmp_path / "convsync.toml").read_text() == "# mine\n"
