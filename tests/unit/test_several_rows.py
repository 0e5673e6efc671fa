"""A deal in several rows: what is declared decides, and what contradicts is reported."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.csv_file import CsvDeals
from convsync.extract.layout import NumberedRow
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.several_rows import Repeated, RowsPerDeal, SeveralRows, gathered
from convsync.extract.source import Quarantined
from convsync.extract.sql import SqlDeals
from convsync.model.deal import Deal
from convsync.model.period import Period
from tests.contract.table_suite import WINDOW

COLUMNS = DealColumns(
    deal_id="id",
    modified_at="modified",
    milestones={"won": MilestoneColumn(column="won")},
    amount="amount",
    currency="currency",
    gclid="gclid",
    emails=("email",),
    segments={"region": "region"},
)
HEADER = ("id", "modified", "won", "amount", "currency", "gclid", "email", "region", "product")


def a_row(deal_id: str = "D", **cells: object) -> dict[str, object]:
    return {"id": deal_id, "won": "2026-02-28", "amount": "10", "currency": "EUR"} | cells


Rows = Sequence[dict[str, object]]


def of_file(folder: Path, rows: Rows, **known: Any) -> CsvDeals:
    path = folder / "deals.csv"
    lines = [",".join(str(row.get(name, "")) for name in HEADER) for row in rows]
    path.write_text("\n".join([",".join(HEADER), *lines]) + "\n")
    return CsvDeals(path=path, **known)


def of_query(folder: Path, rows: Rows, **known: Any) -> SqlDeals:
    path = folder / "deals.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE IF EXISTS deals")
        database.execute("CREATE TABLE deals ({})".format(", ".join(HEADER)))
        database.executemany(
            "INSERT INTO deals VALUES ({})".format(", ".join("?" * len(HEADER))),
            [[row.get(name) for name in HEADER] for row in rows],
        )
        database.commit()
    query = "SELECT * FROM deals WHERE modified >= :since AND modified < :until"
    return SqlDeals(url=f"sqlite:///{path}", query=query, **known)


def known(rows_per_deal: RowsPerDeal) -> dict[str, Any]:
    cells = CellFormat(time_zone=ZoneInfo("Europe/Berlin"), currency="EUR")
    return {"name": "crm", "columns": COLUMNS, "cells": cells, "rows_per_deal": rows_per_deal}


Read = Callable[..., list[Any]]


@pytest.fixture(params=[of_file, of_query])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Read rows of a file or of a query, for a window."""

    def read(rows: Rows, rows_per_deal: RowsPerDeal, window: Period = WINDOW) -> list[Any]:
        source = request.param(tmp_path, rows, **known(rows_per_deal))
        return list(source.read_changed(window))

    return read


ONE, SUM, MERGE = RowsPerDeal


@pytest.mark.parametrize(
    ("how", "rows", "amount"),
    [
        pytest.param(ONE, [a_row(), a_row()], 10, id="one row twice over is one"),
        pytest.param(SUM, [a_row(), a_row()], 20, id="two lines alike are two"),
        pytest.param(
            SUM, [a_row(amount=1000), a_row(amount=250), a_row(amount=30)], 1280, id="product lines"
        ),
        pytest.param(
            SUM, [a_row(), a_row("E"), a_row(amount=5)], 15, id="lines apart from each other"
        ),
        pytest.param(SUM, [a_row(won=""), a_row()], 20, id="a cell that only one line fills"),
        pytest.param(SUM, [a_row(amount=""), a_row(amount="")], None, id="no line with an amount"),
        pytest.param(SUM, [a_row(amount=12.5), a_row(amount=-2.5)], 10, id="a credit"),
        pytest.param(MERGE, [a_row(), a_row(email="b@x.example")], 10, id="contacts"),
        pytest.param(
            MERGE,
            [a_row(currency="USD"), a_row(amount="", currency="")],
            10,
            id="a contact without the amount",
        ),
    ],
)
def test_rows_of_one_deal_are_read_as_declared(
    read: Read, how: RowsPerDeal, rows: list[dict[str, object]], amount: float | None
) -> None:
    found = [record for record in read(rows, how) if record.deal_id == "D"]
    (deal,) = found
    assert isinstance(deal, Deal)
    assert deal.amount == amount
    assert deal.milestone("won")


