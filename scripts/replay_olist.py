"""Replays a real funnel night by night: Olist's leads and wins, with real click IDs.

    python scripts/replay_olist.py [--data ../shared/data]

5,345 marketing-qualified leads of the Brazilian marketplace Olist, 336 of them won, each night as
their CRM would have shown them: a lead on its day of first contact, a win when it was won, and from
then on what the seller really sold. Paid-search leads are paired with real gclids, which are older
than the leads; so everything of Olist's lies exactly 44 weeks earlier than it was, by the clock on
the wall in São Paulo. The CRM is a table that changes by day and is read by a `sql` source, the
clicks come as a CSV file a day through `clicks import`, and the platform is the sandbox.

The data are not part of the project. The pairing of leads and gclids is synthetic: what the account
at the end says of the method is true, what it says of any keyword would not be.
"""

import argparse
import csv
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from convsync import pipeline, wiring
from convsync.model.ledger import Side
from convsync.model.outcome import EXPLANATIONS, Reason
from convsync.model.period import Period
from convsync.proof import verification
from convsync.report.status import Status, status_of
from convsync.running.services import Report, Services
from convsync.sandbox.server import Sandbox
from convsync.settings import Settings, load_settings
from convsync.store import migrate
from convsync.store.database import Database
from convsync.upload.destination import Destination

Answer = TypeVar("Answer")

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SHIFT = timedelta(weeks=44)
COMPANY, GOOGLE = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/Los_Angeles")
NIGHTLY = time(3)
LOOKBACK = timedelta(days=90)
"""After the last lead, nights go on until even that has no click for good."""

CONFIG = """
[company]
time_zone = "America/Sao_Paulo"
country = "BR"
currency = "BRL"

[store]
url = "sqlite:///ledger.db"

[limits]
zero_from = 1000  # the data end one day, and no lead comes any more

[milestones.mql]
definition = "A seller asked for contact."
owner = "marketing"

[milestones.won]
definition = "The seller signed."
owner = "sales"

[deals.crm]
kind = "sql"
url = "sqlite:///CRM"
query = "SELECT * FROM leads WHERE modified_at >= :since AND modified_at < :until"
columns = { deal_id = "mql_id", modified_at = "modified_at", amount = "sold" }
milestones = { mql = "first_contact", won = "won_at" }
segments = { origin = "origin" }

[clicks.log]
kind = "csv"
time_zone = "America/Los_Angeles"  # of a click that is known only by Google's day
columns = { clicked_at = "clicked", gclid = "gclid", crm_key = "mql_id" }

[rules.mql]
milestone = "mql"
action_id = 111
value = { kind = "fixed", amount = 10, currency = "BRL" }

[rules.won]
milestone = "won"
action_id = 222
amounts = { missing = 500 }

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "GRPC"
rest_endpoint = "HTTP"
plaintext = true
"""


def main() -> int:
    """Replay, and print what came of it."""
    parser = argparse.ArgumentParser(description="Replay Olist's funnel against the sandbox.")
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    if not (data / "olist_funnel").is_dir():
        print(f"There is no folder {data}/olist_funnel; the data are not part of the project.")
        return 2
    with (
        TemporaryDirectory() as folder,
        Sandbox() as sandbox,
        opened(Path(folder), sandbox, Olist.read(data)) as replay,
    ):
        replay.every_night(progress=_say_month)
        sent = len(sandbox.books.requests)
        replay.touch_everything_and_run()
        _account(replay, sandbox, sent_again=len(sandbox.books.requests) - sent)
    return 0


