"""What `check` counts of a source's records, and what it says of them."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.looks import CanBeLookedAt
from convsync.extract.mapping import CellFormat, ClickColumns, DealColumns, MilestoneColumn
from convsync.extract.several_rows import RowsPerDeal
from convsync.extract.sql import SqlClicks, SqlDeals
from convsync.model.finding import Finding, Severity
from convsync.model.identifiers import hashed
from convsync.model.key import Key, KeyKind
from convsync.model.terms import SharedKeys
from convsync.profile.counting import profile_of
from convsync.profile.facts import ColumnProfile, Profile, Sign
from convsync.profile.findings import findings_of
from convsync.report.profile_page import page_of, profile_as_json

CELLS = CellFormat(
    time_zone=ZoneInfo("Europe/Berlin"),
    currency="EUR",
    phone_region="DE",
    granted_words=frozenset({"yes"}),
)
COLUMNS = DealColumns(
    deal_id="ID",
    amount="Amount",
    gclid="GCLID",
    msclkid="MSCLKID",
    created_at="Created",
    emails=("E-mail",),
    phones=("Phone",),
    country="Country",
    ad_user_data="Consent",
    segments={"region": "Region"},
    milestones={"won": MilestoneColumn(column="Won")},
)
HEADER = ("ID", "Amount", "GCLID", "MSCLKID", "Created", "Won", "E-mail", "Phone", "Consent",
          "Region", "Country")  # fmt: skip
ORDINARY = {
    "Country": "DE",
    "Amount": "1,234.50",
    "GCLID": "Cj0KCQiA-abcDEF_12345678901",
    "MSCLKID": "0a1b2c3d4e5f60718293a4b5",
    "Created": "2026-11-18 08:15:07",
    "Won": "2026-11-20",
    "Consent": "yes",
    "Region": "North",
}


def row(number: int, **cells: str) -> dict[str, str]:
    """Return an ordinary row, but for cells by their columns; _ stands for a hyphen."""
    said = {name.replace("_", "-"): text for name, text in cells.items()}
    own = {"ID": f"D-{number}", "E-mail": f"someone{number}@example.org",
           "Phone": f"+49 30 9000{number:03}"}  # fmt: skip
    clicks = {name: f"{ORDINARY[name]}{number}" for name in ("GCLID", "MSCLKID")}
    return {**ORDINARY, **own, **clicks, **said}


def deals_in(
    folder: Path, *rows: dict[str, str], cells: CellFormat = CELLS, **more: Any
) -> CsvDeals:
    lines = [";".join(HEADER), *(";".join(one[name] for name in HEADER) for one in rows)]
    (folder / "deals.csv").write_text("\n".join(lines) + "\n")
    path, form = folder / "deals.csv", FileForm(delimiter=";")
    return CsvDeals(name="crm", path=path, columns=COLUMNS, cells=cells, form=form, **more)


def profiled(source: CanBeLookedAt, **more: Any) -> Profile:
    with source.looked_at() as looked_at:
        return profile_of(looked_at, **more)


def column(profile: Profile, name: str) -> ColumnProfile:
    (found,) = (one for one in profile.columns if one.column.name == name)
    return found


def warnings(profile: Profile) -> list[Finding]:
    return [one for one in findings_of(profile) if one.severity is not Severity.INFO]


def test_an_ordinary_export_is_not_spoken_of(tmp_path: Path) -> None:
    assert warnings(profiled(deals_in(tmp_path, *map(row, range(8))))) == []
    assert warnings(profiled(deals_in(tmp_path))) == []


CASES = [
    pytest.param({"Amount": ("1.239", "12.500 €")}, "three decimals", 'decimal = ","',
        id="a dot of thousands"),
    pytest.param({"Amount": ("0",) * 5}, "5 of 5 amounts in column 'Amount' are 0",
        "amounts = { zero = 100 }", id="zeros that mean nothing"),
    pytest.param({"Amount": ("10", "10", "50000000")}, "5,000,000 times the one in the middle",
        "absurd_above = 1000", id="a slip of the keyboard"),
    pytest.param({"Amount": ("-10", "10")}, "1 of 2 amounts in column 'Amount' are negative",
        'absurd = "skip"', id="refunds"),
    pytest.param({"GCLID": (ORDINARY["GCLID"].lower(), ORDINARY["GCLID"])},
        "1 of 2 click IDs in column 'GCLID' are in lower case", "", id="one lower-cased ID"),
    pytest.param({"GCLID": [f"Cj0KCQiA-abcDEF_{n}23" + "x" * 11 for n in "123"]},
        "seem to end at one length, 30", "", id="cut IDs"),
    pytest.param({"GCLID": ("(not set)", "")}, "1 of 1 cells in column 'GCLID' hold a word", "",
        id="a word where an ID should be"),
    pytest.param({"GCLID": ("0AAAAADvLFWcEtJgydUDXHOkumMk-7lT85", "")}, "look like gbraids",
        'gbraid = "…"', id="another kind's IDs"),
    pytest.param({"GCLID": [ORDINARY["GCLID"]] * 12}, "one click ID stands in 12 of 12 cells", "",
        id="the same ID everywhere"),
    pytest.param({"GCLID": (ORDINARY["GCLID"].replace("-", "\u2013"), ORDINARY["GCLID"])},
        "1 of 2 click IDs in column 'GCLID' hold characters", "", id="a dash that was corrected"),
    pytest.param({"Won": ("2999-12-31", "2026-11-20")}, "1 of 2 times in column 'Won' are before",
        "blank_words", id="a date that stands for none"),
    pytest.param({"Won": ("9999-12-31 00:00:00", "2026-11-20")}, "are before", "blank_words",
        id="midnight of the calendar's last day"),
    pytest.param({"Created": ("1970-01-01 00:00:00", "2026-11-20 10:00:00")},
        "1 of 2 times in column 'Created' are before", "blank_words", id="the first of all epochs"),
    pytest.param({"Amount": ("",) * 8}, "column 'Amount' is empty in all 8 records",
        '[deals.crm.columns]\namount = "…"', id="an empty column"),
    pytest.param({"Won": ("2026-11-20 00:00:00", "2026-11-21T00:00:00", "")}, "is midnight",
        '[deals.crm.milestones]\nwon = { column = "Won", is_date = true }',
        id="dates with midnight behind them"),
    pytest.param({"Won": [f"2026-11-{day} 0{day % 2}:00:00" for day in range(20, 30)]},
        "5 of 10 times in column 'Won' are midnight", "is_date", id="dates among times"),
    pytest.param({"Won": [f"2026-0{month}-20T0{2 + (month < 4)}:00:00Z" for month in range(1, 7)]},
        "6 of 6 times in column 'Won' are exactly 02:00 or 03:00 UTC", "time_zone",
        id="midnights of another zone"),
    pytest.param({"Won": ("2026-11-01", "2026-11-20")}, "1 of 2 deals reached 'won' more than a",
        "", id="won before it was created"),
    pytest.param({"Won": ["2027-02-20"] * 5}, "5 of 5 deals reached 'won' more than 90 days", "",
        id="won when no click counts any more"),
    pytest.param({"Won": ("", "")}, "none of 2 deals has reached the milestone 'won'", "",
        id="a milestone that nobody reaches"),
    pytest.param({"E_mail": ["nobody"] * 6}, "none of the 6 cells in column 'E-mail'", "",
        id="no addresses at all"),
    pytest.param({"E_mail": [f"{n}" * 32 for n in "123456"]}, "6 of 6 e-mails in column 'E-mail'"
        " are hashed", "emails_are_hashed = true", id="hashes that nobody knows"),
    pytest.param({"E_mail": ["office@example.org"] * 6}, "6 deals share one email key",
        'allowed = ["key:', id="one address for many"),
    pytest.param({"Phone": ["030 900009"] * 6}, "6 deals share one phone key", 'allowed = ["key:',
        id="a switchboard"),
    pytest.param({"Country": ("Austria", "fr", "Absurdistan")}, "1 of 3 cells in column 'Country'"
        " name no country", "", id="a country that there is not"),
    pytest.param({"Consent": ("yes", "nein", "nein")}, "'nein' (2)", 'denied = ["nein"]',
        id="a word of consent that nobody mapped"),
    pytest.param({"Region": ("North", "north", "No-rth")}, "signs: Aa-aaa and Aaaaa and aaaaa", "",
        id="one word in three spellings"),
    pytest.param({"Region": ("Select", "North")}, "hold a word that stands for nothing",
        'blank_words = ["Select"]', id="the first of a list of choices"),
    pytest.param({"ID": ("5.00E+17", "D-1")}, "1 of 2 IDs in column 'ID' were changed", "",
        id="an ID that a spreadsheet rounded"),
    pytest.param({"ID": [f"41508680000100{n}0000" for n in range(5)] + ["4150868000010123"]},
        "5 of 6 IDs in column 'ID' have nothing but zeros behind 15 digits", "",
        id="IDs of which a spreadsheet kept 15 digits"),
    pytest.param({"Created": ("2026-10-25 02:30:00", "2026-10-25 02:30:00+01:00")},
        "1 of 2 times in column 'Created' are in an hour that the clocks repeat", "",
        id="an hour that comes twice"),
    pytest.param({"Created": ("2026-03-29 02:30:00", "2026-03-29 03:30:00")},
        "1 of 2 times in column 'Created' are in an hour that the clocks skip", 'time_zone = "',
        id="an hour that there is not"),
    pytest.param({"ID": ("D-1", "D-1")}, "1 deals stand in several rows that differ",
        'rows_per_deal = "sum"', id="product lines"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "is_found"),
    [
        pytest.param([f"{n:02}/11/2026" for n in range(1, 9)], True, id="days read as months"),
        pytest.param([f"11/{n:02}/2026" for n in range(1, 9)], False, id="days of one month"),
        pytest.param([f"{n:02}/14/2026" for n in range(1, 9)], False, id="days that are no months"),
    ],
)
def test_dates_of_which_none_is_after_the_12th_may_be_the_wrong_way_round(
    tmp_path: Path, written: list[str], is_found: bool
) -> None:
    rows = [row(number, Created=text) for number, text in enumerate(written)]
    source = deals_in(tmp_path, *rows, cells=replace(CELLS, date_formats=("%m/%d/%Y",)))
    found = [one for one in warnings(profiled(source)) if "after the 12th" in str(one.problem)]
    assert len(found) == is_found


@pytest.mark.parametrize(("cells", "problem", "paste"), CASES)
def test_what_a_column_shows_as_a_whole_is_found_with_its_fix_and_no_raw_value(
    tmp_path: Path, cells: dict[str, Sequence[str]], problem: str, paste: str
) -> None:
    ((name, texts),) = cells.items()
    rows = [row(number, **{name: text}) for number, text in enumerate(texts)]
    found = [
        one for one in warnings(profiled(deals_in(tmp_path, *rows))) if problem in str(one.problem)
    ]
    assert len(found) == 1, problem
    (finding,) = found
    assert finding.means
    assert finding.fix
    assert paste in finding.paste
    is_word = name in ("Consent", "Region") or (not paste and name == "ID")
    assert is_word or not any(text in repr(finding) for text in texts if len(text) > 6)


@pytest.mark.parametrize(
    ("cells", "changed"),
    [
        pytest.param(CellFormat(time_zone=CELLS.time_zone, has_decimal_comma=False,
            currency="EUR"), {"Amount": "1.234"}, id="decimal"),
        pytest.param(CellFormat(time_zone=CELLS.time_zone, date_columns=frozenset({"Won"}),
            currency="EUR"), {"Won": "2026-11-20 00:00:00"}, id="is_date"),
    ],
)  # fmt: skip
def test_what_is_declared_is_not_asked_again(
    tmp_path: Path, cells: CellFormat, changed: dict[str, str]
) -> None:
    rows = [row(number, Created="", Consent="", **changed) for number in range(3)]
    assert warnings(profiled(deals_in(tmp_path, *rows, cells=cells))) == []


def test_rows_that_are_meant_to_be_one_deal_are_not_spoken_of(tmp_path: Path) -> None:
    rows = row(1, Amount="1"), row(1, Amount="2")
    source = deals_in(tmp_path, *rows, rows_per_deal=RowsPerDeal.SUM)
    assert warnings(profiled(source)) == []


def test_an_address_that_is_allowed_may_be_shared(tmp_path: Path) -> None:
    rows = [row(number, E_mail="office@example.org") for number in range(9)]
    allowed = Key(KeyKind.EMAIL, hashed("office@example.org")).digest()
    terms = SharedKeys(allowed=frozenset({allowed}))
    assert warnings(profiled(deals_in(tmp_path, *rows), terms=terms)) == []
    assert len(profiled(deals_in(tmp_path, *rows)).shared) == 1


def test_each_column_is_counted_by_how_its_cells_are_read(tmp_path: Path) -> None:
    rows = [
        row(1, GCLID="GCL.1700000000.CjwKabcDEF", E_mail="a@b.example, c@b.example", Amount="0"),
        row(2, GCLID="{gclid}", E_mail="nobody", Amount="12 apples", Phone=""),
        row(2, GCLID="CjwKabcDEF", E_mail="a@b.example", Amount="1.5", Phone="call me"),
    ]
    profile = profiled(deals_in(tmp_path, *rows))
    assert (profile.records, profile.deals, profile.unreadable) == (3, 2, 1)
    gclid, email, amount = (column(profile, name) for name in ("GCLID", "E-mail", "Amount"))
    assert (gclid.filled, gclid.readable, gclid.distinct) == (3, 2, 3)
    assert dict(gclid.lengths) == {10: 2}
    assert (gclid.count(Sign.WRAPPED), gclid.count(Sign.PLACEHOLDER)) == (1, 1)
    assert (email.filled, email.readable, email.count(Sign.NOT_READ)) == (3, 2, 1)
    assert (amount.filled, amount.readable, amount.count(Sign.ZERO)) == (3, 2, 1)
    assert amount.signs[Sign.UNREADABLE].example == "99 aaaaaa"
    assert (column(profile, "Phone").filled, column(profile, "Phone").readable) == (2, 1)
    (won,) = profile.milestones
    assert (won.deals, str(won.since)) == (2, "2026-11-20 22:59:59+00:00")


def test_more_records_than_are_looked_at_are_said_to_be_more(tmp_path: Path) -> None:
    source = deals_in(tmp_path, *map(row, range(5)))
    assert (profiled(source, most=5).is_cut, profiled(source, most=4).is_cut) == (False, True)
    assert page_of(profiled(source, most=4), [])[0] == (
        "[deals.crm] the first 4 records, 0 of them unreadable"
    )


def test_a_click_log_is_looked_at_too(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(f"at,gclid\n2026-11-20 10:00:00,{ORDINARY['GCLID'].lower()}\n")
    columns = ClickColumns(clicked_at="at", gclid="gclid")
    profile = profiled(CsvClicks(name="site", path=path, columns=columns, cells=CELLS))
    (finding,) = warnings(profile)
    assert "lower case" in str(finding.problem)
    assert (profile.clicks, profile.table) == (1, "clicks.site")


def test_a_database_is_looked_at_as_a_file_is(tmp_path: Path) -> None:
    gclids = [f"{ORDINARY['GCLID']}{number}".lower() for number in range(3)]
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database, database:
        database.execute("CREATE TABLE clicks (at TEXT, gclid TEXT)")
        rows = [("2026-11-20 00:00:00", gclid) for gclid in gclids]
        database.executemany("INSERT INTO clicks VALUES (?, ?)", rows)
    columns = ClickColumns(clicked_at="at", gclid="gclid")
    url = f"sqlite:///{tmp_path}/crm.db"
    source = SqlClicks(name="site", url=url, query="clicks", columns=columns, cells=CELLS)
    problems = [str(one.problem) for one in warnings(profiled(source))]
    assert "3 of 3 click IDs in column 'gclid' are in lower case" in problems
    assert "every time in column 'at' is midnight" in problems


def test_rows_of_a_query_that_are_in_no_window_are_an_error(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database, database:
        database.execute("CREATE TABLE deals (ID TEXT, Won TEXT, changed INTEGER)")
        database.execute("INSERT INTO deals VALUES ('D-1', '2026-11-20', 1793060287)")
    columns = DealColumns(deal_id="ID", milestones={"won": MilestoneColumn(column="Won")})
    query = "SELECT ID, Won FROM deals WHERE changed >= :since"
    url = f"sqlite:///{tmp_path}/crm.db"
    profile = profiled(SqlDeals(name="crm", url=url, query=query, columns=columns, cells=CELLS))
    found = findings_of(profile)[0]
    assert (found.severity, profile.left_out) == (Severity.ERROR, 1)
    assert "1 of 1 rows are outside every window" in str(found.problem)


def test_the_page_fits_eighty_columns_and_shows_nobody(tmp_path: Path) -> None:
    rows = [
        row(n, E_mail="erika.mustermann@example.org", Region="Erika Mustermann", Consent="Erika")
        for n in range(9)
    ]
    profile = profiled(deals_in(tmp_path, *rows))
    lines = page_of(profile, findings_of(profile))
    assert max(len(line) for line in lines if "key:" not in line) <= 80
    said = "\n".join(lines) + json.dumps(profile_as_json(profile), default=str)
    assert "erika" not in said.lower()
