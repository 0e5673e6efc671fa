"""Workbooks with formulas that failed: the row is unreadable, and the rest of the sheet is read."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from convsync.errors import OperatorError
from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import ClickColumns
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from tests.contract.table_suite import WINDOW
from tests.contract.test_csv_layouts import CELLS, a_source, a_workbook

HEADER = ["id", "amount", "won", "note"]
DAY = "2026-02-28"
REF = b'<c t="e"><f>Rates!#REF!*2</f><v>#REF!</v></c>'
UNCALCULATED = b"<c><f>B2*2</f></c>"
FIX_IT = " of sheet 'Deals': open the file in the spreadsheet, fix the formula, and save it again"
CALCULATE_IT = (
    " of sheet 'Deals': open the file in the spreadsheet, let it calculate, and save it again"
)


def read(path: Path, sheet: str | None = None) -> list[str]:
    """Return the ID and amount of each deal, and the place and problem of every other row."""
    source = a_source(path, None, sheet=sheet)
    return [
        f"{one.place}: {one.problem}"
        if isinstance(one, Quarantined)
        else f"{one.deal_id} {one.amount} {len(one.milestones)}"
        for one in source.read_changed(WINDOW)
        if isinstance(one, Deal | Quarantined)
    ]


def written(path: Path, *rows: Sequence[object]) -> Path:
    a_workbook(path, {"Rates": [["x"]], "Deals": [HEADER, *rows]})
    return path


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param(["F", REF, DAY, ""], f"'amount' holds #REF! in cell B3{FIX_IT}", id="amount"),
        pytest.param(
            ["F", 5.5, b'<c t="e"><v>#N/A</v></c>', ""],
            f"'won' holds #N/A in cell C3{FIX_IT}",
            id="a milestone",
        ),
        pytest.param(
            [b"<c t='e'><v>#NAME?</v></c>", 5.5, DAY, ""],
            f"'id' holds #NAME? in cell A3{FIX_IT}",
            id="an ID",
        ),
        pytest.param(
            ["F", UNCALCULATED, DAY, ""],
            f"'amount' holds a formula without a result in cell B3{CALCULATE_IT}",
            id="a formula without a value",
        ),
        pytest.param(
            ["F", b"<c><f>B2*2</f><v></v></c>", DAY, ""],
            f"'amount' holds a formula without a result in cell B3{CALCULATE_IT}",
            id="a formula with an empty one",
        ),
        pytest.param(
            ["F", b'<c r="B3" t="str"><f>B2</f></c>', DAY, ""],
            f"'amount' holds a formula without a result in cell B3{CALCULATE_IT}",
            id="a formula of a text, without a value",
        ),
    ],
)
def test_a_row_with_a_formula_that_failed_is_quarantined_and_names_the_cell(
    tmp_path: Path, row: list[object], problem: str
) -> None:
    path = written(tmp_path / "deals.xlsx", ["D-1", 5.5, DAY], row, ["D-2", 7.5, DAY])
    assert read(path, "Deals") == [
        "D-1 5.5 1",
        f"deals.xlsx row 3: column {problem}",
        "D-2 7.5 1",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(["D", 5.5, DAY, REF], "D 5.5 1", id="an error in a column that is not mapped"),
        pytest.param(["D", 5.5, DAY, UNCALCULATED], "D 5.5 1", id="no result in such a column"),
        pytest.param(["D", b"<c><f>B1</f><v>5.5</v></c>", DAY], "D 5.5 1", id="a result"),
        pytest.param(
            ["D", b'<c t="str"><f>IF(A1="","",5)</f><v></v></c>', DAY],
            "D None 1",
            id="a result that is empty",
        ),
        pytest.param(
            ["D", 5.5, b'<c t="inlineStr"><f>A1</f><is><t>2026-02-28</t></is></c>'],
            "D 5.5 1",
            id="a result as inline text",
        ),
        pytest.param(["D", b'<c s="1"/>', DAY], "D None 1", id="a cell with a format alone"),
    ],
)
def test_a_formula_that_failed_elsewhere_or_has_a_result_costs_no_row(
    tmp_path: Path, row: list[object], expected: str
) -> None:
    assert read(written(tmp_path / "deals.xlsx", row), "Deals") == [expected]


def test_rows_of_formulas_alone_are_reported_where_a_program_never_calculated_them(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "deals.xlsx", *[[UNCALCULATED] * 3] * 2)
    assert [one.partition(" holds")[0] for one in read(path, "Deals")] == [
        "deals.xlsx row 2: column 'id'",
        "deals.xlsx row 3: column 'id'",
    ]


def test_cells_are_found_where_their_references_say(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    spread = b'<c r="AB1" t="inlineStr"><is><t>amount</t></is></c>'
    header = ["id", b'<c r="C1" t="inlineStr"><is><t>won</t></is></c>', spread]
    row = ["D-1", f'<c r="C2" t="inlineStr"><is><t>{DAY}</t></is></c>'.encode()]
    a_workbook(path, {"Deals": [header, [*row, b'<c r="AB2" t="e"><v>#N/A</v></c>']]})
    assert read(path) == [f"deals.xlsx row 2: column 'amount' holds #N/A in cell AB2{FIX_IT}"]


def test_a_failed_cell_is_found_however_a_program_names_the_parts_of_a_workbook(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "deals.xlsx", ["F", REF, DAY])
    repacked(path, {'Target="worksheets/': 'Target="/xl/worksheets/'})
    assert "#REF! in cell B2" in read(path, "Deals")[0]


def test_a_formula_after_the_rows_belongs_to_no_cell(tmp_path: Path) -> None:
    path = written(tmp_path / "deals.xlsx", ["D-1", 5.5, DAY])
    extension = '<extLst><ext xmlns:xm="urn:m"><xm:f>Deals!B2</xm:f></ext></extLst>'
    repacked(path, {"</sheetData>": f"</sheetData>{extension}"})
    assert read(path, "Deals") == ["D-1 5.5 1"]


def test_a_sheet_whose_xml_is_cut_off_stops_with_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "deals.xlsx", ["D-1", 5.5, DAY])
    repacked(path, {"</worksheet>": ""})
    with pytest.raises(OperatorError, match="the XML of its sheet 'Deals' cannot be read"):
        read(path, "Deals")


def test_a_sheet_with_an_error_that_no_reader_knows_stops_with_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "deals.xlsx", ["D-1", b'<c t="e"><v>#ERROR!</v></c>', DAY])
    with pytest.raises(OperatorError, match=r"'Deals' cannot be read: .*#ERROR!.* fix the"):
        read(path, "Deals")


def test_a_click_log_with_a_formula_that_failed_is_read_but_for_that_row(tmp_path: Path) -> None:
    path = tmp_path / "clicks.xlsx"
    failed = b'<c t="e"><v>#VALUE!</v></c>'
    a_workbook(path, {"A": [["gclid", "at"], [failed, DAY], ["Cj0KCQiA-x1_y2", DAY]]})
    columns = ClickColumns(gclid="gclid", clicked_at="at")
    source = CsvClicks(
        name="web", path=path, columns=columns, cells=CELLS, form=FileForm(), lag=timedelta(0)
    )
    (chunk,) = source.read(WINDOW)
    assert list(chunk.seen.values) == ["Cj0KCQiA-x1_y2"]
    assert [one.place for one in chunk.unreadable] == ["clicks.xlsx row 2"]


def repacked(path: Path, changes: dict[str, str]) -> None:
    """Change the text in the parts of a workbook."""
    with ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            for old, new in changes.items():
                text = text.replace(old, new)
            archive.writestr(name, text)
