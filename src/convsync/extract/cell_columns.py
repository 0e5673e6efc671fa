"""The cells of some rows, read column by column: each text that repeats itself is read once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, compress, repeat
from operator import itemgetter
from typing import Any, Final

from convsync.extract.cell_error import CellError
from convsync.extract.layout import NumberedRow

_REMEMBERED: Final = 1_024
_UNREADABLE: Final[Any] = object()
ReadCell = Callable[[str], Any]
ReadColumn = Callable[[Sequence[str]], Sequence[Any]]


class CellColumn:
    """A column, and how its cells are read.

    `read_all` may read those of many rows at once, and raises CellError where any of them is not
    ordinary; they are read one by one then. Both read the same in the same cell.
    """

    def __init__(self, place: int, read: ReadCell, read_all: ReadColumn | None = None) -> None:
        self.place = place
        self._meanings = _Meanings(read)
        self._read_all = read_all

    def values(self, cells: Sequence[str]) -> tuple[Sequence[Any], Sequence[int]]:
        """Return what each cell holds, and the positions of those that cannot be read."""
        if self._read_all is not None:
            try:
                return self._read_all(cells), ()
            except CellError:
                pass  # one of them is not ordinary
        failed_before = self._meanings.failed
        values = [*map(self._meanings.__getitem__, cells)]
        if self._meanings.failed == failed_before:
            return values, ()
        return values, [at for at, value in enumerate(values) if value is _UNREADABLE]


class Cells:
    """What the columns of some rows hold. `rows` are those that can be read."""

    def __init__(self, rows: Sequence[NumberedRow], columns: Iterable[CellColumn]) -> None:
        self.rows = rows
        self._values: dict[CellColumn, Sequence[Any]] = {}
        unreadable: set[int] = set()
        columns = [*columns]
        texts = _texts_at({column.place for column in columns}, rows, unreadable)
        for column in columns:
            self._values[column], failed = column.values(texts[column.place])
            unreadable.update(failed)
        self.leave_out(unreadable)

    def leave_out(self, positions: set[int]) -> None:
        """Take the rows at some positions for rows that cannot be read."""
        if positions:
            is_kept = [at not in positions for at in range(len(self.rows))]
            self.rows = [*compress(self.rows, is_kept)]
            self._values = {
                column: [*compress(values, is_kept)] for column, values in self._values.items()
            }

    def of(self, column: CellColumn | None, otherwise: Any = None) -> Iterable[Any]:
        """Return what a column holds, or `otherwise` for every row where it is not mapped."""
        return repeat(otherwise, len(self.rows)) if column is None else self._values[column]

    def of_each(self, columns: Iterable[CellColumn]) -> list[Iterable[Any]]:
        """Return what each of several columns holds."""
        return [self._values[column] for column in columns]

    def together(self, several: Sequence[Iterable[Sequence[Any]]]) -> Iterable[Sequence[Any]]:
        """Return all that several columns hold of each row, of which each may hold several."""
        if len(several) == 1:
            return several[0]
        if not several:
            return repeat((), len(self.rows))
        return [[*chain.from_iterable(of_row)] for of_row in zip(*several, strict=True)]


class _Meanings(dict[str, Any]):
    """What texts mean, as far as they were read lately. `failed` counts those without a meaning."""

    def __init__(self, read: ReadCell) -> None:
        super().__init__()
        self._read = read
        self.failed = 0

    def __missing__(self, text: str) -> Any:
        try:
            meaning = self._read(text)
        except CellError:
            self.failed += 1
            return _UNREADABLE
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = meaning
        return meaning


def _texts_at(
    places: Iterable[int], rows: Sequence[NumberedRow], unreadable: set[int]
) -> Mapping[int, Sequence[str]]:
    """Return the cells at each place; the positions of rows in which one is no text are noted."""
    if not rows:
        return dict.fromkeys(places, ())
    asked = sorted(places)
    mapped = map(itemgetter(*asked, asked[0]), [row.cells for row in rows])  # two or more at once
    texts: dict[int, Sequence[Any]] = dict(zip(asked, zip(*mapped, strict=True), strict=False))
    for place, cells in texts.items():
        if not set(map(type, cells)) <= {str}:
            unreadable.update(at for at, cell in enumerate(cells) if type(cell) is not str)
            texts[place] = [cell if type(cell) is str else "" for cell in cells]
    return texts
