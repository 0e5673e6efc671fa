"""The demo's last part: one sale, told to three platforms, and corrected where that is possible.

A company of its own, in demo/platforms: a deal that began with a click of each network. Between two
nights its amount changes. Google and Microsoft are told; Meta takes no correction, and says so.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

_ACCOUNT, _DATASET = "1234567", "1234567890123456"
_CLICKS = {
    "gclid": "TeSter-Google-Ads-click",
    "msclkid": "f894f652ea334e739002f7167ab8f8e3",
    "fbclid": "IwAR1234567890abcdefghij",
}
_CONFIG = """\
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "id", modified_at = "modified", amount = "amount", currency = "currency", \
clicked_at = "clicked", gclid = "gclid", msclkid = "msclkid", fbclid = "fbclid" }}
milestones = {{ won = "won" }}

[rules.google]
milestone = "won"
action_id = 333
destination = "google"

[rules.microsoft]
milestone = "won"
action_id = "Sale"
destination = "microsoft"

[rules.meta]
milestone = "won"
action_id = "Closed won"
destination = "meta"

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "{grpc}"
rest_endpoint = "{http}"
plaintext = true

[destinations.microsoft]
kind = "microsoft"
account_id = {account}
customer_id = 7654321
client_id = "demo"
refresh_token = "opens nothing but the sandbox"
developer_token = "opens nothing but the sandbox"
url = "{http}"
login_url = "{http}"

[destinations.meta]
kind = "meta"
dataset_id = {dataset}
access_token = "opens nothing but the sandbox"
url = "{http}"
"""

Typed = Callable[..., None]


def show(folder: Path, ports: dict[str, str], night: datetime, typed: Typed) -> None:
    """Work two nights, and print what each platform counts; `typed` runs a command of convsync."""
    folder.mkdir()
    config = folder / "convsync.toml"
    config.write_text(_CONFIG.format(**ports, account=_ACCOUNT, dataset=_DATASET), encoding="utf-8")
    os.environ["CONVSYNC_CONFIG"] = str(config)
    http = ports["http"]
    _post(http, "microsoft/goals", [{"name": "Sale", "id": "7"}])
    won = night - timedelta(days=1)
    _let_show(folder, won, won, amount=1_000)
    _post(http, "clock", {"now": night.isoformat()})
    typed("db", "upgrade", quiet=True)
    typed("plan", "--deals", "--as-of", night.isoformat())
    typed("run", "--as-of", night.isoformat())
    second = night + timedelta(days=1)
    _let_show(folder, won, second - timedelta(hours=7), amount=700)
    _post(http, "clock", {"now": second.isoformat()})
    typed("run", "--as-of", second.isoformat())
    _compare(http)
    typed("explain", "S-1")


def _let_show(folder: Path, won: datetime, changed: datetime, *, amount: int) -> None:
    """Let the CRM show the sale as it is since it was changed."""
    cells = {
        "id": "S-1",
        "modified": changed.isoformat(),
        "amount": amount,
        "currency": "EUR",
        "clicked": (won - timedelta(days=9)).isoformat(),
        "won": won.isoformat(),
        **_CLICKS,
    }
    lines = [",".join(cells), ",".join(map(str, cells.values()))]
    (folder / "deals.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _compare(http: str) -> None:
    """Print what each platform's own books say of the sale."""
    books = {
        "Google": _read(http, "books")["counted"]["1234567890/333"],
        "Microsoft": _read(http, "microsoft/books")["counted"][f"{_ACCOUNT}/Sale"],
        "Meta": _read(http, "meta/books")["counted"][f"{_DATASET}/Closed won"],
    }
    for name, page in books.items():
        *_, counted = page.values()
        _CONSOLE.print(
            f"{name}: counted {counted['count']} time, worth {counted['value']:,.2f} EUR now"
        )


def _post(http: str, path: str, body: Any) -> None:
    requests.post(f"{http}/{path}", json=body, timeout=10).raise_for_status()


def _read(http: str, path: str) -> Any:
    answer = requests.get(f"{http}/{path}", timeout=10)
    answer.raise_for_status()
    return answer.json()


_CONSOLE = Console(highlight=False, soft_wrap=True)
