"""How quickly the page answers, alone and to twenty readers beside a running night.

    python -m scripts.bench.reading_pages [--deals 100000] [--rounds 3] [--folder KEPT]

The ledger is that of `make bench-years`, on SQLite and, copied, on PostgreSQL. With a folder it is
grown there once, and measured again and again. An answer is taken by the clock, as its bar is; on a
machine that others use as well, the CPU time beside it says more.
"""

import argparse
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from sqlalchemy import func, select

from convsync.store.database import Database
from convsync.store.schema import runs
from scripts.bench import grown, page
from scripts.bench.company import Company
from scripts.bench.figures import HEADER, TIMES, Bar, Figure, cells
from scripts.bench.measuring import Measuring
from scripts.bench.served_page import Answered, ServedPage, served_page

READERS = 20
LOOKS_FOR_S = 5.0
_ALONE_MS, _UNDER_LOAD_MS, _SLOWED = 300, 1000, 1.05
_MILLION = 1_000_000


def main() -> None:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--folder", type=Path, help="keep what is grown here")
    parser.add_argument("--page", type=Path, default=page.PAGE)
    options = parser.parse_args()
    print(page.machine())
    print(" | ".join(HEADER))
    figures = []
    with (
        tempfile.TemporaryDirectory(prefix="convsync-bench-") as folder,
        Measuring(options.folder or Path(folder), deals=options.deals, rounds=1) as run,
    ):
        for figure in measured(run, rounds=options.rounds):
            figures.append(figure)
            print(" | ".join(cells(figure)), flush=True)
    page.write(options.page, "bench-page", page.of_page(figures))


def measured(run: Measuring, *, rounds: int) -> Iterator[Figure]:
    """Measure the page on one database after the other."""
    yield from figures_of(grown.on_sqlite(run), "sqlite", run.deals, rounds=rounds)
    with grown.on_postgresql(run) as company:
        yield from figures_of(company, "postgresql", run.deals, rounds=rounds)


def figures_of(company: Company, on: str, deals: int, *, rounds: int) -> Iterator[Figure]:
    """Measure each screen alone, the night alone, and both together."""
    clock = _instants_after(_latest(company))
    _night(company, next(clock))  # which does what the years have left
    with served_page(company, next(clock)) as served:
        screens = served.screens()
        yield _alone(served, screens, on, deals, rounds=rounds)
        nights, nights_beside = [], []
        waits: list[Answered] = []
        for _ in range(rounds):
            nights.append(_night(company, next(clock)))
            with reading(served, screens, waits):
                nights_beside.append(_night(company, next(clock)))
    yield _under_load(waits, on, deals)
    alone, beside = statistics.median(nights), statistics.median(nights_beside)
    yield Figure(
        name=f"page-night-{on}",
        what=f"night beside {READERS} readers to a night alone, by CPU",
        value=beside / alone,
        unit=TIMES,
        deals=deals,
        bar=Bar(value=_SLOWED, from_deals=_MILLION),
        aside=f"{beside:.2f} and {alone:.2f} CPU s",
    )


def _alone(
    served: ServedPage, screens: Sequence[str], on: str, deals: int, *, rounds: int
) -> Figure:
    took: dict[str, float] = {}
    spent: dict[str, float] = {}
    for path in screens:
        served.asks(path)  # the first imports what the others have
        before = served.cpu_seconds()
        took[path] = statistics.median(served.asks(path).milliseconds for _ in range(rounds))
        spent[path] = (served.cpu_seconds() - before) / rounds * 1000
    slowest = max(took, key=lambda path: took[path])
    each = ", ".join(f"{_named(path)} {took[path]:.0f}/{spent[path]:.0f}" for path in screens)
    return Figure(
        name=f"page-{on}",
        what=f"the slowest screen: {_named(slowest)}",
        value=took[slowest],
        unit="ms",
        deals=deals,
        bar=Bar(value=_ALONE_MS, from_deals=_MILLION),
        aside=f"ms and CPU ms of each: {each}",
    )


def _under_load(waits: Sequence[Answered], on: str, deals: int) -> Figure:
    sorted_waits = sorted(one.milliseconds for one in waits)
    slowest = max(waits, key=lambda one: one.milliseconds)
    return Figure(
        name=f"page-load-{on}",
        what=f"19 of 20 answers to {READERS} readers beside a night",
        value=sorted_waits[len(sorted_waits) * 19 // 20],
        unit="ms",
        deals=deals,
        bar=Bar(value=_UNDER_LOAD_MS, from_deals=_MILLION),
        aside=f"{len(waits)} answers, half within {statistics.median(sorted_waits):.0f} ms, the"
        f" slowest {slowest.milliseconds:.0f} ms: {_named(slowest.path)}",
    )


@contextmanager
def reading(served: ServedPage, screens: Sequence[str], waits: list[Answered]) -> Iterator[None]:
    """Let readers look at one screen after the other, each beginning at another one."""
    stop = threading.Event()

    def reads(first: int) -> None:
        stop.wait(LOOKS_FOR_S * first / READERS)
        for path in islice(cycle(screens), first, None):
            if stop.is_set():
                return
            waits.append(served.asks(path))
            stop.wait(LOOKS_FOR_S)

    readers = [threading.Thread(target=reads, args=(number,)) for number in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def _night(company: Company, at: str) -> float:
    """Run a night on the complete export, in which nothing has changed; return its CPU seconds."""
    return company.types("run", "--as-of", at, "--format", "json").cpu_seconds


def _latest(company: Company) -> datetime:
    """Return when the company's last night was, of those that are not yet to come."""
    found = select(func.max(runs.c.as_of)).where(runs.c.as_of <= datetime.now(UTC))
    with closing(Database(company.address)) as database, database.reading() as connection:
        latest: datetime = connection.execute(found).scalar_one()
    return latest


def _instants_after(latest: datetime) -> Iterator[str]:
    """Yield the seconds after an instant, so that none is later than now, however often."""
    at = latest.astimezone(UTC)
    while True:
        at += timedelta(seconds=1)
        yield at.isoformat()


def _named(path: str) -> str:
    """Return what kind of screen an address leads to: the deal that was chosen says nothing."""
    if path.startswith("/deals/"):
        return "/deals/ID"
    return path.partition("=")[0] + ("=ID" if "=" in path else "")


if __name__ == "__main__":
    main()
