"""The rows of a delimited file, one by one, each numbered by the line it starts on.

A quotation mark that is never closed swallows no more than its own line: reading resumes on the
next. A row may span many lines, as notes do, but in the lines that were looked at in vain only a
few, so that reading ends in linear time whatever is wrong with the quotation marks.

A line that is known by its digest where a row may begin is passed over without being parsed: where
such a row ends follows from the line alone, so it is one whole row again.
"""

import csv
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from itertools import groupby, islice, repeat
from pathlib import Path
from typing import Any, Final

from convsync.errors import OperatorError, TransientError
from convsync.extract.csv_form import (
    LONGEST_INSTRUCTIONS,
    FileForm,
    Lines,
    codec_of,
    may_lead_to_parameters,
    opened,
    stated_delimiter,
    stated_parameters,
    stops,
    zone_of_parameters,
)
from convsync.extract.layout import Header, NumberedRow, RowCells
from convsync.extract.plain_lines import LONGEST_CELL, first_cells
from convsync.extract.row_digest import digest_of_row
from convsync.extract.row_problems import UNDECODED, RowForm
from convsync.extract.source import StoredAs, Unchanged

MOST_LINES: Final = 1_000
"""How many lines a row may span."""
FEW_LINES: Final = 20
"""How many it may span where the lines were looked at before, in a row that did not end."""
READ_AHEAD: Final = 500
"""How many lines are read, and digested, before the rows in them are handed on."""
_EMPTY = NumberedRow(0, ())
_NUMBERED: Final[Any] = partial(tuple.__new__, NumberedRow)  # makes one without a call in Python


@contextmanager
def opened_csv(path: Path, form: FileForm, *, ended_whole: bool = False) -> Iterator["CsvFile"]:
    """Open a CSV file; OperatorError where that cannot be."""
    codec = codec_of(path, form.encoding)
    with (
        opened(path) as binary,
        io.TextIOWrapper(binary, codec, errors="surrogateescape", newline="") as file,
    ):
        yield CsvFile(file, path, form, ended_whole=ended_whole)


