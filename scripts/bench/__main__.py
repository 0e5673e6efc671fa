"""Prints each figure beside its floor and its bar, and writes them to docs/benchmarks.md.

    python -m scripts.bench [--deals 1000000] [--only status,plan | --years] [--rounds 3]

A run of some of the figures only prints them: the page's come from one run, on one machine. What
is asked of a ledger of many years has a part of the page to itself, for it takes an hour to grow.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.bench import page
from scripts.bench.figures import HEADER, Figure, cells
from scripts.bench.measuring import Measuring
from scripts.bench.scenarios import SCENARIOS

_YEARS = ["questions", "filters"]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--deals", type=int, default=1_000_000, help="the largest size")
    parser.add_argument("--only", default="", help=f"some of: {', '.join(SCENARIOS)}")
    parser.add_argument("--years", action="store_true", help=f"{', '.join(_YEARS)}, for the page")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--page", type=Path, default=page.PAGE)
    options = parser.parse_args()
    names = _YEARS if options.years else options.only.split(",") if options.only else [*SCENARIOS]
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    figures = []
    for figure in measured(names, deals=options.deals, rounds=options.rounds):
        figures.append(figure)
        print(" | ".join(cells(figure)), flush=True)
    if options.years:
        page.write(options.page, "bench-years", page.of_years(figures))
    elif not options.only:
        page.write(options.page, "bench", page.of_bench(figures))


def measured(names: list[str], *, deals: int, rounds: int) -> Iterator[Figure]:
    """Measure one figure after the other."""
    print(page.machine())
    print(" | ".join(HEADER))
    with (
        tempfile.TemporaryDirectory(prefix="convsync-bench-") as folder,
        Measuring(Path(folder), deals=deals, rounds=rounds) as run,
    ):
        for name in names:
            yield SCENARIOS[name](run)


if __name__ == "__main__":
    main()