# What happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something the CRM or the click log shows from an instant on: an SQL statement, or a click."""

    at: datetime
    statement: str = ""
    values: tuple[Any, ...] = ()
    click: tuple[str, str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Olist:
    """The real funnel in its shifted calendar, as things that happened, in their order."""

    happenings: list[Happening]
    leads: int

    @classmethod
    def read(cls, data: Path) -> "Olist":
        """Read the funnel and the clicks that are paired with it."""
        leads = list(_rows(data / "olist_funnel" / "leads.csv"))
        wins = list(_rows(data / "olist_funnel" / "won_deals.csv"))
        clicks = _rows(data / "web_clicks" / "paid_search_leads_with_gclid.csv")
        items = _rows(data / "olist_funnel" / "order_items.csv")
        happened = [*map(_contact, leads), *map(_win, wins), *map(_click, clicks)]
        happened += _sales(items, {win["seller_id"]: win["mql_id"] for win in wins})
        return cls(
            happenings=sorted(happened, key=lambda happening: happening.at), leads=len(leads)
        )

    @cached_property
    def nights(self) -> list[datetime]:
        """Every night from the first lead until the last one waits no longer."""
        first = self.happenings[0].at.astimezone(COMPANY).date()
        contacts = [h.at for h in self.happenings if h.statement == _CONTACT]
        last = (max(contacts) + LOOKBACK).astimezone(COMPANY).date()
        days = range(1, (last - first).days + 4)
        return [_at(first + timedelta(days=day), NIGHTLY) for day in days]


def _showing(*columns: str) -> str:
    """Return what makes the CRM show columns of a lead; a win may come before the first contact."""
    names = ", ".join((*columns, "modified_at", "mql_id"))
    marks = ", ".join("?" for _ in (*columns, "modified_at", "mql_id"))
    changes = ", ".join(f"{column} = excluded.{column}" for column in (*columns, "modified_at"))
    return f"INSERT INTO leads ({names}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {changes}"


_CONTACT = _showing("first_contact", "origin")
_WIN = _showing("won_at")
_SALE = _showing("sold")


def _contact(lead: dict[str, str]) -> Happening:
    """A lead comes in on a day; the CRM shows it when the day is over."""
    day = date.fromisoformat(lead["first_contact_date"]) - SHIFT
    at = _at(day + timedelta(days=1), time()) - timedelta(seconds=1)
    return Happening(
        at=at,
        statement=_CONTACT,
        values=(day.isoformat(), lead["origin"], at.isoformat(), lead["mql_id"]),
    )


def _win(win: dict[str, str]) -> Happening:
    """Olist wrote UTC."""
    at = _shifted(datetime.fromisoformat(win["won_date"]).replace(tzinfo=UTC).astimezone(COMPANY))
    return Happening(at=at, statement=_WIN, values=(at.isoformat(), at.isoformat(), win["mql_id"]))


def _click(row: dict[str, str]) -> Happening:
    """A click whose instant or, for some formats of gclid, only whose day is known."""
    if row["gclid_click_utc"]:
        at, written = datetime.fromisoformat(row["gclid_click_utc"]), row["gclid_click_utc"]
    else:
        day = date.fromisoformat(row["gclid_click_date_pacific"])
        at, written = _at(day + timedelta(days=1), time(), GOOGLE), day.isoformat()
    return Happening(at=at, click=(written, row["gclid"], row["mql_id"]))


def _sales(items: Iterable[dict[str, str]], mql_of: dict[str, str]) -> Iterator[Happening]:
    """What a seller has sold so far; the item's shipping limit stands in for the day of sale."""
    so_far: Counter[str] = Counter()
    for item in sorted(items, key=lambda item: item["shipping_limit_date"]):
        sold = datetime.fromisoformat(item["shipping_limit_date"]).replace(tzinfo=COMPANY)
        mql_id = mql_of.get(item["seller_id"])
        if mql_id is None:
            continue
        so_far[mql_id] += int(Decimal(item["price"]) * 100)
        at, amount = _shifted(sold), str(Decimal(so_far[mql_id]) / 100)
        yield Happening(at=at, statement=_SALE, values=(amount, at.isoformat(), mql_id))


def _shifted(local: datetime) -> datetime:
    """Move an instant 44 weeks back by the clock on the wall."""
    return (local - SHIFT).astimezone(COMPANY)


def _at(day: date, clock: time, zone: ZoneInfo = COMPANY) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


# The replay


@dataclass(kw_only=True)
class Replay:
    """Olist's CRM, click log and ledger in a folder, night after night."""

    folder: Path
    sandbox: Sandbox
    olist: Olist
    settings: Settings
    database: Database
    crm: sqlite3.Connection
    nights: int = 0
    exit_codes: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _happened: int = 0
    _destinations: Callable[[str], Destination] | None = None

    def every_night(
        self, *, step: int = 1, progress: Callable[[datetime], None] = lambda _: None
    ) -> None:
        """Live through all nights, or each `step`th up to the last, as if the others failed."""
        for night in self.olist.nights[::-step][::-1]:
            clicks = list(self._let_happen(night))
            if clicks:
                self._import_clicks(night, clicks)
            self.run(night)
            progress(night)

    def run(self, night: datetime) -> Report:
        """Do one night's work."""
        report = self._with_services(night, pipeline.run)
        self.nights += 1
        self.exit_codes[report.exit_code] += 1
        self.problems += report.problems
        if not report.sums.is_balanced:
            self.problems.append(f"The account of {night:%Y-%m-%d} does not balance.")
        return report

    def touch_everything_and_run(self) -> None:
        """Read every click and every deal once more, by a night and by a backfill of all time."""
        night = self.olist.nights[-1] + timedelta(days=1)
        self._import_clicks(night, [h.click for h in self.olist.happenings if h.click])
        with self.crm:
            touched = (night - timedelta(hours=1)).isoformat()
            self.crm.execute("UPDATE leads SET modified_at = ?", (touched,))
        self.run(night)
        ever = Period(since=datetime(1970, 1, 1, tzinfo=UTC), until=night)
        self._with_services(night, lambda services: pipeline.backfill(services, ever))

    def hang_up(self) -> None:
        """Give back the connections to the platform."""
        if self._destinations is not None:
            destination: Any = self._destinations("google")
            destination.close()

    @property
    def status(self) -> Status:
        """How everything stands in the end."""
        return status_of(self.database, wiring.rules_of(self.settings), list(self.settings.deals))

    @property
    def is_audit_sound(self) -> bool:
        """True where no event of the audit log was changed, removed or slipped in."""
        return verification.verify(self.database).is_sound

    def _let_happen(self, until: datetime) -> Iterator[tuple[str, str, str]]:
        """Bring the CRM up to an instant; yield the clicks that were logged meanwhile."""
        with self.crm:
            for happening in self.olist.happenings[self._happened :]:
                if happening.at >= until:
                    return
                self._happened += 1
                if happening.click is not None:
                    yield happening.click
                else:
                    self.crm.execute(happening.statement, happening.values)

    def _import_clicks(self, night: datetime, clicks: Iterable[tuple[str, str, str]]) -> None:
        path = self.folder / f"clicks_{night:%Y-%m-%d}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("clicked", "gclid", "mql_id"))
            writer.writerows(clicks)
        source = wiring.click_file(self.settings, path, None)
        self._with_services(night, lambda services: pipeline.import_clicks(services, source))

    def _with_services(self, night: datetime, work: Callable[[Services], Answer]) -> Answer:
        self.sandbox.platform.clock.set(night)
        services = wiring.services_of(self.settings, as_of=night)
        self._destinations = self._destinations or services.destinations  # one line for all nights
        return work(
            replace(
                services,
                destinations=self._destinations,
                database=self.database,
                real_clock=lambda: night,  # or a year's requests would be paced as a minute's
            )
        )


@contextmanager
def opened(folder: Path, sandbox: Sandbox, olist: Olist) -> Iterator[Replay]:
    """Set everything up in an empty folder, and hang up at the end."""
    config = CONFIG.replace("CRM", str(folder / "crm.db"))
    config = config.replace("GRPC", sandbox.grpc_address).replace("HTTP", sandbox.http_url)
    (folder / "convsync.toml").write_text(config, encoding="utf-8")
    settings = load_settings(folder / "convsync.toml")
    with (
        closing(wiring.database_of(settings)) as database,
        closing(sqlite3.connect(folder / "crm.db")) as crm,
    ):
        migrate.upgrade(database)
        crm.execute(
            "CREATE TABLE leads (mql_id TEXT PRIMARY KEY, first_contact TEXT, won_at TEXT,"
            " sold TEXT, origin TEXT, modified_at TEXT)"
        )
        crm.execute("CREATE INDEX leads_modified_at ON leads (modified_at)")
        replay = Replay(
            folder=folder,
            sandbox=sandbox,
            olist=olist,
            settings=settings,
            database=database,
            crm=crm,
        )
        yield replay
        replay.hang_up()


# What came of it


def _say_month(night: datetime) -> None:
    if night.astimezone(COMPANY).day == 1:
        print(f"  {night:%B %Y} …", flush=True)


def _account(replay: Replay, sandbox: Sandbox, *, sent_again: int) -> None:
    status, totals = replay.status, sandbox.books.totals()
    sums = status.sums
    print(f"\n{replay.olist.leads:,} leads over {replay.nights} nights; {status.clicks:,} clicks.")
    sides = " + ".join(f"{account.value} {sums.total(account):,}" for account in Side)
    print(f"extracted {sums.extracted:,} {'=' if sums.is_balanced else '≠'} {sides}")
    for (account, detail), count in sorted(sums.by_state.items(), key=lambda pair: -pair[1]):
        print(f"  {account.value:>8}  {count:>6,}  {_sentence(detail)}")
    for (too_late, in_time), count in sorted(status.caught_earlier.items()):
        print(
            f"\n{count} of the conversions of rule '{too_late}' came too late after their click; "
            f"the rule '{in_time}' had caught them in time."
        )
    print(
        f"\nThe platform counts {totals['conversions_counted']:,} conversions, worth "
        f"{totals['value']}, told in {totals['requests']:,} requests."
    )
    print(f"Everything read once more, by a night and a backfill: {sent_again} requests.")
    print(f"The audit log {'verifies' if replay.is_audit_sound else 'IS BROKEN'}.")
    for problem in replay.problems:
        print(f"! {problem}")


def _sentence(detail: str) -> str:
    try:
        return EXPLANATIONS[Reason(detail)].sentence
    except ValueError:
        return detail


if __name__ == "__main__":
    sys.exit(main())
