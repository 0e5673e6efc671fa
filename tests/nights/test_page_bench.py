"""The benchmark of the page measures every screen, on both databases, and writes its own part."""

from pathlib import Path

import pytest

from scripts.bench import grown, page
from scripts.bench.measuring import Measuring
from scripts.bench.reading_pages import measured

pytestmark = pytest.mark.slow


def test_each_screen_is_measured_alone_and_under_load_on_both_databases(tmp_path: Path) -> None:
    with Measuring(tmp_path / "run", deals=200, rounds=1) as run:
        figures = list(measured(run, rounds=1))
        grown.on_sqlite(run).types("audit", "verify")
        with grown.on_postgresql(run) as company:
            company.types("audit", "verify")
    names = ("page", "page-load", "page-night")
    assert [one.name for one in figures] == [
        f"{name}-{on}" for on in ("sqlite", "postgresql") for name in names
    ]
    assert all(one.value for one in figures)
    for screen in ("/ ", "/conversions ", "/deals/ID ", "/errors "):
        assert screen in figures[0].aside
    written = tmp_path / "benchmarks.md"
    page.write(written, "bench-page", page.of_page(figures))
    assert "| page-postgresql |" in written.read_text("utf-8")
