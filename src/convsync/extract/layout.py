"""Where a field stands in a record: a column of a row, or a name among a CRM's fields.

A layout compiles a name into a getter once, so that a record costs no look-up and every reader
works on rows and on CRM records alike. An error names the column or field, and shows no content.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from convsync.errors import OperatorError
from convsync.extract.cell_error import CellError
from convsync.extract.looks import Look, MappedColumn
from convsync.extract.source import Quarantined
from convsync.model.captured import STRAYS
from convsync.model.click import Sighting
from convsync.model.deal import Deal

R = TypeVar("R")
T = TypeVar("T")
RowCells = Sequence[object]
"""The cells of one row, as a file or a database hands them over."""
Getter = Callable[[R], T]


class NumberedRow(NamedTuple):
    """A row, its number in the source, and its problem where the whole row is unsound."""

    number: int
    cells: RowCells
    problem: str | None = None
    digest: bytes = b""


class Layout(ABC, Generic[R]):
    """How the fields of one kind of record are found."""

    @abstractmethod
    def getter(self, name: str, read: Callable[[object], T]) -> Getter[R, T]:
        """Return what reads that field of a record; its errors name the field."""

    def getters(self, names: Iterable[str], read: Callable[[object], T]) -> list[Getter[R, T]]:
        """Return a getter for each field."""
        return [self.getter(name, read) for name in names]

    def optional(self, name: str | None, read: Callable[[object], T], otherwise: T) -> Getter[R, T]:
        """Return a getter, or where no field is mapped one that always says `otherwise`."""
        return self.getter(name, read) if name is not None else lambda _record: otherwise

    def of_deal(
        self, key: str, name: str | None, read: Callable[[object], T], otherwise: T
    ) -> Getter[R, T]:
        """Return a getter of what a deal calls `key`; a source may know it without a mapping."""
        return self.optional(name, read, otherwise)

    def attributes(self) -> Mapping[str, Getter[R, str]]:
        """Return a getter of each segment that the source tells without a mapping."""
        return {}


class Header(Layout[RowCells]):
    """The columns there are. `place` begins the place of every row: `deals.csv:`, `crm row `."""

    def __init__(self, names: Sequence[str], *, source: str, place: str) -> None:
        self.place = place
        self.last_mapped = -1
        """The position of the last column that is mapped."""
        self._source = source
        self.names = [_plain(name) for name in names]
        self._unusable: list[str] = []

    def getter(self, name: str, read: Callable[[object], T]) -> Getter[RowCells, T]:
        """Return what reads that column of a row; its errors name the column."""
        position = self._position(name)

        try:
            of_empty: T | None = read("")
            may_be_empty = True
        except CellError:
            of_empty, may_be_empty = None, False

        def get(row: RowCells) -> Any:
            cell = row[position]
            if cell == "" and may_be_empty:  # as most cells of most exports are
                return of_empty
            try:
                return read(cell)
            except CellError as error:
                raise CellError(f"column '{name}' {error}") from None

        return get

    def places(self, *columns: str | None) -> list[int]:
        """Return where mapped columns stand; None is none, and each must be there."""
        return [self.names.index(_plain(column)) for column in columns if column is not None]

    def looks(
        self,
        rows: Iterable[tuple[NumberedRow, Deal | Sighting | Quarantined | None]],
        columns: Sequence[MappedColumn],
    ) -> Iterator[Look]:
        """Yield each row beside what it was read as, with its cells in these mapped columns."""
        places = list(enumerate(self.places(*(column.name for column in columns))))
        for row, read in rows:
            there = len(row.cells) if row.problem is None else 0
            cells = [(at, row.cells[place]) for at, place in places if place < there]
            said = hash(tuple(map(str, row.cells)))
            yield Look(f"{self.place}{row.number}", read, cells, said)

    def raise_if_twice(self, columns: Sequence[str]) -> None:
        """Raise OperatorError naming every one of these columns that is there twice."""
        for column in columns:
            if self.names.count(_plain(column)) > 1:
                self._position(column)
        self.raise_if_unusable()

    def raise_if_unusable(self) -> None:
        """Raise OperatorError naming every mapped column that is missing or there twice."""
        if not self._unusable:
            return
        there = ", ".join(f"'{name}'" for name in self.names)
        raise OperatorError(
            f"{self._source}: {'; '.join(self._unusable)}. The columns there are: {there}."
            " Correct the mapping of this source."
        )

    def _position(self, column: str) -> int:
        times = self.names.count(_plain(column))
        if times != 1:
            self._unusable.append(f"column '{column}' is {'there twice' if times else 'missing'}")
            return 0
        position = self.names.index(_plain(column))
        self.last_mapped = max(self.last_mapped, position)
        return position


class NamedFields(Layout[Mapping[str, object]]):
    """The fields of a CRM's record, by the API's names. One that is not there says nothing."""

    def getter(self, name: str, read: Callable[[object], T]) -> Getter[Mapping[str, object], T]:
        """Return what reads that field of a record; its errors name the field."""

        def get(fields: Mapping[str, object]) -> T:
            try:
                return read(fields.get(name))
            except CellError as error:
                raise CellError(f"field '{name}' {error}") from None

        return get


def _plain(name: str) -> str:
    """Return a column's name without what nobody sees of it."""
    return (name if name.isascii() else name.translate(STRAYS)).strip()
