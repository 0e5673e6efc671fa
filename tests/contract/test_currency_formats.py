"""Amounts of a workbook whose format shows a currency: it is the amount's where no column says."""

from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.currency_formats import sign_in
from convsync.extract.mapping import DealColumns, MilestoneColumn
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from tests.contract.table_suite import WINDOW
from tests.contract.test_csv_layouts import CELLS, a_workbook

COLUMNS = DealColumns(
    deal_id="id", amount="amount", milestones={"won": MilestoneColumn(column="won")}
)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def amounts_shown_as(
    path: Path, format_code: str, *, currency: str = "EUR", stated: str = ""
) -> list[str]:
    """Return the money of a deal whose amount is formatted so, or what is wrong with its row."""
    deal = ["D-1", b'<c s="1"><v>1234.5</v></c>', "2026-02-28", stated]
    a_workbook(path, {"Deals": [["id", "amount", "won", "currency"], deal]})
    code = format_code.replace("&", "&amp;").replace('"', "&quot;")
    with ZipFile(path, "a") as archive:
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="{code}"/>'
            '</numFmts><cellStyleXfs><xf numFmtId="0"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
            '<xf numFmtId="164"/></cellXfs></styleSheet>',
        )
    source = CsvDeals(
        name="crm",
        path=path,
        columns=replace(COLUMNS, currency="currency" if stated else None),
        cells=replace(CELLS, currency=currency),
        form=FileForm(),
    )
    return [
        f"{one.amount} {one.currency}" if isinstance(one, Deal) else one.problem
        for one in source.read_changed(WINDOW)
        if isinstance(one, Deal | Quarantined)
    ]


@pytest.mark.parametrize(
    ("format_code", "sign"),
    [
        pytest.param('#,##0.00\\ "€"', "€", id="quoted, behind"),
        pytest.param('"$"#,##0.00', "$", id="quoted, before"),
        pytest.param("$#,##0_);($#,##0)", "$", id="bare"),
        pytest.param("#,##0.00 [$€-407]", "€", id="of a region"),
        pytest.param("[$€-2] #,##0.00", "€", id="of every region with euros"),
        pytest.param("[$$-409]#,##0.00;[Red]-[$$-409]#,##0.00", "USD", id="a dollar of the US"),
        pytest.param("[$$-1009]#,##0.00", "CAD", id="a dollar of Canada"),
        pytest.param("#,##0.00 [$kr.-406]", "DKK", id="crowns of Denmark"),
        pytest.param("[$USD] #,##0.00", "USD", id="a code"),
        pytest.param("#,##0.00 [$CHF-807]", "CHF", id="a code of a region"),
        pytest.param('_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-', "€", id="as in ledgers"),
        pytest.param("#,##0.00", "", id="none"),
        pytest.param("[$-407]#,##0.00", "", id="a region alone"),
        pytest.param("[Red]#,##0.00", "", id="a colour"),
        pytest.param('#,##0" pcs"', "", id="pieces"),
        pytest.param("General", "", id="as it comes"),
        pytest.param("[$-409]mmm d, yyyy", "", id="a date"),
    ],
)
def test_a_format_shows_a_currency_by_its_sign_or_code(format_code: str, sign: str) -> None:
    assert sign_in(format_code) == sign


def test_an_amount_without_a_column_of_currencies_has_the_one_its_format_shows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "deals.xlsx"
    assert amounts_shown_as(path, "[$£-809]#,##0.00") == ["1234.5 GBP"]
    assert amounts_shown_as(path, "#,##0.00 [$€-407]", currency="USD") == ["1234.5 EUR"]
    assert amounts_shown_as(path, "#,##0.00") == ["1234.5 EUR"]


def test_a_dollar_that_may_be_several_needs_a_column_unless_the_company_uses_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "deals.xlsx"
    assert amounts_shown_as(path, '"$"#,##0.00', currency="CAD") == ["1234.5 CAD"]
    (problem,) = amounts_shown_as(path, '"$"#,##0.00')
    assert "a sign that EUR does not use" in problem


def test_a_column_of_currencies_goes_before_the_format(tmp_path: Path) -> None:
    shown = amounts_shown_as(tmp_path / "deals.xlsx", '#,##0.00\\ "€"', stated="USD")
    assert shown == ["1234.5 USD"]
