"""A file with a header and rows: delimited text, or a workbook, told apart by its first bytes.

What is neither is named by what it is: a page that asks to sign in, saved under an export's name,
is no empty export, and a table of HTML is no workbook, though its name ends in .xls.
"""

import codecs
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Final, Protocol

from convsync.errors import OperatorError
from convsync.extract.csv_form import FileForm, opened
from convsync.extract.csv_rows import opened_csv
from convsync.extract.layout import Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat
from convsync.extract.source import StoredAs, Unchanged

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # a ZIP archive, and what .xls files are
_OTHERS: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "is compressed by gzip: unpack it",
    b"BZh": "is compressed by bzip2: unpack it",
    b"\xfd7zXZ": "is compressed by xz: unpack it",
    b"(\xb5/\xfd": "is compressed by zstd: unpack it",
    b"PAR1": 'is a Parquet file: read it with kind = "sql" through DuckDB',
    b"SQLite format 3": 'is a database: read it with kind = "sql"',
    b"%PDF": "is a PDF: export the table as CSV",
    b"<!doctype": "is a web page: look whether it asks to sign in, or export the table as CSV",
    b"<html": "is a web page, whatever its name says: save the table as CSV or .xlsx",
    b"<table": "is a table of HTML, whatever its name says: save it as CSV or .xlsx",
    b"<?xml": "is XML, whatever its name says: save the table as CSV or .xlsx",
    b'{"': "is JSON, an error message perhaps: look at it, and export the table as CSV",
    b"[{": "is JSON: export the table as CSV",
    b"\0\0\0\0": "begins with NUL bytes: it was not written to its end. Export it again",
}
"""What files begin with that are no tables here, in lower case, and what to do about each."""
_LONGEST_SIGN: Final = max(map(len, _OTHERS))


class TableFile(Protocol):
    """An open file: its header, and its rows, which can be gone through once."""

    header: Header
    delimiter: str
    time_zone: tzinfo | None

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header."""

    def cells(self, first: int = 0) -> Iterator[RowCells]:
        """Yield the cells of every row, whether or not they match the header.

        Where only the `first` so many are asked for, the others may be missing.
        """

    def rows_past_known(
        self,
        reading: bytes,
        stored_as: StoredAs,
        is_apart: Callable[[RowCells], bool] | None = None,
    ) -> Iterator[NumberedRow | Unchanged]:
        """Yield the rows as `rows` does, but may pass over those that are known."""

    def raise_if_rewritten(self) -> None:
        """Raise TransientError if the file's content changed while it was read."""

    def raise_if_shrunk(self) -> None:
        """Raise TransientError if the file lost content while it was read."""


def in_zone_of(file: TableFile, cells: CellFormat) -> CellFormat:
    """Return how cells are written, in the time zone that a file states, if it does."""
    return replace(cells, time_zone=file.time_zone) if file.time_zone else cells


def is_workbook(path: Path) -> bool:
    """True where a file is a workbook, whatever its name says."""
    with opened(path) as file:
        return file.read(4).startswith(_WORKBOOKS)


@contextmanager
def opened_table(path: Path, form: FileForm, *, ended_whole: bool = False) -> Iterator[TableFile]:
    """Open a file; OperatorError where that cannot be.

    Where it `ended_whole` the last time, a last row without a line break is a problem.
    """
    if is_workbook(path):
        from convsync.extract.workbook import opened_sheet

        yield opened_sheet(path, form)
        return
    _raise_if_other(path)
    with opened_csv(path, form, ended_whole=ended_whole) as file:
        yield file


def _raise_if_other(path: Path) -> None:
    with opened(path) as file:
        first = file.read(4 * _LONGEST_SIGN)
    written = first.removeprefix(codecs.BOM_UTF8).lstrip()
    for sign, told in _OTHERS.items():
        if written[: len(sign)].lower() == sign.lower():
            raise OperatorError(f"{path} {told}.")