@pytest.mark.parametrize(
    ("how", "cells", "says"),
    [
        pytest.param(ONE, {"amount": 5}, "rows_per_deal", id="another amount"),
        pytest.param(
            ONE, {"product": "B"}, "rows_per_deal", id="another product, which nobody mapped"
        ),
        pytest.param(SUM, {"currency": "USD"}, "currencies", id="two currencies"),
        pytest.param(SUM, {"amount": ""}, "no amount", id="a line without its amount"),
        pytest.param(SUM, {"amount": "x"}, "amount", id="a line that cannot be read"),
        pytest.param(SUM, {"won": "2026-02-27"}, "times of won", id="two dates"),
        pytest.param(SUM, {"region": "south"}, "region", id="two segments"),
        pytest.param(MERGE, {"amount": 5}, "amounts", id="two amounts of contacts"),
    ],
)
def test_rows_that_contradict_are_reported_once_and_the_deal_waits(
    read: Read, how: RowsPerDeal, cells: dict[str, object], says: str
) -> None:
    rows = [a_row(region="north"), a_row("E"), {**a_row(region="north"), **cells}]
    other, bad = read(rows, how)
    assert (other.deal_id, type(other)) == ("E", Deal)
    assert isinstance(bad, Quarantined)
    assert bad.place in {"deals.csv:2", "crm row 1"}
    assert bad.deal_id == "D"
    assert says in bad.problem


def test_clicks_and_identifiers_of_every_row_are_the_deals(read: Read) -> None:
    rows = [a_row(gclid=f"click-{name}", email=f"{name}@x.example") for name in "abb"]
    for how in (SUM, MERGE):
        (deal,) = read(rows, how)
        assert [one.click.click_id.value for one in deal.clicks] == ["click-a", "click-b"]
        assert len(deal.identifiers.emails) == 2


def test_one_row_inside_the_window_brings_all_rows_of_its_deal(read: Read) -> None:
    before, inside = "2026-01-01T10:00:00Z", WINDOW.since.isoformat()
    rows = [a_row(modified=before), a_row(modified=inside, amount=5)]
    (deal,) = read(rows, SUM)
    assert (deal.deal_id, deal.amount) == ("D", 15)
    (bad,) = read(rows, ONE)
    assert isinstance(bad, Quarantined)


def test_a_deal_waits_while_one_of_its_rows_cannot_be_read(tmp_path: Path) -> None:
    rows = [a_row(), a_row("E"), a_row(product="A,B")]
    deal, bad, waiting = of_file(tmp_path, rows, **known(SUM)).read_changed(WINDOW)
    assert isinstance(deal, Deal)
    assert deal.deal_id == "E"
    assert isinstance(bad, Quarantined)
    assert isinstance(waiting, Quarantined)
    assert waiting.deal_id == "D"
    assert "another row" in waiting.problem


IDS = st.lists(st.sampled_from(["", *"abcdefgh"]), max_size=40)


@given(IDS)
def test_rows_are_brought_together_whatever_their_order(ids: list[str]) -> None:
    rows = [NumberedRow(number, (deal_id,)) for number, deal_id in enumerate(ids)]
    found = list(gathered(rows, lambda cells: str(cells[0]) or None, Repeated(filter(None, ids))))
    groups = [list(one.rows) if isinstance(one, SeveralRows) else [one] for one in found]
    assert sorted(row for group in groups for row in group) == rows
    for group in groups:
        assert group == sorted(group)
        (deal_id,) = {row.cells[0] for row in group}
        assert len(group) == (ids.count(str(deal_id)) if deal_id else 1)
