"""Files as people export them: what stands around the rows, workbooks, and quoting gone wrong."""

import gzip
import os
import resource
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync import wiring
from convsync.errors import OperatorError
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.form_proposal import propose_form
from convsync.extract.mapping import CellFormat, DealColumns, MilestoneColumn
from convsync.extract.source import Quarantined
from convsync.extract.table_file import opened_table
from convsync.model.deal import Deal
from convsync.model.identifiers import hashed
from convsync.profile.counting import profile_of
from convsync.profile.findings import findings_of
from convsync.settings import load_settings
from tests.contract.table_suite import WINDOW

COLUMNS = DealColumns(
    deal_id="id", milestones={"won": MilestoneColumn(column="won")}, amount="amount"
)
CELLS = CellFormat(time_zone=ZoneInfo("Europe/Berlin"))
HEADER = "id,amount,won\n"
ROWS = "1,5,2026-02-28 10:00:00\n2,7,2026-02-28 11:00:00\n"


def a_source(
    path: Path, content: str | bytes | None, cells: CellFormat = CELLS, **form: Any
) -> CsvDeals:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvDeals(name="crm", path=path, columns=COLUMNS, cells=cells, form=FileForm(**form))


def read(source: CsvDeals) -> list[str]:
    return [
        f"{one.place.rpartition(':')[2]}!" if isinstance(one, Quarantined) else str(one.deal_id)
        for one in source.read_changed(WINDOW)
        if isinstance(one, Deal | Quarantined)
    ]


INSTRUCTIONS = '### INSTRUCTIONS ###,,\n"# IMPORTANT: set the ""TimeZone""",,\n,,\n'


@pytest.mark.parametrize(
    ("content", "form"),
    [
        pytest.param("sep=,\n" + HEADER + ROWS, {}, id="the delimiter's own line"),
        pytest.param("sep=;\r\n" + (HEADER + ROWS).replace(",", ";"), {}, id="another delimiter"),
        pytest.param('"sep=;"\n' + (HEADER + ROWS).replace(",", ";"), {}, id="quoted"),
        pytest.param("All deals\n\n" + HEADER + ROWS, {"skip_rows": 2}, id="a title"),
        pytest.param("\n,,\n" + HEADER + ROWS, {}, id="empty lines above the header"),
        pytest.param(
            "\u200b" + HEADER.replace(",", "\u202c,", 1) + ROWS, {}, id="unseen characters"
        ),
        pytest.param("Parameters:TimeZone=+0100,,\n" + HEADER + ROWS, {}, id="Google's parameters"),
        pytest.param(
            INSTRUCTIONS + "Parameters:EntityType=X;TimeZone=+0100;,,\n" + HEADER + ROWS,
            {},
            id="Google's parameters below its instructions",
        ),
        pytest.param(
            HEADER + ROWS + "\nTotal,12,\nCopyright\n", {"stop_at": ("Total",)}, id="a footer"
        ),
        pytest.param(
            HEADER + ROWS + " COPYRIGHT (c) 2026\n", {"stop_at": ("copyright",)}, id="in capitals"
        ),
        pytest.param(
            HEADER + ",5,\n" + ROWS + ",12,Sum\n", {"ignores_rows_without_id": True}, id="subtotals"
        ),
        pytest.param((HEADER + ROWS).encode("utf-16"), {}, id="UTF-16 by its mark"),
        pytest.param(("\ufeff" + HEADER + ROWS).encode("utf-16-be"), {}, id="the other UTF-16"),
        pytest.param(
            ("\ufeff" + HEADER + ROWS).encode(), {"encoding": "cp1252"}, id="UTF-8 by its mark"
        ),
        pytest.param(
            (HEADER + ROWS).encode("utf-16-le"), {"encoding": "utf-16-le"}, id="declared UTF-16"
        ),
    ],
)
def test_lines_around_the_rows_are_skipped(
    tmp_path: Path, content: str | bytes, form: dict[str, Any]
) -> None:
    assert read(a_source(tmp_path / "deals.csv", content, **form)) == ["1", "2"]


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("America/New_York", 15), ("-0500", 15), ("+05:30", 4), ("Etc/UTC", 10), ("+0000", 10)],
)
def test_rows_are_read_in_the_zone_that_the_file_states(
    tmp_path: Path, zone: str, hour: int
) -> None:
    source = a_source(tmp_path / "deals.csv", f"Parameters:TimeZone={zone},,\n{HEADER}{ROWS}")
    deal = next(iter(source.read_changed(WINDOW)))
    assert isinstance(deal, Deal)
    assert deal.milestones[0].reached_at.hour == hour


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("Parameters:TimeZone=Mars/Base\n", "Mars/Base", id="no such zone"),
        pytest.param("Parameters:Currency=EUR\n", "Currency", id="a parameter nobody knows"),
        pytest.param(
            "Deals of November\nall\n", "skip_rows = 2", id="a title that nobody declared"
        ),
    ],
)
def test_what_is_not_understood_above_the_rows_stops_with_what_to_do(
    tmp_path: Path, content: str, says: str
) -> None:
    with pytest.raises(OperatorError, match=says):
        read(a_source(tmp_path / "deals.csv", content + HEADER + ROWS))


