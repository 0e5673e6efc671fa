"""Prints where the CPU seconds of a first night go, by stage, and writes it to docs/benchmarks.md.

    python -m scripts.bench.stages [--deals 100000]

The night is the one of `make bench`, with nothing but a look every few milliseconds beside it.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.bench import page
from scripts.bench.measuring import HUNDRED, Measuring
from scripts.bench.processes import by_module
from scripts.bench.stage_table import OTHER_THREADS, STAGES


def main() -> None:
    """Profile one night."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--deals", type=int, default=HUNDRED)
    parser.add_argument("--page", type=Path, default=page.PAGE)
    options = parser.parse_args()
    text = page.of_profile(rows_of(profiled(options.deals)), options.deals)
    print(text)
    page.write(options.page, "profile", text)


def profiled(deals: int) -> dict[str, float]:
    """Return the CPU seconds of a first night by stage; their sum is all that it took."""
    with (
        tempfile.TemporaryDirectory(prefix="convsync-bench-") as folder,
        Measuring(Path(folder), deals=deals, rounds=1) as run,
    ):
        company = run.click_import().company
        out = company.folder / "stages.json"
        company.night(program=by_module("sampled", out))
        stages: dict[str, float] = json.loads(out.read_text("utf-8"))
        return stages


def rows_of(stages: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return the rows of the table, and their sum as the last."""
    whole = sum(stages.values())
    names = (*STAGES, OTHER_THREADS)
    assert stages.keys() <= set(names), "every stage is in the table, so that it sums up"
    named = [(stage, stages.get(stage, 0.0)) for stage in names]
    return [
        (stage, f"{seconds:.2f}", f"{seconds / whole:.0%}")
        for stage, seconds in [*named, ("sum", whole)]
    ]


if __name__ == "__main__":
    main()
