"""Clicks from a web server's access logs, in the Common or the Combined format, gzipped or not.

https://httpd.apache.org/docs/2.4/logs.html#accesslog; nginx calls the same `combined`. A landing
page is asked for with the click ID in its address, so the line says which click it was and when.
Only the time and the click IDs of the request leave this module: not the visitor's address, nor the
page it came from. The page before is not read either, since a visitor who goes on within the site
would bring the ID again and again, and each ID counts from the first time it was seen.

Logs are rotated, so a path may be a pattern. A file that was last written before the window begins
holds nothing of it, and is not opened.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final

from convsync.errors import OperatorError
from convsync.extract.csv_form import opened
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.looks import LookedAt, columns_of
from convsync.extract.mapping import CellFormat, ClickColumns
from convsync.extract.rows import SightingRows
from convsync.extract.source import ClickChunk, chunks_of
from convsync.model.click import ClickIdKind
from convsync.model.period import Period

_AT, _URL = "time", "request"
COLUMNS: Final = ClickColumns(clicked_at=_AT, logged_at=_AT, landing_url=_URL)
LONGEST_LINE: Final = 1 << 16
"""No server takes a request line as long as this; what is longer is no line of a log."""

_GZIPPED = b"\x1f\x8b"
_HAS_ID = re.compile(rb"[?&;](?:" + b"|".join(kind.value.encode() for kind in ClickIdKind) + rb")=")
_LINE = re.compile(
    r"""\S+\ \S+\ .*?                                 # who asked
        \ \[(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4})
        :(?P<time>\d\d:\d\d:\d\d)\ (?P<zone>[+-]\d{4})\]
        \ "(?P<method>[A-Z]+)\ (?P<url>(?:[^"\\\s]|\\.)+)(?:\ HTTP/[\d.]+)?"\ """,
    re.VERBOSE,
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")
_ANY_SITE = "http://site.invalid"
"""Stands before a path, which is all that a request line has of a page's address."""
_NOT_A_LINE = (
    "is no line of an access log in the Common or Combined format; let the server write such ones"
)


@dataclass(slots=True, kw_only=True)
class AccessLogClicks:
    """The page requests with a click ID in the logs that `pattern` names. Promises: ClickSource."""

    name: str
    pattern: Path
    cells: CellFormat
    lag: timedelta = timedelta(0)
    overlap: timedelta = timedelta(minutes=10)

    def check_columns(self) -> None:
        """Raise OperatorError where there is no such file, or one cannot be opened."""
        for path in self._files():
            with opened(path):
                pass

    def read(self, window: Period) -> Iterator[ClickChunk]:
        """Yield every click asked for inside the window."""
        for path in self._files():
            if path.stat().st_mtime >= window.since.timestamp():
                rows = SightingRows(COLUMNS, self.cells, self._header_of(path))
                yield from chunks_of(rows.logged(self._rows(path), window))

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Open the newest of the files for a look at each request that has a click ID."""
        newest = max(self._files(), key=lambda path: path.stat().st_mtime)
        header, columns = self._header_of(newest), columns_of(COLUMNS)
        rows = SightingRows(COLUMNS, self.cells, header).each(self._rows(newest))
        yield LookedAt(
            name=self.name,
            table=f"clicks.{self.name}",
            columns=columns,
            form=self.cells,
            looks=header.looks(rows, columns),
        )

    def _header_of(self, path: Path) -> Header:
        return Header([_AT, _URL], source=str(path), place=f"{path.name}:")

    def _files(self) -> Sequence[Path]:
        found = sorted(self.pattern.parent.glob(self.pattern.name))
        if not found:
            raise OperatorError(
                f"clicks.{self.name}.path: there is no file {self.pattern}. Correct the path;"
                " a pattern such as /var/log/nginx/access.log* names rotated files, too."
            )
        return found

    def _rows(self, path: Path) -> Iterator[NumberedRow]:
        """Yield time and address of each request with a click ID, or its line's problem."""
        with opened(path) as file, _plain(file) as lines:
            for number, line in enumerate(_lines_of(lines), 1):
                if _HAS_ID.search(line):
                    yield from _row_of(number, line.decode("utf-8", "replace"))


@contextmanager
def _plain(file: BinaryIO) -> Iterator[BinaryIO]:
    first = file.read(len(_GZIPPED))
    file.seek(0)
    if first != _GZIPPED:
        yield file
        return
    with gzip.open(file) as unpacked:
        yield unpacked  # type: ignore[misc]


def _lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line, the beginning of one that is too long."""
    while line := file.readline(LONGEST_LINE):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        yield line


def _row_of(number: int, line: str) -> Iterator[NumberedRow]:
    found = _LINE.match(line)
    if found is None:
        yield NumberedRow(number, (), _NOT_A_LINE)
        return
    if found["method"] != "GET":
        return
    month = _MONTHS.get(found["month"], 0)
    at = f"{found['year']}-{month:02}-{found['day']}T{found['time']}{found['zone']}"
    url = _ESCAPED.sub(lambda byte: f"%{byte[1]}", found["url"])
    yield NumberedRow(number, (at, url if "://" in url.partition("?")[0] else f"{_ANY_SITE}{url}"))
