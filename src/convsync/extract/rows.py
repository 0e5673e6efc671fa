"""Deals and sightings of numbered rows under one header, for every source that has one: CSV, SQL.

Only which rows of a window are wanted is decided here; what a row means is DealReader's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any, Final, TypeVar

from convsync.errors import ConvsyncError
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader, spelled, text_of
from convsync.extract.deal_columns import OrdinaryDeals
from convsync.extract.deal_reader import DealReader, deal_ids_in, milestone_at
from convsync.extract.layout import Getter, Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, MilestoneColumn
from convsync.extract.record_reader import (
    ClickIdReader,
    Evidence,
    PersonReader,
    RecordReader,
    began,
)
from convsync.extract.several_rows import (
    RowsPerDeal,
    SeveralRows,
    one_deal,
    raise_unless_alike,
)
from convsync.extract.source import Quarantined, Unchanged
from convsync.extract.timestamps import Moment
from convsync.model.click import MatchBasis, Sighting
from convsync.model.deal import Deal, Milestone
from convsync.model.key import Key
from convsync.model.period import Period

T = TypeVar("T")
READ_AT_ONCE: Final = 500
"""How many rows are read by columns: each costs less the more there are, and none comes sooner."""
FIRST_STAMP: Final = datetime(1971, 1, 1, tzinfo=UTC)
"""A stamp of before stands for none, as 1900-01-01 and 1970-01-01 do."""
DealRow = NumberedRow | SeveralRows
"""The row of a deal, or all of them where it has several."""


class DealRows:
    """Reads the rows under one header as the deals of `source`.

    Making one raises OperatorError where the mapping names columns that are not there.
    """

    def __init__(
        self,
        source: str,
        columns: DealColumns,
        form: CellFormat,
        header: Header,
        rows_per_deal: RowsPerDeal = RowsPerDeal.ONE,
    ) -> None:
        cells = self._cells = CellReader(form)
        self._place = header.place
        self._rows_per_deal = rows_per_deal
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
        if columns.id_columns:
            self._deals.deal_id = _digest_getter(columns.id_columns, header)
        header.raise_if_unusable()
        (self._id_position,) = header.places(columns.deal_id)
        self.width_of_ids = 0 if columns.id_columns else self._id_position + 1
        """How many cells of a row hold its ID and what stands before it; 0: perhaps all of them."""
        self._ordinary = (
            None if columns.id_columns else OrdinaryDeals(source, columns, cells, header)
        )

    def id_of(self, row: RowCells) -> str | None:
        """Return the ID of the deal that a row is about, None where it cannot be read."""
        try:
            return self._deals.deal_id(row)
        except (CellError, IndexError):
            return None

    def ids_of(self, rows: Iterable[RowCells]) -> Iterator[str]:
        """Yield the ID of the deal that each row is about, but for those that cannot be read."""
        left = iter(rows)
        while some := [*islice(left, READ_AT_ONCE)]:
            plain = self._plain_ids(some)
            yield from filter(None, map(self.id_of, some)) if plain is None else plain

    def _plain_ids(self, rows: Sequence[RowCells]) -> Sequence[str] | None:
        """Return the ID in each row, None where some are not ordinary."""
        place = self._id_position
        cells: list[Any] = [row[place] if len(row) > place else None for row in rows]
        if self._ordinary is None or set(map(type, cells)) != {str}:
            return None
        try:
            return deal_ids_in(cells)
        except CellError:
            return None

    def lacks_id(self, row: RowCells) -> bool:
        """True where a row has nothing in the column of the ID."""
        return bool(row) and not text_of(row[self._id_position])

    def every(
        self, rows: Iterable[DealRow | Unchanged]
    ) -> Iterator[Deal | Quarantined | Unchanged]:
        """Yield every row, and pass on what is known to be unchanged."""
        for some in _batched(rows):
            yield from self._read_some(some, self._read)

    def changed(
        self, rows: Iterable[DealRow], window: Period
    ) -> Iterator[Deal | Quarantined | Unchanged]:
        """Yield the rows modified inside the window, and those that do not say when.

        Of a deal with several rows, one is enough.
        """

        def is_wanted(row: NumberedRow) -> bool:
            return is_wanted_in(window, self._deals.modified(row.cells), self._cells)

        def may_be_wanted(row: DealRow) -> bool:
            try:
                return not isinstance(row, NumberedRow) or bool(row.problem) or is_wanted(row)
            except CellError:
                return True

        def read(row: DealRow) -> Deal | None:
            of_deal = row.rows if isinstance(row, SeveralRows) else (row,)
            return self._read(row) if any(list(map(is_wanted, of_deal))) else None

        for some in _batched(rows):
            yield from self._read_some([row for row in some if may_be_wanted(row)], read)

    def reached(self, rows: Iterable[DealRow], period: Period) -> Iterator[Deal | Quarantined]:
        """Yield the rows that reached any mapped milestone inside the period."""

        def read(row: DealRow) -> Deal | None:
            of_deal = row.rows if isinstance(row, SeveralRows) else (row,)
            milestones = (milestone for one in of_deal for milestone in self._reached(one.cells))
            if any(milestone.reached_at in period for milestone in milestones):
                return self._read(row)
            return None

        return self._read_all(rows, read)

    def each(
        self, rows: Iterable[NumberedRow]
    ) -> Iterator[tuple[NumberedRow, Deal | Quarantined | None]]:
        """Yield every row beside what it is read as, by itself."""
        for row in rows:
            yield row, self._read_one(row, self._read)

    def _read_some(
        self, rows: Sequence[DealRow | Unchanged], read: Callable[[DealRow], Deal | None]
    ) -> Iterator[Deal | Quarantined | Unchanged]:
        """Yield what rows are read as: together where they are ordinary, else by themselves."""
        ordinary: Mapping[int, Deal] = {}
        if self._ordinary is not None:
            ordinary = self._ordinary.read([row for row in rows if isinstance(row, NumberedRow)])
        if len(ordinary) == len(rows):  # as mostly, and in their order
            yield from ordinary.values()
            return
        for row in rows:
            if isinstance(row, Unchanged):
                yield row
            elif record := ordinary.get(row.number) or self._read_one(row, read):
                yield record

    def _read(self, row: DealRow) -> Deal:
        if isinstance(row, NumberedRow):
            return self._deals.read(row.cells, row.digest)
        if self._rows_per_deal is RowsPerDeal.ONE:
            raise_unless_alike(row)
            return self._deals.read(row.rows[0].cells)
        return one_deal([self._deals.read(one.cells) for one in row.rows], self._rows_per_deal)

    def _read_all(
        self, rows: Iterable[DealRow], read: Callable[[DealRow], Deal | None]
    ) -> Iterator[Deal | Quarantined]:
        for row in rows:
            if record := self._read_one(row, read):
                yield record

    def _read_one(
        self, row: DealRow, read: Callable[[DealRow], Deal | None]
    ) -> Deal | Quarantined | None:
        if isinstance(row, NumberedRow):
            return _read_one(row, read, self._quarantined)
        try:
            for one in row.rows:
                _raise_if_unsound(one)
            return read(row)
        except CellError as error:
            return self._quarantined(row.number, row.rows[0].cells, str(error))

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
        self._seen = header.optional(
            columns.clicked_at, self._cells.moment_in(columns.clicked_at), None
        )
        self._logged = header.optional(
            columns.logged_at, self._cells.moment_in(columns.logged_at), None
        )
        self._is_direct = header.optional(
            columns.direct_visit, self._cells.is_direct, otherwise=False
        )
        self._click_ids = ClickIdReader(columns, self._cells, header)
        self._person = PersonReader(columns, self._cells, header)
        header.raise_if_unusable()

    def logged(
        self, rows: Iterable[NumberedRow], window: Period
    ) -> Iterator[Sighting | Quarantined]:
        """Yield the sightings logged inside the window, and those that do not say when."""

        def read(row: NumberedRow) -> Sighting | None:
            if is_wanted_in(window, self._logged(row.cells), self._cells):
                return self._sighting(row.cells)
            return None

        return _read(rows, read, self._quarantined)

    def each(
        self, rows: Iterable[NumberedRow]
    ) -> Iterator[tuple[NumberedRow, Sighting | Quarantined | None]]:
        """Yield every row beside what it is read as, None for one without a click ID."""

        def read(row: NumberedRow) -> Sighting | None:
            return self._sighting(row.cells)

        for row in rows:
            yield row, _read_one(row, read, self._quarantined)

    def is_left(self, row: RowCells, window: Period) -> bool:
        """True where a row was logged behind the window: it is left out, to be read later."""
        try:
            return is_behind(self._logged(row), window, self._cells)
        except CellError:
            return False

    def _sighting(self, row: RowCells) -> Sighting | None:
        if not (click_ids := self._click_ids.of(row)):
            return None
        seen = None if self._is_direct(row) else self._seen(row)
        seen_at, is_whole_day = began(seen, self._cells)
        return Sighting(
            click_ids=tuple(click_ids),
            clicked_at={click_id: at for click_id, at in click_ids.items() if at},
            seen_at=seen_at,
            is_whole_day=is_whole_day,
            keys=tuple(self._person.keys(row, self._person.identifiers(row))),
        )

    def _quarantined(self, number: int, _row: RowCells, problem: str) -> Quarantined:
        return Quarantined(place=f"{self._place}{number}", problem=problem)


def _batched(rows: Iterable[T]) -> Iterator[Sequence[T]]:
    """Yield some hundred rows at a time; those before an error are yielded before it is raised."""
    some: list[T] = []
    left = READ_AT_ONCE
    try:
        for row in rows:
            some.append(row)
            left -= len(row.deal_rows) if isinstance(row, Unchanged) else 1
            if left <= 0:
                yield some
                some, left = [], READ_AT_ONCE
    except ConvsyncError:
        yield some
        raise
    yield some


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
        _raise_if_unsound(row)
        return read(row)
    except CellError as error:
        return quarantined(row.number, row.cells, str(error))


def _digest_getter(columns: Sequence[str], header: Header) -> Getter[RowCells, str]:
    """Return what makes an ID of several columns, which may hold what must not be printed."""
    getters = header.getters(columns, text_of)

    def get(row: RowCells) -> str:
        said = [text(row) for text in getters]
        if not all(said):
            raise CellError(f"the row needs {' and '.join(columns)}: they name the deal together")
        return f"row-{blake2b(chr(0).join(said).encode(), digest_size=12).hexdigest()}"

    return get


def _raise_if_unsound(row: NumberedRow) -> None:
    if row.problem:
        raise CellError(row.problem)


def _milestone_getter(
    column: MilestoneColumn, cells: CellReader, header: Header
) -> Getter[RowCells, Moment | None]:
    get = header.getter(column.column, cells.moment_in(column.column))
    conditions = [
        (header.getter(other, cells.word), spelled(words)) for other, words in column.when.items()
    ]
    if not conditions:
        return get

    def get_if_counted(row: RowCells) -> Moment | None:
        for word, words in conditions:
            if word(row) not in words:
                return None
        return get(row)

    return get_if_counted


def is_wanted_in(window: Period, stamp: Moment | None, cells: CellReader) -> bool:
    """Return whether a record with this stamp is read in a window; one that has none always is."""
    if stamp is None or cells.start_of(stamp) < FIRST_STAMP:
        return True
    return touches(stamp, window, cells)


def touches(moment: Moment, window: Period, cells: CellReader) -> bool:
    """Return whether an instant lies in the window, or a bare date has any instant in it."""
    if isinstance(moment, datetime):
        return moment in window
    next_day = cells.end_of(moment) + timedelta(seconds=1)
    return cells.start_of(moment) < window.until and window.since < next_day


def is_behind(moment: Moment | None, window: Period, cells: CellReader) -> bool:
    """True where a moment begins when the window has ended."""
    return moment is not None and cells.start_of(moment) >= window.until
