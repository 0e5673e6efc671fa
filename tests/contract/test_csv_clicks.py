"""CsvClicks: what a click log says, whichever way it is read, and how far it has been read."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.clock import system_clock
from convsync.errors import OperatorError
from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_form import FileForm
from convsync.extract.csv_rows import opened_csv
from convsync.extract.mapping import CellFormat, ClickColumns
from convsync.extract.rows import SightingRows
from convsync.extract.source import ClickChunk, Quarantined, chunks_of
from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.file_mark import FileMark
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.model.seen_clicks import SeenClicks
from tests.contract.table_suite import WINDOW

COLUMNS = ClickColumns(
    clicked_at="at", gclid="gclid", landing_url="url", crm_keys=("lead",), emails=("email",)
)
LOGGED = ClickColumns(clicked_at="at", logged_at="logged", gclid="gclid")
VISITS = ClickColumns(clicked_at="at", direct_visit="lead", gclid="gclid")
EVERY_KEY = ClickColumns(
    clicked_at="at",
    gclid="gclid",
    wbraid="logged",
    landing_url="url",
    visitors=("lead",),
    emails=("email",),
    phones=("email",),
    country="lead",
)
CELLS = CellFormat(
    time_zone=ZoneInfo("Europe/Berlin"), phone_region="DE", blank_words=frozenset({"none"})
)
HEADER = "at,gclid,url,lead,email,logged\n"
ROW = "2026-03-01T10:00:00Z,{},,,,\n"


def clicks_in(
    path: Path, rows: str | bytes, columns: ClickColumns = COLUMNS, **how: Any
) -> CsvClicks:
    content = rows if isinstance(rows, bytes) else (HEADER + rows).encode()
    path.write_bytes(content)
    source = CsvClicks(name="clicks", path=path, columns=columns, cells=CELLS)
    return replace(source, **how)


def seen_in(chunks: Sequence[ClickChunk]) -> list[tuple[object, ...]]:
    """Return every click ID with its time and its keys, in an order of their own."""
    found = []
    for seen in (chunk.seen for chunk in chunks):
        for at, (kind, value, seen_at, is_whole_day) in enumerate(
            zip(seen.kinds, seen.values, seen.seen_at, seen.are_whole_days, strict=True)
        ):
            keys = frozenset(key for key, place in seen.keys if place == at)
            found.append((kind, value, str(seen_at), is_whole_day, seen.digests[at], keys))
    return sorted(set(found), key=repr)


def values(chunks: Sequence[ClickChunk]) -> list[str]:
    return [value for chunk in chunks for value in chunk.seen.values]


def read(source: CsvClicks, after: FileMark | None = None) -> list[ClickChunk]:
    return list(source.read_on(WINDOW, after))


def mark_of(chunks: Sequence[ClickChunk]) -> FileMark:
    """Return the last mark."""
    return next(chunk.mark for chunk in reversed(chunks) if chunk.mark is not None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clicks.csv"


@pytest.mark.long
def test_another_process_reads_what_this_one_would(path: Path) -> None:
    rows = "".join(ROW.format(f"click-{number}") for number in range(500))
    here = clicks_in(path, rows + "never,abC,,,,\n", block_size=1_000)
    in_another = replace(here, apart_from=0)
    assert seen_in(read(in_another)) == seen_in(read(here))
    assert mark_of(read(in_another)) == mark_of(read(here))
    assert [chunk.unreadable for chunk in read(in_another) if chunk.unreadable] == [
        chunk.unreadable for chunk in read(here) if chunk.unreadable
    ]
    with path.open("a") as file:
        file.write(ROW.format("added"))
    mark = mark_of(read(here))
    with path.open("a") as file:
        file.write(ROW.format("added-later"))
    assert values(read(in_another, mark)) == ["added-later"]


# What a row says


def test_a_sighting_has_its_ids_its_time_and_its_keys(path: Path) -> None:
    row = "2026-03-01T10:00:00Z,abC,https://x.example/?gbraid=0AAA,L-1,,\n"
    sighting = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "abC"), ClickId(ClickIdKind.GBRAID, "0AAA")),
        seen_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        keys=(Key(KeyKind.CRM, "L-1"),),
    )
    expected = ClickChunk(seen=SeenClicks.of([sighting]))
    assert seen_in(read(clicks_in(path, row))) == seen_in([expected])


def test_a_click_known_by_its_day_is_seen_when_the_companys_day_starts(path: Path) -> None:
    seen = read(clicks_in(path, "2026-03-01,abC,,,,\n"))[0].seen
    assert seen.seen_at == [datetime(2026, 2, 28, 23, tzinfo=UTC)]
    assert seen.are_whole_days == [True]


def test_a_row_without_a_click_id_is_no_sighting_and_no_problem(path: Path) -> None:
    chunks = read(clicks_in(path, "2026-03-01T10:00:00Z,,https://x.example/,L-1,,\n"))
    assert (seen_in(chunks), [chunk.unreadable for chunk in chunks if chunk.unreadable]) == ([], [])


def test_an_id_that_stands_in_its_column_and_in_the_url_is_seen_once(path: Path) -> None:
    row = "2026-03-01T10:00:00Z,abC:G:s,https://x.example/?gclid=abC&wbraid=w,,,\n"
    assert sorted(values(read(clicks_in(path, row)))) == ["abC", "w"]


@pytest.mark.parametrize("first", ["abC", '"abC"'], ids=["by columns", "row by row"])
def test_the_time_of_a_direct_visit_is_no_clicks(path: Path, first: str) -> None:
    rows = (
        f"2026-03-01T10:00:00Z,{first},,False,,\n"
        "2026-03-01T18:00:00Z,abC,,True,,\n"
        "2026-03-01T09:00:00Z,xyZ,,TRUE,,\n"
        "2026-03-01T12:00:00Z,xyZ,,,,\n"
        "2026-03-01T12:00:00Z,late,,perhaps,,\n"
    )
    chunks = read(clicks_in(path, rows, VISITS))
    times = {
        seen for chunk in chunks for seen in zip(chunk.seen.values, chunk.seen.seen_at, strict=True)
    }
    at_ten, at_noon = (datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (10, 12))
    assert times == {("abC", at_ten), ("abC", None), ("xyZ", None), ("xyZ", at_noon)}
    (refused,) = unreadable(chunks)
    assert refused.problem.startswith("column 'lead' does not say whether a visit was direct")


@pytest.mark.parametrize("logged", ["2026-03-01T10:00:00Z", "2026-01-02T10:00:00Z", ""])
def test_a_click_is_read_however_old_it_is_and_whenever_it_was_logged(
    path: Path, logged: str
) -> None:
    row = f"2026-01-01T10:00:00Z,abC,,,,{logged}\n"
    assert values(read(clicks_in(path, row, LOGGED))) == ["abC"]


def test_a_log_that_does_not_say_when_it_was_written_is_read_whole(path: Path) -> None:
    assert values(read(clicks_in(path, "2026-01-01T10:00:00Z,abC,,,,\n"))) == ["abC"]


def test_a_click_log_may_grow_while_it_is_read(path: Path) -> None:
    source = clicks_in(path, "".join(map(ROW.format, range(10, 20))), block_size=40)
    chunks = source.read(WINDOW)
    first = next(chunks)
    with path.open("a") as log:
        log.write(ROW.format("xyZ"))
    assert set(values([first, *chunks])) >= set(map(str, range(10, 20)))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        pytest.param("utf-8", HEADER.encode("utf-8-sig") + b"2026-03-01,\xc3\xa9,,,,\n", id="BOM"),
        pytest.param("cp1252", HEADER.encode() + b"2026-03-01,\xe9,,,,\r\n", id="one byte each"),
        pytest.param("utf-16", (HEADER + "2026-03-01,é,,,,\n").encode("utf-16"), id="two bytes"),
        pytest.param(
            "utf-8", (HEADER + "2026-03-01,é,,,,\n").replace("\n", "\r").encode(), id="CR alone"
        ),
    ],
)
def test_declared_encodings_and_line_breaks_are_read(
    path: Path, encoding: str, content: bytes
) -> None:
    assert values(read(clicks_in(path, content, form=FileForm(encoding=encoding)))) == ["é"]


def test_a_file_without_a_mapped_column_is_refused(path: Path) -> None:
    with pytest.raises(OperatorError, match="column 'gclid' is missing"):
        read(clicks_in(path, b"at,url,lead,email,logged\n"))


# By columns and row by row

TIMES = (
    "2026-03-01T10:00:00Z",
    "2026-03-01 10:00",
    "2026-03-01T10:00:00.5+02:00",
    "2026-03-01",
    "",
    "none",
    "1772359200",
    "last week",
)
IDS = (
    *("", "a", "b", " c ", "None", "x:G:s", "é", "GCL.1772359200.a", "undefined", "'a", "a b"),
    *("{gclid}", "gclid=b&gad_source=1", "jane@x.eu", "/?wbraid=w"),
)
URLS = (
    *("", "https://x/?gclid=a&gbraid=g#wbraid=w", "/?GCLID=b", "/none", "/?gclid=null"),
    *("/?gclid=GCL.1772359200.b", "/?gclid=a%00", "/?u=https%3A%2F%2Fx%2F%3Fgclid%3Da"),
)
KEYS = ("", "L-1", "AT", "none", "1;2", "5.00E+17", "zcrm_1", "Erika Muster", "true", "No")
CELLS_OF = {
    "at": st.sampled_from(TIMES),
    "gclid": st.sampled_from(IDS),
    "url": st.sampled_from(URLS),
    "lead": st.sampled_from(KEYS),
    "email": st.sampled_from(["", "a@b.co", "A@b.co; c@d.eu", "+49 89 636 48018", "089 63648018"]),
    "logged": st.sampled_from([*TIMES, "2026-02-01", "2027-01-01"]),
}
ROWS = st.tuples(*CELLS_OF.values()).map(",".join)
LINES = st.one_of(
    ROWS,
    ROWS,
    ROWS,
    ROWS.map(lambda row: f"{row}\r"),
    st.sampled_from(
        ['2026-03-01,"a,"",\nb",,,,', '2026-03-01,"open,,,,', "", ",,,,,", "1,2", "\0,a,,,,"]
    ),
    ROWS.map(lambda row: f"{row},"),
    ROWS.map(lambda row: f"{row},more"),
    ROWS.map(lambda row: f"\udcff{row}"),
)


@given(
    lines=st.lists(LINES, max_size=12),
    end=st.sampled_from(["", "\n"]),
    columns=st.sampled_from([COLUMNS, LOGGED, EVERY_KEY, VISITS]),
    block_size=st.sampled_from([1, 60, 150, 10_000]),
)
def test_blocks_and_columns_find_what_is_found_row_by_row(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    end: str,
    columns: ClickColumns,
    block_size: int,
) -> None:
    content = (HEADER + "\n".join(lines) + end).encode("utf-8", "surrogateescape")
    path = tmp_path_factory.mktemp("clicks") / "clicks.csv"
    by_blocks = read(clicks_in(path, content, columns, block_size=block_size))
    with opened_csv(path, FileForm()) as file:
        rows = SightingRows(columns, CELLS, file.header)
        ever = replace(WINDOW, since=datetime(1970, 1, 1, tzinfo=UTC))
        one_by_one = list(chunks_of(rows.logged(file.rows(), ever)))
    assert seen_in(by_blocks) == seen_in(one_by_one)
    assert unreadable(by_blocks) == unreadable(one_by_one)


def unreadable(chunks: Sequence[ClickChunk]) -> list[Quarantined]:
    return [each for chunk in chunks for each in chunk.unreadable]


# How far a file has been read


def a_day_later() -> datetime:
    """Return a time at which what a test has written counts as written long ago."""
    return datetime.now(UTC) + timedelta(days=1)


def marked(path: Path, rows: str = ROW.format("one"), **how: Any) -> tuple[CsvClicks, FileMark]:
    """Return a log that has been read, a day after it was written, and how far that was."""
    source = clicks_in(path, rows, clock=a_day_later, **how)
    return source, mark_of(read(source))


def test_a_file_that_stands_as_it_did_is_not_read_again(path: Path) -> None:
    source, mark = marked(path)
    assert read(source, mark) == [ClickChunk(passed_over=2)]


def test_stamps_are_not_believed_where_a_file_was_written_a_moment_ago(path: Path) -> None:
    source = replace(clicks_in(path, ROW.format("one")), clock=system_clock)
    mark = mark_of(read(source))
    assert mark.status is None
    status = path.stat()
    path.write_text(HEADER + ROW.format("two"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert values(read(source, mark)) == ["two"]


def test_a_file_that_was_touched_is_known_by_its_content(path: Path) -> None:
    source, mark = marked(path)
    os.utime(path, (0, 0))
    chunks = read(source, mark)
    assert (values(chunks), sum(chunk.passed_over for chunk in chunks)) == ([], 2)
    assert read(source, mark_of(chunks)) == [ClickChunk(passed_over=2)]


def test_a_file_that_grew_is_read_from_where_it_ended(path: Path) -> None:
    source, mark = marked(path)
    with path.open("a") as log:
        log.write(ROW.format("two") + "bad time,three,,,,\n")
    chunks = read(source, mark)
    assert values(chunks) == ["two"]
    assert [each.place for each in unreadable(chunks)] == ["clicks.csv:4"]
    assert mark_of(chunks).lines == 4


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEADER + ROW.format("uno") + ROW.format("two"), id="edited"),
        pytest.param(HEADER.replace("lead", "more,lead") + ROW.format("a,"), id="another header"),
        pytest.param(HEADER, id="cut off"),
    ],
)
def test_a_file_that_is_another_before_the_mark_is_read_whole(path: Path, content: str) -> None:
    source, mark = marked(path)
    path.write_text(content)
    chunks = read(source, mark)
    assert seen_in(chunks) == seen_in(list(source.read(WINDOW)))
    assert mark_of(chunks).digest != mark.digest
    assert not any(chunk.passed_over for chunk in chunks)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"columns": replace(COLUMNS, visitors=("lead",))}, id="mapping"),
        pytest.param({"cells": replace(CELLS, time_zone=ZoneInfo("UTC"))}, id="time zone"),
        pytest.param({"cells": replace(CELLS, date_formats=("%d.%m.%Y",))}, id="date formats"),
        pytest.param({"cells": replace(CELLS, blank_words=frozenset())}, id="blank words"),
        pytest.param({"cells": replace(CELLS, phone_region="AT")}, id="country"),
        pytest.param({"form": FileForm(encoding="latin-1")}, id="encoding"),
    ],
)
def test_a_file_whose_rows_would_read_otherwise_is_read_whole(
    path: Path, changes: dict[str, Any]
) -> None:
    source, mark = marked(path)
    assert values(read(replace(source, **changes), mark)) == ["one"]


def test_a_last_line_without_its_end_is_read_again_when_it_has_grown(path: Path) -> None:
    source, mark = marked(path, ROW.format("one") + "2026-03-01T10:00:00Z,tw")
    with path.open("a") as log:
        log.write("o,,,,\n")
    assert values(read(source, mark)) == ["two"]


def test_a_quoted_cell_that_is_not_yet_closed_is_read_again_when_it_is(path: Path) -> None:
    source, mark = marked(path, ROW.format("one") + '2026-03-01T10:00:00Z,two,"/a\n', block_size=1)
    with path.open("a") as log:
        log.write('b",,,\n')
    assert values(read(source, mark)) == ["two"]


def test_rows_logged_after_the_window_are_read_when_it_has_come_to_them(path: Path) -> None:
    late = f"2026-03-01T10:00:00Z,late,,,,{WINDOW.until.isoformat()}\n"
    now = "2026-03-01T10:00:00Z,now,,,,2026-03-01T10:00:00Z\n"
    source, mark = marked(path, now + late + now, columns=LOGGED, block_size=1)
    later = Period(since=WINDOW.since, until=WINDOW.until + timedelta(days=1))
    assert "late" in values(list(source.read_on(later, mark)))


def test_a_row_that_is_appended_under_an_old_stamp_is_read(path: Path) -> None:
    source, mark = marked(path, columns=LOGGED)
    with path.open("a") as log:
        log.write("2026-03-01T10:00:00Z,late,,,,2026-01-01T10:00:00Z\n")
    assert values(list(source.read_on(WINDOW, mark))) == ["late"]
