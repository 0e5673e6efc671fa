"""A million odd inputs: `make fuzz`, `make fuzz CASES=20000 SEED=7`.

Cells and URLs cost microseconds, rows and files more, a CRM's answer a whole read, so that the
cases are shared out by what they cost. What is wrong stands below the table, by the seed and number
that make it again.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from time import process_time

from tests.fuzz.cells import fuzz_cells
from tests.fuzz.crms import OFFICES, fuzz_crm
from tests.fuzz.figures import HEADER, Figures
from tests.fuzz.rows import fuzz_files, fuzz_rows
from tests.fuzz.urls import fuzz_urls

KINDS: Mapping[str, tuple[float, Callable[[int, int], Figures]]] = {
    "cells": (0.57, fuzz_cells),
    "URLs": (0.25, fuzz_urls),
    "rows": (0.12, fuzz_rows),
    "files": (0.03, fuzz_files),
    **{kind: (0.005, partial(fuzz_crm, kind)) for kind in OFFICES},
}
"""The share of each kind among all cases."""
_SHOWN = 40


def main(cases: int, seed: int) -> int:
    """Try so many cases; print a line a kind, and what went wrong. Returns the exit code."""
    total = Figures(kind="all")
    sys.stdout.write(f"seed {seed}\n{HEADER}\n")
    for share, fuzz in KINDS.values():
        begun = process_time()
        figures = fuzz(max(1, round(cases * share)), seed)
        figures.cpu_s = process_time() - begun
        sys.stdout.write(f"{figures.line()}\n")
        sys.stdout.flush()
        for name in ("cases", "read", "reported", "errors", "wrong", "cpu_s"):
            setattr(total, name, getattr(total, name) + getattr(figures, name))
    sys.stdout.write(f"{total.line()}\n")
    sys.stdout.write("".join(f"WRONG {one}\n" for one in total.wrong[:_SHOWN]))
    return int(bool(total.wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
