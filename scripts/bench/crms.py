"""What reading a CRM costs: requests, and memory over HTTP.

Every CRM is the sandbox's, in a process of its own, over a generated world in which each deal has
one contact. `convsync run` reads it all.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from convsync.sandbox.living import config_for
from convsync.sandbox.world_csv import CLICK_HEADER
from scripts.bench.processes import HOURS, Usage, measured
from scripts.serving import CONVSYNC, sandbox

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
DAYS = 80
"""How old the oldest lead is: every click can still be reported, so no row takes a short cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A first night that read so many deals from a CRM: its requests, and what it took."""

    deals: int
    requests: int
    usage: Usage


def read(crm: str, deals: int, folder: Path) -> Reading:
    """Run a first night over a world of so many deals. AssertionError unless all is balanced."""
    folder.mkdir()
    with sandbox() as ports:
        world = {"seed": deals, "deals": deals, "ends_at": NOW.isoformat(), "days": DAYS}
        _post(ports, "clock", {"now": NOW.isoformat()})
        _post(ports, "crms/world", {**world, "until": NOW.isoformat()})
        (folder / "clicks.csv").write_text(f"{CLICK_HEADER}\n", encoding="utf-8")
        (folder / "convsync.toml").write_text(config_for(crm, ports), encoding="utf-8")
        measured([CONVSYNC, "db", "upgrade"], folder=folder)
        usage = measured(
            [CONVSYNC, "run", "--as-of", NOW.isoformat(), "--format", "json"], folder=folder
        )
        assert json.loads(usage.printed)["account"]["is_balanced"], "every deal is accounted for"
        made = requests.get(f"{ports['http']}/crms/{crm}/requests", timeout=60).json()
    return Reading(deals=deals, requests=sum(made.values()), usage=usage)


def _post(ports: dict[str, str], path: str, body: object) -> None:
    """Turn one of the sandbox's switches."""
    answer = requests.post(f"{ports['http']}/{path}", json=body, timeout=HOURS)
    answer.raise_for_status()
