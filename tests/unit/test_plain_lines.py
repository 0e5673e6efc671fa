"""Cells taken from lines without quotation marks are those a CSV parser finds there."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.plain_lines import LONGEST_CELL, first_cells

TEXTS = st.text(st.sampled_from("aé,;\t '\\\n\r\x0b"))


@given(TEXTS, st.integers(1, 4), st.sampled_from([",", ";", "\t"]))
def test_the_first_cells_of_plain_lines_are_those_that_a_parser_finds(
    text: str, count: int, delimiter: str
) -> None:
    lines = [*io.StringIO(text, newline="")]
    rows = [next(csv.reader([line], delimiter=delimiter, strict=True), []) for line in lines]
    assert first_cells(lines, count, delimiter) == [row[:count] or [""] for row in rows]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param('"D-1",5\n', id="a quotation mark"),
        pytest.param("D-\0,5\n", id="a NUL byte"),
        pytest.param("D" * LONGEST_CELL + ",5\n", id="a cell longer than any may be"),
    ],
)
def test_lines_that_a_parser_has_to_judge_have_no_cells_here(odd: str) -> None:
    assert first_cells(["D-0,5\n", odd], 1, ",") is None
