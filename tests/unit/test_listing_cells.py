"""A cell of CSV: text stays text in whatever opens it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.report.listing_cells import safe_cell

CELLS = [
    pytest.param("D-1", "D-1", id="an ID"),
    pytest.param("-1,234.50", "-1,234.50", id="a negative amount"),
    pytest.param("+49 30", "'+49 30", id="a number with a space is none"),
    pytest.param('=HYPERLINK("http://x.example")', '\'=HYPERLINK("http://x.example")', id="link"),
    pytest.param("@SUM(1+1)", "'@SUM(1+1)", id="an at sign"),
    pytest.param("  =1+1", "'  =1+1", id="blanks before a formula"),
    pytest.param("\t=1+1", "' =1+1", id="a tab before a formula"),
    pytest.param("＝1+1", "'＝1+1", id="a wide sign"),
    pytest.param("a\r\n=1+1", "a =1+1", id="a line end"),
    pytest.param("RED\x1b[31m\u202egnp.exe", "RED [31m gnp.exe", id="an escape, a turned text"),
]


@pytest.mark.parametrize(("text", "cell"), CELLS)
def test_a_cell_is_text_or_a_number(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@given(st.text())
def test_no_cell_is_a_formula_whatever_somebody_typed(text: str) -> None:
    cell = safe_cell(text)
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in cell)
    if cell.lstrip()[:1] in {"=", "+", "-", "@"}:
        assert set(cell) <= set("+-.,") | {digit for digit in cell if digit.isdecimal()}
