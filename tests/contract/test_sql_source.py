"""SqlDeals and SqlClicks: the suite of every source, and what is peculiar to databases."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from convsync.errors import OperatorError, TransientError
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader, text_of
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns
from convsync.extract.source import Quarantined
from convsync.extract.sql import SqlClicks, SqlDeals
from convsync.model.click import ClickIdKind
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from tests.contract.table_suite import (
    CELLS,
    COLUMNS,
    HEADER,
    WINDOW,
    Rows,
    TableSourceContract,
    a_row,
    deals_of,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crm.sqlite"


def filled(path: Path, rows: Rows) -> str:
    """Put rows into a new table `deals` and return the database's URL."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE IF EXISTS deals")
        database.execute("CREATE TABLE deals ({})".format(", ".join(f'"{n}"' for n in HEADER)))
        marks = ", ".join("?" * len(HEADER))
        database.executemany(
            f"INSERT INTO deals VALUES ({marks})", [tuple(row.values()) for row in rows]
        )
    database.close()
    return f"sqlite:///{path}"


class TestSqlDeals(TableSourceContract):
    @pytest.fixture(autouse=True)
    def _in(self, path: Path) -> None:
        self.path = path

    def make(
        self,
        rows: Rows,
        *,
        columns: DealColumns = COLUMNS,
        cells: CellFormat = CELLS,
        is_complete: bool = False,
    ) -> SqlDeals:
        return SqlDeals(
            name="crm",
            url=filled(self.path, rows),
            query="deals",
            columns=columns,
            cells=cells,
            is_complete=is_complete,
        )


class TestSqlDealsByWindow(TestSqlDeals):
    """The same promises where the query leaves the window to the database."""

    def make(
        self,
        rows: Rows,
        *,
        columns: DealColumns = COLUMNS,
        cells: CellFormat = CELLS,
        is_complete: bool = False,
    ) -> SqlDeals:
        source = super().make(rows, columns=columns, cells=cells, is_complete=is_complete)
        source.query = (
            'SELECT * FROM deals WHERE "Modified" IS NULL OR "Modified" NOT LIKE \'2%\''
            ' OR ("Modified" >= :since AND "Modified" < :until)'
        )
        return source


def a_source(url: str, query: str = "deals") -> SqlDeals:
    return SqlDeals(name="crm", url=url, query=query, columns=COLUMNS, cells=CELLS)


def test_the_query_spares_the_database_what_lies_far_outside_the_window(path: Path) -> None:
    source = a_source(
        filled(path, [a_row(Deal="Old", Amount="?", Modified="2020-01-01T00:00:00Z"), a_row()]),
        'SELECT * FROM deals WHERE "Modified" >= :since',
    )
    assert len(deals_of(source)) == 1


def test_numbers_and_nulls_arrive_typed(path: Path) -> None:
    row = a_row(Deal=12345, Amount=0.1, Created=1_700_000_000, Phone=4915112345678, Deleted=0)
    (deal,) = deals_of(a_source(filled(path, [row])))
    assert (deal.deal_id, deal.amount) == ("12345", Decimal("0.1"))
    assert deal.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_row_is_quarantined_under_its_number_and_id(path: Path) -> None:
    _, bad = a_source(filled(path, [a_row(), a_row(Deal="X", Amount=b"12")])).read_changed(WINDOW)
    assert isinstance(bad, Quarantined)
    assert (bad.place, bad.deal_id) == ("crm row 2", "X")
    assert "bytes" in bad.problem


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(NOON.replace(tzinfo=None), NOON - timedelta(hours=1), id="naive"),
        pytest.param(NOON, NOON, id="aware"),
        pytest.param(date(2026, 3, 1), date(2026, 3, 1), id="date"),
        pytest.param(None, None, id="null"),
    ],
)
def test_typed_times_are_read_as_they_are(cell: object, expected: object) -> None:
    assert CellReader(CELLS).moment(cell) == expected


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (time(10, 30), "only a time of day"),
        (timedelta(hours=10), "only a time of day"),
        ([NOON], "a list where a time should be"),
        (datetime(9999, 12, 31), "blank_words"),  # noqa: DTZ001
    ],
)
def test_a_value_that_is_not_a_time_is_reported_by_its_type(cell: object, problem: str) -> None:
    with pytest.raises(CellError, match=problem):
        CellReader(CELLS).moment(cell)


def test_a_typed_time_may_be_declared_blank() -> None:
    never = datetime(9999, 12, 31)  # noqa: DTZ001
    cells = CellReader(replace(CELLS, blank_words=frozenset({"9999-12-31 00:00:00"})))
    assert cells.moment(never) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(True, "true"), (7.0, "7"), (7.5, "7.5"), (Decimal("7.00"), "7"), (10**18, "1" + "0" * 18)],
)
def test_typed_values_read_as_their_text(cell: object, expected: str) -> None:
    assert text_of(cell) == expected


