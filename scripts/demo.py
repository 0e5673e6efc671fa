"""Three nights of a made-up company, against the sandbox, as an operator would type them.

    python -m scripts.demo [hubspot | salesforce | pipedrive | zoho | dynamics | odoo]

Night 1 is the first run over the CRM's whole history. On night 2 nothing has changed, and nothing
is sent. Before night 3 some deals changed their value, one sale was cancelled, one deal was
deleted, clicks came in late, and the CRM's histories lag behind its records. The CRM is untidy from
the start, as config/sandbox/untidy.toml says. Everything lies in the folder demo/ afterwards;
nothing is left running.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests
from rich.console import Console

from convsync.sandbox.living import config_for, demo_actions
from convsync.sandbox.messy_csv import Damage, ExportForm, write_messy_csv
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import CLICK_HEADER, rows_of_clicks
from scripts import demo_platforms
from scripts.serving import CONVSYNC, sandbox

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "demo"
COMPANY = ZoneInfo("Europe/Berlin")
SEED, DEALS, DAYS = 7, 2_500, 150
EVENING = timedelta(hours=7)
"""People work and the website writes its click log until the evening, the run is at night."""

UNTIDY = (Damage.WRAPPED_CLICK, Damage.TWICE, Damage.PADDED, Damage.TWO_EMAILS, Damage.NO_CLICK)
"""What happens to some rows of every real click log, and must change nothing."""

Changes = dict[str, list[dict[str, str]]]
"""What people did to deals, as the sandbox takes it."""

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Run the three nights and show what came of them."""
    crm = sys.argv[1] if len(sys.argv) > 1 else "hubspot"
    first, second, third = nights(datetime.now(UTC))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    world = World(seed=SEED, deals=DEALS, ends_at=third, days=DAYS)
    with company(crm) as platform:
        title(f"A CRM ({crm}) and a click log, made up and shaped as real funnels are")
        platform.clock(first)
        platform.has_actions()
        platform.happens(world, until=first - EVENING)
        platform.is_untidy(first - EVENING)
        log_clicks(world, first)
        convsync("db", "upgrade")
        convsync("check", "--as-of", first.isoformat())

        title(f"Night 1 ({first:%A %d %B}): the first run over the whole history")
        platform.night(first)

        title(f"Night 2 ({second:%A %d %B}): nothing has changed, so nothing is sent")
        platform.night(second)

        changes, *changed_deals = a_day_later(world, first, second)
        title(f"Night 3 ({third:%A %d %B}): values changed, a sale cancelled, a deal deleted")
        platform.happens(world, changes, until=third - EVENING)
        log_clicks(world, third)
        platform.histories("lags")
        platform.night(third)
        changed, cancelled, deleted = map(platform.id_of, changed_deals)
        platform.clock(third + timedelta(hours=1))
        convsync("retry", "--as-of", (third + timedelta(hours=1)).isoformat(), quiet=True)

        title("Every milestone of every deal is accounted for")
        convsync("status")
        title("What the platform counted, in its own books")
        compare(platform.books(), changed, cancelled, deleted)
        title(f"One deal, from its click to the platform's word: convsync audit show {changed}")
        audit(changed)
        title(f"And the cancelled sale: convsync explain {cancelled}")
        convsync("explain", cancelled)
        title("Which campaigns bring leads, and which of them sell")
        an_hour_later = ("--as-of", (third + timedelta(hours=1)).isoformat())
        convsync("clicks", "enrich", *an_hour_later)
        convsync("costs", "fetch", *an_hour_later)
        convsync("report", "campaigns", *an_hour_later)
        title("The audit log is whole: convsync audit verify")
        convsync("audit", "verify")
        title("One sale, told to Google, Microsoft and Meta, and corrected where that is possible")
        demo_platforms.show(FOLDER / "platforms", platform.ports, second, convsync)
    console.print(
        "\nLook around: [bold]cd demo && ../.venv/bin/convsync audit list[/], "
        "[bold]explain DEAL[/], [bold]status[/]. Or live with a company of your own: "
        "[bold].venv/bin/convsync sandbox --demo[/]."
    )


def nights(now: datetime) -> tuple[datetime, datetime, datetime]:
    """Return the last three nights at two o'clock, company time, in UTC."""
    today = now.astimezone(COMPANY).date()
    days = (today - timedelta(days=back) for back in (3, 2, 1))
    first, second, third = (datetime.combine(day, time(2), COMPANY).astimezone(UTC) for day in days)
    return first, second, third


def log_clicks(world: World, night: datetime) -> None:
    """Write the click log as the website has it on the evening before a night, a bit untidy."""
    rows = list(rows_of_clicks(world, night - EVENING))
    untidy = dict(zip(range(0, len(rows), 25), cycle(UNTIDY), strict=False))
    path, header = FOLDER / "clicks.csv", CLICK_HEADER.split(",")
    write_messy_csv(path, header, rows, ExportForm(encoding="utf-8-sig"), untidy)
    console.print(f"{len(rows):,} clicks are in the log, {len(untidy)} of them untidily")


