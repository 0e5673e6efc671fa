"""What the SQL source makes of each database's own types, on the real thing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from convsync.errors import OperatorError, TransientError
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, MilestoneColumn
from convsync.extract.several_rows import RowsPerDeal
from convsync.extract.source import Quarantined
from convsync.extract.sql import SqlClicks, SqlDeals
from convsync.model.consent import ConsentStatus
from convsync.model.deal import Deal, Milestone
from convsync.model.period import Period
from convsync.profile.counting import profile_of
from convsync.settings import load_settings
from convsync.wiring.tables import deal_source
from tests.contract import table_suite
from tests.contract.table_suite import COLUMNS, HEADER, Rows, TableSourceContract
from tests.fakes.databases import DATABASES, RealDatabase, duckdb

NEW_YORK = ZoneInfo("America/New_York")
CELLS = CellFormat(
    time_zone=NEW_YORK,
    granted_words=frozenset({"true"}),
    denied_words=frozenset({"false"}),
)
WON = DealColumns(deal_id="id", milestones={"won": MilestoneColumn(column="won_at")})
FIRST = Period(since=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(2026, 3, 2, tzinfo=UTC))
NIGHT = Period(since=datetime(2026, 3, 1, tzinfo=UTC), until=datetime(2026, 3, 2, tzinfo=UTC))


@pytest.fixture(scope="module", params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[RealDatabase]:
    with DATABASES[request.param]() as database:
        yield database


def a_source(database: RealDatabase, query: str = "deals", **changes: object) -> SqlDeals:
    known = {"name": "crm", "url": database.url, "query": query, "columns": WON, "cells": CELLS}
    return SqlDeals(**{**known, **changes})  # type: ignore[arg-type]


def read(source: SqlDeals, window: Period = FIRST) -> dict[str, Deal | None]:
    """Return what was read by ID, None for a deal whose row is in quarantine."""
    return {
        str(one.deal_id): one if isinstance(one, Deal) else None
        for one in source.read_changed(window)
        if isinstance(one, Deal | Quarantined)
    }


@pytest.mark.long
def test_a_boolean_means_itself(database: RealDatabase) -> None:
    columns = [("id", "INTEGER"), ("won_at", database.timestamp), ("may", "BOOLEAN")]
    database.fill("deals", columns, "1, NULL, TRUE", "2, NULL, FALSE", "3, NULL, NULL")
    mapping = DealColumns(
        deal_id="id",
        milestones={"won": MilestoneColumn(column="won_at", when={"may": frozenset({"true"})})},
        ad_user_data="may",
        deleted="may",
    )
    deals = read(a_source(database, columns=mapping))
    consents = [deal.consent.ad_user_data for deal in deals.values() if deal]
    assert consents == [
        ConsentStatus.GRANTED,
        ConsentStatus.DENIED,
        ConsentStatus.UNSPECIFIED,
    ]


def test_an_instant_is_what_it_is_and_a_bare_time_is_the_columns_zones(
    database: RealDatabase,
) -> None:
    if database.kind == "sqlite":
        pytest.skip("SQLite has no type that is an instant")
    instant = "2026-02-01 12:00:00" + ("" if database.kind == "mariadb" else "-05")
    database.fill(
        "deals",
        [("id", "INTEGER"), ("won_at", database.instant), ("created", database.timestamp),
         ("changed", database.timestamp)],
        f"1, '{instant}', '2026-02-01 12:00:00', '2026-02-01 12:00:00'",
    )  # fmt: skip
    mapping = DealColumns(
        deal_id="id",
        created_at="created",
        modified_at="changed",
        milestones={"won": MilestoneColumn(column="won_at")},
    )
    source = a_source(database, columns=mapping, time_zones={"changed": ZoneInfo("Asia/Tokyo")})
    (deal,) = read(source).values()
    assert deal
    noon_behind = datetime(2026, 2, 1, 17, tzinfo=UTC)
    assert deal.milestones == (Milestone("won", noon_behind),)
    assert deal.created_at == noon_behind, "New York's noon, the company's"
    assert deal.modified_at == datetime(2026, 2, 1, 3, tzinfo=UTC), "Tokyo's noon, the column's"


@pytest.mark.parametrize(
    ("query", "is_complete"),
    [
        pytest.param("deals", False, id="table"),
        pytest.param("deals", True, id="every row"),
        pytest.param("SELECT * FROM deals WHERE changed >= :since", False, id="window"),
        pytest.param(
            "SELECT deals.*, 1 AS one, 1 AS one FROM deals WHERE changed >= :since",
            False,
            id="columns of one name",
        ),
    ],
)
def test_every_row_of_a_deal_is_read_though_one_has_changed(
    database: RealDatabase, query: str, is_complete: bool
) -> None:
    columns = [("id", "VARCHAR(9)"), ("won_at", database.timestamp),
               ("changed", database.timestamp), ("amount", "INTEGER")]  # fmt: skip
    before, inside = "'2020-02-01 12:00:00'", "'2026-03-01 12:00:00'"
    database.fill(
        "deals",
        columns,
        *(f"'D', '2020-02-01', {at}, {amount}" for at, amount in [(before, 30), (inside, 1250)]),
        f"'E', '2020-02-01', {before}, 7",
        f"'d', '2020-02-01', {inside}, 8",
    )
    mapping = DealColumns(
        deal_id="id",
        modified_at="changed",
        amount="amount",
        milestones={"won": MilestoneColumn(column="won_at")},
    )
    source = a_source(database, query, columns=mapping, is_complete=is_complete)
    source.rows_per_deal = RowsPerDeal.SUM
    amounts = {deal_id: deal and deal.amount for deal_id, deal in read(source, NIGHT).items()}
    assert amounts.pop("E", 7) == 7
    assert amounts == {"D": 1280, "d": 8}


BAD_TIMES = {
    "postgresql": ["'infinity'", "'-infinity'", "'0044-03-15 12:00:00 BC'", "'12026-01-01'"],
    "duckdb": ["'infinity'", "'-infinity'", "'0044-03-15 (BC) 12:00:00'", "'12026-01-01'"],
    "mariadb": ["'0000-00-00 00:00:00'", "'2026-00-00 00:00:00'", "'2026-02-31 00:00:00'"],
    "sqlite": ["'infinity'", "'0000-00-00'", "'-44-03-15'", "CAST(x'ff00' AS TEXT)", "x'ff00'"],
}


def test_a_time_beyond_the_calendar_is_one_bad_row(database: RealDatabase) -> None:
    bad = BAD_TIMES[database.kind]
    good = "'2026-02-01 12:00:00'"
    rows = [f"{number}, {written}" for number, written in enumerate([good, *bad, good], 1)]
    for kind in {database.timestamp, database.instant, "DATE"}:
        database.fill("deals", [("id", "INTEGER"), ("won_at", kind)], *rows)
        found = read(a_source(database))
        assert len(found) == len(rows), kind
        assert [deal_id for deal_id, deal in found.items() if deal] == ["1", str(len(rows))], kind


def test_bytes_where_text_was_due_are_one_bad_row(database: RealDatabase) -> None:
    kind, written = {
        "postgresql": ("BYTEA", "'\\x6162'"),
        "duckdb": ("BLOB", "'ab'"),
    }.get(database.kind, ("BLOB", "x'6162'"))
    columns = [("id", "INTEGER"), ("won_at", database.timestamp), ("gclid", kind)]
    database.fill("deals", columns, f"1, NULL, {written}", "2, NULL, NULL")
    mapping = DealColumns(deal_id="id", milestones=WON.milestones, gclid="gclid")
    found = read(a_source(database, columns=mapping))
    assert {deal_id: deal is not None for deal_id, deal in found.items()} == {"1": False, "2": True}


@pytest.mark.parametrize("table", ["order", "Deal table", "deals:2026", "100% of deals", "a.b"])
def test_a_tables_name_may_be_quoted_or_a_reserved_word(database: RealDatabase, table: str) -> None:
    columns = [("id", "INTEGER"), ("won_at", database.timestamp), ("Amount in %:", "INTEGER")]
    database.fill(table, columns, "1, '2026-02-01 12:00:00', 5")
    mapping = DealColumns(deal_id="id", milestones=WON.milestones, amount="Amount in %:")
    written = [f'"{table}"', f"`{table}`", f"[{table}]", *(["order"] if table == "order" else [])]
    for query in written:
        (deal,) = read(a_source(database, query, columns=mapping)).values()
        assert deal
        assert deal.amount == 5


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE deals",
        "DELETE FROM deals",
        "UPDATE deals SET won_at = NULL",
        "INSERT INTO deals VALUES (2, NULL)",
        "SELECT * FROM deals; DROP TABLE deals",
    ],
)
def test_a_query_that_would_change_something_is_refused(database: RealDatabase, query: str) -> None:
    database.fill("deals", [("id", "INTEGER"), ("won_at", database.timestamp)], "1, NULL")
    with pytest.raises(OperatorError):
        read(a_source(database, query))
    assert list(read(a_source(database))) == ["1"]


def test_only_the_mapped_columns_of_a_table_are_read() -> None:
    with duckdb() as database:
        database.fill("deals", [("id", "INTEGER"), ("won_at", "TIMESTAMP")], "1, NULL")
        database.run("CREATE VIEW v AS SELECT *, error('it was read') AS note FROM deals")
        assert list(read(a_source(database, "v"))) == ["1"]


def test_a_query_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "deals.sql"
    with duckdb() as database:
        database.fill("deals", [("id", "INTEGER"), ("won_at", "TIMESTAMP")], "1, NULL")
        file.write_text("\ufeff-- all\nSELECT * FROM deals;\n", encoding="utf-8")
        assert list(read(a_source(database, str(file)))) == ["1"]
        with pytest.raises(OperatorError, match=r"the file .*no\.sql, which cannot be read"):
            read(a_source(database, str(tmp_path / "no.sql")))


def dated(database: RealDatabase, count: int) -> None:
    """Make deals that were won on one day after the other, up to the night."""
    begun = datetime(2026, 3, 1, 12) - timedelta(days=count - 1)  # noqa: DTZ001
    rows = [f"{day}, '{begun + timedelta(days=day)}'" for day in range(count)]
    database.fill("deals", [("id", "INTEGER"), ("won_at", database.timestamp)], *rows)


@pytest.mark.parametrize("query", ["deals", "SELECT * FROM deals -- all", "SELECT * FROM deals;"])
def test_a_backfill_asks_for_its_period_alone_where_times_are_times(
    database: RealDatabase, query: str
) -> None:
    dated(database, 40)
    if database.kind != "sqlite":
        bad = "'infinity'" if database.kind in {"duckdb", "postgresql"} else "'0000-00-00'"
        database.run(f"INSERT INTO deals VALUES (99, {bad})")
    source = a_source(database, query)
    found = list(source.read_period(NIGHT))
    assert [one.deal_id for one in found if isinstance(one, Deal)] == ["39"]
    has_read_all = any(isinstance(one, Quarantined) for one in found)
    assert not has_read_all, "the row far outside was not even handed over"


WINDOWED = "SELECT * FROM deals WHERE changed >= :since AND changed < :until"
CHANGED = DealColumns(
    deal_id="id", modified_at="changed", milestones={"won": MilestoneColumn(column="won_at")}
)


def stamped(database: RealDatabase, kind: str, *stamps: str) -> None:
    columns = [("id", "INTEGER"), ("won_at", database.timestamp), ("changed", kind)]
    rows = [f"{number}, NULL, {stamp}" for number, stamp in enumerate(stamps, 1)]
    database.fill("deals", columns, *rows)


@pytest.mark.parametrize("window", [FIRST, NIGHT], ids=["first read", "a night"])
def test_a_row_without_a_stamp_passes_every_window(database: RealDatabase, window: Period) -> None:
    stamped(database, database.timestamp, "'2026-03-01 12:00:00'", "NULL")
    assert list(read(a_source(database, WINDOWED, columns=CHANGED), window)) == ["1", "2"]


@pytest.mark.parametrize("window", [FIRST, NIGHT], ids=["first read", "a night"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM deals WHERE NOT (changed < :since)",
        "SELECT * FROM deals WHERE NOT EXISTS (SELECT 1 AS one WHERE changed < :since)",
        "SELECT *, '1:2' AS x /* :until */ FROM deals -- :since\nWHERE changed >= :since;",
    ],
    ids=["under a not", "in a subquery under a not", "colons in quotes and comments"],
)
def test_a_window_may_be_written_in_many_ways(
    database: RealDatabase, query: str, window: Period
) -> None:
    stamped(database, database.timestamp, "'2026-03-01 12:00:00'", "NULL", "'2020-03-01 12:00:00'")
    found = list(read(a_source(database, query, columns=CHANGED), window))
    assert found == ["1", "2", *(["3"] if window is FIRST else [])]


@pytest.mark.parametrize("window", [FIRST, NIGHT], ids=["first read", "a night"])
def test_a_stamp_that_stands_for_none_is_in_every_window_of_a_table(
    database: RealDatabase, window: Period
) -> None:
    stamped(database, database.timestamp, "'1900-01-01 00:00:00'", "'1970-01-01 00:00:00'")
    assert list(read(a_source(database, columns=CHANGED), window)) == ["1", "2"]


def test_a_query_that_leaves_stamps_out_that_stand_for_none_stops_the_first_run(
    database: RealDatabase,
) -> None:
    stamped(database, database.timestamp, "'1900-01-01 00:00:00'", "'2026-03-01 12:00:00'")
    with pytest.raises(OperatorError, match=r"leaves 1 of 2 rows out .* stand for none"):
        read(a_source(database, WINDOWED, columns=CHANGED))


def test_a_window_that_cannot_be_taken_away_stops_the_first_run(database: RealDatabase) -> None:
    stamped(database, database.timestamp, "'2026-03-01 12:00:00'")
    query = "SELECT * FROM deals WHERE CASE WHEN changed < :since THEN 1 ELSE 0 END = 0"
    with pytest.raises(OperatorError, match="returns nothing without its window"):
        read(a_source(database, query, columns=CHANGED))


def test_a_stamp_outside_the_calendar_does_not_stop_a_first_read(database: RealDatabase) -> None:
    bad = BAD_TIMES[database.kind][:2]
    stamped(database, database.timestamp, "'2026-03-01 12:00:00'", *bad)
    found = read(a_source(database, WINDOWED, columns=CHANGED))
    assert {deal_id: deal is not None for deal_id, deal in found.items()} == {
        "1": True,
        "2": False,
        "3": False,
    }


@pytest.mark.parametrize("kind", ["BIGINT", "text"])
def test_a_window_that_cannot_compare_the_stamps_stops_the_first_run(
    database: RealDatabase, kind: str
) -> None:
    """Epoch seconds are compared as if they were dates, or not at all."""
    is_text = kind == "text"
    stamped(
        database, database.text if is_text else kind, "'1772366400'" if is_text else "1772366400"
    )
    source = a_source(database, WINDOWED, columns=CHANGED)
    with pytest.raises(OperatorError) as stopped:
        read(source)
    assert re.search(
        "leaves 1 of 1 rows out|operator|compare|cast|answered", str(stopped.value).lower()
    )


def test_clicks_without_a_window_in_common_stop_the_first_run(database: RealDatabase) -> None:
    if database.kind in {"postgresql", "duckdb"}:
        pytest.skip("it refuses to compare them")
    database.fill("clicks", [("gclid", database.text), ("at", "BIGINT")], "'abC', 1772366400")
    source = SqlClicks(
        name="site",
        url=database.url,
        query="SELECT * FROM clicks WHERE at BETWEEN :since AND :until",
        columns=ClickColumns(gclid="gclid", logged_at="at"),
        cells=CELLS,
    )
    with pytest.raises(OperatorError, match="leaves 1 of 1 rows out of every window"):
        list(source.read(FIRST))


def literal(cell: object) -> str:
    """Return a cell as a text is written in SQL."""
    return "NULL" if cell is None else "'{}'".format(str(cell).replace("'", "''"))


class TestDuckDbDeals(TableSourceContract):
    """The promises of every source of rows, on a database whose columns have types."""

    @pytest.fixture(autouse=True)
    def _in(self) -> Iterator[None]:
        with duckdb() as self.database:
            yield

    def make(
        self,
        rows: Rows,
        *,
        columns: DealColumns = COLUMNS,
        cells: CellFormat = table_suite.CELLS,
        is_complete: bool = False,
    ) -> SqlDeals:

        import duckdb as driver

        columns_of_rows = [
            [None if row[name] is None else str(row[name]) for row in rows] for name in HEADER
        ]
        listed = ", ".join(f'unnest(?::VARCHAR[]) AS "{name}"' for name in HEADER)
        with driver.connect(self.database.url.removeprefix("duckdb:///")) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE deals AS SELECT {listed}", columns_of_rows)
        return SqlDeals(
            name="crm",
            url=self.database.url,
            query="deals",
            columns=columns,
            cells=cells,
            is_complete=is_complete,
        )


EXAMPLE = Path(__file__).parents[2] / "config" / "sql.toml"


def example(database: RealDatabase, tmp_path: Path) -> SqlDeals:
    """Return the source of deals that the example describes, on this database."""
    text = re.sub(r'(?<=\[deals\.crm\]\nkind = "sql"\n)url = ".*"', "", EXAMPLE.read_text())
    config = tmp_path / "convsync.toml"
    config.write_text(text.replace("[deals.crm]\n", f'[deals.crm]\nurl = "{database.url}"\n', 1))
    settings = load_settings(config)
    source = deal_source("crm", settings.deals["crm"], settings)  # type: ignore[arg-type]
    assert isinstance(source, SqlDeals)
    return source


def test_the_example_reads_every_deal_on_every_database(
    database: RealDatabase, tmp_path: Path
) -> None:
    at = database.timestamp
    stamp, old = "'2026-03-01 12:00:00'", "'2025-01-01 12:00:00'"
    database.fill(
        "opportunity",
        [("id", database.text), ("created_at", at), ("updated_at", at), ("amount", "DECIMAL(10,2)"),
         ("currency_iso_code", database.text), ("segment", database.text),
         ("is_deleted", "BOOLEAN")],
        f"'all', {old}, {old}, 10.50, 'USD', 'a', FALSE",
        f"'bare', {old}, {stamp}, NULL, NULL, NULL, TRUE",
        f"'never-stamped', {old}, NULL, 1, 'USD', NULL, NULL",
        f"'old', {old}, {old}, 1, 'USD', NULL, FALSE",
    )  # fmt: skip
    database.fill(
        "stage_times",
        [("opportunity_id", database.text), ("updated_at", at), ("sql_at", at), ("won_at", at),
         ("lost_at", at)],
        f"'all', {old}, {old}, {stamp}, NULL",
    )  # fmt: skip
    names = [
        "id",
        "converted_opportunity_id",
        "gclid",
        "landing_url",
        "email",
        "phone",
        "country_code",
    ]
    database.fill(
        "lead",
        [*((name, database.text) for name in names), ("consent_ads", "BOOLEAN"),
         ("updated_at", at)],
        f"'l1', 'all', 'abC', NULL, NULL, NULL, 'US', FALSE, {stamp}",
        f"'l2', NULL, 'abD', NULL, NULL, NULL, 'US', TRUE, {stamp}",
    )  # fmt: skip
    source = example(database, tmp_path)
    source.check_columns()
    assert set(read(source)) == {"all", "bare", "never-stamped", "old"}
    night = read(source, NIGHT)
    assert set(night) == {"all", "bare", "never-stamped"}
    deal = night["all"]
    assert deal
    assert (deal.amount, deal.consent.ad_user_data) == (Decimal("10.5"), ConsentStatus.DENIED)
    with source.looked_at() as looked_at:
        profile = profile_of(looked_at)
    assert (profile.records, profile.deals, profile.left_out) == (4, 4, 0)
    (won_at,) = (one for one in profile.columns if one.column.name == "won_at")
    assert won_at.sample
    assert won_at.sample.read == "2026-03-01 17:00:00 UTC"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_connection_that_is_killed_is_tried_again_later(kind: str) -> None:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database()"
    )
    with DATABASES[kind]() as database:
        dated(database, 1)
        for doubled in range(16):  # more than the driver has read ahead
            database.run(f"INSERT INTO deals SELECT id + {2**doubled}, won_at FROM deals")
        records = a_source(database).read_changed(FIRST)
        next(records)
        database.run(*([kill] if kind == "postgresql" else kills(database)))
        with pytest.raises(TransientError, match="tried again with the next run"):
            list(records)


def kills(database: RealDatabase) -> list[str]:
    """Return the statements that kill every other connection to a MariaDB server."""
    engine = create_engine(database.url, poolclass=NullPool)
    found = text(
        "SELECT id FROM information_schema.processlist"
        " WHERE id <> connection_id() AND command = 'Query'"
    )
    with engine.connect() as connection:
        return [f"KILL {number}" for number in connection.execute(found).scalars()]
