"""What only a process of its own can show: what is imported, and a person at a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from convsync.cli.families import MODULES
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

SCRIPT = Path(sys.executable).with_name("convsync")

LOADED_BY = """
import shlex, sys
from convsync.cli import main
for command in sys.argv[1:]:
    sys.argv = ["convsync", *shlex.split(command)]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (command, end.code)
    print("loaded:", *sys.modules)
"""
CLIENTS = frozenset({"alembic", "google", "grpc", "starlette", "uvicorn"})
COMMANDS = frozenset(f"convsync.cli.{module}" for module in MODULES.values())
QUIET = CLIENTS | {
    *("leather", "openpyxl", "pandas", "polars", "psycopg", "pyarrow"),
    *("sqlalchemy.dialects.mssql", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql"),
}
"""What a command that reaches nothing but its SQLite file has no use for."""
FEATURES = frozenset(
    {
        *("convsync.audiences", "convsync.values.history", "convsync.watch.night"),
        *("convsync.extract.crm", "convsync.extract.revenue", "convsync.extract.sql"),
        *("convsync.upload.linkedin", "convsync.upload.meta", "convsync.upload.microsoft"),
        *("convsync.wiring.watch", "convsync.writing_back", "tenacity"),
    }
)
"""What a night has no use for that is configured to read files and to send to Google."""
A_NIGHT = frozenset(
    {"convsync.pipeline", "convsync.upload", "convsync.watch", "convsync.wiring", "requests"}
)
"""What a question about the ledger has no use for."""


def loaded_by(*commands: str, among: frozenset[str] = CLIENTS) -> dict[str, list[str]]:
    """Return which of these libraries a process has loaded after each of these commands."""
    typed = [sys.executable, "-c", LOADED_BY, *commands]
    done = subprocess.run(typed, capture_output=True, text=True, check=True, timeout=60)
    lists = [line for line in done.stdout.splitlines() if line.startswith("loaded:")]
    found = [sorted(among & set(line.split()[1:])) for line in lists]
    return dict(zip(commands, found, strict=True))


def of(office: Office, *commands: str) -> list[str]:
    """Return commands with the office's config named."""
    return [f"{command} --config {office.config}" for command in commands]


def test_help_loads_no_library_of_a_client_or_a_database() -> None:
    among = QUIET | {"sqlalchemy", "pydantic_settings", "rich"}
    assert loaded_by("--help", among=among) == {"--help": []}


def test_a_command_is_imported_without_the_others() -> None:
    among = COMMANDS | {"pydantic", "rich"}
    assert loaded_by("--version", among=among) == {"--version": []}
    assert loaded_by("plan --help", among=COMMANDS) == {"plan --help": ["convsync.cli.runs"]}


@pytest.mark.long
def test_a_quiet_night_loads_no_client_library(office: Office) -> None:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    (command,) = of(office, f"run --as-of {THIRD_NIGHT}")
    assert loaded_by(command, among=QUIET | FEATURES) == {command: []}


@pytest.mark.long
def test_a_night_loads_nothing_of_what_is_not_configured(office: Office) -> None:
    office.deal()
    office.write_files()
    commands = of(office, f"plan --as-of {NIGHT}", f"run --as-of {NIGHT}", "status")
    among = FEATURES - {"tenacity"}  # by which requests are made again
    assert loaded_by(*commands, among=among) == {command: [] for command in commands}


@pytest.mark.long
def test_a_command_that_sends_nothing_loads_no_client_library(office: Office) -> None:
    office.deal("D-1")
    office.night()
    office.deal("D-2")
    office.write_files()
    commands = of(office, "status", "explain D-1", f"plan --as-of {NEXT_NIGHT}", "audit verify")
    among = QUIET | {"requests"}
    assert loaded_by(*commands, among=among) == {command: [] for command in commands}


@pytest.mark.long
def test_a_question_loads_nothing_of_what_a_night_works_with(office: Office) -> None:
    office.deal("D-1")
    office.night()
    questions = ("find D-1", "deals --state accepted", f"audit list --day {NIGHT[:10]}")
    commands = of(office, *questions, "audit show D-1")
    assert loaded_by(*commands, among=QUIET | A_NIGHT) == {command: [] for command in commands}


@pytest.mark.long
def test_a_night_that_sends_loads_the_one_it_needs(office: Office) -> None:
    office.deal()
    office.write_files()
    (command,) = of(office, f"run --as-of {NIGHT}")
    assert loaded_by(command) == {command: ["google", "grpc"]}


@pytest.mark.long
def test_the_installed_script_ends_with_the_exit_code(office: Office) -> None:
    office.deal()
    office.write_files()
    (office.folder / "clicks.csv").unlink()
    done = subprocess.run(
        [SCRIPT, "run", "--as-of", NIGHT],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "CONVSYNC_CONFIG": str(office.config)},
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("convsync: ")
    assert "clicks.csv" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "values"), [("y", [1000]), ("n", []), ("", [])], ids=["yes", "no", "return"]
)
def test_a_backfill_shows_its_plan_and_goes_only_for_a_yes(
    office: Office, answer: str, values: list[float]
) -> None:
    office.deal()
    office.write_files()
    days = ("--from", "2026-03-02", "--to", "2026-03-02")
    words = ("backfill", *days, "--as-of", NIGHT, "--config", str(office.config))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [SCRIPT, *words], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        asked = _read_until(ours, b"[y/N]")
        os.write(ours, f"{answer}\n".encode())
        rest = _read_until(ours, None)
        said = process.communicate(timeout=60)[0]
    os.close(ours)
    assert process.returncode == 0
    assert b"new          1" in asked
    assert b"+ won D-1 1,000.00 EUR gclid, 10 days before" in asked
    account = b"Google Ads account 1234567890, by the Data Manager API"
    assert b"Send 1 conversion worth 1,000.00 EUR to " + account + b"? [y/N]" in asked
    assert ("accepted 1" in said) is bool(values)
    assert (b"Nothing was sent." in rest) is not bool(values)
    assert office.values("333") == values


def _read_until(terminal: int, word: bytes | None) -> bytes:
    """Return what is shown on a terminal, up to a word or until it is hung up."""
    shown = b""
    while word is None or word not in shown:
        try:
            read = os.read(terminal, 1024)
        except OSError:  # hung up
            return shown
        if not read:
            return shown
        shown += read
    return shown
