"""A company at the command line: its folder, its files, and what its people type.

It is set up with config/sandbox.toml, the demo's own file, so that what newcomers run is what is
tested. Commands run in this process, through the same `main` as the installed script.
"""

import csv
import io
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from convsync.cli import main
from convsync.sandbox.account import Action
from convsync.sandbox.crm.vendors import CrmOfVendor
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world_csv import CLICK_HEADER, DEAL_HEADER

EXAMPLE = Path(__file__).parents[2] / "config" / "sandbox.toml"
CRMS = EXAMPLE.with_name("sandbox")
ACCOUNT = "1234567890"

NIGHT = "2026-03-03T02:00+01:00"
NEXT_NIGHT = "2026-03-04T02:00+01:00"
THIRD_NIGHT = "2026-03-05T02:00+01:00"

READER = """
[destinations.ads]
kind = "google_ads"
customer_id = "0987654321"
credentials = "none"
plaintext = true
"""

_AS_A_WORD = str.maketrans(" -", "__")


@dataclass(frozen=True)
class CommandResult:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Office:
    """One company. Deals and clicks are rows by ID; files are written before every command."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.config = folder / "convsync.toml"
        self.deals: dict[str, dict[str, str]] = {}
        self.clicks: dict[str, dict[str, str]] = {}
        text = EXAMPLE.read_text(encoding="utf-8")
        text = text.replace("127.0.0.1:8471", sandbox.grpc_address)
        text = text.replace("http://127.0.0.1:8470", sandbox.http_url)
        self.config.write_text(f"{text}\n[retry]\nattempts = 1\n", encoding="utf-8")
        self.write_files()

    def configure(self, old: str, new: str) -> None:
        """Change the config as with an editor."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text, old
        self.config.write_text(text.replace(old, new), encoding="utf-8")

    def reads_its_account(self) -> None:
        """Let the ad account be read by the Google Ads API, with another account's credentials."""
        for action in ("111", "222", "333"):
            self.configure(f"action_id = {action}", f'action_id = {action}\ndestination = "google"')
        self.configure('kind = "data_manager"', 'kind = "data_manager"\nread_with = "ads"')
        self.configure("\n[retry]", f'{READER}endpoint = "{self.sandbox.grpc_address}"\n\n[retry]')

    def cut(self, start: str, end: str) -> None:
        """Take what stands in the config from one text up to another out of it."""
        before, found, rest = self.config.read_text(encoding="utf-8").partition(start)
        _, and_found, after = rest.partition(end)
        assert found, start
        assert and_found, end
        self.config.write_text(f"{before}{end}{after}", encoding="utf-8")

    def moves_to(self, crm: str) -> CrmOfVendor:
        """Read deals from the sandbox's CRM of that name instead of the export; return it."""
        table = (CRMS / f"{crm}.toml").read_text(encoding="utf-8")
        table = table.replace("http://127.0.0.1:8470", self.sandbox.http_url)
        self.cut("[deals.crm]", "[clicks.site]")
        self.configure("[clicks.site]\n", f"{table}\n[clicks.site]\n")
        made, clock = self.sandbox.crms[crm], self.sandbox.platform.clock
        made.server.ticks = lambda: clock.now().timestamp() + monotonic()  # a day passes at once
        return made

    def moved(self, before: str, now: str) -> None:
        """Say in the config that a rule or source has another name now."""
        self.configure("\n[retry]", f'\n[moved]\n"{before}" = "{now}"\n\n[retry]')

    def sends_by_google_ads(self) -> None:
        """Send by the Google Ads API, to an account that has the actions of the rules."""
        self.configure('"data_manager"\noperating_account', '"google_ads"\ncustomer_id')
        self.configure(f'rest_endpoint = "{self.sandbox.http_url}"\n', "")
        self.configure('days_to_close_variable = "days_to_close"\n', "")
        self.has_actions()

    def has_actions(self, **won: Any) -> None:
        """Let the ad account have the rules' three actions, the one of won as the changes say."""
        others = [Action(account=ACCOUNT, id=number) for number in ("111", "222")]
        changed = Action(account=ACCOUNT, id="333", **won)
        self.sandbox.platform.set_actions([*others, changed])

    def deal(self, deal_id: str = "D-1", **cells: str) -> None:
        """Enter a deal: an MQL of 20 February, won on 2 March after a click, or as the cells say.

        A cell's name is its column in lower case, with _ for a space or a hyphen.
        """
        click = cells.pop("clicked_at", "2026-02-20T08:00:00Z")
        row = {
            "Deal ID": deal_id,
            "Created": "2026-02-20 10:00:00",
            "Last modified": "2026-03-02 18:00:00",
            "Amount": "1000",
            "Currency": "EUR",
            "GCLID": f"click-of-{deal_id}",
            "Country": "DE",
            "Marketing consent": "yes",
            "MQL date": "2026-02-20 10:00:00",
            "Won date": "2026-03-02",
        }
        columns = {name.lower().translate(_AS_A_WORD): name for name in DEAL_HEADER.split(",")}
        row |= {columns[name]: text for name, text in cells.items()}
        self.deals[deal_id] = row
        if row["GCLID"]:
            self.clicks[deal_id] = {"Clicked at": click, "GCLID": row["GCLID"]}

    def write_files(self) -> None:
        """Export deals and clicks."""
        _write(self.folder / "deals.csv", DEAL_HEADER, self.deals.values())
        _write(self.folder / "clicks.csv", CLICK_HEADER, self.clicks.values())

    def types(self, *words: str) -> CommandResult:
        """Run `convsync` with these words, and the company's config unless they name one."""
        if "--config" not in words and "--help" not in words:
            words = (*words, "--config", str(self.config))
        return run(*words)

    def night(self, at: str = NIGHT, *options: str) -> CommandResult:
        """Export the files and run at an instant, which is the platform's time too."""
        self.sandbox.platform.clock.set(datetime.fromisoformat(at))
        self.write_files()
        return self.types("run", "--as-of", at, *options)

    def counted(self, action: str) -> dict[str, Any]:
        """Return what the platform counts for an action, by order ID."""
        pages: dict[str, dict[str, Any]] = self.sandbox.books.as_json()["counted"]
        return pages.get(f"{ACCOUNT}/{action}", {})

    def values(self, action: str) -> list[float]:
        """Return the values the platform counts for an action, smallest first."""
        return sorted(conversion["value"] for conversion in self.counted(action).values())

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Do something to the ledger behind convsync's back."""
        connection = sqlite3.connect(self.folder / "convsync.db")
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all there is in the database."""
        names = self.sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {name: self.sql(f"SELECT * FROM {name}") for (name,) in names}


def run(*words: str) -> CommandResult:
    """Run `convsync` with these words in this process, as the installed script would.

    What it sets in the environment ends with it, as with a process.
    """
    out, err = io.StringIO(), io.StringIO()
    before, environment = sys.argv, dict(os.environ)
    sys.argv = ["convsync", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.argv = before
        os.environ.clear()
        os.environ.update(environment)
    return CommandResult(code, out.getvalue(), err.getvalue())


def _write(path: Path, header: str, rows: Any) -> None:
    names = header.split(",")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in rows)


def rows_of(text: str) -> Iterator[dict[str, str]]:
    """Read what `--format csv` printed."""
    return csv.DictReader(io.StringIO(text), strict=True)
