"""Rows read by columns are the deals that they are when each is read by itself."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convsync.extract import csv_rows
from convsync.extract.cells import CellReader
from convsync.extract.csv_form import FileForm
from convsync.extract.csv_rows import CsvFile, opened_csv
from convsync.extract.deal_columns import OrdinaryDeals
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.rows import DealRows
from convsync.extract.source import Unchanged
from tests.fuzz.rows import COLUMNS, FORM, NAMES, good_row
from tests.fuzz.spoiling import VALUES, spoilt

MORE_NAMES = [
    *NAMES,
    "stage",
    "signed",
    "mail 2",
    "phone 2",
    "crm",
    "wbraid",
    "personal",
    "changed",
]
MORE_COLUMNS = DealColumns(
    deal_id="id",
    milestones={
        "won": MilestoneColumn(column="won", when={"stage": frozenset({"closed", "1"})}),
        "signed": MilestoneColumn(column="signed"),
    },
    created_at="created",
    modified_at="changed",
    amount="amount",
    currency="currency",
    gclid="gclid",
    wbraid="wbraid",
    landing_url="url",
    emails=("email", "mail 2"),
    phones=("phone", "phone 2"),
    country="country",
    ad_user_data="consent",
    ad_personalization="personal",
    visitors=("visitor",),
    crm_keys=("crm",),
    segments={"region": "region", "kind": "kind"},
    customer_type="kind",
)
MAPPINGS = {
    "one of each": (NAMES, COLUMNS, FORM),
    "several of each": (MORE_NAMES, MORE_COLUMNS, FORM),
    "words and dates": (
        MORE_NAMES,
        MORE_COLUMNS,
        CellFormat(
            date_formats=("%d.%m.%Y",),
            date_columns=frozenset({"won", "changed"}),
            has_decimal_comma=True,
            blank_words=frozenset({"-", "n/a"}),
            currency="EUR",
            value_separator="|",
            emails_are_hashed=True,
            phones_are_hashed=True,
        ),
    ),
    "an ID alone": (
        NAMES,
        DealColumns(deal_id="id", milestones={"won": MilestoneColumn(column="won")}),
        FORM,
    ),
}
ODD = (
    *("", " ", "-", "n/a", "0", "1.234,50 €", "US$ 12", "$5", "kr 10", "(12.5)", "1,5", "JPY"),
    *("2026-03-01", "01.03.2026", "2026-03-01T00:00:00+01:00", "1772323200", "2026-13-45"),
    *("closed", "Closed", "lost", "yes", "no", "maybe", "gone", "zcrm_12345", "0012345", "5,0E+10"),
    *("006Ql00000AbCdEFGH", "006Ql00000AbCde", "a|b", "a;b1,c2", "null", "x" * 201, "A\0B"),
    *("a@example.com; b@example.com", "a" * 64, "+49 151 55501234", "0151 55501234, 0151 55501235"),
    *("GCL.1700000000.abcDEF_1234567890", "https://x.example/?gclid=abc&wbraid=def", "new", "de"),
)


def more_good(number: int) -> list[str]:
    return [
        *good_row(number), "closed", "2026-02-28T12:00:00Z", f"q{number}@example.org", "",
        f"C-{number}", "", "no", "2026-03-02T10:00:00Z",
    ]  # fmt: skip


@st.composite
def messy_rows(draw: st.DrawFn, width: int) -> list[NumberedRow]:
    rows = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        cells: list[Any] = more_good(number)[:width]
        for at in draw(st.lists(st.integers(0, width - 1), max_size=3)):
            chance = Random(draw(st.integers(0, 1 << 32)))
            cells[at] = chance.choice((chance.choice(ODD), spoilt(str(cells[at]), chance)))
            if draw(st.integers(0, 19)) == 0:
                cells[at] = chance.choice(VALUES)
        if draw(st.integers(0, 19)) == 0:
            cells = cells[: draw(st.integers(0, width))]
        rows.append(NumberedRow(number, cells, None, bytes([number])))
    return rows


@settings(deadline=None)
@given(mapping=st.sampled_from([*MAPPINGS]), data=st.data())
def test_messy_rows_read_together_are_what_each_is_by_itself(
    mapping: str, data: st.DataObject
) -> None:
    names, columns, form = MAPPINGS[mapping]
    reader = DealRows("crm", columns, form, Header(names, source="a test", place="row "))
    rows = data.draw(messy_rows(len(names)))
    rows = [row for row in rows if len(row.cells) == len(names)]
    assert [*reader.every(rows)] == [record for _, record in reader.each(rows)]


@pytest.mark.parametrize("mapping", ["one of each", "several of each", "an ID alone"])
def test_ordinary_rows_are_read_by_columns_and_others_are_not(mapping: str) -> None:
    names, columns, form = MAPPINGS[mapping]
    header = Header(names, source="a test", place="row ")
    DealRows("crm", columns, form, header)
    good = [NumberedRow(number, more_good(number)[: len(names)]) for number in range(1, 5)]
    odd = [
        NumberedRow(5, ["" if name == "id" else "x" for name in names]),
        NumberedRow(6, good[0].cells, "the row is not sound CSV"),
        NumberedRow(7, ["D-7"]),
        NumberedRow(8, [8, *good[0].cells[1:]]),
    ]
    found = OrdinaryDeals("crm", columns, CellReader(form), header).read([*odd, *good])
    assert [found[number].deal_id for number in sorted(found)] == ["D-1", "D-2", "D-3", "D-4"]


LINES = (
    *('D-1,north,"a note"\n', "D-2,south,\n", 'D-3,"two\nlines",x\n', "\n", ",,\n", "D-4,a\n"),
    *('D-5,"open,x\n', 'D-6,"shut" badly,x\n', "D-7,a,b,c\n", "D-8,a,b,\n", "D-9,a\0b,c\r\n"),
    *("D-10,caf\udce9,x\n", 'D-11,"ends\n', "D-12,a,b\r", '"D-13",a,b\n', "D-14,ü,b\n"),
)


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=12),
    at_once=st.integers(1, 5),
    known=st.sets(st.integers(0, 12)),
)
def test_lines_read_some_at_once_are_the_rows_that_they_are_one_by_one(
    lines: Sequence[str], at_once: int, known: set[int]
) -> None:
    text = "".join(["id,region,note\n", *lines])
    with pytest.MonkeyPatch.context() as patched, TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        path.write_bytes(text.encode(errors="surrogateescape"))
        with opened_csv(path, FileForm()) as file:
            one_by_one = [*_mapped(file).rows()]
        with opened_csv(path, FileForm()) as file:
            cells = [*file.cells()]
        patched.setattr(csv_rows, "READ_AHEAD", at_once)
        with opened_csv(path, FileForm()) as file:
            assert [*file.cells()] == cells
        with opened_csv(path, FileForm()) as file:
            found = _mapped(file).rows_past_known(b"as ever", _nothing)
            rows = [row for row in found if isinstance(row, NumberedRow)]
        stored = {row.digest: at for at, row in enumerate(rows) if at in known and row.digest}
        with opened_csv(path, FileForm()) as file:
            rest = [*_mapped(file).rows_past_known(b"as ever", stored.get)]
    assert [row[:3] for row in rows] == [row[:3] for row in one_by_one]
    assert [row.problem or row.digest for row in _in_full(rest, rows)] == [
        row.problem or row.digest for row in rows
    ]


def _mapped(file: CsvFile) -> CsvFile:
    for column in ("id", "region"):
        file.header.getter(column, str)
    return file


def _nothing(digest: bytes) -> None:
    return None


def _in_full(
    found: Iterable[NumberedRow | Unchanged], rows: Sequence[NumberedRow]
) -> Iterator[NumberedRow]:
    """Yield the rows that were found, and in their place those that were passed over."""
    for one in found:
        if isinstance(one, Unchanged):
            yield from (rows[at] for at in one.deal_rows)
        else:
            yield one
