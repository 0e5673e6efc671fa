"""What `check` shows of a source, with a config and before; `init` from an export or a database."""

import json
import sqlite3
import tomllib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from convsync.sandbox.world import World
from convsync.settings import load_settings
from convsync.settings.platforms import PLATFORM_TABLES
from convsync.settings.source_tables import (
    CsvClicksTable,
    CsvDealsTable,
    GoogleTemplateTable,
    SqlDealsTable,
)
from tests.cli.office import CommandResult, Office, run
from tests.contract.test_csv_layouts import TEMPLATE, a_workbook
from tests.fakes.databases import DATABASES

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)
HEADER = ("Deal ID", "Angelegt am", "Abschluss", "Phase", "Betrag", "E-Mail", "GCLID", "Branche")
ROWS = [
    (f"D-{n}", "01.03.2026 10:00", "28.03.2026", "Gewonnen" if n % 2 else "Verloren", f"{n}99,50",
     f"person{n}@example.org", f"Cj0KCQiA-abcDEF_123456789{n}", "Handel")
    for n in range(8)
]  # fmt: skip


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.csv"
    lines = ["Bericht vom März", ";".join(HEADER), *map(";".join, ROWS)]
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    return path


def types(*words: str) -> CommandResult:
    said = run(*words)
    assert "person1@" not in said.out + said.err
    return said


def test_a_file_is_profiled_by_columns_that_are_guessed_and_shown(export: Path) -> None:
    said = types("check", "--profile", str(export))
    assert (said.code, said.err) == (0, "")
    assert 'won = { column = "Abschluss", when = { Phase = ["Gewonnen"] } }' in said.out
    assert "8 records, 0 of them unreadable" in said.out
    assert "won                               4  2026-03-28  2026-03-28" in said.out


def test_the_profile_comes_as_json_too(export: Path) -> None:
    guess, records, *shown = json.loads(
        types("check", "--profile", str(export), "--format", "json").out
    )
    assert 'deal_id = "Deal ID"' in guess["paste"]
    assert records["profile"]["records"] == 8
    email = next(one for one in records["profile"]["columns"] if one["role"] == "e-mail")
    assert (email["column"], email["filled"], email["readable"]) == ("E-Mail", 8, 8)
    assert all(one["fix"] for one in shown if one["result"] == "warning")


def test_a_workbook_is_profiled_as_well(tmp_path: Path) -> None:
    path = tmp_path / "export.xlsx"
    a_workbook(path, {"Deals": [HEADER, *ROWS]})
    said = types("check", "--profile", str(path))
    assert "8 records, 0 of them unreadable" in said.out


CLICKS = "gclid,session_utc\nCj0KCQiA-abcDEF_1234567890,2026-03-01T10:00:00Z\n"


