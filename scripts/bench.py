"""Prints how fast a run is, how that grows with the number of deals, and how much memory it takes.

    python -m scripts.bench [--deals 10000,100000,1000000] [--worst]

Every size is a world of its own, exported as the CSV files a CRM and a website would give, and goes
through `convsync run` in a process of its own against the sandbox in another, on an empty SQLite
ledger: extract, match, value, plan, reserve, upload, settle. Peak memory is that of the run's
process alone.
"""

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from convsync.sandbox.world import World
from convsync.sandbox.world_csv import write_clicks_csv, write_deals_csv
from scripts.serving import first_night, sandbox

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
DAYS = 80
"""How old the oldest lead is: every click can still be reported, so no row takes a short cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: its size, what it sent, and the seconds, processor time and memory of its process.

    Other work on the machine makes the seconds longer, and the processor's hardly.
    """

    deals: int
    sent: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def a_second(self) -> float:
        """Return deals a second."""
        return self.deals / self.seconds


def main() -> None:
    """Measure each size, and print what the promises are about."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--deals", default="10000,100000,1000000", help="sizes, comma-separated")
    parser.add_argument("--worst", action="store_true", help="every deal has a click and is sent")
    options = parser.parse_args()
    sizes = [int(size) for size in options.deals.split(",")]
    kind = "every deal sent" if options.worst else "a world as real funnels are"
    print(f"{kind}; Python {sys.version.split()[0]}, {os.cpu_count()} processors")
    print(
        f"{'deals':>10} {'sent':>9} {'seconds':>9} {'deals/s':>9} "
        f"{'CPU s':>8} {'peak MB':>9} {'× time':>7} {'× CPU':>7}"
    )
    before: Measured | None = None
    for size in sizes:
        measured = measure(size, is_worst=options.worst)
        ratios = (
            f"{measured.seconds / before.seconds:7.1f} "
            f"{measured.cpu_seconds / before.cpu_seconds:7.1f}"
            if before
            else ""
        )
        print(
            f"{measured.deals:>10,} {measured.sent:>9,} {measured.seconds:>9.1f} "
            f"{measured.a_second:>9,.0f} {measured.cpu_seconds:>8.1f} "
            f"{measured.peak_mb:>9.0f} {ratios}",
            flush=True,
        )
        before = measured


def measure(deals: int, *, is_worst: bool) -> Measured:
    """Run one night over a world of that many deals."""
    with tempfile.TemporaryDirectory(prefix="convsync-bench-") as name, sandbox() as ports:
        folder = Path(name)
        world = World(seed=deals, deals=deals, ends_at=NOW, days=DAYS, everything_matches=is_worst)
        write_deals_csv(folder / "deals.csv", world, NOW)
        write_clicks_csv(folder / "clicks.csv", world, NOW)
        shutil.copy(ROOT / "config" / "sandbox.toml", folder / "convsync.toml")
        night = first_night(
            NOW,
            {
                "CONVSYNC_CONFIG": str(folder / "convsync.toml"),
                "CONVSYNC_DESTINATIONS__GOOGLE__ENDPOINT": ports["grpc"],
                "CONVSYNC_DESTINATIONS__GOOGLE__REST_ENDPOINT": ports["http"],
                "CONVSYNC_DESTINATIONS__GOOGLE__ENHANCED_CONVERSIONS": "false",
            },
        )
        return Measured(
            deals=deals,
            sent=night.report["sent"],
            seconds=night.seconds,
            cpu_seconds=night.cpu_seconds,
            peak_mb=night.peak_mb,
        )


if __name__ == "__main__":
    main()
