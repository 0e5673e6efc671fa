"""What is wrong with a row of a delimited file as a whole, whatever stands in its cells.

A file that was cut off may end inside its last cell: `1200` is then `12`, and nothing about the row
is unsound. All that shows it is the line break that is missing behind it, and many sound exports
have none there either. So what an export did before decides: a last row without a line break is
read where the file ended so the last time, or was never read; where it ended with a line break, the
row is left out and reported, and the next read, whose file ends so again, reads it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from convsync.extract.csv_form import FileForm, codec_of
from convsync.extract.layout import Header

UNDECODED: Final = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of a byte
ENDS_OPEN: Final = (
    "the file ends with this row and without a line break, which it had before: it may be cut off"
    " there. Export the file again; if it ends so again, the next run reads the row"
)
_BREAKS: Final = ("\n", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowForm:
    """What rows of a file must look like; `ended_whole` says how the file ended the last time."""

    width: int
    header: Header
    encoding: str
    ended_whole: bool

    def may_be_cut_off(self, lines: Sequence[str]) -> bool:
        """True where the last of some lines ends the file, and did not end so before."""
        return self.ended_whole and not lines[-1].endswith(_BREAKS)

    def problem_of(self, cells: Sequence[str], lines: Sequence[str]) -> str | None:
        """Return what is wrong with the cells that stand in some lines, None where nothing is."""
        if len(cells) != self.width and (problem := self._problem_of_width(cells, lines)):
            return problem
        return ENDS_OPEN if self.may_be_cut_off(lines) else None

    def problem_of_text(self, lines: Sequence[str]) -> str | None:
        """Return what is wrong with the characters in some lines, None where nothing is."""
        for line in lines:
            if not line.isascii() and UNDECODED.search(line):
                return f"the row is not valid {self.encoding}: set the source's encoding"
            if "\0" in line:
                return "the row holds a NUL byte: export the file again"
        return None

    def _problem_of_width(self, cells: Sequence[str], lines: Sequence[str]) -> str | None:
        found = f"the row has {len(cells)} cells, the header {self.width}"
        if len(cells) > self.width:
            if not any(cells[self.width :]):
                return None
            return f"{found}: quote cells that hold the delimiter"
        if not lines[-1].endswith(_BREAKS):
            return f"{found}, and the file ends with it: export the file again"
        if len(cells) > self.header.last_mapped:
            return None
        return f"{found}: quote cells that hold a line break, or export the file again"


def ends_whole(path: Path, form: FileForm) -> bool:
    """True where a file ends with a line break, or with what is declared to be no row.

    True as well for one that cannot be read: that is told where it is read.
    """
    if form.stop_at:
        return True
    unit = 2 if codec_of(path, form.encoding).startswith("utf-16") else 1
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(-min(unit, file.tell()), 2)
            last = file.read()
    except OSError:
        return True
    return last.strip(b"\0") in (b"\n", b"\r", b"")
