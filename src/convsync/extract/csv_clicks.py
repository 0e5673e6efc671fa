"""Clicks from a CSV file, which is read on from where the last read ended.

A click log only grows, so what was read of it is not read again. With every block of rows goes a
mark of how far the file has been read, and the next read begins there if the file is the same: its
size and stamps are those of a read that came to its end (then it is not even opened), or else all
bytes before the mark have the digest they had. (A digest of its head and of its last bytes would
cost less, and would miss what was edited between them.) So a log that was replaced, cut or edited
anywhere before the mark is read whole again, and one that grew costs its hashing, a second a
gigabyte. It is read whole as well where its rows would read otherwise now (mapping, format, time
zone, this version of convsync). What is read of it is read whatever the window begins with: a row
that is corrected, or turns up, may have been logged long ago.

What may read otherwise the next time stays behind the mark: a last line without its end, a row at
the end that is unsound as a whole, and all from the first block with a row that was logged after
the window. A last line without its end is not even read in a log that had none before: somebody may
be writing it, and half a click ID looks like a whole one. The next read reads it. Files in UTF-16,
or with lines that end in a carriage return alone, are read whole.

To read rows, and hash who is in them, takes as long as to store them. So where much is to be read,
a process of its own reads while this one stores, in blocks four times as large: the larger an index
is, the more of it each transaction writes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from convsync.clock import Clock, system_clock
from convsync.extract.blocks import SIZE, Blocks, ends_lines_with_a_byte, status_of
from convsync.extract.cell_error import CellError
from convsync.extract.click_columns import Row, SightingColumns
from convsync.extract.csv_form import FileForm, codec_of, may_lead_to_parameters, opened
from convsync.extract.csv_rows import CsvFile
from convsync.extract.layout import NumberedRow
from convsync.extract.looks import LookedAt, columns_of
from convsync.extract.mapping import CellFormat, ClickColumns
from convsync.extract.plain_lines import LONGEST_CELL
from convsync.extract.row_digest import digest_of_reading
from convsync.extract.row_problems import ENDS_OPEN, UNDECODED, ends_whole
from convsync.extract.rows import SightingRows
from convsync.extract.source import ClickChunk, chunk_of, chunks_of
from convsync.extract.table_file import in_zone_of, is_workbook, opened_table
from convsync.model.file_mark import FileMark
from convsync.model.period import Period
from convsync.process.apart import in_another_process

_FIRST_BYTES = 1 << 16
_APART = 4
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class CsvClicks:
    """The sightings of a CSV file, which may grow meanwhile. Promises what ReadsOn does."""

    name: str
    path: Path
    columns: ClickColumns
    cells: CellFormat
    form: FileForm = field(default_factory=FileForm)
    lag: timedelta = timedelta(0)
    overlap: timedelta = field(default=timedelta(0), init=False)
    block_size: int = SIZE
    ended_whole: bool | None = None
    clock: Clock = system_clock
    apart_from: int = 32 << 20
    """The bytes to be read from which on another process reads them."""

    @property
    def place(self) -> str:
        """Return the file by its full path."""
        return str(self.path.absolute())

    def check_columns(self) -> None:
        """Raise OperatorError unless the file can be opened and has every mapped column."""
        with opened_table(self.path, self.form) as file:
            SightingRows(self.columns, in_zone_of(file, self.cells), file.header)

    def ends_whole(self) -> bool:
        """Return whether the file ends with a line break now, if its last line is a row."""
        return is_workbook(self.path) or ends_whole(self.path, self.form)

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Open the file for a look at each row."""
        with opened_table(self.path, self.form) as file:
            cells, columns = in_zone_of(file, self.cells), columns_of(self.columns)
            rows = SightingRows(self.columns, cells, file.header).each(file.rows())
            yield LookedAt(
                name=self.name,
                table=f"clicks.{self.name}",
                columns=columns,
                form=cells,
                looks=file.header.looks(rows, columns),
            )

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield every sighting logged before the window ends, and every one without a stamp."""
        return self.read_on(window, None)

    def read_on(self, window: Period, after: FileMark | None) -> Iterator[ClickChunk]:
        """Yield the same but for what was read up to a mark, if the file is as it was then."""
        window = Period(since=_EVER, until=window.until)
        if after is not None and after.reading != self._reading():
            after = None
        if after is not None and after.status is not None and after.status == self._status_now():
            yield ClickChunk(passed_over=after.lines)
        elif not self._has_blocks():
            yield from self._read_rows(window)
        elif self._left_behind(after) < self.apart_from:
            yield from self._read_blocks(window, after)
        else:
            larger = replace(self, block_size=_APART * self.block_size)
            yield from in_another_process(larger._read_blocks, window, after)

    def _left_behind(self, mark: FileMark | None) -> int:
        try:
            return self.path.stat().st_size - (mark.offset if mark else 0)
        except OSError:
            return 0

    def _read_blocks(self, window: Period, after: FileMark | None) -> Iterator[ClickChunk]:
        with opened(self.path) as binary:
            codec = codec_of(self.path, self.form.encoding)
            blocks = Blocks(binary, self.path, codec, self.block_size)
            file = CsvFile(blocks, self.path, self.form, ended_whole=bool(self.ended_whole))
            reader = _BlockReader(self, blocks, file, window)
            status = self._status(os.fstat(binary.fileno()))
            mark = self._beginning()
            if after is not None and reader.go_on_behind(after):
                yield ClickChunk(passed_over=after.lines)
                mark = replace(after, status=None)
            for chunk in reader.chunks():
                mark = reader.moved(mark)
                yield replace(chunk, mark=mark)
            if not reader.has_left_rows:
                yield ClickChunk(mark=replace(mark, status=status))
            file.raise_if_shrunk()

    def _read_rows(self, window: Period) -> Iterator[ClickChunk]:
        ended_whole = bool(self.ended_whole)
        with opened_table(self.path, self.form, ended_whole=ended_whole) as file:
            sightings = SightingRows(self.columns, in_zone_of(file, self.cells), file.header)
            whole = (row for row in file.rows() if row.problem is not ENDS_OPEN)
            yield from chunks_of(sightings.logged(whole, window))
            file.raise_if_shrunk()

    def _beginning(self) -> FileMark:
        return FileMark(path=self.place, reading=self._reading(), offset=0, lines=0, digest=b"")

    def _reading(self) -> bytes:
        return digest_of_reading(self.form, self.columns, self.cells)

    def _status_now(self) -> str | None:
        try:
            return self._status(self.path.stat())
        except OSError:
            return None

    def _status(self, stat: os.stat_result) -> str | None:
        return status_of(stat, self.clock().timestamp())

    def _has_blocks(self) -> bool:
        if self.form.stop_at or is_workbook(self.path):
            return False
        with opened(self.path) as file:
            first, _, _ = file.read(_FIRST_BYTES).partition(b"\n")
        if may_lead_to_parameters(first.decode("latin-1")):
            return False
        ends_alone = b"\r" in first.removesuffix(b"\r")
        return ends_lines_with_a_byte(codec_of(self.path, self.form.encoding)) and not ends_alone


class _BlockReader:
    """Reads one file block by block: by columns where a block is plain, else row by row.

    A block is plain where splitting its lines is all there is to do. `has_left_rows` says that rows
    were left out, to be read when the window has come to them.
    """

    def __init__(self, source: CsvClicks, blocks: Blocks, file: CsvFile, window: Period) -> None:
        self._delimiter = file.delimiter
        self._blocks = blocks
        self._file = file
        self._window = window
        cells = in_zone_of(file, source.cells)
        self._sightings = SightingRows(source.columns, cells, file.header)
        self._columns = SightingColumns(source.columns, cells, file.header)
        self._one_by_one = file.rows()
        self._is_sound = True
        self.has_left_rows = False

    def go_on_behind(self, mark: FileMark) -> bool:
        """Move on behind a mark; False, and nothing, where the file is another before it."""
        of_header = self._blocks.lines
        if not self._blocks.go_on_behind(mark.offset, mark.lines, mark.digest):
            return False
        self._file.pass_over(mark.lines - of_header)
        return True

    def chunks(self) -> Iterator[ClickChunk]:
        """Yield what each block holds, or several together if a row ends in another block."""
        while text := self._blocks.rest() or self._blocks.take():
            self._is_sound = True
            chunk = self._by_columns(text)
            if chunk is None:
                self._blocks.put_back(text)
                chunk = chunk_of(self._sightings.logged(self._rows_of_block(), self._window))
            yield chunk

    def moved(self, mark: FileMark) -> FileMark:
        """Return the mark behind what was read, or as it was where that may read otherwise."""
        blocks = self._blocks
        may_go_on = not blocks.is_in_a_line and (self._is_sound or not blocks.has_ended)
        if self.has_left_rows or not may_go_on:
            return mark
        return replace(mark, offset=blocks.offset, lines=blocks.lines, digest=blocks.digest)

    def _by_columns(self, text: str) -> ClickChunk | None:
        rows = self._split(text)
        if rows is None:
            return None
        try:
            inside, has_left = self._columns.logged(rows, self._window)
            seen = self._columns.seen(inside)
        except CellError:
            return None
        lines = text.count("\n")
        self._blocks.pass_over(lines)
        self._file.pass_over(lines)
        self.has_left_rows |= has_left
        return ClickChunk(seen=seen)

    def _split(self, text: str) -> list[Row] | None:
        """Return the rows of a plain block, None where one needs a second look."""
        if '"' in text or "\0" in text or self._blocks.is_in_a_line:
            return None
        if not text.isascii() and UNDECODED.search(text):
            return None
        lines = text.replace("\r\n", "\n").split("\n")[:-1]
        if "\r" in text and any("\r" in line for line in lines):
            return None
        rows: list[Row] = [line.split(self._delimiter) for line in lines if line]
        widths = set(map(len, rows))
        if widths != {self._file.width} or max(map(len, lines)) > LONGEST_CELL:
            return None
        return rows

    def _rows_of_block(self) -> Iterator[NumberedRow]:
        for row in self._one_by_one:
            if row.problem is ENDS_OPEN:
                self.has_left_rows = True
                continue
            if row.problem:
                self._is_sound = False
            elif self._sightings.is_left(row.cells, self._window):
                self.has_left_rows = True
            yield row
            if not (self._blocks.has_lines or self._file.has_lines):
                return
