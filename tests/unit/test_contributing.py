"""CONTRIBUTING.md names only what there is, and its map is the one that the imports are held to."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from convsync.settings import tables
from convsync.wiring.destinations import VENDORS
from scripts.check_readme import problems_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ROOTS = ("src/", "tests/", "config/", "docs/", "scripts/", ".ci/")
AT_THE_TOP = {"pyproject.toml", "README.md", "CHANGELOG.md"}
NEW_PLATFORM = re.compile(r"^\| `([^`]*tiktok[^`]*)`[^|]*\| `([^`]+)` \|$", re.MULTILINE)


def paths() -> list[str]:
    """Every path in the page's code spans, but those with a placeholder or of a file to be."""
    spans = re.findall(r"`([^`\n]+)`", PAGE)
    named = {span for span in spans if span.startswith(ROOTS) or span in AT_THE_TOP}
    return sorted(name for name in named if "KIND" not in name and "tiktok" not in name)


@pytest.mark.parametrize("path", paths())
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists()
    assert path.endswith("/") == (ROOT / path).is_dir()


def test_every_command_and_target_exists_and_every_documented_target_is_named() -> None:
    assert problems_of(PAGE, MAKEFILE) == []
    tests = {"test", "quick", "check", "conformance", "soak", "bench", "demo", "demo-crm"}
    assert tests <= set(re.findall(r"`make ([a-z-]+)", PAGE))


def test_the_map_is_the_contract_that_the_imports_are_held_to() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    (drawn,) = re.findall(r"```layers\n(.*?)```", PAGE, re.DOTALL)
    assert drawn.splitlines() == [layer.replace("convsync.", "") for layer in layers]


def test_the_files_of_a_new_platform_are_missing_and_have_a_pattern_that_is_there() -> None:
    rows = NEW_PLATFORM.findall(PAGE)
    assert len(rows) == len(re.findall(r"^\| `[^|]*tiktok", PAGE, re.MULTILINE))
    for new, pattern in rows:
        assert not (ROOT / new).exists(), f"{new} is there: name another platform"
        assert (ROOT / pattern).exists()


def test_a_new_platform_needs_the_table_and_the_line_that_the_page_names() -> None:
    union = get_args(get_args(tables.Destination)[0])
    kinds = {kind for table in union for kind in get_args(table.model_fields["kind"].annotation)}
    assert kinds == set(VENDORS)
    for table in union:
        for field in ("upload_window_days", "settling_hours", "enhanced_conversions"):
            assert field in table.model_fields
