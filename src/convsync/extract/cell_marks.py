"""What the XML of an .xlsx sheet says of its cells beside their values: that a formula has no
result, and in which currency a number is shown.

A formula has no result where its cell holds an error such as `#REF!`, or nothing was stored.

python-calamine hands such cells over as empty, and an amount that failed to calculate is not a
missing one. So the sheet's own XML is gone through for them, by the parser that Python comes with:
a cell of the type `e`, or one with a formula and no value, as programs write that do not calculate.
A formula whose result is an empty text is none of these. An .xls, .xlsb or .ods file holds no such
XML: what failed there still reads as empty, and a number is shown in no currency.
https://github.com/dimastbk/python-calamine/issues/105
https://learn.microsoft.com/en-us/dotnet/api/documentformat.openxml.spreadsheet.cell
"""

import posixpath
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Final
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile, is_zipfile

from convsync.errors import OperatorError
from convsync.extract.cell_error import CellError
from convsync.extract.currency_formats import sign_in

_WORKBOOK: Final = "xl/workbook.xml"
_STYLES: Final = "xl/styles.xml"
_RELATIONSHIPS: Final = "xl/_rels/workbook.xml.rels"
_UNCALCULATED: Final = "="
_Attributes = Mapping[str, str]


class FailedCell(str):
    """What a CSV export might hold in place of the result that a cell lacks, and its problem."""

    __slots__ = ("problem",)
    problem: str

    def __new__(cls, error: str, place: str) -> "FailedCell":
        """Make one of the error that a cell shows, "" where its formula was never calculated."""
        cell = super().__new__(cls, error or _UNCALCULATED)
        shown = error or "a formula without a result"
        fix = "fix the formula" if error else "let it calculate"
        cell.problem = (
            f"holds {shown} in {place}: open the file in the spreadsheet, {fix}, and save it again"
        )
        return cell


@dataclass(frozen=True, slots=True)
class CellMarks:
    """Cells by the number of their row, from 1, and the position of their column, from 0.

    `signs` are those of the currencies that numbers are shown in; a format without one is not
    among them.
    """

    failed: Mapping[int, Mapping[int, FailedCell]] = field(default_factory=dict)
    signs: Mapping[int, Mapping[int, str]] = field(default_factory=dict)


def raise_if_failed(cell: object) -> None:
    """Raise CellError for a cell whose formula has no result."""
    if isinstance(cell, FailedCell):
        raise CellError(cell.problem)


def marks_in(path: Path, sheet: str) -> CellMarks:
    """Return what is said of the cells of a sheet; OperatorError where it cannot be read."""
    if not is_zipfile(path):
        return CellMarks()
    try:
        with ZipFile(path) as archive:
            parts = {_plain(name): name for name in archive.namelist()}
            if _WORKBOOK not in parts:
                return CellMarks()
            signs = _signs_of_styles(archive, parts)
            with archive.open(parts[_part_of(sheet, archive, parts)]) as xml:
                return _SheetXml(sheet, signs).marks_in(xml)
    except (BadZipFile, ExpatError, LookupError, RuntimeError, ValueError, zlib.error) as error:
        raise OperatorError(
            f"{path}: the XML of its sheet '{sheet}' cannot be read ({error}). Open it in the"
            " spreadsheet and save it again."
        ) from None


def _part_of(sheet: str, archive: ZipFile, parts: Mapping[str, str]) -> str:
    """Return the name of the part of a workbook that holds a sheet."""
    with archive.open(parts[_WORKBOOK]) as xml:
        ids = {one["name"]: _related(one) for one in _elements(xml, "sheet")}
    with archive.open(parts[_RELATIONSHIPS]) as xml:
        targets = {one["Id"]: one["Target"] for one in _elements(xml, "Relationship")}
    return _plain(posixpath.normpath(posixpath.join("/xl", targets[ids[sheet]])))


