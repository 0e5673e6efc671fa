"""`audit export`: events as CSV, JSON lines or Parquet, with only a few in memory at a time."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, Any

from convsync.errors import OperatorError
from convsync.report.event_table import COLUMNS, NAMES, Kind
from convsync.report.listing_cells import cell_of, text_of

STDOUT = Path("-")
_ROWS_AT_ONCE = 5_000

Rows = Iterable[Mapping[str, Any]]


class FileFormat(StrEnum):
    """What a file of events can be."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def format_of(file: Path, named: FileFormat | None) -> FileFormat:
    """Return the format that was named, or else the one that the file's name ends in."""
    if named is not None:
        return named
    ending = file.suffix.lower().lstrip(".")
    if ending not in set(FileFormat):
        raise OperatorError(
            f"{file}: which format? Name it with --format, or use the suffix"
            f" {', '.join(f'.{form}' for form in FileFormat)}."
        )
    return FileFormat(ending)


def write(file: Path, form: FileFormat, rows: Rows) -> int:
    """Write events to a file, `-` for stdout; return how many rows that made.

    Raises OperatorError where it cannot be written, or PyArrow is missing for Parquet.
    """
    if form is FileFormat.PARQUET and file == STDOUT:
        raise OperatorError("A Parquet file cannot go to stdout: name a file.")
    counted = _Counted(rows)
    try:
        _WRITERS[form](file, counted)
    except OSError as error:
        if file == STDOUT:
            raise
        raise OperatorError(f"{file} cannot be written: {error.strerror or error}.") from None
    return counted.count


class _Counted:
    """Rows that are counted as they pass."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def _write_csv(file: Path, rows: Rows) -> None:
    with _text(file) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(NAMES)
        writer.writerows([cell_of(row[name]) for name in NAMES] for row in rows)


def _write_jsonl(file: Path, rows: Rows) -> None:
    with _text(file) as opened:
        for row in rows:
            said = {name: value for name, value in row.items() if value is not None}
            opened.write(json.dumps(said, default=text_of, ensure_ascii=False) + "\n")


def _write_parquet(file: Path, rows: Rows) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise OperatorError(
            "Parquet needs PyArrow: pip install 'convsync[parquet]'. CSV and JSON lines need"
            " nothing."
        ) from error
    types = {
        Kind.NUMBER: pyarrow.int64(),
        Kind.TEXT: pyarrow.string(),
        Kind.TIME: pyarrow.timestamp("us", tz="UTC"),
        Kind.AMOUNT: pyarrow.decimal128(24, 6),
        Kind.FLAG: pyarrow.bool_(),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
    with parquet.ParquetWriter(file, schema) as writer:
        for some in _some_at_a_time(rows):
            writer.write_batch(pyarrow.RecordBatch.from_pylist(some, schema=schema))


_WRITERS: Mapping[FileFormat, Callable[[Path, Rows], None]] = {
    FileFormat.CSV: _write_csv,
    FileFormat.JSONL: _write_jsonl,
    FileFormat.PARQUET: _write_parquet,
}


def _some_at_a_time(rows: Rows) -> Iterator[Sequence[Mapping[str, Any]]]:
    left = iter(rows)
    while some := list(islice(left, _ROWS_AT_ONCE)):
        yield some


@contextmanager
def _text(file: Path) -> Iterator[IO[str]]:
    if file == STDOUT:
        yield sys.stdout
        return
    with file.open("w", encoding="utf-8", newline="") as opened:
        yield opened
