"""A night with everything in it, how it is begun over and over, and how two ends are compared."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any, Self

from convsync import pipeline
from convsync.model.ledger import Side
from convsync.sandbox.books import Counted
from convsync.sandbox.server import Sandbox
from tests.crash.fork_server import ROWS_AT_ONCE
from tests.nights.company import Company, Entry, small_batches

BEFORE = ("2026-03-03T02:00Z", "2026-03-04T02:00Z")
NOW = "2026-03-05T02:00Z"
CLICKED = "2026-02-20T10:00Z"


def prepare(company: Company, sandbox: Sandbox) -> None:
    """Live through two nights, and change the world so that the third has everything in it."""
    company.through = small_batches(ROWS_AT_ONCE)
    for name in ("stays", "grows", "lost", "reopened", "missing", "refusing", "changes-twice"):
        _win(company, name)
    _win(company, "unheard-of")
    company.has("waits-for-a-click", won="2026-03-02T15:00Z", amount=100, visitor="V-1")
    company.has("found-by-email", won="2026-03-02T15:00Z", amount=100, email="a@example.com")
    company.night(BEFORE[0])
    for name in ("put-off", "refused", "accepted"):
        _win(company, name, won="2026-03-03T15:00Z")
    company.has("changes-twice", amount=150)
    sandbox.platform.verdicts = {
        "G-put-off": "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK",
        "G-refused": "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND",
    }
    company.night(BEFORE[1])
    sandbox.platform.verdicts = {"G-put-off": "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"}
    for name in ("new-1", "new-2", "new-3"):
        _win(company, name, won="2026-03-04T15:00Z", mql="2026-02-27T15:00Z")
    _win(company, "worthless", won="2026-03-04T15:00Z")
    company.has("worthless", amount="")
    company.has("not-yet", won="2026-03-04T15:00Z", amount=100)
    company.has("grows", amount=130)
    company.has("changes-twice", amount=175)
    company.has("lost", lost="2026-03-04T10:00Z")
    company.has("reopened", won="")
    company.has("refusing", consent="no")
    company.has("accepted", amount=111)
    company.has("unheard-of", amount="a lot")
    del company.deals["missing"]
    company.clicked("LATE", CLICKED, visitor="V-1", logged="2026-03-04T12:00Z")
    company.clicked("NOBODYS", CLICKED, visitor="V-2", logged="2026-03-04T12:00Z")
    company.export()


def _win(company: Company, name: str, won: str = "2026-03-02T15:00Z", **cells: Any) -> None:
    company.has(name, won=won, amount=100, gclid=f"G-{name}", clicked=CLICKED, **cells)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Everything that must be the same however often a night was interrupted."""

    counted: dict[str, dict[str, tuple[Any, ...]]]
    ledger: dict[tuple[str, str], Entry]
    sums: dict[tuple[Side, str], int]
    tables: dict[str, list[tuple[Any, ...]]]

    @classmethod
    def of(cls, company: Company, sandbox: Sandbox) -> Self:
        assert company.audit_is_sound()
        return cls(
            counted={
                page: {name: _told(counted) for name, counted in conversions.items()}
                for page, conversions in sandbox.books.counted.items()
            },
            ledger=company.entries(),
            sums=company.sums(),
            tables={sql: [tuple(row) for row in company.query(sql)] for sql in _TABLES},
        )


def _told(counted: Counted) -> tuple[Any, ...]:
    """Return a conversion as it counts, whatever it took to say so."""
    return counted.value, counted.currency, counted.event.SerializeToString(deterministic=True)


_TABLES = (
    "SELECT deal_id, amount, ad_user_data, gone, reconcile_at FROM deals ORDER BY deal_id",
    "SELECT d.deal_id, m.* FROM milestones m JOIN deals d ON d.id = m.deal ORDER BY 1, m.name",
    "SELECT kind, value, clicked_at FROM clicks ORDER BY value",
    "SELECT source, read_until FROM watermarks ORDER BY source",
    "SELECT source, place, deal_id, problem FROM quarantine ORDER BY place",
    "SELECT count(*) FROM runs WHERE lock IS NOT NULL",
    "SELECT count(*) FROM batches WHERE state = 'sending'",
)


@dataclass(frozen=True, kw_only=True)
class Evening:
    """The moment before the night, to which all can be put back: the ledger by `put_back`."""

    company: Company
    sandbox: Sandbox
    counted: dict[str, dict[str, Counted]]
    put_back: Callable[[], None]

    @classmethod
    def now(
        cls, company: Company, sandbox: Sandbox, put_back: Callable[[], None] | None = None
    ) -> Self:
        counted = {page: dict(names) for page, names in sandbox.books.counted.items()}
        back = put_back or _kept_file(company.folder)
        return cls(company=company, sandbox=sandbox, counted=counted, put_back=back)

    def again(self) -> None:
        """Put everything back."""
        self.company.close_ledger()
        self.put_back()
        (self.company.folder / "convsync.audit-head").unlink(missing_ok=True)
        self.sandbox.platform.faults.clear()
        self.sandbox.books.clear()
        for page, names in self.counted.items():
            self.sandbox.books.counted[page] = dict(names)

    def finish(self) -> Ending:
        """Run the night, undisturbed, and return how it ended."""
        self.company.at(NOW, pipeline.run)
        return Ending.of(self.company, self.sandbox)


def _kept_file(folder: Path) -> Callable[[], None]:
    """Keep the ledger's file as it is; return what puts it back."""
    with (
        closing(sqlite3.connect(folder / "ledger.db")) as ledger,
        closing(sqlite3.connect(folder / "evening.db")) as kept,
    ):
        ledger.backup(kept)

    def put_back() -> None:
        for leftover in folder.glob("ledger.db*"):
            leftover.unlink()
        shutil.copyfile(folder / "evening.db", folder / "ledger.db")

    return put_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: by a signal, or with an exit code; neither if it stopped itself."""

    pid: int
    signal: int | None
    exit_code: int | None


@dataclass(slots=True)
class ForkServer:
    """The process whose forks live through nights, and are killed at a step."""

    _process: "subprocess.Popen[str]" = field(init=False)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def night(self, folder: Path, at: int | str | None = None, *, send: Signals = SIGKILL) -> Ended:
        """Let a child run the night, and be sent a signal by itself at a step."""
        return self._ask(folder=str(folder), now=NOW, at=at, send=int(send))

    def wait_for(self, pid: int) -> Ended:
        """Return how a child that stopped itself ended at last."""
        return self._ask(wait_for=pid)

    def close(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()

    def _ask(self, **asked: Any) -> Ended:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        return Ended(**json.loads(stdout.readline()))


def end(pid: int) -> None:
    os.kill(pid, SIGKILL)
