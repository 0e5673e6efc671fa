"""The table of what every source promises, held to the suites."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from convsync.settings.crms import CRMS
from convsync.settings.platforms import PLATFORM_TABLES
from scripts.feature_matrix import (
    OF_PLATFORMS,
    OF_SOURCES,
    PLATFORMS,
    SOURCES,
    sentence,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
PLATFORMS_PAGE = (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8")
MATRICES = [
    pytest.param(PAGE, SOURCES, OF_SOURCES, id="sources"),
    pytest.param(PLATFORMS_PAGE, PLATFORMS, OF_PLATFORMS, id="platforms"),
]


def matrix(page: str, names: Mapping[str, str]) -> list[list[str]]:
    """The rows of the table, cell by cell."""
    lines = page.splitlines()
    first = lines.index(f"| | {' | '.join(names.values())} |")
    return [row.split(" | ") for row in takewhile(lambda line: line, lines[first + 2 :])]


@pytest.mark.parametrize(("page", "names", "promised"), MATRICES)
def test_a_page_has_a_row_for_every_promise_and_a_column_for_everyone(
    page: str, names: Mapping[str, str], promised: Sequence[str]
) -> None:
    table = matrix(page, names)
    assert [row[0].removeprefix("| ") for row in table] == [sentence(one) for one in promised]
    assert {len(row) for row in table} == {len(names) + 1}


@pytest.mark.parametrize(("page", "names", "promised"), MATRICES)
def test_everyone_keeps_most_of_them(
    page: str, names: Mapping[str, str], promised: Sequence[str]
) -> None:
    assert promised
    kept = ["".join(row[1:]).count("✓") for row in matrix(page, names)]
    assert min(kept) >= 1


def test_every_platform_has_its_page_and_its_example() -> None:
    kinds = set(PLATFORM_TABLES) - {"google"}
    assert all((ROOT / "docs" / f"{kind}.md").is_file() for kind in kinds)
    assert all((ROOT / "config" / f"{kind}.toml").is_file() for kind in kinds)
    assert all(f"({kind}.md)" in PLATFORMS_PAGE for kind in kinds)


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
