"""Clicks from access logs: which lines are clicks, when they were, and what never leaves a line."""

import gzip
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from convsync.errors import OperatorError
from convsync.extract.access_log import AccessLogClicks
from convsync.extract.mapping import CellFormat
from convsync.extract.source import ClickChunk
from convsync.model.period import Period

WHOLE_YEAR = Period(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2027, 1, 1, tzinfo=UTC))
LANDED = '[01/Mar/2026:09:30:00 +0100] "GET /shop?gclid=Cj0K-one&x=1 HTTP/1.1" 200 512'
AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def a_log(folder: Path, *lines: str, name: str = "access.log") -> AccessLogClicks:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return AccessLogClicks(name="web", pattern=folder / f"{name}*", cells=CellFormat())


def chunks(source: AccessLogClicks, window: Period = WHOLE_YEAR) -> Sequence[ClickChunk]:
    return list(source.read(window))


def found(source: AccessLogClicks, window: Period = WHOLE_YEAR) -> list[tuple[str, str, datetime]]:
    return [
        (kind.value, value, at)
        for chunk in chunks(source, window)
        for kind, value, at in zip(
            chunk.seen.kinds, chunk.seen.values, chunk.seen.seen_at, strict=True
        )
        if at is not None
    ]


@pytest.mark.parametrize(
    ("line", "clicks"),
    [
        pytest.param(f"203.0.113.9 - - {LANDED}", [("gclid", "Cj0K-one", AT)], id="common"),
        pytest.param(
            f'203.0.113.9 - jo smith {LANDED} "https://www.google.com/" "Mozilla/5.0 (X11)"',
            [("gclid", "Cj0K-one", AT)],
            id="combined, with a user's name",
        ),
        pytest.param(
            f"2001:db8::1 - - {LANDED.replace('gclid=Cj0K-one&x=1', 'wbraid=W-1&gbraid=G-1')}",
            [("gbraid", "G-1", AT), ("wbraid", "W-1", AT)],
            id="braids",
        ),
        pytest.param(
            f"- - - {LANDED.replace('Cj0K-one', 'Cj0K%2Done')}",
            [("gclid", "Cj0K-one", AT)],
            id="encoded",
        ),
        pytest.param(
            f"- - - {LANDED.replace('/shop', 'https://shop.example/')}",
            [("gclid", "Cj0K-one", AT)],
            id="a proxy's whole address",
        ),
        pytest.param(f"- - - {LANDED.replace('GET', 'POST')}", [], id="a form that is sent"),
        pytest.param(f"- - - {LANDED.replace('GET', 'HEAD')}", [], id="a look alone"),
        pytest.param(f"- - - {LANDED.replace('gclid=Cj0K-one&', '')}", [], id="no click ID"),
        pytest.param(
            f'- - - {LANDED.replace("gclid=Cj0K-one&", "")} "https://x.example/?gclid=old" "-"',
            [],
            id="the page before had one",
        ),
        pytest.param(f"- - - {LANDED.replace('Cj0K-one', '%7Bgclid%7D')}", [], id="a placeholder"),
    ],
)
def test_a_line_is_a_click_where_a_page_was_asked_for_with_an_id(
    tmp_path: Path, line: str, clicks: list[tuple[str, str, datetime]]
) -> None:
    assert sorted(found(a_log(tmp_path, line))) == clicks


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("gclid=Cj0K-one?gclid=Cj0K-one", id="another format"),
        pytest.param(f"- - - {LANDED.replace('Mar', 'Mär')}", id="a month in another language"),
        pytest.param(f"- - - {LANDED.replace('01/Mar', '31/Feb')}", id="no such day"),
        pytest.param("?gclid=" + "y" * 200_000, id="no end"),
    ],
)
def test_a_line_that_cannot_be_read_costs_no_other(tmp_path: Path, line: str) -> None:
    source = a_log(tmp_path, line, f"- - - {LANDED}")
    assert found(source) == [("gclid", "Cj0K-one", AT)]
    unreadable = [record for chunk in chunks(source) for record in chunk.unreadable]
    assert [record.place for record in unreadable[:1]] == ["access.log:1"]


def test_rotated_and_gzipped_files_are_read_and_old_ones_not_opened(tmp_path: Path) -> None:
    source = a_log(tmp_path, f"- - - {LANDED}")
    zipped = gzip.compress(f"- - - {LANDED.replace('one', 'two')}\n".encode())
    (tmp_path / "access.log.2.gz").write_bytes(zipped)
    assert {value for _, value, _ in found(source)} == {"Cj0K-one", "Cj0K-two"}
    long_ago = (AT - timedelta(days=400)).timestamp()
    os.utime(tmp_path / "access.log.2.gz", (long_ago, long_ago))
    assert {value for _, value, _ in found(source)} == {"Cj0K-one"}


def test_only_what_was_asked_for_in_the_window_is_read(tmp_path: Path) -> None:
    source = a_log(tmp_path, f"- - - {LANDED}")
    hour = timedelta(hours=1)
    assert found(source, Period(since=AT - hour, until=AT + hour))
    assert not found(source, Period(since=AT + hour, until=AT + 2 * hour))


def test_nothing_of_the_visitor_leaves_a_line(tmp_path: Path) -> None:
    line = f'203.0.113.9 - ada@x.example {LANDED} "https://m.example/ada@x.example" "Mozilla"'
    broken = line.replace("GET", "GET GET")
    said = repr(chunks(a_log(tmp_path, line, broken)))
    assert "203.0.113.9" not in said
    assert "ada@" not in said


def test_a_pattern_that_names_no_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    source = AccessLogClicks(name="web", pattern=tmp_path / "access.log*", cells=CellFormat())
    with pytest.raises(OperatorError, match=r"clicks\.web\.path: there is no file"):
        source.check_columns()
