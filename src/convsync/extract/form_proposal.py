"""The probable layout of an undescribed file: its encoding, delimiter and header."""

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
        return _of_workbook(path)
    with opened(path) as file:
        first = file.read(_FIRST_BYTES)
    encoding = _encoding(path, first)
    lines = first.decode(codec_of(path, encoding), errors="replace").splitlines()[:_LOOKED_AT]
    lines = lines[:-1] if len(first) == _FIRST_BYTES and len(lines) > 1 else lines
    widths = {delimiter: _usual_width(lines, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda one: widths[one])
    skipped = _lines_above(lines, delimiter, widths[delimiter][1])
    return FileForm(encoding=encoding, delimiter=delimiter, skip_rows=skipped)


def _of_workbook(path: Path) -> FileForm:
    """Return the first sheet that holds anything, and what stands above its header."""
    from convsync.extract.workbook import first_filled_sheet

    sheet, rows = first_filled_sheet(path)
    filled = [sum(cell not in (None, "") for cell in row) for row in rows[:_LOOKED_AT]]
    width, _ = max(Counter(filled).items(), key=lambda one: (one[0] > 1, one[1]), default=(0, 0))
    above = next((at for at, cells in enumerate(filled) if cells >= width - 1 > 0), 0)
    is_stated = bool(rows and rows[0]) and _says_of_itself(str(rows[0][0]))
    return FileForm(sheet=sheet, skip_rows=0 if is_stated else above)


def _says_of_itself(line: str) -> bool:
    """Return whether a first line is one of those that are read where the file is read."""
    return line.lower().lstrip('"').startswith(("sep=", "parameters:", "#"))


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
    if lines and _says_of_itself(lines[0]):
        return 0
    for above, line in enumerate(lines):
        cells = next(csv.reader([line], delimiter=delimiter), [])
        if width > 1 and len(cells) >= width and sum(map(bool, cells)) >= width - 1:
            return above
    return 0
