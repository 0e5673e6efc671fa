"""What no cell tells by itself but a column of them does: damage, and missing declarations.

Patterns only raise a question for a person. Nothing is read differently because of one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader, text_of
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, bare_columns
from convsync.model.click import ClickIdKind

_SHORTEST: Final = 20
_WITHOUT_CAPITALS: Final = frozenset({ClickIdKind.MSCLKID, ClickIdKind.LI_FAT_ID})
"""Hexadecimal IDs, which have none."""
_THREE_DECIMALS: Final = re.compile(r"[^0-9.,]*[0-9]{1,3}\.[0-9]{3}[^0-9.,]*\Z")


@runtime_checkable
class Sampled(Protocol):
    """A source whose cells can be looked at as they came."""

    name: str
    cells: CellFormat

    @property
    def columns(self) -> DealColumns | ClickColumns:
        """Return which column holds what."""

    def samples(self, columns: Sequence[str]) -> Mapping[str, Sequence[object]]:
        """Return what the first rows, thousands of them, hold in each of these columns."""


def click_ids_of(columns: DealColumns | ClickColumns) -> dict[str, ClickIdKind]:
    """Return the columns that hold click IDs in which capitals are to be expected."""
    return {name: kind for kind, name in bare_columns(columns) if kind not in _WITHOUT_CAPITALS}


def times_of(columns: DealColumns | ClickColumns) -> list[str]:
    """Return the columns that hold times."""
    names = [columns.clicked_at]
    if isinstance(columns, DealColumns):
        names += [columns.created_at, columns.modified_at]
        names += [milestone.column for milestone in columns.milestones.values()]
    else:
        names.append(columns.logged_at)
    return list(dict.fromkeys(name for name in names if name))


def ids_in(kind: ClickIdKind, cells: Iterable[object], form: CellFormat) -> list[str]:
    """Return the click IDs of a column; cells that cannot be read are quarantined anyway."""
    reader, found = CellReader(form), list[str]()
    for cell in cells:
        with suppress(CellError):
            found += [captured.click_id.value for captured in reader.captured(kind, cell)]
    return found


def without_capitals(ids: Iterable[str]) -> int:
    """Return how many IDs have lost their capitals: something folded their case on the way."""
    return sum(
        len(value) >= _SHORTEST and value == value.lower() and not value.isdigit() for value in ids
    )


def have_three_decimals(cells: Iterable[object]) -> bool:
    """True where every amount that is written has exactly three digits behind its only dot."""
    texts = list(_written(cells))
    return bool(texts) and all(map(_THREE_DECIMALS.match, texts))


def are_midnights(column: str, cells: Iterable[object], form: CellFormat) -> bool:
    """True where every time of a column is one of day, midnight in every case."""
    ordinary = CellReader(form)
    as_dates = CellReader(replace(form, date_columns=frozenset({column}))).moment_in(column)
    times = 0
    for cell in cells:
        with suppress(CellError):
            moment = ordinary.moment(cell)
            if isinstance(moment, datetime):
                times += 1
                if isinstance(as_dates(cell), datetime):
                    return False
    return times > 1


def _written(cells: Iterable[object]) -> Iterator[str]:
    for cell in cells:
        with suppress(CellError):
            if isinstance(cell, str) and (text := text_of(cell)):
                yield text
