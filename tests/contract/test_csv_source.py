"""CsvDeals: the suite of every source, and what is peculiar to files."""

import csv
import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from convsync.errors import OperatorError, TransientError
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from convsync.model.period import Period
from tests.contract.table_suite import (
    CELLS,
    COLUMNS,
    HEADER,
    WINDOW,
    Rows,
    TableSourceContract,
    deals_of,
)

ALL_TIME = Period(since=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))
FEW = DealColumns(deal_id="id", milestones={}, amount="amount", segments={"name": "name"})
OLIST = Path(__file__).parents[2].parent / "shared" / "data" / "olist_funnel" / "won_deals.csv"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deals.csv"


class TestCsvDeals(TableSourceContract):
    @pytest.fixture(autouse=True)
    def _in(self, path: Path) -> None:
        self.path = path

    def make(
        self,
        rows: Rows,
        *,
        columns: DealColumns = COLUMNS,
        cells: CellFormat = CELLS,
        is_complete: bool = False,
    ) -> CsvDeals:
        with self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(rows)
        return CsvDeals(
            name="crm", path=self.path, columns=columns, cells=cells, is_complete=is_complete
        )


def deals_in(
    path: Path, content: str | bytes, *, encoding: str = "utf-8", delimiter: str = ","
) -> CsvDeals:
    """Return the deals of a file with columns id, amount and name, among others."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvDeals(
        name="crm",
        path=path,
        columns=FEW,
        cells=CellFormat(),
        form=FileForm(encoding=encoding, delimiter=delimiter),
    )


def read(source: CsvDeals) -> list[str]:
    """Return what was read: a deal's ID, or the place of what was quarantined."""
    return [
        record.place if isinstance(record, Quarantined) else cast("Deal", record).deal_id
        for record in source.read_changed(WINDOW)
    ]


GOOD, LAST = "1,5,a\n", "9,5,z\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(GOOD + '2,5,"two\nlines, one cell"\n' + "3,x,\n", ["1", "2", "deals.csv:5"],
                     id="the line a row starts on, behind a quoted line break"),
        pytest.param(GOOD + '2,5,"never closed\n3,5,b\n' + LAST, ["1", "deals.csv:3", "3", "9"],
                     id="a quotation mark that is never closed"),
        pytest.param(GOOD + '2,5,"a" b\n' + LAST, ["1", "deals.csv:3", "9"],
                     id="text behind a closing quotation mark"),
        pytest.param(GOOD + "2,5\n" + LAST, ["1", "deals.csv:3", "9"], id="a mapped cell missing"),
        pytest.param(GOOD + "2,5,a,b\n" + LAST, ["1", "deals.csv:3", "9"], id="a cell too many"),
        pytest.param(GOOD + "2,5,a,\n" + LAST, ["1", "2", "9"], id="an empty cell too many"),
        pytest.param(GOOD + "\n,,\n\r\n" + LAST, ["1", "9"], id="empty rows"),
        pytest.param(GOOD + "2,5,a\0\n" + LAST, ["1", "deals.csv:3", "9"], id="a NUL byte"),
        pytest.param(
            GOOD + f"{'2' * 201},5,a\n" + LAST, ["1", "deals.csv:3", "9"], id="an ID too long"
        ),
        pytest.param(GOOD + LAST.strip(), ["1", "9"], id="no line break at the end"),
        pytest.param(GOOD + "9,5", ["1", "deals.csv:3"], id="cut off in the middle of a row"),
        pytest.param(GOOD + "2,5,#1\n#3,5,b\n", ["1", "2", "#3"], id="a hash is no comment"),
    ],
)  # fmt: skip
def test_an_invalid_row_is_quarantined_where_it_starts_and_the_others_are_read(
    path: Path, content: str, expected: list[str]
) -> None:
    assert read(deals_in(path, "id,amount,name\n" + content)) == expected


def test_a_missing_cell_that_nobody_mapped_is_no_problem(path: Path) -> None:
    assert read(deals_in(path, "id,amount,name,notes,more\n1,5,a\n2,5,b,c\n")) == ["1", "2"]


