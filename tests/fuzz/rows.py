"""Rows of which one is spoilt: it is read or quarantined, and its neighbours come as they did.

Rows come typed, as a database hands them over, or as the text of a file with the quoting, the
encoding and the delimiter that somebody's spreadsheet writes.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

from convsync.errors import ConvsyncError
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.rows import DealRows
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from convsync.model.period import Period
from tests.contract.source_suite import WINDOW
from tests.fuzz.figures import Figures, watched
from tests.fuzz.spoiling import VALUES, spoilt

NAMES: Final = [
    "id", "created", "amount", "currency", "gclid", "url", "clicked", "email", "phone", "country",
    "consent", "visitor", "region", "deleted", "kind", "won",
]  # fmt: skip
COLUMNS: Final = DealColumns(
    deal_id="id",
    milestones={"won": MilestoneColumn(column="won")},
    created_at="created",
    amount="amount",
    currency="currency",
    gclid="gclid",
    landing_url="url",
    clicked_at="clicked",
    emails=("email",),
    phones=("phone",),
    country="country",
    ad_user_data="consent",
    visitors=("visitor",),
    segments={"region": "region"},
    deleted="deleted",
    customer_type="kind",
)
FORM: Final = CellFormat(
    time_zone=ZoneInfo("Europe/Berlin"),
    phone_region="DE",
    granted_words=frozenset({"yes"}),
    deleted_words=frozenset({"gone"}),
)
WHOLE: Final = Period(since=WINDOW.since.replace(year=1990), until=WINDOW.until.replace(year=2100))
FILES: Final[Sequence[tuple[str, str]]] = (
    ("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1252", ";"), ("utf-8", "|"),
)  # fmt: skip


def good_row(number: int) -> list[str]:
    """Return an ordinary row; each has a quoted cell where it is a file's."""
    return [
        f"D-{number}", "2026-02-20 10:00:00", "1200.50", "EUR", f"EAIaIQ{number}xYz_BwE",
        f"https://shop.example/?gclid=EAIaIQ{number}xYz_BwE", "2026-02-19T08:00:00Z",
        f"p{number}@example.org", f"+49 151 5550{number:04}", "DE", "yes", f"V-{number}",
        f'North "{number}", West; a|b\tc', "", "new", "2026-03-01",
    ]  # fmt: skip


def fuzz_rows(cases: int, seed: int) -> Figures:
    """Read so many typed rows, each of one or two odd cells among good ones."""
    figures = Figures(kind="rows")
    reader = DealRows("crm", COLUMNS, FORM, Header(NAMES, source="fuzz", place="row "))
    good = [NumberedRow(number, good_row(number)) for number in (1, 3)]
    expected = list(reader.every(good))
    for number in range(cases):
        chance = Random(f"rows {seed} {number}")
        cells: list[Any] = good_row(2)
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(cells))
            is_typed = chance.random() < 0.5
            cells[at] = chance.choice(VALUES) if is_typed else spoilt(str(cells[at]), chance)
        about = f"rows {seed} {number}: {cells!r:.200}"
        with watched(figures, about):
            first, odd, last = reader.every([good[0], NumberedRow(2, cells), good[1]])
            figures.read += isinstance(odd, Deal)
            figures.reported += isinstance(odd, Quarantined)
            if [first, last] != expected:
                figures.wrong.append(f"{about} changes its neighbours")
    return figures


def fuzz_files(cases: int, seed: int) -> Figures:
    """Read so many files of which one line is spoilt, its quotes, its length and its bytes too."""
    figures = Figures(kind="files")
    with _in_memory() as folder:
        for number in range(cases):
            chance = Random(f"files {seed} {number}")
            encoding, delimiter = chance.choice(FILES)
            lines = [_line(good_row(number), delimiter) for number in range(1, 6)]
            lines[2] = spoilt(lines[2].rstrip("\r\n"), chance) + "\r\n"
            text = "".join([_line(NAMES, delimiter), *lines])
            path = folder / "deals.csv"
            path.write_bytes(text.encode(encoding, "replace"))
            form = FileForm(encoding=encoding, delimiter=delimiter)
            source = CsvDeals(name="crm", path=path, columns=COLUMNS, cells=FORM, form=form)
            about = f"files {seed} {number}: {encoding} {lines[2]!r:.200}"
            with watched(figures, about):
                _read(figures, source, about)
    return figures


def _read(figures: Figures, source: CsvDeals, about: str) -> None:
    try:
        records = list(source.read_changed(WHOLE))
    except ConvsyncError:
        figures.errors += 1
        figures.wrong.append(f"{about} stops the read")
        return
    found = {one.deal_id: one for one in records if isinstance(one, Deal)}
    reported = [one for one in records if isinstance(one, Quarantined)]
    figures.reported += bool(reported)
    figures.read += not reported
    for number in (1, 2, 4, 5):
        deal_id = f"D-{number}"
        deal = found.get(deal_id)
        if deal is None and not any(one.deal_id == deal_id for one in reported):
            figures.wrong.append(f"{about} loses {deal_id}")
        elif deal is not None and deal.amount != 1200.50:
            figures.wrong.append(f"{about} changes {deal_id}")


def _line(cells: Sequence[str], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerow(cells)
    return out.getvalue()


@contextmanager
def _in_memory() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
