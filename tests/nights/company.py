"""A small company for whole nights: its CRM's export, its click log, its ledger, its ad account.

Everything is real but the ad platform, which is the sandbox: files are written and read, the ledger
is SQLite, requests go over gRPC. A test says what the CRM shows and what time it is, lets a night
pass, and asks the sandbox what was counted.
"""

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlalchemy import text

from convsync import pipeline, wiring
from convsync.clock import Clock, system_clock
from convsync.model.ledger import Side
from convsync.model.outcome import Outcome
from convsync.model.period import Period
from convsync.model.statement import Batch, order_id_of
from convsync.proof.verification import verify
from convsync.retrying import RetryPolicy
from convsync.running.services import Report, Services
from convsync.sandbox.books import Counted
from convsync.sandbox.crm.vendors import CrmOfVendor
from convsync.sandbox.server import Sandbox
from convsync.settings import Settings, load_settings
from convsync.store import account, migrate
from convsync.store.database import Database, OnStep, ignore_step
from convsync.upload.destination import Destination, Verdict
from tests.fakes.new_ledger import new_ledger

Answer = TypeVar("Answer")

_TABLES = Path(__file__).parents[2] / "config" / "sandbox"
ACCOUNT = "1234567890"
A_FILE = "sqlite:///ledger.db"
PAGE_OF = {"mql": f"{ACCOUNT}/111", "won": f"{ACCOUNT}/222"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CONFIG = """
[company]
time_zone = "Europe/Berlin"
country = "DE"

[store]
url = "sqlite:///ledger.db"

DEALS
[clicks.site]
kind = "csv"
path = "clicks.csv"
columns = { clicked_at = "clicked", logged_at = "logged", gclid = "gclid", visitor = "visitor" }

[rules.mql]
milestone = "mql"
action_id = 111
value = { kind = "fixed", amount = 20, currency = "EUR" }

[rules.won]
milestone = "won"
action_id = 222

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "GRPC"
rest_endpoint = "HTTP"
plaintext = true
enhanced_conversions = true
requests_in_flight = 1
"""
_EXPORT = """[deals.crm]
kind = "csv"
path = "deals.csv"
complete = true
columns = { deal_id = "id", modified_at = "modified", created_at = "created", amount = "amount", \
currency = "currency", gclid = "gclid", clicked_at = "clicked", email = "email", \
ad_user_data = "consent", visitor = "visitor", deleted = "deleted", msclkid = "msclkid" }
milestones = { mql = "mql", won = "won", lost = "lost" }
consent = { granted = "yes", denied = "no" }
"""
_DEAL = (
    "id,modified,created,mql,won,lost,amount,currency,gclid,clicked,email,consent,customer,"
    "visitor,deleted,msclkid"
)
_CLICK = "clicked,logged,gclid,visitor"


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Make a folder in memory where that can be: it is fast, and SIGKILL takes nothing from it."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def _directly(destination: Destination) -> Destination:
    return destination


class SmallBatches:
    """A destination that takes only a few rows in one request, so that a night has many."""

    def __init__(self, inner: Destination, max_batch: int) -> None:
        self.name = inner.name
        self.max_batch = max_batch
        self.takes = inner.takes
        self.requests_in_flight = inner.requests_in_flight
        self.upload_quota = inner.upload_quota
        self.status_quota = inner.status_quota
        self.inner = inner

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        return self.inner.upload(batch, now=now)

    def validate(self, batch: Batch, *, now: datetime) -> None:
        self.inner.validate(batch, now=now)

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        return self.inner.verdict(batch, request_id, now=now)

    def close(self) -> None:
        self.inner.close()


def small_batches(most: int) -> Callable[[Destination], Destination]:
    """Return what makes requests of at most so many rows."""
    return lambda destination: SmallBatches(destination, most)


class Row:
    """A row of PostgreSQL's, which is asked as one of `sqlite3` is: by name, or by position."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = dict(found)

    def __getitem__(self, key: str | int) -> Any:
        return self._found[key] if isinstance(key, str) else [*self._found.values()][key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the ledger says of one conversion, without the numbers of runs and batches."""

    order_id: str
    state: str
    operation: str
    reason: str | None
    code: str | None
    due_at: datetime | None
    value: Decimal | None
    told: Decimal | None
    currency: str | None
    click: str | None
    event_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Company:
    """A config folder and its files. Deals and clicks are rows by the header of their CSV.

    A company of which only the folder is known can work a night, and be asked what its ledger says.
    What stands in the way to the platform, if anything, is `through`.
    """

    folder: Path
    sandbox: Sandbox | None = None
    through: Callable[[Destination], Destination] = _directly
    deals_from: str = _EXPORT
    ledger: str = A_FILE
    on_step: OnStep = ignore_step
    real_clock: Clock = system_clock
    slept: list[float] = field(default_factory=list)
    deals: dict[str, dict[str, Any]] = field(default_factory=dict)
    clicks: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[str, Any] = field(default_factory=dict)
    _database: Database | None = None

    @classmethod
    def founded(cls, folder: Path, sandbox: Sandbox, ledger: str = A_FILE) -> "Company":
        """Return a company with an empty CRM, an empty click log and an empty ledger."""
        company = cls(folder=folder, sandbox=sandbox, ledger=ledger)
        company.configure()
        if ledger == A_FILE:
            new_ledger(folder / "ledger.db")
        else:
            migrate.upgrade(company.database)
        return company

    # What the company has

    def configure(self, *changes: tuple[str, str], more: str = "") -> None:
        """Write the config, with some of its text replaced and more tables at its end."""
        text = _CONFIG.replace("DEALS", self.deals_from).replace(A_FILE, self.ledger) + more
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        if self.sandbox is not None:
            text = text.replace("GRPC", self.sandbox.grpc_address)
            text = text.replace("HTTP", self.sandbox.http_url)
        (self.folder / "convsync.toml").write_text(text)

    def moves_to(self, crm: str) -> CrmOfVendor:
        """Keep deals in the sandbox's CRM of that name instead of an export, and return it."""
        assert self.sandbox is not None
        table = (_TABLES / f"{crm}.toml").read_text(encoding="utf-8")
        self.deals_from = table.replace("http://127.0.0.1:8470", self.sandbox.http_url)
        self.configure()
        self.sandbox.crms[crm].server.ticks = self._ticks
        return self.sandbox.crms[crm]

    def has(self, deal_id: str, **cells: Any) -> None:
        """Let the CRM show a deal; cells that are not named stay as they were."""
        known = self.deals.get(deal_id, {"consent": "yes", "currency": "EUR"})
        self.deals[deal_id] = {**known, "id": deal_id, **cells}

    def clicked(self, gclid: str, clicked: str, *, visitor: str, logged: str = "") -> None:
        """Let the click log show a landing."""
        row = {"gclid": gclid, "clicked": clicked, "visitor": visitor, "logged": logged or clicked}
        self.clicks.append(row)

    def export(self) -> None:
        """Write the CRM's deals and the click log as they are now."""
        _write(self.folder / "deals.csv", _DEAL, self.deals.values())
        _write(self.folder / "clicks.csv", _CLICK, self.clicks)

    # What it does

    def night(self, at: str | datetime, *, force: bool = False) -> Report:
        """Export, and let the nightly run happen at an instant, by the platform's clock as well."""
        self.export()
        return self.at(at, lambda services: pipeline.run(services, force=force))

    def at(self, at: str | datetime, work: Callable[[Services], Answer]) -> Answer:
        """Do something with the services as they are at an instant."""
        now = instant(at)
        if self.sandbox is not None:
            self.sandbox.platform.clock.set(now)
        return work(self.services(now))

    def services(self, now: datetime) -> Services:
        services = wiring.services_of(
            self.settings(), as_of=now, on_step=self.on_step, sleep=self._sleep, ticks=self._ticks
        )
        return replace(
            services,
            database=self.database,
            destinations=self._kept(services.destinations),
            retry=RetryPolicy(first_wait_s=0, longest_wait_s=0, sleep=self._sleep),
            real_clock=self.real_clock,
        )

    def close(self) -> None:
        """Hang up."""
        for destination in self._open.values():
            destination.close()
        self._open.clear()
        self.close_ledger()

    def close_ledger(self) -> None:
        """Let go of the ledger's file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    # What became of it

    def settings(self) -> Settings:
        return load_settings(self.folder / "convsync.toml")

    @property
    def database(self) -> Database:
        """The ledger's database, open for as long as the company is."""
        if self._database is None:
            self._database = wiring.database_of(self.settings(), on_step=self.on_step)
        return self._database

    def entry(self, deal_id: str, rule: str = "won") -> Entry:
        """Return what the ledger says of a deal under a rule."""
        return self.entries()[deal_id, rule]

    def entries(self) -> dict[tuple[str, str], Entry]:
        """Return the whole ledger, by deal and rule, read without any of convsync's own code."""
        rows = self.query("SELECT d.deal_id, l.* FROM ledger l JOIN deals d ON d.id = l.deal")
        return {(row["deal_id"], row["rule"]): _entry(row) for row in rows}

    def unsure(self) -> set[tuple[str, str]]:
        """Return the deals and rules of which the ledger does not know what is counted."""
        rows = self.query(
            "SELECT d.deal_id, l.rule FROM ledger l JOIN deals d ON d.id = l.deal WHERE l.is_unsure"
        )
        return {(row["deal_id"], row["rule"]) for row in rows}

    def query(self, sql: str) -> list[Any]:
        """Return what the ledger's database answers; a file's without any of convsync's code."""
        if not self.database.name.startswith("sqlite"):
            with self.database.reading() as connection:
                found = connection.execute(text(sql.replace(":", "\\:")))
                return [Row(row._asdict()) for row in found]
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql).fetchall()

    def sums(self, period: Period | None = None) -> dict[tuple[Side, str], int]:
        """Return the ledger's account, after checking that it balances."""
        rules = wiring.rules_of(self.settings())
        with self.database.reading() as connection:
            sums = account.sums(connection, rules, period)
        assert sums.is_balanced, sums
        return dict(sums.by_state)

    def audit_is_sound(self) -> bool:
        verified = verify(self.database)
        assert verified.is_sound, verified
        return True

    def counted(self, deal_id: str, rule: str = "won") -> Counted | None:
        """Return what the platform counts for a deal under a rule."""
        assert self.sandbox is not None
        page = self.sandbox.books.counted.get(PAGE_OF[rule], {})
        return page.get(order_id_of("crm", deal_id, rule))

    def value(self, deal_id: str, rule: str = "won") -> float | None:
        """Return the value the platform counts for a deal under a rule, None where it has none."""
        counted = self.counted(deal_id, rule)
        return None if counted is None else counted.value

    def _kept(self, opener: Callable[[str], Destination]) -> Callable[[str], Destination]:
        """Keep a destination open for all nights."""

        def opened(name: str) -> Destination:
            if name not in self._open:
                self._open[name] = opener(name)
            return self.through(self._open[name])

        return opened

    def _ticks(self) -> float:
        """Count the seconds of the sandbox's clock, and those that somebody waited."""
        assert self.sandbox is not None
        return self.sandbox.platform.clock.now().timestamp() + sum(self.slept)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_step(f"waiting to try again, {len(self.slept)}")


def instant(at: str | datetime) -> datetime:
    """Return an instant; one without an offset is UTC."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _write(path: Path, header: str, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header.split(","), restval="")
        writer.writeheader()
        writer.writerows(rows)


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        order_id=f"cs-{row['order_id'].hex()}",
        state=row["state"],
        operation=row["operation"],
        reason=row["reason"],
        code=row["code"],
        due_at=_instant(row["due_at"]),
        value=_amount(row["value"]),
        told=_amount(row["told_value"]),
        currency=row["currency"],
        click=row["click_id"],
        event_at=_instant(row["event_at"]),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def _amount(micros: int | None) -> Decimal | None:
    return None if micros is None else Decimal(micros) / 1_000_000
