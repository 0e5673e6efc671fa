"""Exports as people make them, of known worlds: each deal is right, or its row is reported.

Forms and damages are those of the sandbox's generator, several damages to a file. What must hold of
every deal: it is read as it is, or a row that is quarantined is the one it stands on. And nothing
is read that nobody wrote.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from convsync.model.identifiers import hashed
from convsync.model.period import Period
from convsync.sandbox.messy_csv import (
    AMOUNT,
    HARMLESS,
    Damage,
    Dates,
    ExportForm,
    Row,
    write_messy_csv,
)
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import DEAL_HEADER, rows_of_deals

HEADER = DEAL_HEADER.split(",")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = datetime(2026, 3, 3, 1, tzinfo=UTC)
WHOLE = Period(since=datetime(1990, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))
DEALS = 12
MILESTONES = {"won": "Won date", "lost": "Lost date", "sql": "SQL date", "mql": "MQL date"}
COLUMNS = DealColumns(
    deal_id="Deal ID",
    milestones={name: MilestoneColumn(column=column) for name, column in MILESTONES.items()},
    created_at="Created",
    modified_at="Last modified",
    amount=AMOUNT,
    currency="Currency",
    gclid="GCLID",
    emails=("E-mail",),
    phones=("Phone",),
    country="Country",
    ad_user_data="Marketing consent",
    visitors=("Visitor ID",),
    segments={"region": "Region"},
)
FORMS = st.builds(
    ExportForm,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    states_delimiter=st.booleans(),
    has_decimal_comma=st.booleans(),
    dates=st.sampled_from(Dates),
    rows_above=st.sampled_from([(), ("Deals of this quarter",), ("Report", "")]),
    footer=st.sampled_from([(), ("Total 12",), ("Total 12", "Confidential")]),
)
DAMAGED = st.dictionaries(st.integers(0, DEALS - 1), st.sampled_from(Damage), max_size=4)


def source_of(path: Path, form: ExportForm) -> CsvDeals:
    """Return the source of a file as somebody declares it who knows its form."""
    return CsvDeals(
        name="crm",
        path=path,
        columns=COLUMNS,
        cells=CellFormat(
            time_zone=BERLIN,
            date_formats=form.dates.formats,
            date_columns=frozenset({"Won date", "Lost date"}),
            has_decimal_comma=form.has_decimal_comma,
            phone_region="DE",
            granted_words=frozenset({"yes"}),
            denied_words=frozenset({"no"}),
        ),
        form=FileForm(
            encoding=form.encoding,
            delimiter="," if form.states_delimiter else form.delimiter,
            skip_rows=len(form.rows_above),
            stop_at=("Total",),
        ),
        is_complete=True,
    )


def check_right(deal: Deal, row: Row, damage: Damage | None) -> bool:
    """Compare a deal with the row that it was made of, before any form or damage."""
    about = (row, damage, deal)
    amount = Decimal(row[AMOUNT]) if row[AMOUNT] else None
    assert deal.amount == amount, about
    assert deal.currency == row["Currency"], about
    clicks = {one.click.click_id.value for one in deal.clicks}
    expected = {row["GCLID"]} - {""} if damage is not Damage.NO_CLICK else set()
    assert clicks == expected, about
    reached = {one.name: one.reached_at for one in deal.milestones}
    assert reached.keys() == {name for name, column in MILESTONES.items() if row[column]}, about
    for name, at in reached.items():
        written = datetime.fromisoformat(row[MILESTONES[name]])
        local = at.astimezone(BERLIN).replace(tzinfo=None)
        is_day = len(row[MILESTONES[name]]) == len("2026-01-01")
        assert local.date() == written.date(), about
        assert is_day or abs((local - written).total_seconds()) < 1, about
    email = row["E-mail"].strip().lower()
    assert not email or hashed(email) in deal.identifiers.emails or "+" in email, about
    return True


@given(seed=st.integers(0, 10_000), form=FORMS, damaged=DAMAGED)
def test_each_deal_of_a_messy_export_is_right_or_its_row_is_reported(
    seed: int, form: ExportForm, damaged: dict[int, Damage]
) -> None:
    world = World(seed=seed, deals=DEALS, ends_at=NIGHT, days=60)
    rows = list(rows_of_deals(world, NIGHT))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        begins = write_messy_csv(path, HEADER, rows, form, damaged)
        records = list(source_of(path, form).read_changed(WHOLE))
    deals = {one.deal_id: one for one in records if isinstance(one, Deal)}
    reported = [one for one in records if isinstance(one, Quarantined)]
    places = {int(one.place.rpartition(":")[2]) for one in reported}
    for number, (row, line) in enumerate(zip(rows, begins, strict=True)):
        damage = damaged.get(number)
        if deal := deals.pop(row["Deal ID"], None):
            is_half_reported = line in places and damage is Damage.TWO_AMOUNTS
            assert is_half_reported or check_right(deal, row, damage)
        else:
            assert line in places, (row["Deal ID"], line, damage, reported)
            assert damage not in HARMLESS | {None} or is_beside_harm(number, damaged), damage
    assert not deals, "nothing is read that nobody wrote"


def is_beside_harm(number: int, damaged: dict[int, Damage]) -> bool:
    """True where the row before took this one into its line."""
    return damaged.get(number - 1) in (Damage.JOINED, Damage.OPEN_QUOTE)
