"""A little of what `make fuzz` tries, on every run of the tests."""

from collections.abc import Callable

import pytest

from tests.fuzz.cells import fuzz_cells
from tests.fuzz.figures import Figures, watched
from tests.fuzz.rows import fuzz_files, fuzz_rows
from tests.fuzz.urls import fuzz_urls


@pytest.mark.parametrize(
    ("fuzz", "cases"), [(fuzz_cells, 2_000), (fuzz_urls, 1_000), (fuzz_rows, 500), (fuzz_files, 50)]
)
def test_odd_input_is_read_or_reported(fuzz: Callable[[int, int], Figures], cases: int) -> None:
    figures = fuzz(cases, 1)
    assert figures.wrong == []
    assert figures.cases == cases
    assert figures.read > cases / 10
    assert figures.reported > 0


def test_a_traceback_is_noted_as_wrong() -> None:
    figures = Figures(kind="cells")
    with watched(figures, "a cell"):
        "2026".index("-")
    assert figures.wrong == ["a cell: ValueError: substring not found"]
