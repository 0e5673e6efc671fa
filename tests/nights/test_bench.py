"""`make bench` and what belongs to it, at sizes that take seconds: scripts and page must not rot.

One CRM stands for the six; they are measured by the same code. Of the peers only Google's sample
can be tried here, for its library is ours too.
"""

import importlib
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from convsync.settings.crms import CRMS
from scripts.bench import page, stages
from scripts.bench.__main__ import measured as figures_of
from scripts.bench.figures import Bar, Figure, Floor, cells
from scripts.bench.peers import PEERS
from scripts.bench.processes import ROOT, UnfinishedError, measured, platform
from scripts.bench.rows import write_rows
from scripts.bench.scenarios import SCENARIOS
from scripts.bench.stage_table import OTHER_THREADS, STAGES
from scripts.bench.why import WHY

pytestmark = pytest.mark.slow  # a minute of measuring, however few deals

DEALS = 200
NAMES = [name for name in SCENARIOS if name == "hubspot" or name not in CRMS]
ROW = re.compile(r"^\| ([a-z][a-z0-9-]+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return list(figures_of(NAMES, deals=DEALS, rounds=1))


def a_figure(value: float | None, *, bar: Bar | None = None, floor: Floor | None = None) -> Figure:
    return Figure(
        name="status",
        what="`status`",
        value=value,
        unit="CPU s",
        deals=DEALS,
        bar=bar,
        floor=floor,
    )


def test_every_figure_is_measured_with_its_floor_and_its_bar(figures: list[Figure]) -> None:
    assert [figure.name for figure in figures] == NAMES
    assert [figure.name for figure in figures if not figure.value] == []
    beside = {figure.name for figure in figures if figure.floor and figure.floor.value}
    assert beside == set(NAMES) - set(CRMS)


def test_the_page_has_a_row_and_a_bar_for_every_figure(
    figures: list[Figure], tmp_path: Path
) -> None:
    path = tmp_path / "benchmarks.md"
    page.write(path, "bench", page.of_bench(figures))
    written = path.read_text("utf-8")
    assert ROW.findall(written)[1:] == NAMES
    judged = ", ".join(f'"{figure.name}"' for figure in figures if figure.bar)
    assert f"x-axis [{judged}]" in written


def test_a_part_of_the_page_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    for part, text in (("bench", "old"), ("bench-peers", "theirs"), ("bench", "new")):
        page.write(path, part, text)
    written = path.read_text("utf-8")
    assert "old" not in written
    assert written.index("new") < written.index("theirs")


def test_a_command_is_not_charged_for_the_memory_of_the_benchmark_that_starts_it() -> None:
    held = b"x" * (200 << 20)
    assert measured([sys.executable, "-IS", "-c", ""]).peak_mb < 50
    assert len(held) == 200 << 20


def test_a_command_that_takes_too_long_is_unfinished_and_one_that_fails_says_why() -> None:
    slow, failing = "import time; time.sleep(60)", "raise SystemExit('no such ledger')"
    with pytest.raises(UnfinishedError):
        measured([sys.executable, "-IS", "-c", slow], seconds=0.2)
    with pytest.raises(subprocess.CalledProcessError, match="no such ledger"):
        measured([sys.executable, "-IS", "-c", failing])


def test_the_committed_page_has_a_row_for_every_figure_peer_and_stage() -> None:
    committed = page.PAGE.read_text("utf-8")
    assert {*SCENARIOS, *PEERS} - set(ROW.findall(committed)) == set()
    assert [stage for stage in STAGES if f"\n| {stage} |" not in committed] == []


@pytest.mark.parametrize(
    ("value", "bar", "verdict"),
    [
        pytest.param(1.0, Bar(value=2), "holds", id="at most"),
        pytest.param(3.0, Bar(value=2), "misses", id="more than that"),
        pytest.param(3.0, Bar(value=2, is_minimum=True), "holds", id="at least"),
        pytest.param(1.0, Bar(value=2, is_minimum=True), "misses", id="less than that"),
        pytest.param(None, Bar(value=2), "misses", id="did not end"),
        pytest.param(3.0, Bar(value=2, from_deals=DEALS + 1), "not judged", id="too few deals"),
        pytest.param(3.0, Bar(value=2, from_deals=DEALS), "misses", id="just enough deals"),
        pytest.param(3.0, None, "no bar", id="no bar"),
    ],
)
def test_a_bar_holds_or_not(value: float | None, bar: Bar | None, verdict: str) -> None:
    assert a_figure(value, bar=bar).verdict == verdict


def test_work_that_did_not_end_is_the_longest_bar_of_the_chart() -> None:
    drawn = page.chart([a_figure(1.0, bar=Bar(value=2)), a_figure(None, bar=Bar(value=2))])
    assert "bar [0.50, 4.00]" in drawn


def test_a_figure_that_misses_its_bar_is_explained_and_one_that_meets_it_is_not() -> None:
    missed = page.of_bench([a_figure(3.0, bar=Bar(value=2))])
    assert f"- `status`: {WHY['status']}" in missed
    assert WHY["status"] not in page.of_bench([a_figure(1.0, bar=Bar(value=2))])


def test_only_what_has_a_bar_is_explained() -> None:
    assert WHY.keys() <= {*SCENARIOS, *PEERS}


def test_a_figure_stands_beside_its_floor() -> None:
    floor = Floor(value=0.5, unit="CPU s", what="`convsync --version`")
    row = cells(a_figure(1.25, floor=floor))
    assert row[3:6] == ("1.25 CPU s", "0.50 CPU s: `convsync --version`", "2.50×")


def test_a_profile_tells_the_stages_apart() -> None:
    seconds = stages.profiled(DEALS)
    assert set(seconds) <= {*STAGES, OTHER_THREADS}
    assert seconds["start"] == max(seconds.values()), "200 deals take less than the start"
    rows = stages.rows_of(seconds)
    assert sum(float(row[1]) for row in rows[:-1]) == pytest.approx(float(rows[-1][1]), abs=0.2)


@pytest.mark.parametrize("place", [place for places in STAGES.values() for place in places])
def test_the_code_of_a_stage_exists(place: str) -> None:
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    assert not name or callable(attrgetter(name)(found))


@pytest.mark.parametrize("way", ["plus", "plain"])
def test_googles_sample_uploads_every_row(way: str, tmp_path: Path) -> None:
    rows = write_rows(tmp_path, DEALS, 2 * DEALS)
    script = ROOT / "scripts" / "bench" / "uploaders" / "google_sample.py"
    with platform() as served:
        measured([sys.executable, script, rows.resolved_csv, served.grpc, way, "2"])
        assert served.counts()["rows"] == DEALS
