"""Revenue from files: what came in after a sale, line by line, of a deal or of a customer.

A line is named for ever by one or several columns, such as an invoice's number and its position. A
later row with the same name corrects the line, in the same read or on another night; the same row
twice changes nothing. A line that is no longer there stays what it was, unless the source is said
to be complete: then it was taken back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.csv_form import FileForm
from convsync.extract.deal_reader import deal_id_in, money_of
from convsync.extract.layout import Header, NumberedRow, RowCells
from convsync.extract.mapping import CellFormat
from convsync.extract.rows import is_wanted_in
from convsync.extract.source import Quarantined
from convsync.extract.table_file import in_zone_of, opened_table
from convsync.model.key import Key, KeyKind
from convsync.model.money import MOST, Money
from convsync.model.period import Period
from convsync.model.revenue import RevenueLine

_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueColumns:
    """The columns of revenue, by the header's exact words. None: not there.

    `modified_at` is what windows are drawn on; without it a query is read whole every night.
    """

    line: tuple[str, ...]
    paid_at: str
    amount: str
    currency: str | None = None
    deal_id: str | None = None
    customer: str | None = None
    modified_at: str | None = None

    @property
    def all_names(self) -> tuple[str, ...]:
        """Return every column to read, once each."""
        single = (self.paid_at, self.amount, self.currency)
        whose = (self.deal_id, self.customer, self.modified_at)
        return tuple(dict.fromkeys(name for name in (*self.line, *single, *whose) if name))


class RevenueSource(Protocol):
    """Reads lines of revenue, as a stream. Errors are those of a source of deals."""

    name: str
    lag: timedelta
    overlap: timedelta
    is_complete: bool
    """Every read yields every line there is: one that is missing was taken back."""

    def check_columns(self) -> None:
        """Raise OperatorError where the source, or a mapped column, is not there."""

    def read(self, window: Period) -> Iterator[RevenueLine | Quarantined]:
        """Yield every line changed inside the window, and every one without a stamp."""

    def passes_over_all(self, window: Period) -> bool:
        """Return whether reading a window goes through every line there is."""


@dataclass(slots=True, kw_only=True)
class CsvRevenue:
    """The lines of a CSV file or a workbook, which is read whole every night."""

    name: str
    path: Path
    columns: RevenueColumns
    cells: CellFormat
    form: FileForm = field(default_factory=FileForm)
    is_complete: bool = False
    lag: timedelta = field(default=timedelta(0), init=False)
    overlap: timedelta = field(default=timedelta(0), init=False)

    def check_columns(self) -> None:
        """Raise OperatorError unless the file can be opened and has every mapped column."""
        with opened_table(self.path, self.form) as file:
            RevenueRows(self.columns, in_zone_of(file, self.cells), file.header)

    def read(self, window: Period) -> Iterator[RevenueLine | Quarantined]:
        """Yield every line of the file, whatever the window."""
        with opened_table(self.path, self.form) as file:
            rows = RevenueRows(self.columns, in_zone_of(file, self.cells), file.header)
            yield from rows.every(file.rows())
            file.raise_if_rewritten()

    def passes_over_all(self, window: Period) -> bool:
        """Return True: the file is read whole."""
        return True


class RevenueRows:
    """Reads the rows under one header as lines of revenue.

    Making one raises OperatorError where the mapping names columns that are not there.
    """

    def __init__(self, columns: RevenueColumns, form: CellFormat, header: Header) -> None:
        cells = self._cells = CellReader(form)
        self._place = header.place
        self._names = header.getters(columns.line, cells.deal_id)
        self._paid = header.getter(columns.paid_at, cells.moment_in(columns.paid_at))
        self._amount = header.getter(columns.amount, cells.amount)
        self._currency = header.optional(columns.currency, cells.currency, None)
        self._deal_id = header.optional(columns.deal_id, cells.text, "")
        nobody: list[str] = []
        self._customers = header.optional(columns.customer, cells.ids, nobody)
        self._modified = header.optional(
            columns.modified_at, cells.moment_in(columns.modified_at), None
        )
        header.raise_if_unusable()

    def every(self, rows: Iterable[NumberedRow]) -> Iterator[RevenueLine | Quarantined]:
        """Yield every row as a line, or as what cannot be read."""
        return (self._read_one(row) for row in rows)

    def changed(
        self, rows: Iterable[NumberedRow], window: Period
    ) -> Iterator[RevenueLine | Quarantined]:
        """Yield the rows changed inside the window, and those that do not say when."""
        for row in rows:
            if self._may_be_wanted(row, window):
                yield self._read_one(row)

    def _may_be_wanted(self, row: NumberedRow, window: Period) -> bool:
        if row.problem:
            return True
        try:
            return is_wanted_in(window, self._modified(row.cells), self._cells)
        except CellError:
            return True

    def _read_one(self, row: NumberedRow) -> RevenueLine | Quarantined:
        try:
            if row.problem:
                raise CellError(row.problem)
            self._modified(row.cells)
            return self._line(row.cells)
        except CellError as error:
            return Quarantined(place=f"{self._place}{row.number}", problem=str(error))

    def _line(self, row: RowCells) -> RevenueLine:
        paid_at = self._paid(row)
        if paid_at is None:
            raise CellError("the row has no time at which money came")
        customer = self._customer(row)
        deal_id = deal_id_in(self._cells, text) if (text := self._deal_id(row)) else None
        if customer is None and deal_id is None:
            raise CellError("the row names neither a deal nor a customer")
        return RevenueLine(
            line=self._name(row),
            paid_at=self._cells.end_of(paid_at),
            money=self._money(row),
            deal_id=deal_id,
            customer=customer,
        )

    def _name(self, row: RowCells) -> str:
        names = [name(row) for name in self._names]
        if not all(names):
            raise CellError("the row has no name of its own in the columns of `line`")
        if len(joined := "/".join(names)) > _LONGEST_LINE:
            raise CellError(f"the row's name is longer than {_LONGEST_LINE} characters")
        return joined

    def _customer(self, row: RowCells) -> bytes | None:
        keys = self._customers(row)
        if len(keys) > 1:
            raise CellError("the row names several customers, and money is one's")
        return Key(KeyKind.CRM, keys[0]).digest() if keys else None

    def _money(self, row: RowCells) -> Money:
        amount, currency = money_of(
            self._amount(row), self._currency(row), self._cells.default_currency
        )
        if amount is None:
            raise CellError("the row has no amount")
        if currency is None:
            raise CellError("the row has no currency: map its column, or set the source's currency")
        if not amount.is_finite() or abs(amount) > MOST:
            raise CellError("the row's amount is larger than any sale")
        return Money(amount=amount, currency=currency)
