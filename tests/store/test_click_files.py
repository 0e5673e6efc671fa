"""Click logs in the store: read on or read whole, the same clicks are found."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from convsync import pipeline
from convsync.clock import frozen_clock
from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.mapping import CellFormat, ClickColumns
from convsync.store import quarantine
from convsync.store.clicks import Stored
from convsync.store.database import Database
from convsync.store.schema import click_keys, clicks
from tests.builders import NOW
from tests.store.conftest import Kind, text_of
from tests.store.machine import Machine

COLUMNS = ClickColumns(clicked_at="at", gclid="gclid", visitors=("visitor",))
CELLS = CellFormat(time_zone=ZoneInfo("Europe/Berlin"))
HEADER = "at,gclid,visitor\n"


def log_at(path: Path) -> CsvClicks:
    later = frozen_clock(datetime.now(UTC) + timedelta(days=1))
    return CsvClicks(
        name="site", path=path, columns=COLUMNS, cells=CELLS, block_size=50, clock=later
    )


def imported(database: Database, path: Path, *, again: bool = False) -> Stored:
    services = Machine(database).services(NOW, NOW)
    return pipeline.import_clicks(services, log_at(path), again=again)


def content(database: Database) -> tuple[set[object], set[object], list[str]]:
    """Return every click with its time, every key with its click ID, and what is quarantined."""
    own = clicks.c.kind, clicks.c.value
    with database.reading() as connection:
        found = select(*own, clicks.c.clicked_at, clicks.c.is_whole_day)
        keyed = select(*own, click_keys.c.key).join(click_keys, click_keys.c.click == clicks.c.id)
        return (
            set(map(tuple, connection.execute(found))),
            set(map(tuple, connection.execute(keyed))),
            [entry["place"] for entry in quarantine.entries(connection)],
        )


ROW = st.builds(
    "{},{},{}{}".format,
    st.sampled_from(["2026-02-01T10:00:00Z", "2026-02-03T10:00:00Z", "2026-02-02", "", "never"]),
    st.sampled_from(["a", "b", "c", "d", '"e"', '"f,"', '"g\n"', '"h', ""]),
    st.sampled_from(["", "v1", "v2"]),
    st.sampled_from(["\n", "\n", "\n", "\r\n", ""]),
)
ROWS = st.lists(ROW, max_size=6).map("".join)
Change = Callable[[str], str]
CHANGES: st.SearchStrategy[Change] = st.one_of(
    ROWS.map(lambda rows: lambda text: text + rows),
    ROWS.map(lambda rows: lambda _text: HEADER + rows),
    st.integers(0, 200).map(lambda end: lambda text: text[: max(end, len(HEADER))]),
    st.sampled_from([("a", "b"), ("v1", "v2"), ("-01", "-02"), ("z", "Z")]).map(
        lambda pair: lambda text: HEADER + text[len(HEADER) :].replace(*pair)
    ),
    st.just(lambda text: text),
)


@pytest.mark.long
@settings(max_examples=12, deadline=None)
@given(changes=st.lists(CHANGES, min_size=1, max_size=5))
def test_a_log_read_on_leaves_what_reading_it_whole_each_time_leaves(
    kind: Kind, tmp_path_factory: pytest.TempPathFactory, changes: list[Change]
) -> None:
    path = tmp_path_factory.mktemp("log") / "clicks.csv"
    text = HEADER
    with a_database(kind) as read_on, a_database(kind) as read_whole:
        for change in changes:
            text = change(text)
            path.write_text(text, newline="")
            imported(read_on, path)
            imported(read_whole, path, again=True)
            assert content(read_on) == content(read_whole)


def test_a_last_row_that_was_cut_off_leaves_the_quarantine_once_the_rest_of_it_is_there(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(f"{HEADER}never,e,\n2026-02-01T10:00:00Z,b")
    imported(database, path)
    assert content(database)[2] == ["clicks.csv:2", "clicks.csv:3"]
    path.write_text(f"{path.read_text()},v1\n")
    assert imported(database, path).passed_over == 2
    found, _, quarantined = content(database)
    assert len(found) == 1
    assert quarantined == ["clicks.csv:2"]


@contextmanager
def a_database(kind: Kind) -> Iterator[Database]:
    url = kind.migrated()
    with closing(Database(text_of(url))) as database:
        yield database
    kind.drop(url)


def test_of_an_export_of_sessions_each_id_gets_its_first_time_and_no_direct_visits(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.csv"
    path.write_text(
        "session,id,direct\n"
        "2026-02-01T12:00:00Z,came-back,true\n"
        "2026-02-01T10:00:00Z,came-back,\n"
        "2026-02-03T10:00:00Z,came-twice,\n"
        "2026-02-02T10:00:00Z,came-twice,\n"
        "2026-02-09T10:00:00Z,only-direct,true\n"
    )
    columns = ClickColumns(clicked_at="session", gclid="id", direct_visit="direct")
    services = Machine(database).services(NOW, NOW)
    pipeline.import_clicks(services, replace(log_at(path), columns=columns))
    with database.reading() as connection:
        times = dict(map(tuple, connection.execute(select(clicks.c.value, clicks.c.clicked_at))))
    assert times == {
        "came-back": datetime(2026, 2, 1, 10, tzinfo=UTC),
        "came-twice": datetime(2026, 2, 2, 10, tzinfo=UTC),
        "only-direct": None,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.csv"
    path.write_text(HEADER + "2026-02-01,a,v1\n2026-02-02,b,v1\nnever,c,v1\n")
    return path


def test_an_unchanged_log_is_passed_over_and_its_quarantine_stays(
    database: Database, path: Path
) -> None:
    assert imported(database, path) == Stored(new=2, unreadable=1)
    before = content(database)
    assert imported(database, path) == Stored(passed_over=4)
    assert content(database) == before
    assert before[2] == ["clicks.csv:4"]


def test_a_log_that_grew_gives_what_is_new(database: Database, path: Path) -> None:
    imported(database, path)
    with path.open("a") as log:
        log.write("2026-01-31,a,v2\n2026-02-02,b,v1\n2026-02-02,d,v1\n")
    assert imported(database, path) == Stored(new=1, earlier=1, known=1, passed_over=4)


def test_a_log_is_read_whole_where_that_is_asked_for(database: Database, path: Path) -> None:
    imported(database, path)
    assert imported(database, path, again=True) == Stored(known=2, unreadable=1)
    assert imported(database, path) == Stored(passed_over=4)


def test_a_mark_of_one_file_says_nothing_of_another(database: Database, path: Path) -> None:
    imported(database, path)
    other = path.with_name("other.csv")
    other.write_bytes(path.read_bytes())
    assert imported(database, other) == Stored(known=2, unreadable=1)
