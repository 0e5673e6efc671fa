"""How a delimited file is laid out: what is declared, and what the file itself says.

What a file states itself goes before what is declared: a byte order mark names its encoding, a
first line `sep=;` its delimiter, and the `Parameters:` line of Google's templates the time zone of
its rows, with the instructions above it passed over. Anything else above the header is declared
with `skip_rows`, and what stands below the last row with `stop_at`.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from convsync.errors import OperatorError

LONGEST_INSTRUCTIONS: Final = 50
"""How many lines may stand above the parameters of Google's template."""
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEP = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)
_INSTRUCTIONS = ("#", '"#')
_PARAMETERS = "parameters:"
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})\Z")
_SAYS_NOTHING_OF_ROWS = frozenset({"entitytype"})


class Lines(Protocol):
    """The lines of an open file, ended as the file ends them."""

    @property
    def encoding(self) -> str:
        """Return the name of the file's encoding."""

    def __iter__(self) -> Iterator[str]:
        """Hand out the lines that are left."""

    def fileno(self) -> int:
        """Return the open file's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """What is declared of a delimited file.

    `skip_rows` lines stand above the header. Reading ends before a row whose first cell begins with
    one of `stop_at`; where `ignores_rows_without_id`, rows without a deal ID are no deals.
    `sheet` names the sheet of a workbook, None stands for the first.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    skip_rows: int = 0
    stop_at: tuple[str, ...] = ()
    ignores_rows_without_id: bool = False
    sheet: str | None = None


def codec_of(path: Path, encoding: str) -> str:
    """Return the codec of a file, which passes over a byte order mark.

    A mark at the file's beginning says more than what is declared.
    """
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise OperatorError(f"{path}: there is no encoding '{encoding}'; try utf-8") from None
    with opened(path) as file:
        first = file.read(4)
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if first.startswith(mark):
            return marked
    return "utf-8-sig" if codec == "utf-8" else codec


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file's bytes; OperatorError where that cannot be.

    A pipe or a device is no file: it cannot be read twice, and may never end.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OperatorError(f"{path} is a pipe or a device: write what it gives to a file first.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}. Correct the path, or put the file there."
        ) from None
    with file:
        yield file


def stated_delimiter(line: str) -> str | None:
    """Return the delimiter that a first line such as `sep=;` states, as spreadsheets write it."""
    stated = _SEP.match(line)
    return stated[1] if stated else None


def may_lead_to_parameters(line: str) -> bool:
    """True for a line that Google's templates begin with, though it states nothing itself."""
    return line.startswith(_INSTRUCTIONS)


def stated_parameters(line: str, delimiter: str) -> Mapping[str, str] | None:
    """Return what a line `Parameters:TimeZone=…;…` states, None for any other line."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except (csv.Error, TypeError):  # the latter: no delimiter, which the reader of rows says
        return None
    if not cells or not cells[0].strip().casefold().startswith(_PARAMETERS):
        return None
    stated = ";".join(cells).strip()[len(_PARAMETERS) :]
    pairs = [pair.partition("=") for pair in stated.split(";") if pair.strip()]
    return {name.strip(): value.strip() for name, _, value in pairs}


def zone_of_parameters(parameters: Mapping[str, str], path: Path) -> tzinfo | None:
    """Return the time zone that parameters state, None where they state none.

    Raise OperatorError for one that is not known, and for any parameter that may decide what the
    rows mean and is not understood.
    """
    zone: tzinfo | None = None
    for name, value in parameters.items():
        if name.casefold() == "timezone":
            zone = _zone(value, path)
        elif name.casefold() not in _SAYS_NOTHING_OF_ROWS:
            raise OperatorError(
                f"{path}: its parameter row states '{name}', which convsync does not know: remove"
                " it, or declare the row with skip_rows"
            )
    return zone


def _zone(value: str, path: Path) -> tzinfo:
    if offset := _OFFSET.match(value):
        sign, hours, minutes = offset.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes))
        if span < timedelta(days=1):
            return timezone(-span if sign == "-" else span)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OperatorError(
            f"{path}: its parameter row states the time zone '{value}', which is none: write a name"
            " such as America/New_York, or an offset such as -0500"
        ) from None


def stops(first_cell: str, stop_at: Sequence[str]) -> bool:
    """True where a row that begins so is not one of the rows any more."""
    text = first_cell.strip().casefold()
    return any(text.startswith(words.strip().casefold()) for words in stop_at)
