"""What an installed convsync brings along: the files that its messages and README point to."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from convsync.process.guides import located

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SHARE = "data/share/convsync/"
PARTS_OF_A_WHEEL = ("pyproject.toml", "README.md", "LICENSE", "src", "config", "docs")
NAMED = re.compile(r"\b(?:config|docs)/[a-z_]+\.(?:toml|md)\b")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths in a wheel built from a copy of the tree, where no earlier build lies about."""
    tree = tmp_path_factory.mktemp("tree")
    for name in PARTS_OF_A_WHEEL:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--quiet", "--wheel-dir", "out"], cwd=tree, check=True)
    (built,) = (tree / "out").glob("*.whl")
    with ZipFile(built) as archive:
        return set(archive.namelist())


def named_in_the_product() -> set[str]:
    """The examples and pages that the program's own text names."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    return set(NAMED.findall(re.sub(r"https://\S+", "", text)))


def test_every_example_and_page_travels_in_the_wheel(wheel: set[str]) -> None:
    shared = {name.split(SHARE, 1)[1] for name in wheel if SHARE in name}
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in ("config", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert shared == there
    assert named_in_the_product() <= shared


def test_types_migrations_the_snippet_the_page_and_the_licence_travel_in_the_wheel(
    wheel: set[str],
) -> None:
    assert "convsync/py.typed" in wheel
    assert "convsync/collect/snippet.js" in wheel
    assert "convsync/store/migrations/script.py.mako" in wheel
    source = ROOT / "src"
    page = [
        path
        for part in ("templates", "static")
        for path in (source / "convsync/web" / part).iterdir()
    ]
    assert {path.relative_to(source).as_posix() for path in page} <= wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


@pytest.mark.parametrize("name", sorted(named_in_the_product()))
def test_what_a_message_points_to_is_found_on_this_machine(name: str) -> None:
    assert Path(located(name)).read_text("utf-8") == (ROOT / name).read_text("utf-8")


def test_a_guide_that_is_missing_is_named_as_it_is_in_the_repository() -> None:
    assert located("docs/no-such-crm.md") == "docs/no-such-crm.md"