def _signs_of_styles(archive: ZipFile, parts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the sign of a currency in the format of each style that has one, by its number."""
    if _STYLES not in parts:
        return {}
    with archive.open(parts[_STYLES]) as xml:
        formats = {one["numFmtId"]: one["formatCode"] for one in _elements(xml, "numFmt")}
    with archive.open(parts[_STYLES]) as xml:
        styles = _elements(xml, "xf", inside="cellXfs")
    signs = (sign_in(formats.get(one.get("numFmtId", ""), "")) for one in styles)
    return {str(number): sign for number, sign in enumerate(signs) if sign}


def _related(attributes: _Attributes) -> str:
    return next((value for name, value in attributes.items() if name.endswith(":id")), "")


def _elements(xml: IO[bytes], wanted: str, inside: str = "") -> Sequence[_Attributes]:
    """Return the attributes of every element of a name, or of those inside one other."""
    found: list[_Attributes] = []
    around: list[str] = []

    def start(name: str, attributes: _Attributes) -> None:
        if _local(name) == wanted and (not inside or inside in around):
            found.append(attributes)
        around.append(_local(name))

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: around.pop()
    parser.ParseFile(xml)
    return found


def _plain(part: str) -> str:
    """Return the name of a part as every program means it, however it writes it."""
    return part.replace("\\", "/").lstrip("/").lower()


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _SheetXml:
    """Goes through the XML of a sheet, and looks closer at cells that may have failed."""

    def __init__(self, sheet: str, signs_of_styles: Mapping[str, str]) -> None:
        self._sheet = sheet
        self._signs_of_styles = signs_of_styles
        self._signs: defaultdict[int, dict[int, str]] = defaultdict(dict)
        self._failed: defaultdict[int, dict[int, FailedCell]] = defaultdict(dict)
        self._row = self._column = 0
        self._type: str | None = None
        self._has_value = False
        self._text: list[str] = []
        self._parser = ParserCreate()
        self._parser.StartElementHandler = self._start

    def marks_in(self, xml: IO[bytes]) -> CellMarks:
        """Return what is said of the cells."""
        self._parser.ParseFile(xml)
        return CellMarks(self._failed, self._signs)

    def _start(self, name: str, attributes: _Attributes) -> None:
        match _local(name):
            case "c":
                self._start_cell(attributes)
            case "v":
                self._has_value = True
                if self._parser.EndElementHandler:
                    self._parser.CharacterDataHandler = self._text.append
            case "f":
                self._parser.EndElementHandler = self._end
            case "row":
                self._row = int(attributes.get("r", self._row + 1))
                self._column = 0

    def _start_cell(self, attributes: _Attributes) -> None:
        """Note what a cell is, and its column: next to the last one, unless it says another."""
        self._type = attributes.get("t")
        self._has_value = False
        letters = attributes.get("r", "").rstrip("0123456789")
        self._column = _column_of(letters) if letters else self._column + 1
        if sign := self._signs_of_styles.get(attributes.get("s", "")):
            self._signs[self._row][self._column - 1] = sign
        if self._type == "e":
            self._parser.EndElementHandler = self._end

    def _end(self, name: str) -> None:
        match _local(name):
            case "v":
                self._parser.CharacterDataHandler = None
            case "c":
                self._end_cell("".join(self._text).strip())
                self._text.clear()
                self._parser.EndElementHandler = None

    def _end_cell(self, text: str) -> None:
        is_text = self._type == "inlineStr" or (self._type == "str" and self._has_value)
        if self._type == "e" or not (text or is_text):
            place = f"cell {_letters_of(self._column)}{self._row} of sheet '{self._sheet}'"
            self._failed[self._row][self._column - 1] = FailedCell(text, place)


@cache
def _column_of(letters: str) -> int:
    """Return which column is called so: 1 is A, 27 is AA."""
    number = 0
    for letter in letters:
        number = number * 26 + int(letter, 36) - 9
    return number


def _letters_of(column: int) -> str:
    """Return what the spreadsheet calls a column."""
    letters = ""
    while column:
        column, last = divmod(column - 1, 26)
        letters = chr(ord("A") + last) + letters
    return letters