def test_bytes_in_another_encoding_quarantine_their_row_alone(path: Path) -> None:
    source = deals_in(path, b"id,amount,name\n1,5,a\n2,5,M\xfcller\n3,5,b\n")
    _, bad, last = source.read_changed(WINDOW)
    assert isinstance(bad, Quarantined)
    assert (bad.place, bad.deal_id) == ("deals.csv:3", "2")
    assert "encoding" in bad.problem
    assert isinstance(last, Deal)


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        pytest.param("utf-8", ",", id="plain"),
        pytest.param("utf-8-sig", ",", id="with a byte order mark"),
        pytest.param("cp1252", ";", id="Western Europe's spreadsheets"),
        pytest.param("utf-16", "\t", id="Excel's Unicode text"),
    ],
)
def test_declared_encodings_and_delimiters_are_read(
    path: Path, encoding: str, delimiter: str
) -> None:
    content = '"id"|amount| name \n1|5|Müller\n'.replace("|", delimiter).encode(encoding)
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    (deal,) = deals_of(deals_in(path, content, encoding=declared, delimiter=delimiter))
    assert (deal.deal_id, deal.segments) == ("1", {"name": "Müller"})


def test_a_very_long_cell_is_read(path: Path) -> None:
    (deal,) = deals_of(deals_in(path, f"id,amount,name\n1,5,{'x' * 500_000}\n"))
    assert len(deal.segments["name"]) == 500_000


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        pytest.param("", {}, "empty", id="empty"),
        pytest.param("id,amount,name,id\n", {}, "twice", id="a mapped column twice"),
        pytest.param("id;amount;name\n", {}, "'id;amount;name'", id="another delimiter"),
        pytest.param("id,amount,name\n", {"encoding": "utf-99"}, "utf-99", id="no such encoding"),
        pytest.param("id,amount,name\n", {"encoding": "utf-16"}, "encoding", id="not UTF-16"),
        pytest.param("id,amount,name\n", {"delimiter": ",,"}, "delimiter", id="two delimiters"),
        pytest.param("Größe,id\n".encode("cp1252"), {}, "encoding", id="header not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_understood_stops_with_what_to_fix(
    path: Path, content: str | bytes, options: dict[str, str], says: str
) -> None:
    source = deals_in(path, content, **options)
    with pytest.raises(OperatorError, match=says) as stopped:
        source.check_columns()
    assert str(path) in str(stopped.value)


def test_a_file_that_is_not_there_or_is_a_folder_stops_with_its_name(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        source = CsvDeals(name="crm", path=path, columns=FEW, cells=CellFormat())
        with pytest.raises(OperatorError, match=str(path)):
            list(source.read_changed(WINDOW))


def test_checking_columns_reads_no_row(path: Path) -> None:
    deals_in(path, "id,amount,name\nnonsense\n").check_columns()


def shrink(path: Path) -> None:
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    path.write_text(path.read_text().replace("5", "6"))
    os.utime(path, (0, 0))


@pytest.mark.parametrize("change", [shrink, rewrite])
def test_a_file_that_changes_while_it_is_read_never_ends_as_a_success(
    path: Path, change: Callable[[Path], None]
) -> None:
    rows = "".join(f"{number},5,a\n" for number in range(10_000))
    source = deals_in(path, f"id,amount,name\n{rows}")
    records = source.read_changed(WINDOW)
    next(records)
    change(path)
    with pytest.raises(TransientError, match="changed while it was read"):
        list(records)


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(path: Path) -> None:
    rows = "".join(f"{number},5,a\n" for number in range(50_000))
    source = deals_in(path, f"id,amount,name\n{rows}")
    tracemalloc.start()
    assert sum(1 for _ in source.read_changed(WINDOW)) == 50_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.skipif(not OLIST.exists(), reason="shared data not here")
def test_every_won_deal_of_a_real_export_is_read() -> None:
    columns = DealColumns(
        deal_id="mql_id",
        milestones={"won": MilestoneColumn(column="won_date")},
        amount="declared_monthly_revenue",
        segments={"segment": "business_segment"},
    )
    cells = CellFormat(time_zone=ZoneInfo("UTC"), currency="BRL")
    source = CsvDeals(name="olist", path=OLIST, columns=columns, cells=cells)
    deals = deals_of(source, ALL_TIME)
    assert len(deals) == len({deal.deal_id for deal in deals}) == 336
    assert all(deal.milestone("won") and deal.amount is not None for deal in deals)
    whole_year = Period(since=datetime(2017, 12, 5, tzinfo=UTC), until=WINDOW.until)
    assert len(list(source.read_period(whole_year))) == 336
    nobody = Period(since=WINDOW.since - timedelta(days=1), until=WINDOW.since)
    assert list(source.read_period(nobody)) == []