def test_places_count_every_line_of_the_file(tmp_path: Path) -> None:
    content = "sep=,\nTitle\nParameters:TimeZone=UTC\n" + HEADER + ROWS + "3,x,\n"
    assert read(a_source(tmp_path / "deals.csv", content, skip_rows=1)) == ["1", "2", "7!"]


def cpu_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


@pytest.mark.parametrize("line", ['a","""', 'x,"', '"', 'x,5,"a""'])
def test_quoting_gone_wrong_ends_in_linear_time_and_costs_no_good_row(
    tmp_path: Path, line: str
) -> None:
    spent = []
    for lines in (1_000, 8_000):
        content = HEADER + ROWS + f"{line}\n" * lines + "9,5,2026-02-28\n"
        began = cpu_seconds()
        found = read(a_source(tmp_path / "deals.csv", content))
        spent.append(cpu_seconds() - began)
        assert found[:2] == ["1", "2"]
        assert found[-1] == "9"
        assert all(one.endswith("!") for one in found[2:-1])
    assert spent[1] < 25 * max(spent[0], 0.02), "64 times as much where it is quadratic"


@given(
    st.lists(st.sampled_from(['"', ",", "\n", "a", "1,5,2026-02-28\n", '2,"x\ny",\n']), max_size=40)
)
def test_the_rows_before_and_after_any_damage_are_read(
    shared_folder: Path, parts: list[str]
) -> None:
    content = HEADER + "first,5,\n" + "".join(parts) + "\nlast,5,\n"
    found = read(a_source(shared_folder / "deals.csv", content))
    assert found[0] == "first"
    assert found[-1] == "last" or found[-1].endswith("!")


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def a_workbook(
    path: Path, sheets: dict[str, Sequence[Sequence[object]]], hidden: Sequence[str] = ()
) -> None:
    """Write the least that is a workbook; a cell of bytes is its XML."""
    names = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"'
        + ' state="hidden"/>' * (name in hidden)
        + "/>" * (name not in hidden)
        for number, name in enumerate(sheets, 1)
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    links = "".join(
        f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    with ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="w"'
            f' Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        )
        for number, rows in enumerate(sheets.values(), 1):
            written = "".join(f"<row>{''.join(map(_as_xml, row))}</row>" for row in rows)
            archive.writestr(
                f"xl/worksheets/s{number}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{written}</sheetData></worksheet>',
            )


def _as_xml(cell: object) -> str:
    if isinstance(cell, bytes):
        return cell.decode()
    if isinstance(cell, str):
        return f'<c t="inlineStr"><is><t>{cell}</t></is></c>'
    return f"<c><v>{cell}</v></c>"


TABLE = [["id", "amount", "won"], [1, 5.5, "2026-02-28"], ["", "", ""], ["2", 7, "2026-02-28"]]


@pytest.mark.parametrize(
    ("sheets", "form"),
    [
        pytest.param({"Deals": TABLE}, {}, id="the only sheet"),
        pytest.param({"Notes": [["x"]], "Deals": TABLE}, {"sheet": "Deals"}, id="a named one"),
        pytest.param(
            {"A": [["Report"], *TABLE, ["Total", 12]]},
            {"skip_rows": 1, "stop_at": ("Total",)},
            id="a title and a footer",
        ),
        pytest.param({"A": [["Parameters:TimeZone=UTC"], *TABLE]}, {}, id="Google's parameters"),
    ],
)
def test_a_workbook_is_read_as_a_csv_is(
    tmp_path: Path, sheets: dict[str, Any], form: dict[str, Any]
) -> None:
    path = tmp_path / "deals.xlsx"
    a_workbook(path, sheets)
    source = a_source(path, None, **form)
    assert read(source) == ["1", "2"]
    assert list(read(source)) == ["1", "2"]


@pytest.mark.parametrize(
    ("sheets", "form"),
    [
        pytest.param({"Deals": TABLE}, FileForm(), id="nothing above"),
        pytest.param({"A": [["Report"], [""], *TABLE]}, FileForm(skip_rows=2), id="a title"),
        pytest.param({"Cover": [[""]], "Deals": TABLE}, FileForm(sheet="Deals"), id="a cover"),
        pytest.param({"A": [["Parameters:TimeZone=UTC"], *TABLE]}, FileForm(), id="parameters"),
        pytest.param({"A": [[""]]}, FileForm(), id="nothing"),
    ],
)
def test_sheet_and_header_of_a_workbook_are_proposed(
    tmp_path: Path, sheets: dict[str, Any], form: FileForm
) -> None:
    path = tmp_path / "deals.xlsx"
    a_workbook(path, sheets)
    assert propose_form(path) == form


def test_a_hidden_sheet_is_read_only_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    sheets: dict[str, Any] = {"Old": [["x"], ["y"]], "Deals": TABLE}
    a_workbook(path, sheets, hidden=["Old"])
    with (
        opened_table(path, FileForm()) as shown,
        opened_table(path, FileForm(sheet="Old")) as named,
    ):
        assert list(shown.header.names) == TABLE[0]
        assert list(named.header.names) == ["x"]


def test_sheets_with_the_same_columns_are_not_chosen_among(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    sheets: dict[str, Any] = {"2025": TABLE, "2026": TABLE}
    a_workbook(path, sheets)
    with (
        pytest.raises(OperatorError, match="'2025' and '2026' have the same columns"),
        opened_table(path, FileForm()),
    ):
        pass


def test_an_empty_first_sheet_is_said_to_be_one_of_several(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    sheets: dict[str, Any] = {"Cover": [], "Deals": TABLE}
    a_workbook(path, sheets)
    with pytest.raises(OperatorError, match="first sheet is empty: name one of 'Cover', 'Deals'"):
        read(a_source(path, None))


@pytest.mark.parametrize(
    ("content", "form", "says"),
    [
        pytest.param(TABLE, {"sheet": "Deal"}, "'Deals'", id="no such sheet"),
        pytest.param([], {}, "empty", id="an empty sheet"),
        pytest.param(None, {}, "not a readable workbook", id="something else that is zipped"),
    ],
)
def test_a_workbook_that_cannot_be_read_stops_with_its_name(
    tmp_path: Path, content: Any, form: dict[str, Any], says: str
) -> None:
    path = tmp_path / "deals.xlsx"
    if content is None:
        with ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    else:
        a_workbook(path, {"Deals": content})
    with pytest.raises(OperatorError, match=says) as stopped:
        read(a_source(path, None, **form))
    assert str(path) in str(stopped.value)


HASH = hashed("a@x.example")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(gzip.compress(b"id\nD-1\n"), "compressed by gzip: unpack it", id="gzip"),
        pytest.param(b"PAR1\x15\x04", "Parquet file", id="Parquet"),
        pytest.param(b"%PDF-1.7\n", "is a PDF", id="PDF"),
        pytest.param(b"\n<!DOCTYPE html><title>Sign in</title>", "asks to sign in", id="sign-in"),
        pytest.param(b"\xef\xbb\xbf<html><table><tr>", "web page", id="HTML as .xls"),
        pytest.param(b'<?xml version="1.0"?>\n<Workbook>', "is XML", id="XML as .xls"),
        pytest.param(b'{"error":"INVALID_SESSION_ID"}', "is JSON, an error", id="an API's error"),
        pytest.param(b'[{"id":"D-1"}]', "is JSON", id="JSON"),
        pytest.param(b"SQLite format 3\0", 'kind = "sql"', id="a database"),
        pytest.param(b"\0" * 512, "not written to its end", id="what a crash left"),
        pytest.param(b"PK\x03\x04 deals.csv", "is an archive, unpack it", id="ZIP"),
    ],
)
def test_a_file_that_is_not_a_table_is_named_by_what_it_is(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "deals.csv"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=said), opened_table(path, FileForm()):
        raise AssertionError("it was opened")


def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "deals.csv")
    with pytest.raises(OperatorError, match="is a pipe or a device"):
        read(a_source(tmp_path / "deals.csv", None))


