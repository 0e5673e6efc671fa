"""What the cells of a table look like before the first night: words nobody mapped, times as read.

A word is shown only where it is one of those that stand for consent everywhere; any other may be a
name, and is shown by its shape.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.cell_patterns import times_of
from convsync.extract.cells import CellReader, text_of
from convsync.extract.layout import Getter, Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat, DealColumns
from convsync.model.consent import ConsentStatus

_WORDS_SHOWN: Final = re.compile(
    r"true|false|t|f|1|0|yes|no|y|n|on|off|ja|nein|oui|non|si|sí|sim|não|nao|tak|nie|da|ano|ne"
    r"|granted|denied|given|refused|accepted|rejected|declined|revoked|withdrawn|agreed|disagreed"
    r"|opt(?:ed)?[-_ ]?(?:in|out)|(?:un)?subscribed|allow(?:ed)?|deny|forbidden"
    r"|unknown|unspecified|pending|requested|explicit|implicit|none|null"
)


@dataclass(frozen=True, slots=True)
class TimeSample:
    """One time as it stands in its column, and as it is read."""

    written: str
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """What was found among the rows of a table of deals.

    `unclear` counts, by column, the words about consent that nobody mapped. `left_out` is how many
    rows are in no window of the query, `unreadable_stamps` how many of all have a modified stamp
    that nobody could read.
    """

    rows: int = 0
    unclear: Mapping[str, Counter[str]] = field(default_factory=dict)
    times: Mapping[str, TimeSample] = field(default_factory=dict)
    left_out: int = 0
    unreadable_stamps: int = 0


@runtime_checkable
class Profiled(Protocol):
    """A source that can be looked through before the first night."""

    name: str

    def profile(self) -> TableProfile:
        """Read every row, and raise what reading the source raises."""


def profile_of(
    columns: DealColumns, form: CellFormat, header: Header, rows: Iterable[NumberedRow]
) -> TableProfile:
    """Look through rows under a header in which every mapped column is there."""
    cells, timed = CellReader(form), times_of(columns)
    consents = [name for name in (columns.ad_user_data, columns.ad_personalization) if name]
    raw = {name: header.getter(name, _as_it_is) for name in (*consents, *timed)}
    unclear: dict[str, Counter[str]] = {name: Counter() for name in consents}
    times: dict[str, TimeSample] = {}
    count = unreadable = 0
    for row in (one.cells for one in rows if one.problem is None):
        count += 1
        for name in consents:
            _note_unclear(raw[name](row), cells, unclear[name])
        unreadable += _is_unreadable(raw, columns.modified_at, row, cells)
        for name in timed:
            if name not in times and (sample := _sampled(name, raw[name](row), cells)):
                times[name] = sample
    return TableProfile(rows=count, unclear=unclear, times=times, unreadable_stamps=unreadable)


def word_shown(word: str) -> str:
    """Return a word where it can be nobody's name, its shape otherwise."""
    return word if _WORDS_SHOWN.fullmatch(word) else shape_of(word)


def _as_it_is(cell: object) -> object:
    return cell


def _note_unclear(cell: object, cells: CellReader, unclear: Counter[str]) -> None:
    try:
        if cells.consent(cell) is ConsentStatus.UNCLEAR:
            unclear[text_of(cell).casefold()] += 1
    except CellError:
        return  # the row is quarantined when it is read


def _is_unreadable(
    raw: Mapping[str, Getter[RowCells, object]],
    column: str | None,
    row: RowCells,
    cells: CellReader,
) -> bool:
    if column is None:
        return False
    try:
        cells.moment_in(column)(raw[column](row))
    except CellError:
        return True
    return False


def _sampled(column: str, cell: object, cells: CellReader) -> TimeSample | None:
    try:
        moment = cells.moment_in(column)(cell)
    except CellError:
        return None
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        return TimeSample(text_of(cell), f"the whole of {moment:%Y-%m-%d}")
    return TimeSample(text_of(cell), f"{moment:%Y-%m-%d %H:%M:%S} UTC")
