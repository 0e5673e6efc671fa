"""`convsync init`, as somebody with a fresh CRM types it, against the sandbox's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from convsync.cli import app
from convsync.errors import OperatorError
from convsync.sandbox.crm.vendors import SERVERS
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world import World
from convsync.settings import load_settings
from convsync.settings.crms import CRMS

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=lambda: NOW) as running:
        running.crms.follow(World(seed=3, deals=60, ends_at=NOW, days=60))
        yield running


def answers(crm: str, sandbox: Sandbox) -> list[str]:
    """Return what the demo's table of a CRM answers to the questions."""
    import tomllib

    path = Path(__file__).parents[2] / "config" / "sandbox" / f"{crm}.toml"
    text = path.read_text().replace("http://127.0.0.1:8470", sandbox.http_url)
    table = tomllib.loads(text)["deals"]["crm"]
    said = {key: value for key, value in table.items() if isinstance(value, str) and key != "kind"}
    return [part for key, value in said.items() for part in ("--set", f"{key}={value}")]


def initialise(*arguments: str) -> None:
    """Run the command; its errors are raised."""
    result = CliRunner().invoke(app, ["init", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("crm", sorted(SERVERS))
def test_what_init_writes_loads_and_maps_the_funnel_and_the_click_ids(
    crm: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "convsync.toml"
    monkeypatch.setattr("os.environ", {})
    initialise("--crm", crm, *answers(crm, sandbox), "--output", str(path))
    table = load_settings(path).deals["crm"]
    assert isinstance(table, CRMS[crm].table)
    assert list(table.milestones) == ["mql", "sql", "opportunity", "won", "lost"]
    (stage_id,) = table.milestones["sql"].stages
    assert stage_id != "SQL" or crm == "salesforce", "an ID survives a new name"
    assert ": SQL: by their IDs" in path.read_text()
    assert table.deal.gclid or table.contact.gclid or table.lead.gclid
    assert table.contact.email


def test_a_secret_is_never_written(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "convsync.toml"
    monkeypatch.setattr("os.environ", {})
    initialise("--crm", "hubspot", *answers("hubspot", sandbox), "--output", str(path))
    assert "pat-eu1" not in path.read_text()


def test_a_token_is_kept_beside_the_file_that_names_it(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, elsewhere = tmp_path / "company" / "convsync.toml", tmp_path / "elsewhere"
    path.parent.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr("os.environ", {})
    monkeypatch.chdir(elsewhere)
    token = ["--set", "token_file=zoho-token.json"]
    initialise("--crm", "zoho", *answers("zoho", sandbox), *token, "--output", str(path))
    assert [one.name for one in elsewhere.iterdir()] == []
    assert (path.parent / "zoho-token.json").exists()


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "convsync.toml"
    path.write_text("mine")
    with pytest.raises(OperatorError, match="already exists"):
        initialise("--crm", "hubspot", "--set", "token=x", "--output", str(path))
    assert path.read_text() == "mine"


def test_an_unknown_crm_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="'act' is not a CRM convsync reads: hubspot, sales"):
        initialise("--crm", "act", "--output", str(tmp_path / "c.toml"))


@pytest.mark.parametrize(("api", "asked"), [("", "json2"), ("jsonrpc\nadmin", "jsonrpc")])
def test_init_asks_for_odoos_api_and_for_the_username_where_it_needs_one(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    api: str,
    asked: str,
) -> None:
    path = tmp_path / "convsync.toml"
    monkeypatch.setattr("os.environ", {})
    unasked = answers("odoo", sandbox)
    unasked = [one for pair in zip(unasked[::2], unasked[1::2], strict=True) for one in pair
               if not pair[1].startswith(("api=", "username="))]  # fmt: skip
    command = ["init", "--crm", "odoo", *unasked, "--output", str(path)]
    result = CliRunner().invoke(app, command, input=f"{api}\n")
    assert "jsonrpc for 11 to 18" in result.output
    assert ("username" in result.output) == (asked == "jsonrpc")
    if asked == "json2":
        assert 'api = "json2"' in path.read_text()


def test_init_lists_the_stages_behind_where_a_deal_tells_of_no_other(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "convsync.toml"
    monkeypatch.setattr("os.environ", {})
    initialise("--crm", "odoo", *answers("odoo", sandbox), "--set", "history=fields",
               "--output", str(path))  # fmt: skip
    milestones = load_settings(path).deals["crm"].milestones
    counts = {name: len(milestones[name].stages) for name in ("sql", "opportunity")}  # type: ignore[union-attr]
    assert counts == {"sql": 3, "opportunity": 2}, "each with those behind it, and won"
