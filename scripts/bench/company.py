"""A company in a folder of its own: its config, its ledger, and the commands that it types."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from scripts.bench import identities
from scripts.bench.processes import HOURS, ROOT, Served, Usage, measured
from scripts.bench.rows import CLICK_HEADER, CLICKS, DEAL_HEADER, NIGHT, Rows
from scripts.serving import CONVSYNC

_CONFIG = Path(__file__).with_name("night.toml")
_NOTHING = "nothing.csv"
NOTHING_NEW = {
    "CONVSYNC_DEALS__CRM__PATH": _NOTHING,
    "CONVSYNC_DEALS__CRM__COMPLETE": "false",
}
"""A source that gives nothing, as one that is asked for what changed does on most nights."""


def _nothing() -> None:
    """Go on at once."""


@dataclass(slots=True)
class Company:
    """Its folder, the rows that it lives on, and where the platform is; `url` is the ledger's."""

    folder: Path
    rows: Rows
    platform: Served
    url: str = "sqlite:///convsync.db"
    _hours: int = field(default=0, init=False)

    @classmethod
    def founded(cls, folder: Path, rows: Rows, platform: Served, url: str | None = None) -> Self:
        """Make a company with an empty ledger, whose click log is yet to be imported."""
        folder.mkdir(parents=True)
        shutil.copy(_CONFIG, folder / "convsync.toml")
        for name, header in ((CLICKS, CLICK_HEADER), (_NOTHING, DEAL_HEADER)):
            (folder / name).write_text(",".join(header) + "\n", encoding="utf-8")
        company = cls(folder, rows, platform, *([url] if url else []))
        company.types("db", "upgrade")
        return company

    def copied(self, folder: Path, rows: Rows) -> "Company":
        """Return another company that stands where this one stands, and lives on other rows."""
        shutil.copytree(self.folder, folder)
        return Company(folder, rows, self.platform)

    @property
    def database(self) -> Path:
        """Return the file of a ledger on SQLite."""
        return self.folder / "convsync.db"

    @property
    def address(self) -> str:
        """Return the ledger's URL, for whoever does not stand in its folder."""
        return self.url.replace("sqlite:///", f"sqlite:///{self.folder}/")

    def import_clicks(self) -> Usage:
        """Import the whole click log."""
        return self.types("clicks", "import", str(self.rows.clicks_csv))

    def night(
        self, *, program: Sequence[str | Path] = (CONVSYNC,), seconds: float = 12 * HOURS
    ) -> Usage:
        """Run the first night. AssertionError unless every deal was sent, once."""
        before = self.platform.counts()["rows"]
        command = ("run", *self.later(), "--format", "json")
        usage = self.types(*command, program=program, seconds=seconds)
        sent = self.platform.counts()["rows"] - before
        assert sent == self.rows.deals, f"{sent:,} of {self.rows.deals:,} deals were sent"
        self._assert_balanced(usage)
        return usage

    def quiet_night(self, environment: Mapping[str, str] | None = None) -> Usage:
        """Run a night on which nothing is to be sent. AssertionError where something is."""
        before = self.platform.counts()["rows"]
        usage = self.types("run", *self.later(), "--format", "json", environment=environment)
        assert self.platform.counts()["rows"] == before, "a quiet night sends nothing"
        self._assert_balanced(usage)
        return usage

    def verdicts(self) -> Usage:
        """Ask for all verdicts. AssertionError unless every row is then confirmed."""
        usage = self.types("retry", *self.later(), "--format", "json")
        said: Any = json.loads(usage.printed)
        confirmed = said["outcomes"].get("confirmed", 0)
        assert confirmed == self.rows.deals, f"{confirmed:,} rows were confirmed"
        return usage

    def later(self) -> tuple[str, str]:
        """Return the option that says an hour more than the last time."""
        self._hours += 1
        return "--as-of", (NIGHT + timedelta(hours=self._hours)).isoformat()

    def types(
        self,
        *command: str,
        program: Sequence[str | Path] = (CONVSYNC,),
        environment: Mapping[str, str] | None = None,
        seconds: float = 12 * HOURS,
    ) -> Usage:
        """Run a command to its end, as an operator would."""
        whole = {**self.environment(), **(environment or {})}
        return measured(
            [*program, *command], folder=self.folder, environment=whole, seconds=seconds
        )

    def environment(self) -> dict[str, str]:
        """Return the variables of each of its commands."""
        return {
            "PYTHONPATH": str(ROOT),  # what is here is no part of what is installed
            "CONVSYNC_STORE__URL": self.url,
            "CONVSYNC_DEALS__CRM__PATH": str(self.rows.deals_csv),
            "CONVSYNC_DESTINATIONS__GOOGLE__ENDPOINT": self.platform.grpc,
            "CONVSYNC_DESTINATIONS__GOOGLE__REST_ENDPOINT": self.platform.http,
        }

    @staticmethod
    def _assert_balanced(usage: Usage) -> None:
        assert json.loads(usage.printed)["account"]["is_balanced"], "every deal is accounted for"


class JoiningCompany(Company):
    """A company whose clicks and deals have people in common, as `bench.identities` writes them."""

    def join(self, before_planning: Callable[[], None] = _nothing) -> Iterator[Usage]:
        """Yield the import of the log, and a plan. AssertionError unless all deals are in it."""
        (self.folder / CLICKS).write_text(",".join(identities.CLICK_HEADER) + "\n", "utf-8")
        log = str(self.rows.clicks_csv)
        yield self.types("clicks", "import", log, environment=identities.COLUMNS)
        before_planning()
        command = ("plan", *self.later(), "--format", "json")
        planned = self.types(*command, environment=identities.COLUMNS)
        new = json.loads(planned.printed)["plan"]["steps"].get("new", 0)
        assert new == self.rows.deals, f"{new:,} of {self.rows.deals:,} deals found their click"
        yield planned
