"""Three small companies for a demo: folders, exports, ledgers on one PostgreSQL, one platform."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import requests

from scripts.airflow_serving import PostgreSql
from scripts.serving import CONVSYNC

COMPANIES = {"alpha": "111-111-1111", "beta": "222-222-2222", "gamma": "333-333-3333"}
ACTION = "333"
_PAST_NIGHTS = (5, 4, 3, 2)
_CONFIG = """
[company]
time_zone = "Europe/Berlin"

[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "Deal ID", modified_at = "Modified", amount = "Amount", \
currency = "Currency", gclid = "GCLID", clicked_at = "Clicked" }}
milestones = {{ won = "Won" }}

[rules.won]
milestone = "won"
action_id = 333

[destinations.google]
kind = "data_manager"
operating_account = "{account}"
credentials = "none"
endpoint = "{grpc}"
rest_endpoint = "{http}"
plaintext = true
requests_per_minute = 100 # a third of the project's minute: three companies go on at a time

[limits]
small = 10

[schedule]
at = "02:00"
"""


class ThreeCompanies:
    """A folder each with configuration and export, and a folder each with secrets."""

    def __init__(self, folder: Path, server: PostgreSql, ports: Mapping[str, str]) -> None:
        self.folder = folder / "companies"
        self.secrets = folder / "secrets"
        self._urls = {name: server.database(name) for name in COMPANIES}
        self._ports = ports

    def found(self, platform: "Platform") -> None:
        """Write the configurations and exports; gamma's ordinary nights have passed already."""
        for name, account in COMPANIES.items():
            own, secrets = self.folder / name, self.secrets / name
            own.mkdir(parents=True)
            secrets.mkdir(parents=True)
            (own / "convsync.toml").write_text(_CONFIG.format(account=account, **self._ports))
            (secrets / "CONVSYNC_STORE__URL").write_text(self._urls[name])
            self._export(name, [(f"{name}-{number}", 1) for number in range(1, 25)])
        self.typed("gamma", "db", "upgrade")
        past: list[tuple[str, int]] = []
        for days in _PAST_NIGHTS:
            past += [(f"gamma-{days}-{number}", days) for number in range(1, 3)]
            self._export("gamma", past)
            night = _at(days - 0.5)
            platform.clock(night)
            self.typed("gamma", "run", "--as-of", night.isoformat())
        platform.clock(None)
        tonight = [(f"gamma-{number}", 1) for number in range(1, 31)]
        self._export("gamma", [*past, *tonight])

    def page(self, name: str) -> str:
        """Return the page of the platform's books that a company's sales stand on."""
        return f"{COMPANIES[name].replace('-', '')}/{ACTION}"

    def sending(self, name: str) -> int:
        """Return the process that holds a company's lock and has a request in flight, or 0."""
        found = self._asked(
            name,
            "SELECT r.holder FROM runs r JOIN batches b ON b.state = 'sending'"
            " WHERE r.lock IS NOT NULL",
        )
        return int(json.loads(found[0][0])[1]) if found else 0

    def batches(self, name: str) -> str:
        """Return how a company's batches stand."""
        found = self._asked(name, "SELECT state, count(*) FROM batches GROUP BY state")
        return ", ".join(f"{count} request {state}" for state, count in found)

    def ledger(self, name: str) -> dict[str, Decimal]:
        """Return the value of everything that a company has sent, by order ID."""
        found = self._asked(
            name, "SELECT order_id, value FROM ledger WHERE state IN ('accepted', 'confirmed')"
        )
        return {f"cs-{digest.hex()}": Decimal(value) / 1_000_000 for digest, value in found}

    def typed(self, name: str, *words: str) -> str:
        """Type a command as the company's operator does; return what it printed."""
        own = {
            "CONVSYNC_CONFIG": str(self.folder / name / "convsync.toml"),
            "CONVSYNC_SECRETS_DIR": str(self.secrets / name),
        }
        done = subprocess.run(
            [str(CONVSYNC), *words],
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise SystemExit(f"convsync {' '.join(words)} of {name}: {done.stdout}{done.stderr}")
        return done.stdout

    def _export(self, name: str, deals: Sequence[tuple[str, int]]) -> None:
        lines = ["Deal ID,Modified,Amount,Currency,GCLID,Clicked,Won"]
        for number, (deal, days) in enumerate(deals, start=1):
            won, clicked = _at(days).isoformat(), _at(days + 20).isoformat()
            lines.append(f"{deal},{won},{100 + number},EUR,click-of-{deal},{clicked},{won}")
        (self.folder / name / "deals.csv").write_text("\n".join(lines) + "\n")

    def _asked(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self._urls[name]) as connection:
                return connection.execute(sql.encode()).fetchall()
        except psycopg.errors.UndefinedTable:
            return []


class Platform:
    """The sandbox, through its own endpoints."""

    def __init__(self, http: str) -> None:
        self._http = http

    def clock(self, at: datetime | None) -> None:
        """Stop its clock at an instant, or let it go on."""
        self._post("clock", {"now": at and at.isoformat()})

    def is_slow(self, seconds: float) -> None:
        """From now on uploads are answered after so many seconds."""
        fault = {"on": "ingest", "every": 1, "kind": "latency", "seconds": seconds}
        self._post("faults", [fault])

    def books(self) -> dict[str, dict[str, tuple[Decimal, int]]]:
        """Return the value of each conversion and how often it was sent, by page and order ID."""
        answer = requests.get(f"{self._http}/books", timeout=10)
        answer.raise_for_status()
        return {
            page: {
                order_id: (Decimal(str(counted["value"])), int(counted["sent"]))
                for order_id, counted in conversions.items()
            }
            for page, conversions in answer.json()["counted"].items()
        }

    def _post(self, path: str, body: Any) -> None:
        requests.post(f"{self._http}/{path}", json=body, timeout=10).raise_for_status()


def _at(days_ago: float) -> datetime:
    return (datetime.now(UTC) - timedelta(days=days_ago)).replace(microsecond=0)
