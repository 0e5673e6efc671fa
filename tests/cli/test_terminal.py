"""What commands print fits a terminal, holds no escapes of others, and ends quietly."""

import errno
import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from convsync.cli import app, output, tables
from convsync.cli.progress import showing_progress
from convsync.cli.streams import Outlet, guarded, marked
from tests.cli.office import NIGHT, Office, run

SCRIPT = str(Path(sys.executable).with_name("convsync"))
HOSTILE = "\x1b]0;pwned\x07\x1b[31mRED\u202egnp.exe\x9b2J"
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


# --- escapes -------------------------------------------------------------------------------------


@pytest.mark.long
def test_nothing_from_a_crm_is_printed_as_an_escape(office: Office) -> None:
    office.deal(f"D{HOSTILE}")
    office.deal("D-2", currency=HOSTILE, region=HOSTILE)
    office.deal("D-3", gclid=f"click{HOSTILE}")
    shown = [office.night()]
    for words in ("status", "plan --deals", "explain D-3", "audit list", "quarantine list"):
        shown += [office.types(*words.split(), "--format", form) for form in ("table", "json")]
    assert not [said for said in shown if UNFIT.search(said.out + said.err)]


def test_only_our_own_colours_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with guarded():
        typer.echo(f"{marked('OK', 'green')} \x1b[31m\ue000green;theirs")
    assert out.getvalue() == "\x1b[32mOK\x1b[0m \ue000green;theirs\n"


def on_a_terminal(office: Office, *words: str) -> str:
    """Return what a command shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(
        [SCRIPT, *words, "--config", str(office.config)],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
        process.wait(timeout=60)
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError as error:
        if error.errno != errno.EIO:  # hung up
            raise
        return b""


@pytest.mark.long
def test_states_have_colours_on_a_terminal_and_none_in_a_pipe(office: Office) -> None:
    office.deal(mql_date="")
    office.night()
    assert "\x1b[32maccepted\x1b[0m (count)" in on_a_terminal(office, "explain", "D-1")
    assert "\x1b" not in office.types("explain", "D-1").out


@pytest.mark.parametrize(
    ("variable", "value", "is_painted"),
    [("TERM", "xterm", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)],
)
def test_nothing_is_painted_where_colours_are_not_wanted_or_not_known(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, is_painted: bool
) -> None:
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    assert (output.painted("rejected", "rejected") != "rejected") is is_painted


# --- width ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("columns", [3, 14])
def test_no_line_of_a_listing_is_wider_than_the_terminal(width: int, columns: int) -> None:
    names = [f"column_{number}" for number in range(columns)]
    rows = [[f"{name} holds a text of some length" for name in names], ["x"] * columns]
    out = io.StringIO()
    tables.draw(Console(file=out, width=width), names, rows, width=width)
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_a_listing_of_too_many_columns_shows_each_row_as_a_record() -> None:
    names = [f"column_{number}" for number in range(14)]
    out = io.StringIO()
    tables.draw(Console(file=out, width=80), names, [["a text that is long"] * 14], width=80)
    assert "column_0   a text that is long" in out.getvalue()


# --- help ----------------------------------------------------------------------------------------


def commands(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    if not hasattr(command, "commands"):
        yield words
        return
    for name, inner in command.commands.items():
        yield from commands(inner, *words, name)


def test_help_names_the_expected_value_and_not_a_python_type() -> None:
    for words in commands(typer.main.get_command(app)):
        said = run(*words, "--help")
        assert said.code == 0
        assert not re.findall(r"<[a-z]+(?:\[[a-z]+\]| range)?>", said.out), words


# --- where nothing can be written ----------------------------------------------------------------


def ended(office: Office, shell: str) -> tuple[int, str]:
    """Run a command in a shell that does something to its output; return its code and stderr."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "CONVSYNC_CONFIG": str(office.config), "convsync": SCRIPT},
    )
    return done.returncode, done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    "shell",
    [
        pytest.param("$convsync status >&- 2>&-", id="closed"),
        pytest.param("$convsync status | true", id="not read"),
        pytest.param("$convsync plan --deals --format json --as-of 2026-03-03 | true", id="listed"),
    ],
)
def test_a_command_whose_output_nobody_reads_ends_quietly_with_its_own_code(
    office: Office, shell: str
) -> None:
    office.deal()
    office.write_files()
    code, said = ended(office, shell)
    assert (code, "Traceback" in said) == (0, False)


@pytest.mark.long
def test_a_night_goes_on_when_nobody_reads_its_output(office: Office) -> None:
    office.deal()
    office.write_files()
    assert ended(office, f"$convsync run --as-of {NIGHT} | true")[0] == 0
    assert office.values("333") == [1000]


@pytest.mark.long
def test_a_full_disk_is_named_once_and_ends_with_1(office: Office) -> None:
    code, said = ended(office, "$convsync status > /dev/full")
    assert code == 1
    assert said == (
        "convsync: Standard output cannot be written: No space left on device. What was printed is"
        " not complete; what the command has done is done. Make room, or write to another place.\n"
    )


# --- progress ------------------------------------------------------------------------------------


def test_progress_in_a_log_names_the_stage_and_its_total(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with showing_progress() as progress:
        progress.expect("sent", 120_000)
        progress.advance("sent", 60_000)
        progress.advance("sent", 60_000)
    assert capsys.readouterr().err.splitlines() == [
        "sending: 60,000 of 120,000",
        "sending: 120,000 of 120,000",
        "done: sent 120,000",
    ]


def test_progress_on_a_terminal_shows_the_stage_the_total_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err = io.StringIO()
    err.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", Outlet(err))
    with showing_progress() as progress:
        progress.expect("sent", 10_956)
        progress.advance("sent", 3_200)
    assert "sending" in err.getvalue()
    assert "3,200 of 10,956" in err.getvalue()
