"""Listings for people: a table while it is readable, and otherwise one record below the other.

On a terminal of 80 columns a table of fourteen would be a column of syllables. Where the columns
cannot have a bearable width each, every row is shown as lines of names and values instead.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from convsync.cli.streams import COLOURS, Drawing

_BEARABLE = 16
"""How wide a column must be able to be, unless all its cells are shorter."""
_GAP = 2
_AS_WIDE_AS_NEEDED = 100_000


def draw(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None
) -> None:
    """Print a listing; `width` is that of the terminal, None where there is none."""
    console.print(_table(columns, rows) if _fits(columns, rows, width) else _records(columns, rows))


def console_of_stdout() -> Console:
    """Return a console for stdout; as wide as its content where nobody is looking.

    What is printed is data: `[store] url` is no markup, and `:12:` no emoji.
    """
    width = None if sys.stdout.isatty() else _AS_WIDE_AS_NEEDED
    out: Any = Drawing(sys.stdout)
    return Console(file=out, width=width, markup=False, emoji=False, highlight=False)


def _fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> bool:
    if width is None:
        return True
    needed = [
        min(_BEARABLE, max([len(name), *(len(row[at]) for row in rows)]))
        for at, name in enumerate(columns)
    ]
    return sum(needed) + _GAP * (len(columns) - 1) <= width


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _records(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    return Group(*(part for row in rows for part in _record(columns, row)))


def _record(columns: Sequence[str], row: Sequence[str]) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(no_wrap=True, style="bold", width=max(map(len, columns)))
    grid.add_column(overflow="fold")
    for name, text in zip(columns, row, strict=True):
        if text:
            grid.add_row(name, _cell(text))
    yield grid
    yield ""


def _cell(text: str) -> Text:
    return Text(text, style=COLOURS.get(text, ""), overflow="fold")
