"""A file with a header and rows: delimited text, or a workbook, told apart by its first bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from convsync.extract.csv_form import FileForm, opened
from convsync.extract.csv_rows import opened_csv
from convsync.extract.layout import Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat
from convsync.extract.source import StoredAs, Unchanged

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # a ZIP archive, and what .xls files are


class TableFile(Protocol):
    """An open file: its header, and its rows, which can be gone through once."""

    header: Header
    delimiter: str
    time_zone: tzinfo | None

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header."""

    def cells(self) -> Iterator[RowCells]:
        """Yield the cells of every row, whether or not they match the header."""

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
def opened_table(path: Path, form: FileForm) -> Iterator[TableFile]:
    """Open a file; OperatorError where that cannot be."""
    if is_workbook(path):
        from convsync.extract.workbook import opened_sheet

        yield opened_sheet(path, form)
        return
    with opened_csv(path, form) as file:
        yield file
