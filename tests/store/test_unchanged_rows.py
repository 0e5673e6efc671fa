"""A complete CSV that is read again: what is as it was is passed over, and nothing is missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from convsync.extract import csv_rows
from convsync.extract import rows as table_rows
from convsync.extract.csv_file import CsvDeals
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.several_rows import RowsPerDeal
from convsync.extract.source import Record, StoredAs, Unchanged
from convsync.intake import Intake
from convsync.model.period import Period
from convsync.reading import chunks
from convsync.reading.departures import Departures
from convsync.running.guarding import SafetyLimits
from convsync.store import deals, retired, row_digests, schema
from convsync.store.database import Connection, Database
from convsync.store.deals import StoredDeal
from convsync.store.session import PreviewSession
from tests.builders import NOW, a_deal
from tests.store.rows import a_run, rolled_back

HEADER = ("id", "won", "amount", "country", "phone", "note")
COLUMNS = DealColumns(
    deal_id="id",
    amount="amount",
    milestones={"won": MilestoneColumn(column="won")},
    phones=("phone",),
    country="country",
)
CELLS = CellFormat(time_zone=ZoneInfo("Europe/Berlin"))
ANYTHING_MAY_BE_GONE = SafetyLimits(vanished_share=Decimal(1))
Row = tuple[str, ...]


class CountingDeals(CsvDeals):
    """A CSV that counts the rows it reads, and those it passes over."""

    parsed: int
    passed: int

    def read_past_unchanged(self, window: Period, stored_as: StoredAs) -> Iterator[Record]:
        self.parsed = self.passed = 0
        for record in super().read_past_unchanged(window, stored_as):
            if isinstance(record, Unchanged):
                self.passed += len(record.deal_rows)
            else:
                self.parsed += 1
            yield record


class ForgetfulDeals(CsvDeals):
    """A CSV that knows no row again."""

    def read_past_unchanged(self, window: Period, stored_as: StoredAs) -> Iterator[Record]:
        return self.read_changed(window)


def nothing(*_: Any) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Nights:
    """A complete export, and the store that it is read into night after night."""

    connection: Connection
    source: Any
    planned: list[str] = field(default_factory=list)
    before_keeping: Any = nothing

    def night(self, *rows: Row) -> None:
        """Write the export and read it; `planned` then names the deals that were handed on."""
        lines = [",".join(row) + "\n" for row in (HEADER, *rows)]
        self.source.path.write_text("".join(lines), encoding="utf-8", newline="")
        session = PreviewSession(self.connection, a_run(self.connection), NOW)
        reading = Intake(
            session,
            plan=self._plan,
            departures=Departures(session, ANYTHING_MAY_BE_GONE, nothing),
            tolerance=timedelta(minutes=5),
            before_keeping=self.before_keeping,
            before_moving=nothing,
            advance=nothing,
        )
        self.planned.clear()
        reading.read_changed_deals([self.source])

    def _plan(self, _connection: Any, chunk: Sequence[StoredDeal]) -> None:
        self.planned += [stored.deal.deal_id for stored in chunk]

    def rows_of(self, *names: str) -> dict[str, set[tuple[Any, ...]]]:
        """Return what stands in tables, without what changes with every run."""
        tables = [schema.metadata.tables[name] for name in names]
        return {
            table.name: {
                tuple(row)
                for row in self.connection.execute(
                    select(*[column for column in table.c if column.name != "run_id"])
                )
            }
            for table in tables
        }


def a_row(deal_id: str, amount: object = 100, **cells: str) -> Row:
    named = {"id": deal_id, "won": "2026-02-28", "amount": str(amount), "note": "x"} | cells
    return tuple(named.get(name, "") for name in HEADER)


@pytest.fixture
def nights(database: Database, tmp_path: Path) -> Iterator[Nights]:
    with rolled_back(database) as connection:
        yield Nights(connection, deals_in(tmp_path, CountingDeals))


def deals_in(folder: Path, kind: type[CsvDeals]) -> Any:
    return kind(
        name="crm", path=folder / "deals.csv", columns=COLUMNS, cells=CELLS, is_complete=True
    )


STORED = ("deals", "milestones", "deal_keys", "row_digests", "quarantine")
MANY = [a_row(f"D-{number}") for number in range(50)]


@pytest.fixture
def in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    make_chunks_small(monkeypatch)


def make_chunks_small(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(chunks, "CHUNK", 3)
    patched.setattr(chunks, "UNCHANGED_A_CHUNK", 7)
    patched.setattr(csv_rows, "READ_AHEAD", 2)
    patched.setattr(table_rows, "READ_AT_ONCE", 2)
    patched.setattr(row_digests, "WIDTH", 12)


def test_the_same_file_again_is_passed_over_and_writes_and_plans_nothing(nights: Nights) -> None:
    rows = [*MANY, a_row("bad", "1.2.3"), a_row("twice", 1), a_row("twice", 2)]
    nights.night(*rows)
    before = nights.rows_of(*STORED)
    nights.night(*rows)
    assert (nights.source.passed, nights.source.parsed) == (50, 2)
    assert nights.planned == []
    assert nights.rows_of(*STORED) == before


@pytest.mark.long
@pytest.mark.usefixtures("in_small_chunks")
@pytest.mark.parametrize(
    ("second", "parsed"),
    [
        pytest.param(MANY, 0, id="the same"),
        pytest.param(MANY[20:], 4, id="many gone from its beginning"),
        pytest.param([*MANY[:20], *MANY[40:]], 4, id="many gone from its middle"),
        pytest.param([*(a_row(f"N-{n}") for n in range(9)), *MANY], 9, id="new ones first"),
        pytest.param([*MANY, a_row("N-1")], 1, id="a new one last"),
        pytest.param([*MANY[30:], *MANY[:30]], 4, id="cut like cards"),
    ],
)
def test_a_window_finds_its_place_again(nights: Nights, second: Sequence[Row], parsed: int) -> None:
    nights.night(*MANY)
    nights.night(*second)
    assert nights.source.parsed <= parsed
    nights.night(*second)
    assert nights.source.parsed <= parsed
    assert nights.planned == []


@pytest.mark.parametrize("column", range(1, len(HEADER) - 1))
def test_an_edit_of_any_mapped_cell_is_noticed(nights: Nights, column: int) -> None:
    nights.night(a_row("D-1", phone="030 1234567", country="DE"), *MANY[2:])
    cells = {"won": "2026-03-01", "amount": "7", "country": "AT", "phone": "+43 1 2345678"}
    edited = {"phone": "030 1234567", "country": "DE"} | {HEADER[column]: cells[HEADER[column]]}
    nights.night(a_row("D-1", **({"amount": "100"} | edited)), *MANY[2:])
    assert nights.planned == ["D-1"]


def test_an_edit_of_a_cell_that_nobody_mapped_is_read_once(nights: Nights) -> None:
    nights.night(*MANY)
    nights.night(a_row("D-0", note="y"), *MANY[1:])
    assert (nights.source.parsed, nights.planned) == (1, [])
    nights.night(a_row("D-0", note="y"), *MANY[1:])
    assert nights.source.parsed == 0


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        pytest.param({}, {"time_zone": ZoneInfo("America/New_York")}, id="time zone"),
        pytest.param({}, {"has_decimal_comma": True}, id="decimal sign"),
        pytest.param({}, {"currency": "USD"}, id="currency"),
        pytest.param({}, {"phone_region": "FR"}, id="country of phones"),
        pytest.param({}, {"blank_words": frozenset({"x"})}, id="words that mean nothing"),
        pytest.param({}, {"date_formats": ("%d/%m/%Y",)}, id="formats of dates"),
        pytest.param({"amount": None}, {}, id="a column less"),
        pytest.param({"segments": {"remark": "note"}}, {}, id="a column more"),
        pytest.param(
            {"milestones": {"won": MilestoneColumn(column="won", when={"note": frozenset("y")})}},
            {},
            id="the condition of a milestone",
        ),
    ],
)
def test_rows_are_read_again_where_they_are_to_be_read_otherwise(
    nights: Nights, columns: dict[str, Any], cells: dict[str, Any]
) -> None:
    nights.night(*MANY)
    nights.source.columns = replace(COLUMNS, **columns)
    nights.source.cells = replace(CELLS, **cells)
    nights.night(*MANY)
    assert (nights.source.passed, nights.source.parsed) == (0, 50)
    nights.night(*MANY)
    assert (nights.source.passed, nights.source.parsed) == (50, 0)


def test_a_row_that_cannot_be_read_stays_in_quarantine_until_its_deal_is_as_it_was(
    nights: Nights,
) -> None:
    nights.night(*MANY)
    for _ in range(2):
        nights.night(a_row("D-0", "1.2.3"), *MANY[1:])
        assert len(nights.rows_of("quarantine")["quarantine"]) == 1
    nights.night(*MANY)
    assert nights.rows_of("quarantine") == {"quarantine": set()}
    assert nights.source.parsed == 0


def test_a_deal_that_was_gone_comes_back_as_it_was(nights: Nights) -> None:
    nights.night(*MANY)
    nights.night(*MANY[1:])
    nights.night(*MANY)
    assert nights.planned == ["D-0"]
    nights.night(*MANY)
    assert (nights.source.passed, nights.planned) == (50, [])


def test_a_deal_that_changed_by_another_way_is_read_again(nights: Nights) -> None:
    nights.night(*MANY)
    deals.save(nights.connection, "crm", [a_deal(deal_id="D-0", amount="7")], now=NOW)
    nights.night(*MANY)
    assert nights.planned == ["D-0"]


def test_a_renamed_source_knows_its_rows(nights: Nights) -> None:
    nights.night(*MANY)
    retired.move_source(nights.connection, "crm", "sales")
    nights.source.name = "sales"
    nights.night(*MANY)
    assert (nights.source.passed, nights.source.parsed) == (50, 0)


def test_rows_of_a_deal_are_added_though_one_of_them_was_known(nights: Nights) -> None:
    nights.source.rows_per_deal = RowsPerDeal.SUM
    old, new = a_row("D-1", 1), a_row("D-1", 2)
    for rows, amount in (
        ((old,), 1),
        ((old, old), 2),
        ((new, *MANY[2:], old), 3),
        ((old, new), 3),
        ((old,), 1),
        ((new,), 2),
    ):
        nights.night(*MANY[2:9], *rows)
        (found,) = deals.named(nights.connection, "D-1")
        assert found.deal.amount == amount


def test_a_second_row_of_a_known_deal_makes_it_wait_as_it_was(nights: Nights) -> None:
    nights.night(*MANY)
    for _ in range(2):
        nights.night(*MANY, a_row("D-1", 7))
        (found,) = deals.named(nights.connection, "D-1")
        assert found.deal.amount == 100
        ((_, _, deal_id, *_),) = nights.rows_of("quarantine")["quarantine"]
        assert deal_id == "D-1"
    nights.night(*MANY)
    assert nights.rows_of("quarantine") == {"quarantine": set()}


ROWS = st.builds(
    a_row,
    st.sampled_from([f"D-{number}" for number in range(12)]),
    st.sampled_from(["1", "2", "unreadable"]),
    note=st.sampled_from(["x", '"x"', '"two\nlines"', '"not closed', "ü"]),
)
EXPORTS = st.lists(ROWS, max_size=30)


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(st.lists(EXPORTS, min_size=2, max_size=3), st.sampled_from(RowsPerDeal))
@example([[a_row("D-1", 1)], [a_row("D-1", 2), a_row("D-1", 1)]], RowsPerDeal.SUM)
@example([[a_row("D-1", 1)], [a_row("D-1", 1), a_row("D-1", 1)]], RowsPerDeal.SUM)
def test_whatever_the_exports_the_store_is_as_if_every_row_had_been_read(
    shared: Database, exports: Sequence[Sequence[Row]], rows_per_deal: RowsPerDeal
) -> None:
    with pytest.MonkeyPatch.context() as patched, TemporaryDirectory() as folder:
        make_chunks_small(patched)
        kept = []
        for kind in (CsvDeals, ForgetfulDeals):
            with rolled_back(shared) as connection:
                nights = Nights(connection, deals_in(Path(folder), kind))
                nights.source.rows_per_deal = rows_per_deal
                for export in exports:
                    nights.night(*export)
                kept.append(nights.rows_of("milestones", "quarantine"))
                kept[-1] |= {"deals": amounts_in(connection)}
        assert kept[0] == kept[1]


def amounts_in(connection: Connection) -> set[tuple[Any, ...]]:
    found = select(schema.deals.c.deal_id, schema.deals.c.amount, schema.deals.c.gone)
    return {tuple(row) for row in connection.execute(found)}