@pytest.mark.parametrize(
    ("cell", "emails"),
    [
        pytest.param(HASH, (HASH,), id="a hash"),
        pytest.param(HASH.upper(), (HASH,), id="in capitals"),
        pytest.param(f"{HASH};{hashed('b@x.example')}", (HASH, hashed("b@x.example")), id="two"),
        pytest.param("a@x.example", (HASH,), id="an address all the same"),
        pytest.param(hashed(""), (), id="the hash of nothing"),
        pytest.param(HASH[:-1], (), id="a digit short"),
    ],
)
def test_hashes_are_taken_where_they_are_declared_and_reported_where_not(
    tmp_path: Path, cell: str, emails: tuple[str, ...]
) -> None:
    columns = DealColumns(deal_id="id", milestones={}, emails=("email",))
    path = tmp_path / "deals.csv"
    path.write_text(f"id,email\n1,{cell}\n")
    for is_declared in (True, False):
        form = CellFormat(emails_are_hashed=is_declared)
        source = CsvDeals(name="crm", path=path, columns=columns, cells=form)
        (found,) = source.read_changed(WINDOW)
        if is_declared or "@" in cell or len(cell) < 64:
            assert isinstance(found, Deal)
            assert found.identifiers.emails == emails
        else:
            assert isinstance(found, Quarantined)
            assert "emails_are_hashed" in found.problem
            assert cell not in found.problem


