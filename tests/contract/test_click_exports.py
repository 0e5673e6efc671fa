"""The exports of docs/clicks.md, read by the very tables that stand there."""

import json
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from pydantic import TypeAdapter

from convsync.model.period import Period
from convsync.settings.source_tables import ClickSource
from convsync.settings.tables import Company
from convsync.wiring.tables import click_source

PAGE = Path(__file__).parents[2] / "docs" / "clicks.md"
BLOCKS = re.findall(
    r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
TABLES: dict[str, dict[str, Any]] = {
    name: table for block in BLOCKS for name, table in tomllib.loads(block)["clicks"].items()
}
EVER = Period(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2030, 1, 1, tzinfo=UTC))
LANDED = "https://shop.example/?utm_source=google&gclid=Cj0K-one"
AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

Seen = tuple[str, str, datetime | None, int]


def read(folder: Path, name: str, **changes: Any) -> Sequence[Seen]:
    """Return kind, ID, time and number of keys of each click of one of the page's tables."""
    table: ClickSource = TypeAdapter(ClickSource).validate_python(TABLES[name] | changes)
    around = SimpleNamespace(
        company=Company(time_zone=ZoneInfo("Europe/Berlin")),
        folder=folder,
        deals={},
        clicks={},
        destinations={},
    )
    source = click_source(name, table, around, None)
    found: list[Seen] = []
    for chunk in source.read(EVER):
        assert not chunk.unreadable
        seen = chunk.seen
        keyed = [position for _, position in seen.keys]
        found += [
            (seen.kinds[at].value, seen.values[at], seen.seen_at[at], keyed.count(at))
            for at in range(len(seen))
        ]
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_page_is_a_source(name: str) -> None:
    TypeAdapter(ClickSource).validate_python(TABLES[name])


def test_ga4s_export_gives_the_time_of_the_landing_and_not_of_a_later_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(minutes: int, name: str, page: str) -> str:
        told = {"key": "page_location", "value": {"string_value": page, "int_value": None}}
        session = {"key": "ga_session_id", "value": {"string_value": None, "int_value": 7}}
        return json.dumps(
            {
                "event_timestamp": int(AT.timestamp() * 1_000_000) + minutes * 60_000_000,
                "event_name": name,
                "user_pseudo_id": "123.456",
                "event_params": [session, told],
            }
        )

    (tmp_path / "ga4").mkdir()
    events = [
        event(0, "page_view", LANDED),
        event(1, "scroll", LANDED),
        event(5000, "page_view", "https://shop.example/thanks"),
    ]
    (tmp_path / "ga4" / "events_20260301.json").write_text("\n".join(events), encoding="utf-8")
    duckdb.connect(str(tmp_path / "ga4.duckdb")).close()
    monkeypatch.chdir(tmp_path)
    assert read(tmp_path, "ga4_files") == [("gclid", "Cj0K-one", AT, 1)]


def test_a_hubspot_forms_export_joins_by_the_e_mail_that_was_typed(tmp_path: Path) -> None:
    _write(
        tmp_path / "exports" / "submissions.csv",
        "Conversion Date,Conversion Page,Email",
        f"2026-03-01 09:30:00,{LANDED},ada@x.example",
    )
    assert read(tmp_path, "hubspot_form") == [("gclid", "Cj0K-one", AT, 1)]


def test_a_report_of_campaign_members_joins_by_lead_and_e_mail(tmp_path: Path) -> None:
    _write(
        tmp_path / "exports" / "members.csv",
        "Member First Associated Date,GCLID,Lead ID,Email",
        "03/01/2026 09:30 AM,Cj0K-one,00Q5g00000AbCdEEAV,ada@x.example",
    )
    assert read(tmp_path, "campaign_members") == [("gclid", "Cj0K-one", AT, 2)]


def _write(path: Path, *lines: str) -> None:
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