def test_a_log_of_clicks_is_profiled(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(CLICKS)
    assert "[clicks.site]" in types("check", "--profile", str(path)).out


@pytest.mark.parametrize("files", [["clicks.csv", "export.csv"], ["export.csv", "clicks.csv"]])
def test_init_writes_deals_and_clicks_into_one_config_in_any_order(
    export: Path, files: list[str]
) -> None:
    config = export.with_name("convsync.toml")
    export.with_name("clicks.csv").write_text(CLICKS)
    for file in files:
        said = types("init", "--kind", "csv", str(export.with_name(file)), "--output", str(config))
        assert (said.code, said.err) == (0, "")
    settings = load_settings(config)
    assert settings.deals.keys() == {"crm"}
    clicks = settings.clicks["site"]
    assert isinstance(clicks, CsvClicksTable)
    assert (clicks.path, clicks.columns.gclid) == (Path("clicks.csv"), "gclid")
    assert clicks.columns.clicked_at is not None


@pytest.mark.parametrize("platform", PLATFORM_TABLES)
def test_init_writes_rules_and_an_account_for_the_platform_it_is_told(
    export: Path, platform: str
) -> None:
    config = export.with_name("convsync.toml")
    said = types(
        *("init", "--kind", "csv", str(export), "--destination", platform),
        *("--output", str(config)),
    )
    assert (said.code, said.err) == (0, "")
    settings = load_settings(config)
    assert settings.destinations[platform].kind in PLATFORM_TABLES[platform].kinds
    assert settings.rules


def test_init_names_the_platforms_there_are(export: Path) -> None:
    config = export.with_name("convsync.toml")
    said = types(
        *("init", "--kind", "csv", str(export), "--destination", "myspace"),
        *("--output", str(config)),
    )
    assert said.code == 2
    assert "'myspace' is not an ad platform convsync reports to: google, " in said.err
    assert not config.exists()


def test_a_second_log_of_clicks_has_its_own_name_and_none_is_added_twice(tmp_path: Path) -> None:
    config = tmp_path / "convsync.toml"
    for name in ("shop.csv", "blog.csv", "shop.csv"):
        (tmp_path / name).write_text(CLICKS)
        said = types("init", "--kind", "csv", str(tmp_path / name), "--output", str(config))
    assert said.code == 2
    assert "already has this click log as [clicks.site]" in said.err
    tables = tomllib.loads(config.read_text())
    assert {name: one["path"] for name, one in tables["clicks"].items()} == {
        "site": "shop.csv",
        "site_2": "blog.csv",
    }


def test_init_says_what_is_missing_from_a_config_with_only_a_click_log(
    tmp_path: Path,
) -> None:
    path, config = tmp_path / "clicks.csv", tmp_path / "convsync.toml"
    path.write_text(CLICKS)
    said = types("init", "--kind", "csv", str(path), "--output", str(config))
    assert "convsync init …   # for the deals" in said.out
    assert types("check", "--config", str(config)).code == 2


def test_googles_template_is_known_by_its_header(tmp_path: Path) -> None:
    path, config = tmp_path / "offline.csv", tmp_path / "convsync.toml"
    path.write_text(TEMPLATE)
    said = types("check", "--profile", str(path))
    assert 'kind = "google_template"' in said.out
    assert 'won = ["Won", "Trial"]' in said.out
    assert types("init", "--kind", "csv", str(path), "--output", str(config)).code == 0
    assert isinstance(load_settings(config).deals["crm"], GoogleTemplateTable)


def test_a_file_without_an_id_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Stadt,Land\nX,Y\nX,Y\n")
    said = types("check", "--profile", str(path))
    assert said.code == 2
    assert "no column looks like the deal's ID" in said.err


def test_a_file_without_a_header_shows_nobody(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("D-1,person1@example.org,2026-03-01\nD-2,person1@example.org,2026-03-02\n")
    said = types("check", "--profile", str(path))
    assert said.code == 2
    assert "its first row looks like data" in said.err


def test_a_night_can_be_planned_by_the_config_that_init_writes_for_a_file(export: Path) -> None:
    config = export.with_name("convsync.toml")
    assert types("init", "--kind", "csv", str(export), "--output", str(config)).code == 0
    table = load_settings(config).deals["crm"]
    assert isinstance(table, CsvDealsTable)
    assert (table.path, table.encoding, table.delimiter) == (Path("export.csv"), "cp1252", ";")
    assert (table.skip_rows, table.decimal) == (1, ",")
    assert types("db", "upgrade", "--config", str(config)).code == 0
    planned = types("plan", "--config", str(config), "--as-of", "2026-04-01T02:00")
    assert (planned.code, planned.err.splitlines()[-1]) == (0, "done: deals 8")
    found = json.loads(types("check", "--config", str(config), "--format", "json").out)
    (records,) = (one for one in found if one["check"] == "records of crm")
    assert records["profile"]["deals"] == 8


def test_init_writes_a_config_from_the_only_table_of_a_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database, database:
        database.execute('CREATE TABLE deals (id TEXT, "closed at" TEXT, amount REAL, status TEXT)')
        database.execute("INSERT INTO deals VALUES ('D-1', '2026-03-01 10:00:00', 99.5, 'won')")
    config = tmp_path / "convsync.toml"
    said = types("init", "--kind", "sql", "sqlite:///crm.db", "--output", str(config))
    assert (said.code, said.err) == (0, "")
    table = load_settings(config).deals["crm"]
    assert isinstance(table, SqlDealsTable)
    assert table.query == "deals"
    assert table.milestones["won"].when == {"status": ("won",)}
    assert types("db", "upgrade", "--config", str(config)).code == 0
    planned = types("plan", "--config", str(config), "--as-of", "2026-04-01T02:00")
    assert (planned.code, planned.err.splitlines()[-1]) == (0, "done: deals 1")


@pytest.mark.long
@pytest.mark.parametrize("name", ["Order Items", "Deals", "order"])
def test_a_table_may_have_any_name(tmp_path: Path, name: str) -> None:
    config = tmp_path / "convsync.toml"
    with DATABASES["postgresql"]() as database:
        database.fill(name, [("id", "TEXT"), ("created_at", "TEXT")], "'D-1', '2026-03-01'")
        said = types("init", "--kind", "sql", database.url, "--output", str(config))
    assert said.code == 0, said.err


def test_which_of_several_tables_is_asked_for_by_the_option_where_nobody_can_answer(
    tmp_path: Path,
) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database, database:
        database.execute("CREATE TABLE one (id TEXT)")
        database.execute("CREATE TABLE two (id TEXT)")
    config = tmp_path / "convsync.toml"
    said = types("init", "--kind", "sql", "sqlite:///crm.db", "--output", str(config))
    assert said.code == 2
    assert "There are: one, two. Name it with --query." in said.err


@pytest.mark.long
@pytest.mark.parametrize("where", ["before the host", "among the options"])
def test_the_password_of_a_database_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    config = tmp_path / "convsync.toml"
    monkeypatch.setattr("os.environ", {})
    with DATABASES["postgresql"]() as database:
        database.fill("fresh", [("id", "TEXT"), ("created_at", "TEXT")], "'D-1', '2026-03-01'")
        address = make_url(database.url)
        if where == "before the host":
            address = address.set(password="sec-ret")
        else:
            address = address.update_query_dict({"password": "sec-ret"})
        url = address.render_as_string(hide_password=False)
        said = types("init", "--kind", "sql", url, "--query", "fresh", "--output", str(config))
    assert said.code == 0, said.err
    assert "export CONVSYNC_DEALS__CRM__URL" in said.out
    assert "sec-ret" not in said.out + said.err + config.read_text()


@pytest.mark.long
def test_check_shows_what_the_deals_of_a_crm_hold(office: Office) -> None:
    office.moves_to("hubspot")
    office.sandbox.crms.follow(World(seed=3, deals=40, ends_at=NOW, days=30))
    found = json.loads(office.types("check", "--format", "json").out)
    (records,) = (one for one in found if one["check"] == "records of crm")
    profile = records["profile"]
    assert profile["deals"] == 40
    filled = {one["column"]: one["filled"] for one in profile["columns"]}
    assert filled["contact.email"] > 0
    assert {one["name"]: one["deals"] for one in profile["milestones"]}["mql"] > 0


@pytest.mark.long
def test_click_ids_of_a_crm_in_lower_case_are_said_once(office: Office) -> None:
    crm = office.moves_to("hubspot")
    deals = World(seed=3, deals=40, ends_at=NOW, days=30).deals_as_of(NOW)
    crm.feed.take(
        [replace(one, ids=replace(one.ids, gclid=one.ids.gclid.lower())) for one in deals], NOW
    )
    found = json.loads(office.types("check", "--format", "json").out)
    told = [one["detail"] for one in found if "'hs_google_click_id'" in (one["detail"] or "")]
    assert len(told) == 1
    assert "are in lower case" in told[0]