@pytest.mark.parametrize(
    ("cell", "phones"),
    [
        pytest.param(HASH, (HASH,), id="a hash"),
        pytest.param(f"{HASH.upper()};{HASH}", (HASH,), id="two"),
        pytest.param("+49 1511 2345678", (hashed("+4915112345678"),), id="a number all the same"),
        pytest.param(hashed(""), (), id="the hash of nothing"),
    ],
)
@pytest.mark.parametrize("is_declared", [True, False])
def test_hashes_of_phones_are_taken_where_they_are_declared_and_reported_where_not(
    tmp_path: Path, cell: str, phones: tuple[str, ...], is_declared: bool
) -> None:
    columns = DealColumns(deal_id="id", milestones={}, phones=("phone",))
    path = tmp_path / "deals.csv"
    path.write_text(f"id,phone\n1,{cell}\n")
    form = CellFormat(phones_are_hashed=is_declared)
    (found,) = CsvDeals(name="crm", path=path, columns=columns, cells=form).read_changed(WINDOW)
    if is_declared or "+" in cell:
        assert isinstance(found, Deal)
        assert found.identifiers.phones == phones
    else:
        assert isinstance(found, Quarantined)
        assert "phones_are_hashed" in found.problem
        assert cell not in found.problem


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param(ROWS, [], id="all readable"),
        pytest.param(ROWS + "3,x,\n" + "4,y,\n5,1,\n", ["2 of 5 rows"], id="some unreadable"),
        pytest.param("3,x,\n4,y,\n", ["2 of 2 rows"], id="all unreadable"),
        pytest.param(ROWS + "\nReport\nCopyright\n", ["2 lines after"], id="a footer"),
        pytest.param("3,x,\n" + ROWS + "Report\n", ["1 of 4 rows", "1 lines after"], id="both"),
        pytest.param("Report\n", ["1 of 1 rows"], id="no deal at all"),
    ],
)
def test_check_reads_the_rows_and_warns_of_what_a_night_would_meet(
    tmp_path: Path, rows: str, says: list[str]
) -> None:
    with a_source(tmp_path / "deals.csv", HEADER + rows).looked_at() as source:
        problems = [one.problem or "" for one in findings_of(profile_of(source))]
    about_rows = [one for one in problems if "cannot be read" in one or "lines after" in one]
    for problem, words in zip(about_rows, says, strict=True):
        assert words in problem


TEMPLATE = """### INSTRUCTIONS ###,,,,
"# IMPORTANT: Remember to set the TimeZone value in the ""parameters"" row",,,,
,,,,
### TEMPLATE ###,,,,
Parameters:TimeZone=America/New_York;,,,,
Google Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency
CjA,Won,02/28/2026 10:00:00 AM,150.5,USD
CjA,Won,2026-02-28 11:00:00-0500,99,
CjB,Trial,2026-02-28 10:00:00,,EUR
,Won,2026-02-28 10:00:00,5,EUR
"""


def test_googles_template_is_a_source_as_it_comes(tmp_path: Path) -> None:
    config = tmp_path / "convsync.toml"
    example = Path(__file__).parents[2] / "config" / "google_template.toml"
    config.write_text(example.read_text())
    path = tmp_path / "exports" / "offline-conversions.csv"
    path.parent.mkdir()
    path.write_text(TEMPLATE)
    (source,) = wiring.services_of(load_settings(config)).deal_sources
    first, second, other, bad = source.read_changed(WINDOW)
    assert isinstance(first, Deal)
    assert isinstance(second, Deal)
    assert isinstance(other, Deal)
    assert [deal.milestones[0].reached_at.hour for deal in (first, second)] == [15, 16]
    assert [(deal.amount, deal.currency) for deal in (first, second)] == [
        (Decimal("150.5"), "USD"),
        (Decimal(99), "EUR"),
    ]
    assert {one.click.click_id.value for deal in (first, second) for one in deal.clicks} == {"CjA"}
    assert len({first.deal_id, second.deal_id, other.deal_id}) == 3
    assert other.milestones == ()
    assert isinstance(bad, Quarantined)
    assert "Google Click ID" in bad.problem
