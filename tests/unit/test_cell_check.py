"""What `check` says of an export's columns as a whole."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, MilestoneColumn
from convsync.report.cell_check import findings_of_cells

CELLS = CellFormat(time_zone=ZoneInfo("Europe/Berlin"))
COLUMNS = DealColumns(
    deal_id="ID",
    amount="Amount",
    gclid="GCLID",
    msclkid="MSCLKID",
    milestones={"won": MilestoneColumn(column="Won")},
)
ORDINARY = (
    "1",
    "1,234.50",
    "Cj0KCQiA-abcDEF_12345678901",
    "0a1b2c3d4e5f60718293a4b5",
    "2026-11-20",
)


def deals_in(folder: Path, *rows: Sequence[str], cells: CellFormat = CELLS) -> CsvDeals:
    lines = ["ID;Amount;GCLID;MSCLKID;Won", *map(";".join, rows)]
    (folder / "deals.csv").write_text("\n".join(lines) + "\n")
    return CsvDeals(
        name="crm",
        path=folder / "deals.csv",
        columns=COLUMNS,
        cells=cells,
        form=FileForm(delimiter=";"),
    )


def test_an_ordinary_export_is_not_spoken_of(tmp_path: Path) -> None:
    assert findings_of_cells(deals_in(tmp_path, ORDINARY, ORDINARY)) == []
    assert findings_of_cells(deals_in(tmp_path)) == []


@pytest.mark.parametrize(
    ("place", "texts", "problem"),
    [
        pytest.param(1, ("1.239", "12.500 €", ""), "three decimals", id="a dot of thousands"),
        pytest.param(2, (ORDINARY[2].lower(), ORDINARY[2]), "lower case", id="one lower-cased ID"),
        pytest.param(2, tuple(f"Cj0KCQiA-abcDEF_{n}23" + "x" * 11 for n in "123"), "one length",
            id="cut IDs"),
        pytest.param(4, ("2026-11-20 00:00:00", "2026-11-21T00:00:00", ""), "midnight",
            id="dates with midnight behind them"),
    ],
)  # fmt: skip
def test_what_a_column_shows_as_a_whole_is_found_with_its_fix(
    tmp_path: Path, place: int, texts: Sequence[str], problem: str
) -> None:
    rows = [(*ORDINARY[:place], text, *ORDINARY[place + 1 :]) for text in texts]
    (finding,) = findings_of_cells(deals_in(tmp_path, *rows))
    assert problem in str(finding.problem)
    assert finding.fix
    assert not any(text and text in repr(finding) for text in texts)


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        pytest.param(CellFormat(has_decimal_comma=False), (*ORDINARY[:1], "1.234", *ORDINARY[2:]),
            id="decimal"),
        pytest.param(CellFormat(time_zone=CELLS.time_zone, date_columns=frozenset({"Won"})),
            (*ORDINARY[:4], "2026-11-20 00:00:00"), id="is_date"),
    ],
)  # fmt: skip
def test_what_is_declared_is_not_asked_again(
    tmp_path: Path, cells: CellFormat, row: Sequence[str]
) -> None:
    assert findings_of_cells(deals_in(tmp_path, row, row, cells=cells)) == []


def test_a_click_log_is_looked_at_too(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(f"at,gclid\n2026-11-20 10:00:00,{ORDINARY[2].lower()}\n")
    columns = ClickColumns(clicked_at="at", gclid="gclid")
    (finding,) = findings_of_cells(CsvClicks(name="site", path=path, columns=columns, cells=CELLS))
    assert "lower case" in str(finding.problem)