@pytest.mark.parametrize("cell", [b"x", [1], {"a": 1}])
def test_a_value_that_has_no_text_is_a_problem(cell: object) -> None:
    with pytest.raises(CellError, match="cast it to text"):
        text_of(cell)


@pytest.mark.parametrize(
    ("url", "query", "says"),
    [
        pytest.param("sqlite:///{path}", "SELECT * FROM daels", "no such table", id="no table"),
        pytest.param("sqlite:///{path}", "SELEKT 1", "syntax error", id="no SQL"),
        pytest.param("sqlite:///{path}", "SELECT :from", ":since and :until", id="unknown bind"),
        pytest.param("sqlite:///{path}.no", "deals", "no database file", id="no file"),
        pytest.param("not a url", "deals", "not a database URL", id="no URL"),
        pytest.param("oracle+nodriver://u:s3cret@h/d", "deals", "not installed", id="no driver"),
        pytest.param(
            "postgresql+psycopg://u:s3cret@127.0.0.1:1/d?connect_timeout=2",
            "deals",
            "127.0.0.1",
            id="nobody answers",
        ),
    ],
)
def test_a_wrong_set_up_stops_with_the_fix_and_without_the_password(
    path: Path, url: str, query: str, says: str
) -> None:
    filled(path, [])
    with pytest.raises(OperatorError) as stopped:
        a_source(url.format(path=path), query).check_columns()
    assert says in str(stopped.value)
    assert "s3cret" not in str(stopped.value) + repr(a_source(url))


@pytest.fixture
def locked(path: Path) -> Iterator[str]:
    url = filled(path, [a_row()])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    yield url + "?timeout=0"
    holder.close()


def test_a_locked_database_is_tried_again_later(locked: str) -> None:
    with pytest.raises(TransientError, match="locked"):
        list(a_source(locked).read_changed(WINDOW))


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_column_that_a_join_brings_twice_is_never_taken_from_either(
    path: Path, tmp_path: Path, kind: str
) -> None:
    url = filled(path, [a_row()])
    stamp = {"sqlite": '"Modified"', "duckdb": 'CAST("Modified" AS TIMESTAMP)'}[kind]
    query = f'SELECT deals.*, 7 AS "Amount" FROM deals WHERE {stamp} >= :since'
    if kind == "duckdb":
        url = f"duckdb:///{tmp_path / 'crm.duckdb'}"
        with duckdb.connect(str(tmp_path / "crm.duckdb")) as database:
            columns = ", ".join(f"'{cell}' AS \"{name}\"" for name, cell in a_row().items())
            database.execute(f"CREATE TABLE deals AS SELECT {columns}")
    for read in (SqlDeals.read_changed, SqlDeals.read_period):
        with pytest.raises(OperatorError, match="column 'Amount' is there twice"):
            list(read(a_source(url, query), WINDOW))


def test_a_colon_that_is_no_bind_stays(path: Path) -> None:
    query = "SELECT *, '12:30' AS at, \"Deal #\" || '\\:x' FROM deals"
    assert len(deals_of(a_source(filled(path, [a_row()]), query))) == 1


def test_clicks_are_read_from_a_query(path: Path) -> None:
    columns = ClickColumns(clicked_at="Modified", gclid="GCLID", visitors=("Visitor",))
    source = SqlClicks(
        name="clicks",
        url=filled(path, [a_row(GCLID="abC", Visitor="v1"), a_row(GCLID=None)]),
        query='SELECT * FROM deals WHERE "Modified" < :until',
        columns=columns,
        cells=CELLS,
    )
    source.check_columns()
    (chunk,) = source.read(WINDOW)
    assert chunk.seen.values == ["abC"]
    visitor = Key(KeyKind.VISITOR, "v1").digest()
    assert chunk.seen.keys == [(visitor, 0)]


@pytest.mark.parametrize("kind", ClickIdKind)
def test_the_click_ids_of_every_network_are_read_from_a_table(
    path: Path, kind: ClickIdKind
) -> None:
    one_id: dict[str, Any] = {kind.value: "GCLID"}
    source = SqlClicks(
        name="clicks",
        url=filled(path, [a_row(GCLID="abC")]),
        query="deals",
        columns=ClickColumns(clicked_at="Modified", **one_id),
        cells=CELLS,
    )
    source.check_columns()
    (chunk,) = source.read(WINDOW)
    assert (chunk.seen.values, chunk.unreadable) == (["abC"], [])


def test_rows_are_streamed(path: Path) -> None:
    records = a_source(filled(path, [a_row(Deal=str(n)) for n in range(3_000)])).read_changed(
        WINDOW
    )
    assert isinstance(next(records), Deal)
    assert sum(1 for _ in records) == 2_999
