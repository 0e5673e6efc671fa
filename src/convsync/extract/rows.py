"""Deals and sightings of numbered rows under one header, for every source that has one: CSV, SQL.

Only which rows of a window are wanted is decided here; what a row means is DealReader's.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader, folded
from convsync.extract.deal_reader import DealReader, milestone_at
from convsync.extract.layout import Getter, Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, MilestoneColumn
from convsync.extract.record_reader import (
    ClickIdReader,
    Evidence,
    PersonReader,
    RecordReader,
    began,
)
from convsync.extract.source import Quarantined, Unchanged
from convsync.extract.timestamps import Moment
from convsync.model.click import MatchBasis, Sighting
from convsync.model.deal import Deal, Milestone
from convsync.model.key import Key
from convsync.model.period import Period

T = TypeVar("T")


class DealRows:
    """Reads the rows under one header as the deals of `source`.

    Making one raises OperatorError where the mapping names columns that are not there.
    """

    def __init__(self, source: str, columns: DealColumns, form: CellFormat, header: Header) -> None:
        cells = self._cells = CellReader(form)
        self._place = header.place
        self._record = RecordReader(columns, cells, header, MatchBasis.DEAL)
        self._milestones = [
            (name, _milestone_getter(column, cells, header))
            for name, column in columns.milestones.items()
        ]
        self._deals: DealReader[RowCells] = DealReader(
            source,
            columns,
            cells,
            header,
            id_field=columns.deal_id,
            milestones=self._reached,
            evidence=self._evidence,
        )
        header.raise_if_unusable()

    def every(
        self, rows: Iterable[NumberedRow | Unchanged]
    ) -> Iterator[Deal | Quarantined | Unchanged]:
        """Yield every row, and pass on what is known to be unchanged."""

        def read(row: NumberedRow) -> Deal:
            return self._deals.read(row.cells, row.digest)

        for row in rows:
            if isinstance(row, Unchanged):
                yield row
            elif record := _read_one(row, read, self._quarantined):
                yield record

    def changed(self, rows: Iterable[NumberedRow], window: Period) -> Iterator[Deal | Quarantined]:
        """Yield the rows modified inside the window, and those that do not say when."""

        def read(row: NumberedRow) -> Deal | None:
            modified = self._deals.modified(row.cells)
            if modified is None or touches(modified, window, self._cells):
                return self._deals.modified_deal(row.cells, modified)
            return None

        return _read(rows, read, self._quarantined)

    def reached(self, rows: Iterable[NumberedRow], period: Period) -> Iterator[Deal | Quarantined]:
        """Yield the rows that reached any mapped milestone inside the period."""

        def read(row: NumberedRow) -> Deal | None:
            if any(milestone.reached_at in period for milestone in self._reached(row.cells)):
                return self._deals.read(row.cells)
            return None

        return _read(rows, read, self._quarantined)

    def _reached(self, row: RowCells) -> tuple[Milestone, ...]:
        cells = self._cells
        return tuple(
            [
                milestone_at(name, moment, cells)
                for name, get in self._milestones
                if (moment := get(row)) is not None
            ]
        )

    def _evidence(self, row: RowCells, key: Key) -> tuple[Evidence]:
        return (self._record.read(row, key=key),)

    def _quarantined(self, number: int, row: RowCells, problem: str) -> Quarantined:
        try:
            deal_id = self._deals.deal_id(row) if row else None
        except CellError:
            deal_id = None
        if deal_id and not deal_id.isprintable():
            deal_id = None
        return Quarantined(place=f"{self._place}{number}", problem=problem, deal_id=deal_id)


class SightingRows:
    """Reads the rows under one header as click sightings. A row without a click ID is none.

    Making one raises OperatorError where the mapping names columns that are not there.
    """

    def __init__(self, columns: ClickColumns, form: CellFormat, header: Header) -> None:
        self._cells = CellReader(form)
        self._place = header.place
        self._seen = header.optional(columns.clicked_at, self._cells.moment, None)
        self._logged = header.optional(columns.logged_at, self._cells.moment, None)
        self._click_ids = ClickIdReader(columns, self._cells, header)
        self._person = PersonReader(columns, self._cells, header)
        header.raise_if_unusable()

    def logged(
        self, rows: Iterable[NumberedRow], window: Period
    ) -> Iterator[Sighting | Quarantined]:
        """Yield the sightings logged inside the window, and those that do not say when."""

        def read(row: NumberedRow) -> Sighting | None:
            logged = self._logged(row.cells)
            if logged is None or touches(logged, window, self._cells):
                return self._sighting(row.cells)
            return None

        return _read(rows, read, self._quarantined)

    def is_left(self, row: RowCells, window: Period) -> bool:
        """True where a row was logged behind the window: it is left out, to be read later."""
        try:
            return is_behind(self._logged(row), window, self._cells)
        except CellError:
            return False

    def _sighting(self, row: RowCells) -> Sighting | None:
        if not (click_ids := self._click_ids.of(row)):
            return None
        seen_at, is_whole_day = began(self._seen(row), self._cells)
        return Sighting(
            click_ids=click_ids,
            seen_at=seen_at,
            is_whole_day=is_whole_day,
            keys=tuple(self._person.keys(row, self._person.identifiers(row))),
        )

    def _quarantined(self, number: int, _row: RowCells, problem: str) -> Quarantined:
        return Quarantined(place=f"{self._place}{number}", problem=problem)


def _read(
    rows: Iterable[NumberedRow],
    read: Callable[[NumberedRow], T | None],
    quarantined: Callable[[int, RowCells, str], Quarantined],
) -> Iterator[T | Quarantined]:
    for row in rows:
        record = _read_one(row, read, quarantined)
        if record is not None:
            yield record


def _read_one(
    row: NumberedRow,
    read: Callable[[NumberedRow], T | None],
    quarantined: Callable[[int, RowCells, str], Quarantined],
) -> T | Quarantined | None:
    try:
        if row.problem:
            raise CellError(row.problem)
        return read(row)
    except CellError as error:
        return quarantined(row.number, row.cells, str(error))


def _milestone_getter(
    column: MilestoneColumn, cells: CellReader, header: Header
) -> Getter[RowCells, Moment | None]:
    get = header.getter(column.column, cells.moment)
    conditions = [
        (header.getter(other, cells.word), folded(words)) for other, words in column.when.items()
    ]
    if not conditions:
        return get

    def get_if_counted(row: RowCells) -> Moment | None:
        for word, words in conditions:
            if word(row) not in words:
                return None
        return get(row)

    return get_if_counted


def touches(moment: Moment, window: Period, cells: CellReader) -> bool:
    """Return whether an instant lies in the window, or a bare date has any instant in it."""
    if isinstance(moment, datetime):
        return moment in window
    next_day = cells.end_of(moment) + timedelta(seconds=1)
    return cells.start_of(moment) < window.until and window.since < next_day


def is_behind(moment: Moment | None, window: Period, cells: CellReader) -> bool:
    """True where a moment begins when the window has ended."""
    return moment is not None and cells.start_of(moment) >= window.until
