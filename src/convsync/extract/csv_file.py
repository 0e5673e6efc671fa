"""Deals from a CSV file, and any rows of one, as a stream: memory does not grow with the file.

A row that cannot be read is quarantined under the line it starts on and the rest goes on, even
behind a quotation mark that is never closed: reading resumes on the next line. A deal may stand in
a file several times; every row is passed on in the file's order, and the last one counts.

A line that is known by its digest where a row may begin is passed over without being parsed: where
such a row ends follows from the line alone, so it is one whole row again.
"""

import codecs
import csv
import io
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from convsync.errors import OperatorError, TransientError
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.mapping import CellFormat, DealColumns
from convsync.extract.row_digest import digest_of_reading, digest_of_row
from convsync.extract.rows import DealRows
from convsync.extract.source import Bookmark, Record, StoredAs, Unchanged
from convsync.model.period import Period

LONGEST_CELL = 1 << 20
PASSED_AT_ONCE = 1_000
UNDECODED = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of a byte
_EMPTY = NumberedRow(0, ())


@dataclass(slots=True, kw_only=True)
class CsvDeals:
    """The deals of a CSV file, which an export replaces as a whole. Promises what DealSource does.

    `is_complete` says that the file holds every deal there is. It is then read whole, whatever the
    window, rows stamped after it included, so that no deal only seems to be gone.
    """

    name: str
    path: Path
    columns: DealColumns
    cells: CellFormat
    encoding: str = "utf-8"
    delimiter: str = ","
    is_complete: bool = False
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)
    reads_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reads_all = self.is_complete or self.columns.modified_at is None

    def check_columns(self) -> None:
        """Raise OperatorError unless the file can be opened and has every mapped column."""
        with self._opened() as file:
            self._records(file)

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one without a modified stamp."""
        with self._opened() as file:
            records = self._records(file)
            rows = file.rows()
            yield from records.every(rows) if self.is_complete else records.changed(rows, window)
            file.raise_if_rewritten()

    def read_past_unchanged(self, window: Period, stored_as: StoredAs) -> Iterator[Record]:
        """Do as `read_changed` does; where every row is read, pass over those that are known."""
        if not self.reads_all:
            yield from self.read_changed(window)
            return
        with self._opened() as file:
            records = self._records(file)
            yield from records.every(file.rows_past_known(self._reading(file), stored_as))
            file.raise_if_rewritten()

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        with self._opened() as file:
            yield from self._records(file).reached(file.rows(), period)
            file.raise_if_rewritten()

    def _reading(self, file: "CsvFile") -> bytes:
        form = self.encoding, self.delimiter, file.header.names
        return digest_of_reading(*form, self.columns, self.cells)

    def _opened(self) -> AbstractContextManager["CsvFile"]:
        return opened_csv(self.path, self.encoding, self.delimiter)

    def _records(self, file: "CsvFile") -> DealRows:
        return DealRows(self.name, self.columns, self.cells, file.header)


@contextmanager
def opened_csv(path: Path, encoding: str, delimiter: str) -> Iterator["CsvFile"]:
    """Open a CSV file; OperatorError where that cannot be."""
    codec = codec_of(path, encoding)
    with (
        opened(path) as binary,
        io.TextIOWrapper(binary, codec, errors="surrogateescape", newline="") as file,
    ):
        yield CsvFile(file, path, delimiter)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file's bytes; OperatorError where that cannot be."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        yield file


def codec_of(path: Path, encoding: str) -> str:
    """Return the codec of an encoding, which passes over a byte order mark."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise OperatorError(f"{path}: there is no encoding '{encoding}'; try utf-8") from None
    return "utf-8-sig" if codec == "utf-8" else codec


class Lines(Protocol):
    """The lines of an open file, ended as the file ends them."""

    @property
    def encoding(self) -> str:
        """Return the name of the file's encoding."""

    def __iter__(self) -> Iterator[str]:
        """Hand out the lines that are left."""

    def fileno(self) -> int:
        """Return the open file's number."""


