"""What several figures share, measured once: nights, ledgers, floors.

A figure asks for what it needs, and what nobody asked for is not measured, so that one figure alone
is had as quickly as it can be.
"""

import json
import shutil
import statistics
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from scripts.bench.company import Company, JoiningCompany
from scripts.bench.crms import Reading, read
from scripts.bench.identities import write_identities
from scripts.bench.names import Filters, Names
from scripts.bench.postgres import Postgres, postgres
from scripts.bench.processes import (
    HOURS,
    REQUEST_MS,
    ROW_US,
    Served,
    Usage,
    by_module,
    compile_ahead,
    measured,
    platform,
)
from scripts.bench.rows import Rows, write_rows
from scripts.serving import CONVSYNC

HUNDRED = 100_000
EVENTS_A_DEAL = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstNight:
    """A company after its first night, and what that took."""

    company: Company
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class BothSides:
    """The CPU seconds of a night: its own, and its database server's; and the seconds it took."""

    client: float
    server: float
    seconds: float

    @property
    def cpu_seconds(self) -> float:
        """Return both."""
        return self.client + self.server


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowNight:
    """A night under latency: the most requests in flight, and the platform's own CPU seconds."""

    usage: Usage
    in_flight: int
    platform_cpu_seconds: float


class Measuring:
    """One run of the benchmark, over so many deals at the most; closed at its end."""

    def __init__(
        self, folder: Path, *, deals: int, rounds: int, say: Callable[[str], None] = print
    ) -> None:
        self.deals = deals
        self.hundred = min(deals, HUNDRED)
        self.tenth = deals // 10
        self.rounds = rounds
        self.folder = folder
        self._say = say
        self._open = ExitStack()
        self._kept: dict[tuple[object, ...], Any] = {}
        self._companies = 0

    def __enter__(self) -> Self:
        """Start nothing yet."""
        compile_ahead()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop whatever was started."""
        self._open.close()

    @cached_property
    def platform(self) -> Served:
        """The platform that takes everything, at once unless it is told otherwise."""
        return self._open.enter_context(platform())

    @cached_property
    def postgres(self) -> Postgres:
        """A PostgreSQL server that gathers no statistics by itself."""
        return self._open.enter_context(postgres())

    @cached_property
    def start(self) -> Usage:
        """What a command takes that does nothing."""
        return measured([CONVSYNC, "--version"])

    def rows(self, deals: int) -> Rows:
        """Return deals, and the log of their clicks, which is the same for every size."""
        folder, clicks = self.folder / f"rows-{deals}", 2 * self.hundred
        return self._once(("rows", deals), lambda: write_rows(folder, deals, clicks))

    def new_company(self, deals: int, *, url: str | None = None) -> Company:
        """Return a company with an empty ledger."""
        return Company.founded(self._new_folder(), self.rows(deals), self.platform, url)

    def click_import(self) -> FirstNight:
        """Return a company that has imported its click log and no deal, and what that took."""

        def measure() -> FirstNight:
            company = self.new_company(self.hundred)
            return FirstNight(company=company, usage=company.import_clicks())

        return self._once(("clicks",), measure)

    def first_night(self, deals: int) -> FirstNight:
        """Return the first night of so many deals; up to 100,000, the median of the rounds."""

        def measure() -> FirstNight:
            rounds = self.rounds if deals <= HUNDRED else 1
            nights = [self._night(deals) for _ in range(rounds)]
            for night in nights[1:]:
                shutil.rmtree(night.company.folder)
            usage = median([night.usage for night in nights])
            return FirstNight(company=nights[0].company, usage=usage)

        return self._once(("night", deals), measure)

    def another_night(self, deals: int) -> Usage:
        """Run a first night once more, and leave nothing of it."""
        night = self._night(deals)
        shutil.rmtree(night.company.folder)
        return night.usage

    def night_under_latency(self) -> SlowNight:
        """Return the first night of 100,000 against a platform that takes its time."""

        def measure() -> SlowNight:
            nights = [self._slow_night() for _ in range(self.rounds)]
            return sorted(nights, key=lambda night: night.usage.seconds)[len(nights) // 2]

        return self._once(("latency",), measure)

    def night_on_postgresql(
        self, *, has_statistics: bool, seconds: float = 12 * HOURS
    ) -> BothSides:
        """Return the first night of 100,000 on a new database, right after its click import.

        Raises UnfinishedError where it takes longer than so many seconds.
        """

        def measure() -> BothSides:
            with self.postgres.database() as url:
                company = self.new_company(self.hundred, url=url)
                company.import_clicks()
                if has_statistics:
                    self.postgres.analyze(url)
                before = self.postgres.cpu_seconds()
                usage = company.night(seconds=seconds)
                night = BothSides(
                    client=usage.cpu_seconds,
                    server=self.postgres.cpu_seconds() - before,
                    seconds=usage.seconds,
                )
            self._say(f"first night on PostgreSQL: {night.client:.1f} + {night.server:.1f} CPU s")
            return night

        return self._once(("postgresql", has_statistics), measure)

    def join(self, deals: int) -> Usage:
        """Return the import of five clicks a deal, and what plans the deals, as one."""

        def measure() -> Usage:
            company = self._with_identities(deals)
            usage = in_turn(company.join())
            shutil.rmtree(company.folder)
            self._say(f"join of {deals:,} deals: {usage.cpu_seconds:.1f} CPU s")
            return usage

        return self._once(("join", deals), measure)

    def join_on_postgresql(self, deals: int) -> BothSides:
        """Return the same on a new database of PostgreSQL."""

        def measure() -> BothSides:
            with self.postgres.database() as url:
                company = self._with_identities(deals, url=url)
                before = self.postgres.cpu_seconds()
                usage = in_turn(company.join(before_planning=lambda: self.postgres.analyze(url)))
                server = self.postgres.cpu_seconds() - before
            return BothSides(client=usage.cpu_seconds, server=server, seconds=usage.seconds)

        return self._once(("join-postgresql", deals), measure)

    def join_floor(self, deals: int) -> float:
        """Return the CPU seconds of the same on bare tables."""

        def measure() -> float:
            rows, folder = self._identities(deals), self._new_folder()
            folder.mkdir()
            usage = measured(by_module("join_floor", folder, rows.deals_csv, rows.clicks_csv))
            shutil.rmtree(folder)
            return float(usage.printed)

        return self._once(("join-floor", deals), measure)

    def settled(self) -> FirstNight:
        """Return the largest company with all its verdicts, and what asking for those took."""

        def measure() -> FirstNight:
            company = self.first_night(self.deals).company
            return FirstNight(company=company, usage=company.verdicts())

        return self._once(("settled",), measure)

    def aged(self) -> Company:
        """Return the largest company years later, when its log has ten events a deal."""

        def measure() -> Company:
            company = self.settled().company.copied(self._new_folder(), self.rows(self.deals))
            measured(by_module("years", company.database, str(EVENTS_A_DEAL * self.deals)))
            return company

        return self._once(("aged",), measure)

    def questions(self) -> dict[str, float]:
        """Return the CPU seconds of each question of the morning, asked of the aged company."""

        def measure() -> dict[str, float]:
            company = self.aged()
            return {
                name: company.types(*command).cpu_seconds
                for name, command in self._names().questions().items()
            }

        return self._once(("questions",), measure)

    def filters(self) -> Filters:
        """Return the CPU milliseconds of each filter of the audit log, of the same company."""

        def measure() -> Filters:
            company, names = self.aged(), self._names()
            asked = by_module("filters", company.database, json.dumps(asdict(names)))
            return Filters(**json.loads(measured(asked).printed))

        return self._once(("filters",), measure)

    def _names(self) -> Names:
        return self._once(("names",), lambda: Names.of(self.aged().database))

    def floor(self, deals: int) -> dict[str, float]:
        """Return the CPU seconds of the floor's parts; up to 100,000, the medians of the rounds."""

        def measure() -> dict[str, float]:
            rounds = self.rounds if deals <= HUNDRED else 1
            spent = [self._floor(deals) for _ in range(rounds)]
            return {part: statistics.median(one[part] for one in spent) for part in spent[0]}

        return self._once(("floor", deals), measure)

    def wire(self) -> float:
        """Return the conversions a second of the wire alone, where the platform takes its time."""

        def measure() -> float:
            self.platform.reset(request_ms=REQUEST_MS, row_us=ROW_US)
            path = self.rows(self.hundred).resolved_csv
            usage = measured(by_module("wire", self.platform.grpc, path))
            self.platform.reset()
            return float(json.loads(usage.printed)["per_second"])

        return self._once(("wire",), measure)

    def payloads(self) -> dict[str, tuple[float, float]]:
        """Return the CPU milliseconds that a request takes, by road: ours, the client's own."""

        def measure() -> dict[str, tuple[float, float]]:
            built = measured(by_module("payloads", str(5 * self.rounds)))
            took: dict[str, tuple[float, float]] = json.loads(built.printed)
            return took

        return self._once(("payloads",), measure)

    def reading(self, crm: str, deals: int) -> Reading:
        """Return what reading so many deals from a CRM took."""
        return self._once(("crm", crm, deals), lambda: read(crm, deals, self._new_folder()))

    def _identities(self, deals: int) -> Rows:
        folder = self.folder / f"identities-{deals}"
        return self._once(("identities", deals), lambda: write_identities(folder, deals))

    def _with_identities(self, deals: int, *, url: str | None = None) -> JoiningCompany:
        return JoiningCompany.founded(
            self._new_folder(), self._identities(deals), self.platform, url
        )

    def _night(self, deals: int) -> FirstNight:
        company = self.click_import().company.copied(self._new_folder(), self.rows(deals))
        usage = company.night()
        self._say(f"first night of {deals:,} deals: {usage.cpu_seconds:.1f} CPU s")
        return FirstNight(company=company, usage=usage)

    def _slow_night(self) -> SlowNight:
        before = self.platform.counts()["cpu_seconds"]
        self.platform.reset(request_ms=REQUEST_MS, row_us=ROW_US)
        usage = self.another_night(self.hundred)
        counts = self.platform.counts()
        self.platform.reset()
        return SlowNight(
            usage=usage,
            in_flight=counts["most_in_flight"],
            platform_cpu_seconds=counts["cpu_seconds"] - before,
        )

    def _floor(self, deals: int) -> dict[str, float]:
        rows, folder = self.rows(deals), self._new_folder()
        folder.mkdir()
        usage = measured(by_module("floor", folder, rows.deals_csv, rows.clicks_csv))
        shutil.rmtree(folder)
        parts: dict[str, float] = json.loads(usage.printed)
        self._say(f"floor of {deals:,} deals: {parts['night']:.1f} CPU s")
        return parts

    def _new_folder(self) -> Path:
        self._companies += 1
        return self.folder / f"company-{self._companies}"

    def _once(self, key: tuple[object, ...], measure: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = measure()
        kept: T = self._kept[key]
        return kept


def in_turn(usages: Iterable[Usage]) -> Usage:
    """Return processes that ran one after the other as one: the highest peak, the last's words."""
    every = [*usages]
    return Usage(
        seconds=sum(one.seconds for one in every),
        cpu_seconds=sum(one.cpu_seconds for one in every),
        peak_mb=max(one.peak_mb for one in every),
        printed=every[-1].printed,
    )


def median(usages: list[Usage]) -> Usage:
    """Return the one in the middle, by CPU seconds."""
    return sorted(usages, key=lambda usage: usage.cpu_seconds)[len(usages) // 2]
