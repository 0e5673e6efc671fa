"""The table of what every source promises, held to the suites."""

from itertools import takewhile
from pathlib import Path

import pytest

from convsync.settings.crms import CRMS
from scripts.feature_matrix import SOURCES, promises, sentence

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")


def matrix() -> list[list[str]]:
    """The rows of the table, cell by cell."""
    lines = PAGE.splitlines()
    first = lines.index(f"| | {' | '.join(SOURCES.values())} |")
    return [row.split(" | ") for row in takewhile(lambda line: line, lines[first + 2 :])]


def test_the_page_has_a_row_for_every_promise_and_a_column_for_every_source() -> None:
    table = matrix()
    assert [row[0].removeprefix("| ") for row in table] == [sentence(one) for one in promises()]
    assert {len(row) for row in table} == {len(SOURCES) + 1}


def test_every_source_keeps_most_of_them() -> None:
    kept = ["".join(row[1:]).count("✓") for row in matrix()]
    assert min(kept) >= 1


def test_the_page_has_a_row_for_every_crm_as_its_descriptor_says() -> None:
    lines = PAGE.splitlines()
    first = lines.index("| | read by | sign-in, rights, fields, calls and limits |") + 2
    rows = [crm.row for crm in CRMS.values()]
    assert lines[first : first + len(rows) + 1] == [*rows, ""]


@pytest.mark.parametrize("kind", CRMS)
def test_every_crm_has_its_page_its_example_and_its_suite(kind: str) -> None:
    assert (ROOT / "docs" / f"{kind}.md").is_file()
    assert (ROOT / "config" / f"{kind}.toml").is_file()
    suite = (ROOT / "tests" / "contract" / f"test_{kind}_source.py").read_text(encoding="utf-8")
    assert all(f"class {name}(" in suite for name in CRMS[kind].columns)
