"""How a file that nobody has described is probably laid out: its encoding, delimiter and header."""

import csv
from collections import Counter
from pathlib import Path
from typing import Final

from convsync.extract.csv_form import FileForm, codec_of, opened
from convsync.extract.table_file import is_workbook

_FIRST_BYTES: Final = 1 << 16
_LOOKED_AT: Final = 50
_DELIMITERS: Final = ",;\t|"


def propose_form(path: Path) -> FileForm:
    """Return a form by which the file can be read; raises OperatorError where it cannot be opened.

    The delimiter is the one that parts most lines into the same number of cells, the header the
    first line with as many filled ones.
    """
    if is_workbook(path):
        return FileForm()
    with opened(path) as file:
        first = file.read(_FIRST_BYTES)
    encoding = _encoding(path, first)
    lines = first.decode(codec_of(path, encoding), errors="replace").splitlines()[:_LOOKED_AT]
    lines = lines[:-1] if len(first) == _FIRST_BYTES and len(lines) > 1 else lines
    widths = {delimiter: _usual_width(lines, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda one: widths[one])
    skipped = _lines_above(lines, delimiter, widths[delimiter][1])
    return FileForm(encoding=encoding, delimiter=delimiter, skip_rows=skipped)


def _encoding(path: Path, first: bytes) -> str:
    """Return UTF-8 unless the file's beginning is none; a character may be cut at its end."""
    if codec_of(path, "utf-8") == "utf-16":
        return "utf-8"  # its mark says so, whatever is declared
    try:
        first.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start >= len(first) - 3 else "cp1252"
    return "utf-8"


def _usual_width(lines: list[str], delimiter: str) -> tuple[float, int]:
    """Return how many lines have the most usual number of cells, if it is more than one."""
    widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells)
    width, count = max(widths.items(), key=lambda pair: (pair[0] > 1, pair[1]), default=(0, 0))
    return (count / widths.total(), width) if width > 1 else (0.0, 0)


def _lines_above(lines: list[str], delimiter: str, width: int) -> int:
    """Return how many lines stand above the first whose cells are all there and filled."""
    if lines and lines[0].lower().lstrip('"').startswith(("sep=", "parameters:", "#")):
        return 0  # what the file says of itself is read where it is read
    for above, line in enumerate(lines):
        cells = next(csv.reader([line], delimiter=delimiter), [])
        if width > 1 and len(cells) >= width and sum(map(bool, cells)) >= width - 1:
            return above
    return 0
