"""Exports that are no plain CSV of a row a deal: workbooks, joined tables, forms nobody declared.

As of other messy exports, what must hold is that each deal is right or that somebody is told: by a
row in quarantine, by an error, or, where a form was guessed, by a doubt that is said beside it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from convsync.errors import OperatorError
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import CellFormat
from convsync.extract.several_rows import RowsPerDeal
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from convsync.sandbox.messy_csv import (
    AMOUNT,
    CLICK,
    EMAIL,
    HARMLESS,
    ID,
    Damage,
    ExportForm,
    Row,
    spoilt,
    write_messy_csv,
)
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import rows_of_deals
from convsync.wiring.proposed import of_file
from convsync.wiring.proposed import source_of as proposed_source
from tests.contract.test_csv_layouts import a_workbook
from tests.unit.test_messy_exports import (
    BERLIN,
    DAMAGED,
    DEALS,
    FORMS,
    HEADER,
    NIGHT,
    WHOLE,
    check_right,
    source_of,
)

FEW = max(settings().max_examples // 8, 2)
"""Each takes a file of its own; `make soak` tries hundreds."""
NUMBER = re.compile(r"[0-9.]+")
IN_A_ROW = sorted(set(Damage) - {Damage.CUT, Damage.JOINED, Damage.OPEN_QUOTE})
"""What may happen to a row of a workbook, which has no lines to be cut or joined."""


def rows_of(seed: int) -> list[Row]:
    return list(rows_of_deals(World(seed=seed, deals=DEALS, ends_at=NIGHT, days=60), NIGHT))


def read(source: CsvDeals) -> tuple[dict[str, Deal], list[Quarantined]]:
    records = list(source.read_changed(WHOLE))
    deals = {one.deal_id: one for one in records if isinstance(one, Deal)}
    return deals, [one for one in records if isinstance(one, Quarantined)]


def as_cells(row: Row) -> list[object]:
    """Return a row as a spreadsheet keeps it: numbers as numbers, all else as text."""
    return [
        float(cell)
        if name == AMOUNT and NUMBER.fullmatch(cell)
        else cell.replace("&", "&amp;").replace("<", "&lt;")
        for name, cell in ((name, row.get(name, "")) for name in HEADER)
    ]


@settings(max_examples=FEW)
@given(
    seed=st.integers(0, 10_000),
    damaged=st.dictionaries(st.integers(0, DEALS - 1), st.sampled_from(IN_A_ROW), max_size=4),
    above=st.integers(0, 2),
)
def test_each_deal_of_a_messy_workbook_is_right_or_its_row_is_reported(
    seed: int, damaged: dict[int, Damage], above: int
) -> None:
    rows, form = rows_of(seed), ExportForm()
    sheet: list[Sequence[object]] = [*[["Report"]] * above, HEADER]
    begins = []
    for number, row in enumerate(rows):
        begins.append(len(sheet) + 1)
        sheet += map(as_cells, workbook_rows(row, form, damaged.get(number)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deals.xlsx"
        a_workbook(path, {"Deals": sheet})
        deals, reported = read(source_in(path, FileForm(skip_rows=above)))
    places = {int(one.place.rpartition(" ")[2]) for one in reported}
    for number, (row, line) in enumerate(zip(rows, begins, strict=True)):
        damage = damaged.get(number)
        if deal := deals.pop(row[ID], None):
            assert damage is Damage.TWO_AMOUNTS or check_right(deal, row, damage)
        else:
            assert line in places, (row, line, damage, reported)
            assert damage not in HARMLESS | {None}
    assert not deals


def workbook_rows(row: Row, form: ExportForm, damage: Damage | None) -> Iterator[Row]:
    yield (damaged_row := spoilt(row, form, damage))
    if damage is Damage.TWICE:
        yield damaged_row
    if damage is Damage.TWO_AMOUNTS:
        yield {**damaged_row, AMOUNT: "1.5" if row[AMOUNT] else ""}


def source_in(path: Path, form: FileForm, rows_per_deal: RowsPerDeal = RowsPerDeal.ONE) -> CsvDeals:
    return replace(source_of(path, ExportForm()), form=form, rows_per_deal=rows_per_deal)


@settings(max_examples=FEW)
@given(
    seed=st.integers(0, 10_000),
    parts=st.lists(st.integers(1, 4), min_size=DEALS, max_size=DEALS),
    declared=st.sampled_from(RowsPerDeal),
    shuffle=st.randoms(use_true_random=False),
    damaged=st.dictionaries(st.integers(0, DEALS - 1), st.just(Damage.OTHER_SIGN), max_size=2),
)
def test_each_deal_of_a_joined_table_is_whole_or_its_rows_are_reported(
    seed: int, parts: list[int], declared: RowsPerDeal, shuffle: object, damaged: dict[int, Damage]
) -> None:
    rows = rows_of(seed)
    joined = [
        spoilt(line, ExportForm(), damaged.get(number) if at == 0 else None)
        for number, (row, count) in enumerate(zip(rows, parts, strict=True))
        for at, line in enumerate(lines_of(row, count, declared))
    ]
    shuffle.shuffle(joined)  # type: ignore[attr-defined]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        write_messy_csv(path, HEADER, joined, ExportForm(), {})
        deals, reported = read(source_in(path, FileForm(), rows_per_deal=declared))
    about = {one.deal_id for one in reported}
    for number, (row, count) in enumerate(zip(rows, parts, strict=True)):
        is_spoilt = number in damaged
        has_parts = declared is RowsPerDeal.ONE and count > 1 and Decimal(row[AMOUNT] or 0) > 1
        deal = deals.pop(row[ID], None)
        if has_parts:
            assert row[ID] in about, row
        elif deal:
            assert deal.amount == (Decimal(row[AMOUNT]) if row[AMOUNT] else None), (row, count)
            assert {one.click.click_id.value for one in deal.clicks} == {row[CLICK]} - {""}
            assert not row[EMAIL] or len(deal.identifiers.emails) >= 1
            assert not is_spoilt
        else:
            assert row[ID] in about, (row, count, declared)
    assert not deals


def lines_of(row: Row, count: int, declared: RowsPerDeal) -> Iterator[Row]:
    """Yield the rows of a deal in a joined table: a contact each, or a part of the amount each."""
    if declared is RowsPerDeal.MERGE:
        for number in range(count):
            yield row if number == 0 else {**row, EMAIL: f"more{number}@example.org", CLICK: ""}
        return
    amount = Decimal(row[AMOUNT] or 0)
    parts = [round(amount * (n + 1) / 20, 2) for n in range(count - 1)]  # no two of them alike
    for share in [*parts, amount - sum(parts)]:
        yield {**row, AMOUNT: str(share) if row[AMOUNT] else ""}


@settings(max_examples=FEW)
@given(seed=st.integers(0, 10_000), form=FORMS, damaged=DAMAGED)
def test_each_deal_of_an_export_that_nobody_declared_is_right_or_a_doubt_is_said(
    seed: int, form: ExportForm, damaged: dict[int, Damage]
) -> None:
    rows = rows_of(seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        write_messy_csv(path, HEADER, rows, form, damaged)
        try:
            proposed = of_file(path)
        except OperatorError:
            return  # it is said that nothing can be made of it
        source = proposed_source(proposed, Path(folder), BERLIN)
        assert isinstance(source, CsvDeals)
        deals, reported = read(source)
    for number, row in enumerate(rows):
        if (deal := deals.get(row[ID])) and damaged.get(number) is not Damage.TWO_AMOUNTS:
            check_guessed(deal, row, proposed.doubts, source.cells)
        elif not deal:
            assert reported, row
    assert deals.keys() <= {row[ID] for row in rows}


def check_guessed(deal: Deal, row: Row, doubts: Sequence[str], cells: CellFormat) -> None:
    """Compare what was read by a guess with what was meant; a doubt may have said otherwise."""
    if deal.amount is not None:
        assert deal.amount == Decimal(row[AMOUNT] or 0), (row, deal)
    are_doubtful = any("dates are read with the day first" in doubt for doubt in doubts)
    columns = {"won": "Won date", "lost": "Lost date", "sql": "SQL date", "mql": "MQL date"}
    for one in deal.milestones:
        written = datetime.fromisoformat(row[columns[one.name]])
        assert are_doubtful or one.reached_at.astimezone(BERLIN).date() == written.date(), cells
    assert {one.click.click_id.value for one in deal.clicks} <= {row[CLICK], row["GBRAID"],
                                                                 row["WBRAID"]}  # fmt: skip
    assert deal.created_at is None or deal.created_at.tzinfo is UTC or are_doubtful
