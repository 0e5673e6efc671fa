"""Small pieces of Markdown that all generated pages are made of."""

import re
from collections.abc import Iterable, Sequence

MADE = "This page is generated from the code by `make reference`; a check compares both."

_ANGLE = re.compile(r"<(?=[^`]*(?:`[^`]*`[^`]*)*$)")


def cell(text: str) -> str:
    """Return a text as a cell of a table: on one line, with nothing that would end the cell."""
    return _ANGLE.sub("&lt;", " ".join(text.split())).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code within a line."""
    mark = "``" if "`" in text else "`"
    return f"{mark}{text}{mark}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, and a blank one behind it."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return [*lines, *(f"| {' | '.join(map(cell, row))} |" for row in rows), ""]