class CsvFile:
    """An open CSV file: its header, then its rows, each numbered by the line it starts on.

    Rows of empty cells alone are passed over. Cells missing at a row's end count as empty where no
    mapped column is among them (spreadsheets leave them out); any other row whose cells do not
    match the header is a problem, as nothing tells which cell is which.
    """

    def __init__(self, file: Lines, path: Path, delimiter: str) -> None:
        self._file = file
        self._left = iter(file)
        self._path = path
        self._delimiter = delimiter
        self._status = os.fstat(file.fileno())
        self._lines_done = 0
        self._record: list[str] = []  # the lines of the record that is being read
        self._again: deque[str] = deque()  # lines to parse before those of the file
        self._digest = b""  # that of the line to parse, where it is known
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
        self._rows = self._reader()
        names = self._header_names()
        self.width = len(names)
        self.header = Header(names, source=str(path), place=f"{path.name}:")

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header, whose mapped columns must be known by now."""
        while (row := self._next_row()) is not None:
            if row is not _EMPTY:
                yield row

    def rows_past_known(
        self, reading: bytes, stored_as: StoredAs
    ) -> Iterator[NumberedRow | Unchanged]:
        """Yield the rows as `rows` does, with their digests, but pass over those that are known."""
        while True:
            while passed := self._known(reading, stored_as):
                yield Unchanged(passed)
            row = self._next_row(reading)
            if row is None:
                return
            if row is not _EMPTY:
                yield row

    def _known(self, reading: bytes, stored_as: StoredAs) -> list[int]:
        """Read on as long as rows are known, up to so many; leave the first other to be parsed."""
        passed: list[int] = []
        while not self._again and len(passed) < PASSED_AT_ONCE and (line := self._next_line()):
            self._digest = digest_of_row(_bytes_of(line), reading)
            deal_row = stored_as(self._digest)
            if deal_row is None:
                self._again.append(line)
            else:
                passed.append(deal_row)
        self._lines_done += len(passed)
        return passed

    def _next_row(self, reading: bytes = b"") -> NumberedRow | None:
        """Return the next row, `_EMPTY` for one of empty cells alone, None at the file's end."""
        try:
            cells = next(self._rows, None)
        except csv.Error as error:
            problem = f"the row is not sound CSV ({error}): close and double its quotation marks"
            row = NumberedRow(self._lines_done + 1, (), problem)
            self._resume_on_next_line()
            return row
        if cells is None:
            return None
        row = self._checked(cells, reading) if any(cells) else _EMPTY
        self._lines_done += len(self._record)
        self._record.clear()
        self._digest = b""
        return row

    @property
    def has_lines(self) -> bool:
        """True where lines that were read are to be read as rows again."""
        return bool(self._again)

    def pass_over(self, lines: int) -> None:
        """Count lines that somebody else has read."""
        self._lines_done += lines

    def raise_if_shrunk(self) -> None:
        """Raise TransientError if the file lost content while it was read."""
        if os.fstat(self._file.fileno()).st_size < self._status.st_size:
            raise self._changed()

    def raise_if_rewritten(self) -> None:
        """Raise TransientError if the file's content changed while it was read."""
        status = os.fstat(self._file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise self._changed()

    def _checked(self, cells: list[str], reading: bytes) -> NumberedRow:
        number = self._lines_done + 1
        if len(cells) != self.width and (problem := self._problem_of_width(cells)):
            return NumberedRow(number, (), problem)
        for line in self._record:
            if not line.isascii() and UNDECODED.search(line):
                problem = f"the row is not valid {self._file.encoding}: set the source's encoding"
                return NumberedRow(number, cells, problem)
            if "\0" in line:
                return NumberedRow(number, cells, "the row holds a NUL byte: export the file again")
        return NumberedRow(number, cells, None, self._digest_of_record(reading))

    def _digest_of_record(self, reading: bytes) -> bytes:
        if not reading:
            return b""
        if self._digest and len(self._record) == 1:
            return self._digest
        return digest_of_row(_bytes_of("".join(self._record)), reading)

    def _problem_of_width(self, cells: list[str]) -> str | None:
        found = f"the row has {len(cells)} cells, the header {self.width}"
        if len(cells) > self.width:
            if not any(cells[self.width :]):
                return None
            return f"{found}: quote cells that hold the delimiter"
        if not self._record[-1].endswith(("\n", "\r")):
            return f"{found}, and the file ends with it: export the file again"
        if len(cells) > self.header.last_mapped:
            return None
        return f"{found}: quote cells that hold a line break, or export the file again"

    def _header_names(self) -> list[str]:
        try:
            names = next(self._rows, None)
        except csv.Error as error:
            raise OperatorError(f"{self._path}: the header is not sound CSV ({error})") from None
        if not names:
            raise OperatorError(f"{self._path} is empty: it has no header")
        if any(map(UNDECODED.search, self._record)) or "\0" in self._record[0]:
            raise OperatorError(
                f"{self._path}: the header is not valid {self._file.encoding};"
                " set the source's encoding to the file's"
            )
        self._lines_done += len(self._record)
        self._record.clear()
        return names

    def _next_line(self) -> str:
        """Return the next line of the file, "" at its end."""
        try:
            return next(self._left, "")
        except UnicodeError:
            problem = f"is not valid {self._file.encoding}; set the source's encoding"
            raise OperatorError(f"{self._path}:{self._lines_done + 1} {problem}") from None
        except OSError as error:
            raise TransientError(
                f"{self._path} could not be read beyond line {self._lines_done + 1}:"
                f" {error.strerror}. Run again."
            ) from None

    def _reader(self) -> Iterator[list[str]]:
        try:
            return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        except TypeError:
            raise OperatorError(
                f"{self._path}: the delimiter '{self._delimiter}' is not one character"
            ) from None

    def _lines(self) -> Iterator[str]:
        while line := self._again.popleft() if self._again else self._next_line():
            self._record.append(line)
            yield line

    def _resume_on_next_line(self) -> None:
        self._again.extendleft(reversed(self._record[1:]))
        self._record.clear()
        self._digest = b""
        self._lines_done += 1
        self._rows = self._reader()

    def _changed(self) -> TransientError:
        return TransientError(
            f"{self._path} changed while it was read, up to line {self._lines_done}. Run again;"
            " let the export write another file and rename it when done."
        )


def _bytes_of(line: str) -> bytes:
    return line.encode(errors="surrogatepass")
