"""Listings where nobody looks on: columns below their names, each as wide as its widest cell.

`tables` draws the same, and also colours and wraps, for terminals. To import Rich for that takes
longer than most answers, and a file or a pipe has no use for it.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len

_BETWEEN = "  "


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a listing; a cell of several lines takes as many."""
    cells = [[_lines_of(cell) for cell in row] for row in (columns, *rows)]
    widths = [
        max(cell_len(line) for cell in of for line in cell) for of in zip(*cells, strict=True)
    ]
    for row in cells:
        for parts in zip_longest(*row, fillvalue=""):
            padded = [
                part + " " * (width - cell_len(part))
                for part, width in zip(parts, widths, strict=True)
            ]
            yield _BETWEEN.join(padded)


def _lines_of(cell: str) -> Sequence[str]:
    return [line.expandtabs() for line in cell.split("\n")]
