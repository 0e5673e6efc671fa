"""The rows of a sheet of a workbook (.xlsx, .xls, .ods), as a CSV file's are read.

It is read by python-calamine, which comes with the extra `workbook`, and keeps the sheet in memory.
A spreadsheet holds numbers to 15 digits: a longer one was rounded when it was typed or pasted, and
is handed on in the notation that shows it, so that no ID is made of it. A row is unreadable where a
mapped cell of it holds a formula without a result. Where no column states the currency, the sign
that the format of the amount shows does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from convsync.errors import OperatorError, TransientError
from convsync.extract.amounts import ShownAmount
from convsync.extract.cell_marks import CellMarks, marks_in, raise_if_failed
from convsync.extract.csv_form import (
    LONGEST_INSTRUCTIONS,
    FileForm,
    stated_parameters,
    stops,
    zone_of_parameters,
)
from convsync.extract.layout import Getter, Header, NumberedRow, RowCells
from convsync.extract.source import StoredAs, Unchanged

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

T = TypeVar("T")
_FIRST_ROUNDED: Final = 10**15


class SheetHeader(Header):
    """The columns of a sheet."""

    def getter(self, name: str, read: Callable[[object], T]) -> Getter[RowCells, T]:
        """Return what reads that column; a cell whose formula has no result cannot be read."""

        def read_result(cell: object) -> T:
            raise_if_failed(cell)
            return read(cell)

        return super().getter(name, read_result)


class Sheet:
    """A sheet that was read: its header, then its rows, each numbered as the spreadsheet does."""

    delimiter = ""

    def __init__(
        self,
        rows: Sequence[Sequence[object]],
        marks: CellMarks,
        path: Path,
        form: FileForm,
    ) -> None:
        self._path = path
        self._form = form
        self._status = path.stat()
        self.time_zone: tzinfo | None = None
        self._rows = _numbered(rows, marks)
        self._rows = self._below_preamble(self._rows[form.skip_rows :])
        self._rows = [(number, row) for number, row in self._rows if any(c != "" for c in row)]
        if not self._rows:
            raise OperatorError(
                f"{path} is empty: it has no header. Export it again, with the names of its columns"
                " in the first line."
            )
        (_, names), *self._rows = self._rows
        self.header: Header = SheetHeader(
            [str(name) for name in names], source=str(path), place=f"{path.name} row "
        )

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header."""
        for number, row in self._rows:
            if self._form.stop_at and stops(str(row[0]), self._form.stop_at):
                return
            yield NumberedRow(number, row)

    def cells(self, first: int = 0) -> Iterator[RowCells]:
        """Yield all cells of every row, however many are asked for."""
        return (row.cells for row in self.rows())

    def rows_past_known(
        self,
        reading: bytes,
        stored_as: StoredAs,
        is_apart: Callable[[RowCells], bool] | None = None,
    ) -> Iterator[NumberedRow | Unchanged]:
        """Yield every row: a workbook has no bytes that stand for a row."""
        return self.rows()

    def raise_if_rewritten(self) -> None:
        """Raise TransientError if the file's content changed while it was read."""
        status = self._path.stat()
        if (status.st_size, status.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise TransientError(f"{self._path} changed while it was read. Run again.")

    raise_if_shrunk = raise_if_rewritten

    def _below_preamble(
        self, rows: list[tuple[int, list[object]]]
    ) -> list[tuple[int, list[object]]]:
        for above, (_, row) in enumerate(rows[:LONGEST_INSTRUCTIONS], 1):
            parameters = stated_parameters(str(row[0]) if row else "", ",")
            if parameters is not None:
                self.time_zone = zone_of_parameters(parameters, self._path)
                return rows[above:]
        return rows


def opened_sheet(path: Path, form: FileForm) -> Sheet:
    """Read a sheet of a workbook; OperatorError where that cannot be."""
    sheets = _sheets(path)
    name = form.sheet or next(iter(_shown(path, sheets)), "")
    there = ", ".join(f"'{one}'" for one in sheets)
    if name not in sheets:
        raise OperatorError(f"{path} has no sheet '{name}'; it has {there}")
    rows = sheets[name]()
    if form.sheet is None and len(sheets) > 1 and not _filled(rows):
        raise OperatorError(f"{path}: its first sheet is empty: name one of {there} as `sheet`")
    if form.sheet is None and (alike := _alike(rows, _shown(path, sheets), name)):
        raise OperatorError(
            f"{path}: its sheets '{name}' and '{alike}' have the same columns: name the one to read"
            " as `sheet`, or put their rows into one"
        )
    return Sheet(rows, marks_in(path, name), path, form)


def first_filled_sheet(path: Path) -> tuple[str | None, Sequence[Sequence[object]]]:
    """Return the first sheet that holds anything, None for the first of all, and its rows."""
    rows: Sequence[Sequence[object]] = ()
    for at, (name, read) in enumerate(_shown(path, _sheets(path)).items()):
        if _filled(rows := read()):
            return name if at else None, rows
    return None, rows


def _alike(
    rows: Sequence[Sequence[object]],
    sheets: Mapping[str, Callable[[], Sequence[Sequence[object]]]],
    name: str,
) -> str | None:
    """Return another sheet with the same first row, as one for each month has, None for none."""
    first = _first_of(rows)
    others = ((other, read) for other, read in sheets.items() if other != name)
    return next((other for other, read in others if first and _first_of(read()) == first), None)


def _first_of(rows: Sequence[Sequence[object]]) -> list[object]:
    found = (list(row) for row in rows if any(cell not in (None, "") for cell in row))
    return next(found, [])


def _filled(rows: Sequence[Sequence[object]]) -> bool:
    return any(cell not in (None, "") for row in rows for cell in row)


def _shown(
    path: Path, sheets: Mapping[str, Callable[[], Sequence[Sequence[object]]]]
) -> Mapping[str, Callable[[], Sequence[Sequence[object]]]]:
    """Return the sheets that a person who opens the workbook sees; all, if none is hidden."""
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    if len(sheets) < 2:
        return sheets
    known = CalamineWorkbook.from_path(path).sheets_metadata
    hidden = {one.name for one in known if one.visible is not SheetVisibleEnum.Visible}
    return {name: read for name, read in sheets.items() if name not in hidden}


def _sheets(path: Path) -> Mapping[str, Callable[[], Sequence[Sequence[object]]]]:
    """Return what reads each sheet of a workbook, by its name."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise OperatorError(
            f"{path} is a workbook: install convsync[workbook] to read it, or export it as CSV"
        ) from None
    try:
        workbook = CalamineWorkbook.from_path(path)
    except CalamineError as error:
        raise OperatorError(
            f"{path} is not a readable workbook: {error}. If it is an archive, unpack it; if it has"
            " a password, save it without."
        ) from None
    return {name: partial(_rows_of, workbook, path, name) for name in workbook.sheet_names}


def _rows_of(workbook: "CalamineWorkbook", path: Path, name: str) -> Sequence[Sequence[object]]:
    """Return the rows of a sheet; OperatorError where it holds what python-calamine does not know.

    One such thing is the error `#ERROR!`, which Google Sheets has and Excel has not.
    """
    from python_calamine import CalamineError

    try:
        return workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise OperatorError(
            f"{path}: its sheet '{name}' cannot be read: {error}. Open the file in the spreadsheet,"
            " fix the cells that show an error, and save it again."
        ) from None


def _numbered(rows: Sequence[Sequence[object]], marks: CellMarks) -> list[tuple[int, list[object]]]:
    """Return the rows as the spreadsheet numbers them, with what is said of their cells.

    The last rows may hold nothing else, which is why they are not among those handed over.
    """
    numbered = [(number, list(map(_cell, row))) for number, row in enumerate(rows, 1)]
    width = max(map(len, rows), default=0)
    numbered += [(number, [""] * width) for number in sorted(marks.failed) if number > len(rows)]
    for number, row in numbered:
        for column, cell in marks.failed.get(number, {}).items():
            if column < len(row):
                row[column] = cell
        for column, sign in marks.signs.get(number, {}).items():
            if column < len(row) and isinstance(shown := row[column], int | float):
                row[column] = ShownAmount(shown, sign)
    return numbered


def _cell(value: object) -> object:
    """Return a cell as the readers of cells take it."""
    match value:
        case None | "":
            return ""
        case int() | float() if abs(value) >= _FIRST_ROUNDED:
            return f"{value:.14E}"
        case time() | timedelta():
            return str(value)
    return value