class CsvFile:
    """An open CSV file: its header, then its rows, each numbered by the line it starts on.

    Rows of empty cells alone are passed over. Cells missing at a row's end count as empty where no
    mapped column is among them (spreadsheets leave them out); any other row whose cells do not
    match the header is a problem, as nothing tells which cell is which.

    `delimiter` is the one in use; `time_zone` is that of the rows where the file states one. Where
    the file `ended_whole` the last time, a last row without a line break is a problem.
    """

    def __init__(
        self, file: Lines, path: Path, form: FileForm, *, ended_whole: bool = False
    ) -> None:
        self._file = file
        self._left = iter(file)
        self._path = path
        self._form = form
        self.delimiter = form.delimiter
        self.time_zone: tzinfo | None = None
        self._status = os.fstat(file.fileno())
        self._lines_done = 0
        self._in_vain_until = 0  # the last line that was looked at in a record without an end
        self._record: list[str] = []  # the lines of the record that is being read
        self._again: deque[str] = deque()  # lines to parse before those of the file
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
        self._pass_over_preamble()
        self._rows = self._reader()
        names = self._header_names()
        self.width = len(names)
        self.header = Header(names, source=str(path), place=f"{path.name}:")
        self._form_of_rows = RowForm(
            width=self.width, header=self.header, encoding=file.encoding, ended_whole=ended_whole
        )

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header, whose mapped columns must be known by now."""
        while (row := self._next_row()) is not None:
            if row is not _EMPTY:
                yield row

    def cells(self, first: int = 0) -> Iterator[list[str]]:
        """Yield the cells of every row, whether or not they match the header.

        Where only the `first` so many are asked for, the others may be missing.
        """
        while True:
            while self._may_read_ahead and (lines := self._next_lines()):
                if first and (rows := first_cells(lines, first, self.delimiter)):
                    self._lines_done += len(lines)
                    yield from rows
                    continue
                for record, cells in self._records_in(lines):
                    self._lines_done += len(record)
                    yield cells
            try:
                one = next(self._rows, None)
            except csv.Error:
                self._resume_on_next_line()
                continue
            if one is None or self._is_end(one):
                return
            self._lines_done += len(self._record)
            self._record.clear()
            yield one

    def rows_past_known(
        self,
        reading: bytes,
        stored_as: StoredAs,
        is_apart: Callable[[RowCells], bool] | None = None,
    ) -> Iterator[NumberedRow | Unchanged]:
        """Yield the rows as `rows` does, with their digests, but pass over those that are known.

        A row of which `is_apart` is true is yielded all the same.
        """
        while True:
            while self._may_read_ahead and (lines := self._next_lines()):
                yield from self._past_known(lines, reading, stored_as, is_apart)
            row = self._next_row(reading)
            if row is None:
                return
            if row is not _EMPTY:
                yield row

    @property
    def _may_read_ahead(self) -> bool:
        """True where a row begins in the next line of the file, and may end where that ends."""
        return not (self._again or self._form.stop_at)

    def _past_known(
        self,
        lines: list[str],
        reading: bytes,
        stored_as: StoredAs,
        is_apart: Callable[[RowCells], bool] | None,
    ) -> Iterator[NumberedRow | Unchanged]:
        """Yield the rows in some lines of the file, up to one that is no sound CSV by itself."""
        digests = [digest_of_row(line, reading) for line in lines]
        known: list[Any] = [*map(stored_as, digests)]
        if is_apart:
            known = [
                None if row is None or is_apart(self._parsed(line)) else row
                for row, line in zip(known, lines, strict=True)
            ]
        begun = 0
        for is_known, run in groupby(known, lambda deal_row: deal_row is not None):
            deal_rows = [*run]
            ended = begun + len(deal_rows)
            if is_known:
                self._lines_done += len(deal_rows)
                yield Unchanged(deal_rows)
            else:
                yield from self._rows_in(lines[begun:ended], digests[begun:ended], reading)
                if self._again:
                    self._again.extend(lines[ended:])
                    return
            begun = ended

    def _rows_in(
        self, lines: list[str], digests: Sequence[bytes], reading: bytes
    ) -> Iterator[NumberedRow]:
        text = "".join(lines)
        is_sound = "\0" not in text and (text.isascii() or not UNDECODED.search(text))
        is_sound &= not self._form_of_rows.may_be_cut_off(lines)
        if is_sound and (rows := self._a_line_each(lines)):
            numbers = range(self._lines_done + 1, self._lines_done + len(lines) + 1)
            self._lines_done += len(lines)
            yield from map(_NUMBERED, zip(numbers, rows, repeat(None), digests, strict=False))
            return
        first = self._lines_done
        for record, cells in self._records_in(lines):
            number = self._lines_done + 1
            digest = digests[self._lines_done - first]
            if len(record) > 1:
                digest = digest_of_row("".join(record), reading)
            self._lines_done += len(record)
            if is_sound and len(cells) == self.width and any(cells):
                yield NumberedRow(number, cells, None, digest)
            elif any(cells):
                yield self._checked(number, cells, record, digest)

    def _a_line_each(self, lines: list[str]) -> list[list[str]]:
        """Return the rows of lines that hold one each, as wide as the header; else none at all."""
        try:
            rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return []
        are_plain = len(rows) == len(lines) and set(map(len, rows)) == {self.width}
        return rows if are_plain and all(map(any, rows)) else []

    def _records_in(self, lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the lines and the cells of each row in some lines of the file.

        From the first on that is no sound CSV, or goes on behind them, they are left to be parsed
        by themselves.
        """
        begun = 0
        parser = csv.reader(lines, delimiter=self.delimiter, strict=True)
        try:
            for cells in parser:
                ended = parser.line_num
                yield lines[begun:ended], cells
                begun = ended
        except csv.Error:
            self._again.extend(lines[begun:])

    def _next_row(self, reading: bytes = b"") -> NumberedRow | None:
        """Return the next row, `_EMPTY` for one of empty cells alone, None at the file's end."""
        try:
            cells = next(self._rows, None)
        except csv.Error as error:
            problem = f"the row is not sound CSV ({error}): close and double its quotation marks"
            row = NumberedRow(self._lines_done + 1, (), problem)
            self._resume_on_next_line()
            return row
        if cells is None or self._is_end(cells):
            return None
        number, record = self._lines_done + 1, self._record.copy()
        self._lines_done += len(record)
        self._record.clear()
        if not any(cells):
            return _EMPTY
        digest = digest_of_row("".join(record), reading) if reading else b""
        return self._checked(number, cells, record, digest)

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

    def _checked(
        self, number: int, cells: list[str], record: Sequence[str], digest: bytes
    ) -> NumberedRow:
        """Return the row that stands in some lines, with what is wrong with it."""
        if problem := self._form_of_rows.problem_of(cells, record):
            return NumberedRow(number, (), problem)
        if problem := self._form_of_rows.problem_of_text(record):
            return NumberedRow(number, cells, problem)
        return NumberedRow(number, cells, None, digest)

    def _parsed(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self.delimiter, strict=True), [])

    def _is_end(self, cells: list[str]) -> bool:
        stop_at = self._form.stop_at
        return bool(stop_at and cells and stops(cells[0], stop_at))

    def _pass_over_preamble(self) -> None:
        """Pass over what stands above the header, and take from it what the file states."""
        line = self._next_line()
        if delimiter := stated_delimiter(line):
            self.delimiter = delimiter
            self._lines_done, line = 1, self._next_line()
        for _ in range(self._form.skip_rows):
            self._lines_done, line = self._lines_done + 1, self._next_line()
        self._again.append(line)
        if may_lead_to_parameters(line):
            self._again.extend(islice(iter(self._next_line, ""), LONGEST_INSTRUCTIONS))
        for above, candidate in enumerate(self._again, 1):
            parameters = stated_parameters(candidate, self.delimiter)
            if parameters is not None:
                self.time_zone = zone_of_parameters(parameters, self._path)
                for _ in range(above):
                    self._again.popleft()
                self._lines_done += above
                return

    def _header_names(self) -> list[str]:
        names: list[str] | None = []
        try:
            while names is not None and not any(names):
                self._lines_done += len(self._record)
                self._record.clear()
                names = next(self._rows, None)
        except csv.Error as error:
            raise OperatorError(f"{self._path}: the header is not valid CSV ({error})") from None
        if not names:
            raise OperatorError(
                f"{self._path} is empty: it has no header. Export it again, with the names of its"
                " columns in the first line."
            )
        if any(map(UNDECODED.search, self._record)) or "\0" in self._record[0]:
            raise OperatorError(
                f"{self._path}: the header is not valid {self._file.encoding};"
                " set the source's encoding to the file's"
            )
        self._lines_done += len(self._record)
        self._record.clear()
        return names

    def _next_lines(self) -> list[str]:
        """Return the lines of the file that follow, none at its end. An error waits for them."""
        lines: list[str] = []
        try:
            lines.extend(islice(self._left, READ_AHEAD))  # keeps what came before an error
        except (UnicodeError, OSError) as error:
            self._left = map(_raise, [error])
        return lines

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
            return csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        except TypeError:
            raise OperatorError(
                f"{self._path}: the delimiter '{self.delimiter}' is not one character"
            ) from None

    def _lines(self) -> Iterator[str]:
        while line := self._again.popleft() if self._again else self._next_line():
            self._record.append(line)
            if len(self._record) > 1:
                self._raise_if_too_long()
            yield line

    def _raise_if_too_long(self) -> None:
        is_in_vain = self._lines_done < self._in_vain_until
        most = FEW_LINES if is_in_vain else MOST_LINES
        if len(self._record) > most:
            raise csv.Error(f"it does not end within {most:,} lines")

    def _resume_on_next_line(self) -> None:
        seen_until = self._lines_done + len(self._record)
        self._in_vain_until = max(self._in_vain_until, seen_until)
        self._again.extendleft(reversed(self._record[1:]))
        self._record.clear()
        self._lines_done += 1
        self._rows = self._reader()

    def _changed(self) -> TransientError:
        return TransientError(
            f"{self._path} changed while it was read, up to line {self._lines_done}. Run again;"
            " let the export write another file and rename it when done."
        )


def _raise(error: Exception) -> str:
    raise error