def a_day_later(world: World, first: datetime, second: datetime) -> tuple[Changes, str, str, str]:
    """Change some deals during the second day; name a changed, the lost and the deleted one."""
    won = world.pick_won(first - EVENING, 5, within=timedelta(days=60))
    raised, cut, named, cancelled, deleted = won
    at = {"at": (second + timedelta(hours=9)).isoformat()}
    changes: Changes = {
        raised.deal_id: [{"kind": "amount", "amount": str((raised.amount or 0) * 2), **at}],
        cut.deal_id: [{"kind": "amount", "amount": str((cut.amount or 0) / 2), **at}],
        named.deal_id: [{"kind": "amount", "amount": "4711.00", **at}],
        cancelled.deal_id: [{"kind": "lost", **at}],
        deleted.deal_id: [{"kind": "deleted", **at}],
    }
    return changes, named.deal_id, cancelled.deal_id, deleted.deal_id


class Platform:
    """The sandbox, through its own endpoints."""

    def __init__(self, ports: dict[str, str], crm: str) -> None:
        self.ports = ports
        self._http = ports["http"]
        self._crm = crm

    def clock(self, at: datetime) -> None:
        """Set its clock."""
        self._post("clock", {"now": at.isoformat()})

    def has_actions(self) -> None:
        """Let the ad account have the conversion actions that the rules count towards."""
        self._post("actions", [asdict(action) for action in demo_actions()])

    def happens(self, world: World, changes: Changes | None = None, *, until: datetime) -> None:
        """Let the CRM show a world as far as `until`, and what people did to its deals."""
        self._post(
            "crms/world",
            {
                "seed": world.seed,
                "deals": world.deals,
                "days": world.days,
                "ends_at": world.ends_at.isoformat(),
                "changes": changes or {},
                "until": until.isoformat(),
            },
        )

    def is_untidy(self, at: datetime) -> None:
        """Let some things have happened by then that happen in every CRM."""
        self._post(f"crms/{self._crm}/untidy", {"at": at.isoformat()})

    def histories(self, telling: str) -> None:
        """Let the histories of the CRM tell less than its records, as they do when they lag."""
        self._post(f"crms/{self._crm}/history", {"telling": telling})

    def id_of(self, deal: str) -> str:
        """Return the CRM's own ID of a deal."""
        answer = requests.get(f"{self._http}/crms/{self._crm}/deals/{deal}", timeout=10)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _post(self, path: str, body: Any) -> None:
        requests.post(f"{self._http}/{path}", json=body, timeout=10).raise_for_status()

    def night(self, at: datetime) -> None:
        """Run one night, on both sides' clocks."""
        self.clock(at)
        convsync("run", "--as-of", at.isoformat())

    def books(self) -> dict[str, Any]:
        """Return what it counted."""
        answer = requests.get(f"{self._http}/books", timeout=10)
        answer.raise_for_status()
        books: dict[str, Any] = answer.json()
        return books


@contextmanager
def company(crm: str) -> Iterator[Platform]:
    """Start the sandbox and write the company's configuration for it."""
    with sandbox() as ports:
        config = FOLDER / "convsync.toml"
        config.write_text(config_for(crm, ports), encoding="utf-8")
        os.environ["CONVSYNC_CONFIG"] = str(config)
        yield Platform(ports, crm)


def convsync(*arguments: str, quiet: bool = False) -> None:
    """Run a command as one types it; a failed one ends the demo."""
    console.print(f"[dim]$ convsync {' '.join(arguments)}[/]")
    output = subprocess.DEVNULL if quiet else None
    finished = subprocess.run(
        [str(CONVSYNC), *arguments], check=False, stdout=output, stderr=subprocess.PIPE, text=True
    )
    if finished.returncode != 0:
        sys.exit(f"convsync {arguments[0]} ended with {finished.returncode}: {finished.stderr}")


def audit(deal: str) -> None:
    """Print a deal's events, a line each."""
    command = [str(CONVSYNC), "audit", "show", deal, "--format", "json"]
    events = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for event in events:
        said = "  ".join(
            f"{key} {value}"
            for key, value in event["detail"].items()
            if key not in {"step", "batch"}
        )
        console.print(f"{event['at'][:16]}  [bold]{event['event']:<9}[/]  {said}")


def compare(books: dict[str, Any], changed: str, cancelled: str, deleted: str) -> None:
    """Print what the platform counted of all, and of the deals that changed."""
    for action, conversions in books["counted"].items():
        value: dict[str, Decimal] = {}
        for conversion in conversions.values():
            amount = Decimal(str(conversion["value"]))
            value[conversion["currency"]] = value.get(conversion["currency"], Decimal(0)) + amount
        worth = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in value.items())
        console.print(f"action {action}: {len(conversions):,} conversions worth {worth}")
    for what, deal in (("changed", changed), ("cancelled", cancelled), ("deleted", deleted)):
        order_id = won_order_id(deal)
        counted = next(c[order_id] for c in books["counted"].values() if order_id in c)
        console.print(
            f"{what} deal {deal}: sent {counted['sent']} times, counted once, now worth "
            f"{counted['value']:,.2f} {counted['currency']}"
        )


def won_order_id(deal: str) -> str:
    """Return the order ID of a deal's sale, as `explain` gives it."""
    command = [str(CONVSYNC), "explain", deal, "--format", "json"]
    lines = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return str(next(line["order_id"] for line in lines if line["rule"] == "won"))


def title(text: str) -> None:
    """Print a heading."""
    console.print(f"\n[bold]{text}[/]")


if __name__ == "__main__":
    main()
