"""What goes wrong at the command line ends with 2 and a message, and never with a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.office import NIGHT, CommandResult, Office, run

RUN = ("run", "--as-of", NIGHT)


def assert_clear(said: CommandResult, *words: str) -> None:
    """Hold what was said to the promise: code 2, one message with the words, and no more.

    Commands that send say as their last line that they failed; the others nothing on stdout.
    """
    assert said.code == 2
    assert said.out.split(maxsplit=1)[:1] in ([], ["FAILED"])
    assert said.out.count("\n") <= 1
    assert [line for line in said.err.splitlines() if line.startswith("convsync: ")]
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "enhanced_conversions =",
            "enhanced_conversion =",
            "destinations.google.enhanced_conversion: unknown key. "
            "Did you mean enhanced_conversions?",
            id="unknown key",
        ),
        pytest.param(
            "[rules.sql]",
            '[rules.won]\nmilestone = "won"\naction_id = 4\n[rules.sql]',
            "[rules.won] appears twice; give each its own name.",
            id="two rules of one name",
        ),
        pytest.param(
            "Europe/Berlin",
            "Europe/Bonn",
            "there is no time zone 'Europe/Bonn'",
            id="a zone that does not exist",
        ),
        pytest.param(
            "action_id = 333",
            'action_id = "AW-333"',
            "rules.won.action_id: 'AW-333' is not a number",
            id="an action that is not a number",
        ),
        pytest.param(
            '"Won date"',
            '"Won Date"',
            "deals.csv: column 'Won Date' is missing. The columns there are: 'Deal ID', 'Created',",
            id="a wrong column",
        ),
        pytest.param(
            'crm_key = "Deal ID"',
            'crm_key = "Deal"',
            "clicks.csv: column 'Deal' is missing. The columns there are: 'Clicked at',",
            id="a wrong column of clicks",
        ),
        pytest.param('kind = "csv"\npath = "deals.csv"', "", "deals.crm.kind: must be", id="kind"),
        pytest.param(
            "complete = true", 'complete = true\nencoding = "utf-9"', "utf-9", id="encoding"
        ),
        pytest.param("sqlite:///convsync.db", "convsync.db", "store.url: the", id="not a URL"),
        pytest.param(
            "sqlite:///convsync.db", "sqlite:///no/such/x.db", "there is no folder", id="no folder"
        ),
        pytest.param(
            "sqlite:///convsync.db", "mysql://x/y", "[store] url", id="another kind of database"
        ),
        pytest.param(
            "sqlite:///convsync.db",
            "postgresql+nodriver://db/x",
            "starts with postgresql+nodriver",
            id="another driver",
        ),
    ],
)
def test_a_mistake_in_the_config_is_named(office: Office, old: str, new: str, said: str) -> None:
    office.configure(old, new)
    assert_clear(office.types(*RUN), said)


def test_several_mistakes_are_all_named(office: Office) -> None:
    office.configure("Europe/Berlin", "Europe/Bonn")
    office.configure("action_id = 333", 'action_id = "AW-333"')
    office.configure("complete = true", "complet = true")
    assert_clear(
        office.types(*RUN),
        "has 3 mistake(s)",
        "company.time_zone",
        "rules.won.action_id",
        "deals.crm.complet: unknown key. Did you mean complete?",
    )


@pytest.mark.parametrize(
    "command",
    ["run", "plan", "status", "check", "explain D-1", "audit verify", "db upgrade", "retry"],
)
def test_a_missing_config_file_is_named_by_every_command(tmp_path: Path, command: str) -> None:
    missing = str(tmp_path / "mine.toml")
    assert_clear(run(*command.split(), "--config", missing), missing, "Copy one from ", "/config,")


@pytest.mark.parametrize("file", ["deals.csv", "clicks.csv"])
def test_a_missing_data_file_is_named(office: Office, file: str) -> None:
    (office.folder / file).unlink()
    assert_clear(office.types(*RUN), str(office.folder / file), "No such file")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01"], ids=["empty", "not text"])
def test_a_file_that_is_not_a_table_is_named(office: Office, content: bytes) -> None:
    (office.folder / "deals.csv").write_bytes(content)
    assert_clear(office.types(*RUN), str(office.folder / "deals.csv"))


def _is_garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, it only looks long enough to be one. " * 100)


def _is_a_folder(path: Path) -> None:
    path.mkdir()


def _has_no_tables(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    "command", ["run", "plan", "status", "explain D-1", "audit list", "audit verify", "retry"]
)
@pytest.mark.parametrize("make", [_is_garbage, _is_a_folder, _has_no_tables])
def test_a_database_that_cannot_be_used_is_named(
    new_office: Office, make: Callable[[Path], None], command: str
) -> None:
    database = new_office.folder / "convsync.db"
    make(database)
    assert_clear(new_office.types(*command.split()), str(database), "convsync db upgrade")


@pytest.mark.parametrize("make", [_is_garbage, _is_a_folder])
def test_no_tables_are_created_in_a_file_that_is_not_a_database(
    new_office: Office, make: Callable[[Path], None]
) -> None:
    database = new_office.folder / "convsync.db"
    make(database)
    assert_clear(new_office.types("db", "upgrade"), str(database))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("run --as-of yesterday", "--as-of yesterday is not a time", id="no time"),
        pytest.param("plan --as-of 2026-02-30", "is not a time", id="no such day"),
        pytest.param("run --as-of 0001-01-01T00:00+14:00", "outside the years", id="first year"),
        pytest.param("run --as-of 9999-12-31T23:00-12:00", "outside the years", id="last year"),
        pytest.param(
            "backfill --from 1.3.2026 --to 2026-03-02", "--from 1.3.2026 is not a day", id="--from"
        ),
        pytest.param(
            "backfill --from 2026-03-01 --to soon", "--to soon is not a day", id="no day --to"
        ),
        pytest.param(
            "backfill --from 2026-03-02 --to 2026-03-01",
            "--to 2026-03-01 is before --from 2026-03-02",
            id="the end before the beginning",
        ),
        pytest.param(
            "backfill --from 2026-03-01 --to 9999-12-31", "outside the years", id="no end"
        ),
        pytest.param("audit list --event sent", "There is no event sent", id="no such event"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(office: Office, words: str, said: str) -> None:
    assert_clear(office.types(*words.split()), said)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("run --forse", id="unknown option"),
        pytest.param("runn", id="unknown command"),
        pytest.param("status --format xml", id="unknown format"),
        pytest.param("backfill --from 2026-03-01", id="an option that is missing"),
        pytest.param("explain", id="an argument that is missing"),
        pytest.param("audit list --last 0", id="a number out of range"),
    ],
)
def test_options_that_cannot_be_parsed_end_with_exit_code_2(office: Office, words: str) -> None:
    said = office.types(*words.split())
    assert said.code == 2
    assert "Error" in said.err


def test_days_need_a_calendar(office: Office) -> None:
    office.configure('time_zone = "Europe/Berlin"\n', "")
    words = ("backfill", "--from", "2026-03-01", "--to", "2026-03-02", "--dry-run")
    assert_clear(office.types(*words), "set [company] time_zone")
    assert_clear(office.types("plan", "--as-of", "2026-03-01T02:00"), "set [company] time_zone")


def test_a_password_is_in_no_message(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://convsync:hunter2@127.0.0.1:1/convsync?connect_timeout=1"
    monkeypatch.setenv("CONVSYNC_STORE__URL", url)
    for command in ("status", "run", "check"):
        said = office.types(command)
        assert said.code in {1, 2}
        assert "hunter2" not in said.out + said.err
        assert "127.0.0.1" in said.out + said.err


def test_credentials_that_are_not_there_are_named(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__GOOGLE__CREDENTIALS", "key.json")
    office.deal()
    said = office.night()
    assert_clear_after_reading(said, str(office.folder / "key.json"))
    assert office.types("status").out.count("planned") == 1


def assert_clear_after_reading(said: CommandResult, word: str) -> None:
    """As `assert_clear`, where sources were read before it showed."""
    assert said.code == 2
    assert "Traceback" not in said.err
    assert word in said.err
