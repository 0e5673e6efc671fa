"""Deals from a CSV file or a workbook, as a stream: memory does not grow with the file.

Every read goes through the whole file, whatever its window: a row may change, or turn up, under a
stamp of long ago, and nothing else would tell. What stands as it is stored is known by its digest
and passed over.

A row that cannot be read is quarantined under the line it starts on, and the rest goes on. A deal
may stand in several rows, wherever they are in the file; what that means is declared, and decided
in `several_rows`. To find such deals the file is gone through once before it is read, for the IDs
alone: eight bytes of memory a row, and all rows of the deals that are held back for their last.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from convsync.errors import OperatorError
from convsync.extract.csv_form import FileForm
from convsync.extract.layout import NumberedRow, RowCells
from convsync.extract.looks import LookedAt, columns_of
from convsync.extract.mapping import CellFormat, DealColumns
from convsync.extract.row_digest import digest_of_reading
from convsync.extract.row_problems import ends_whole
from convsync.extract.rows import DealRow, DealRows
from convsync.extract.several_rows import Repeated, RowsPerDeal, gathered
from convsync.extract.source import Bookmark, Record, StoredAs
from convsync.extract.table_file import TableFile, in_zone_of, is_workbook, opened_table
from convsync.model.period import Period

T = TypeVar("T")
_LOOKED_AT: Final = 50
"""How many rows are looked at for a header that comes later."""


@dataclass(slots=True, kw_only=True)
class CsvDeals:
    """The deals of a file, which an export replaces as a whole. Promises what DealSource does.

    `is_complete` says that the file holds every deal there is.
    """

    name: str
    path: Path
    columns: DealColumns
    cells: CellFormat
    form: FileForm = field(default_factory=FileForm)
    rows_per_deal: RowsPerDeal = RowsPerDeal.ONE
    is_complete: bool = False
    ids_are_exact: bool = False
    lag: timedelta = field(default=timedelta(0), init=False)
    overlap: timedelta = field(default=timedelta(0), init=False)
    reads_all: bool = field(default=True, init=False)
    ended_whole: bool | None = None

    def check_columns(self) -> None:
        """Raise OperatorError unless the file can be opened and has every mapped column."""
        with self._opened() as file:
            self._records(file)

    def ends_whole(self) -> bool:
        """Return whether the file ends with a line break now, if its last line is a row."""
        return is_workbook(self.path) or ends_whole(self.path, self.form)

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Open the file for a look at each row by itself, even where a deal has several."""
        with self._opened() as file:
            records = self._records(file)
            columns = columns_of(self.columns)
            rows = self._with_ids(file.rows(), records)
            yield LookedAt(
                name=self.name,
                table=f"deals.{self.name}",
                columns=columns,
                form=in_zone_of(file, self.cells),
                looks=file.header.looks(records.each(rows), columns),
                milestones=tuple(self.columns.milestones),
                rows_are_deals=self.rows_per_deal is RowsPerDeal.ONE,
                modified_at=self.columns.modified_at,
            )

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal, whatever the window."""
        with self._opened() as file:
            records = self._records(file)
            yield from records.every(self._deal_rows(file, records))
            file.raise_if_rewritten()

    def read_past_unchanged(self, window: Period, stored_as: StoredAs) -> Iterator[Record]:
        """Do as `read_changed` does, but pass over the rows that are known.

        A row of a deal that has several is never passed over: what the others say might be new.
        """
        with self._opened() as file:
            records = self._records(file)
            repeated = self._repeated(records)

            def is_apart(cells: RowCells) -> bool:
                return repeated.times(records.id_of(cells)) > 1

            rows = file.rows_past_known(
                self._reading(file), stored_as, is_apart if repeated else None
            )
            named = self._with_ids(rows, records)
            yield from records.every(gathered(named, records.id_of, repeated))
            file.raise_if_rewritten()

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        with self._opened() as file:
            records = self._records(file)
            yield from records.reached(self._deal_rows(file, records), period)
            file.raise_if_rewritten()

    def _deal_rows(self, file: TableFile, records: DealRows) -> Iterator[DealRow]:
        rows = self._with_ids(file.rows(), records)
        return gathered(rows, records.id_of, self._repeated(records))

    def _with_ids(
        self, rows: Iterable[NumberedRow | T], records: DealRows
    ) -> Iterable[NumberedRow | T]:
        """Leave out the rows without an ID where they are declared to be no deals."""
        if not self.form.ignores_rows_without_id:
            return rows
        return (
            row
            for row in rows
            if not (isinstance(row, NumberedRow) and records.lacks_id(row.cells))
        )

    def _repeated(self, records: DealRows) -> Repeated:
        with self._opened() as file:
            return Repeated(records.ids_of(file.cells(records.width_of_ids)))

    def _reading(self, file: TableFile) -> bytes:
        form = self.form, self.rows_per_deal, file.delimiter, file.header.names
        return digest_of_reading(*form, self.columns, in_zone_of(file, self.cells))

    def _opened(self) -> AbstractContextManager[TableFile]:
        return opened_table(self.path, self.form, ended_whole=bool(self.ended_whole))

    def _records(self, file: TableFile) -> DealRows:
        cells = in_zone_of(file, self.cells)
        try:
            return DealRows(self.name, self.columns, cells, file.header, self.rows_per_deal)
        except OperatorError as error:
            self._raise_if_header_comes_later(error)
            raise

    def _raise_if_header_comes_later(self, error: OperatorError) -> None:
        """Raise OperatorError that says where the header is, if one of the first lines has it."""
        with self._opened() as file:
            for number, cells in enumerate(islice(file.cells(), _LOOKED_AT), 1):
                there = {str(cell).strip() for cell in cells}
                if there.issuperset(column.strip() for column in self.columns.all_names):
                    above = self.form.skip_rows + number
                    raise OperatorError(
                        f"{error} A later row has them all: set skip_rows = {above}."
                    ) from None
