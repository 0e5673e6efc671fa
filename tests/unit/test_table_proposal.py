"""What is guessed of a table that nobody has mapped, from its header and values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from convsync.extract.csv_form import FileForm
from convsync.extract.form_proposal import propose_form
from convsync.extract.table_proposal import TableProposal, propose_table

GCLID = "Cj0KCQiA-abcDEF_1234567890"


def proposed(table: Mapping[str, Sequence[object]]) -> TableProposal:
    return propose_table(list(table), list(zip(*table.values(), strict=True)))


DATES = ("2026-03-01", "2026-03-20")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        pytest.param({"Deal ID": "12", "Account": "ab", "Created": DATES}, {"deal_id": "Deal ID"},
            id="an ID by its name"),
        pytest.param({"property_dealId": ("3954699413", "3954780486"), "Create Date": DATES},
            {"deal_id": "property_dealId", "created_at": "Create Date"},
            id="an ID of ten digits is no time"),
        pytest.param({"Kennung": ("a1", "b2"), "Stadt": ("X", "X"), "Erstellt am": DATES},
            {"deal_id": "Kennung", "created_at": "Erstellt am"}, id="an ID by its being unique"),
        pytest.param({"id": "12", "created": DATES, "Auftragswert": ("1.234,50", "99,00"),
            "Währung": ("EUR", "USD")}, {"amount": "Auftragswert", "currency": "Währung"},
            id="money in German"),
        pytest.param({"id": "12", "created": DATES, "gclid_kind": "AB", "gclid": (GCLID, "")},
            {"gclid": "gclid"}, id="the click ID and not what is said of it"),
        pytest.param({"id": "12", "created": DATES, "custom_7": (GCLID, GCLID[::-1])},
            {"gclid": "custom_7"}, id="click IDs under any name"),
        pytest.param({"id": "12", "created": DATES, "Landing page": ("https://x.example/?a=1", "")},
            {"landing_url": "Landing page"}, id="a URL"),
        pytest.param({"id": "12", "created": DATES, "E-Mail": ("a@b.example", ""),
            "Mobile": ("+49 30 1", ""), "Phone type": ("home", "")},
            {"email": ["E-Mail"], "phone": ["Mobile"]}, id="a person"),
        pytest.param({"id": "12", "created": DATES, "is_deleted": ("false", "true")},
            {"deleted": "is_deleted"}, id="what is deleted"),
        pytest.param({"id": "12", "created": DATES, "_fivetran_deleted": ("FALSE", "TRUE"),
            "_fivetran_synced": DATES}, {"deleted": "_fivetran_deleted", "modified_at": None},
            id="what a loader found deleted, and not when it copied the row"),
    ],
)  # fmt: skip
def test_a_column_is_guessed_by_its_name_and_what_it_holds(
    table: Mapping[str, Sequence[object]], columns: Mapping[str, Any]
) -> None:
    found = proposed(table)
    assert not found.is_of_clicks
    assert {key: found.columns.get(key) for key in columns} == columns


@pytest.mark.parametrize(
    ("table", "milestones"),
    [
        pytest.param({"Created": DATES, "Won date": DATES}, {"mql": "Created", "won": "Won date"},
            id="a column for each"),
        pytest.param({"Close Date": DATES, "Stage": ("Closed Won", "Closed Lost")},
            {"won": {"column": "Close Date", "when": {"Stage": ["Closed Won"]}},
             "lost": {"column": "Close Date", "when": {"Stage": ["Closed Lost"]}}},
            id="a closing date and a stage"),
        pytest.param({"close_date": DATES, "is_won": ("true", "false")},
            {"won": {"column": "close_date", "when": {"is_won": ["true"]}}}, id="a flag"),
        pytest.param({"close_date": DATES}, {"won": "close_date"}, id="a closing date alone"),
        pytest.param({"Created": DATES, "Expected close date": DATES, "Est. Close Date": DATES},
            {"mql": "Created"}, id="a day on which it may be closed"),
        pytest.param({"Conversion Time": DATES}, {"won": "Conversion Time"}, id="Google's word"),
    ],
)  # fmt: skip
def test_milestones_are_guessed_from_time_columns_and_status_words(
    table: Mapping[str, Sequence[object]], milestones: Mapping[str, Any]
) -> None:
    assert proposed({"Deal ID": "12", **table}).milestones == milestones


@pytest.mark.parametrize(
    ("texts", "form", "is_doubtful"),
    [
        pytest.param(("2026-03-01T10:00:00Z", "2026-03-02"), None, False, id="ISO 8601"),
        pytest.param(("28.03.2026", "01.04.2026"), "%d.%m.%Y", False, id="dots"),
        pytest.param(("28/03/2026", "01/04/2026"), "%d/%m/%Y", False, id="a day beyond twelve"),
        pytest.param(("03/28/2026", "04/01/2026"), "%m/%d/%Y", False, id="a month first"),
        pytest.param(("03/04/2026", "04/01/2026"), "%d/%m/%Y", True, id="either"),
    ],
)
def test_what_dates_leave_open_is_said_to_be_a_guess(
    texts: Sequence[str], form: str | None, *, is_doubtful: bool
) -> None:
    found = proposed({"Deal ID": "12", "Created": texts})
    assert found.form.get("date_formats") == ([form] if form else None)
    assert bool(found.doubts) is is_doubtful


@pytest.mark.parametrize(
    ("table", "deal_id"),
    [
        pytest.param({"External ID": ("__export__.crm_lead_1", "__export__.crm_lead_2"),
            "Created on": DATES, "Closed Date": DATES}, "External ID", id="Odoo"),
        pytest.param({"(Do Not Modify) Opportunity": ("49b0be2e-d01c", "49b0be2e-d01d"),
            "Created On": DATES, "Actual Close Date": DATES}, "(Do Not Modify) Opportunity",
            id="Dynamics 365"),
        pytest.param({"Kennung": ("a1", "b2"), "Abschluss": DATES}, "Kennung", id="a closing date"),
    ],
)  # fmt: skip
def test_deals_with_click_ids_are_no_log_of_clicks(
    table: Mapping[str, Sequence[object]], deal_id: str
) -> None:
    found = proposed({**table, "GCLID": (GCLID, GCLID)})
    assert not found.is_of_clicks
    assert found.columns["deal_id"] == deal_id
    assert "won" in found.milestones


@pytest.mark.parametrize(
    ("table", "looks_like"),
    [
        pytest.param({"deal_id": "11", "timestamp": DATES, "name": "ab", "value": "cd"}, "changes",
            id="a history by field"),
        pytest.param({"OpportunityId": "11", "Created": DATES, "Old Value": "ab", "NewValue": "cd"},
            "changes", id="a history of old and new values"),
        pytest.param({"deal_id": "11", "_fivetran_start": DATES, "_fivetran_active": "tf",
            "value": "ab"}, "changes", id="a history of periods"),
        pytest.param({"contact_id": "11", "deal_id": "12", "type_id": "33", "category": "aa",
            "_fivetran_synced": DATES}, "links", id="contacts of deals"),
        pytest.param({"deal_id": "11", "merged_deal_id": "12"}, "links", id="merged deals"),
        pytest.param({"Order ID": "12", "Adjustment Time": DATES, "Adjustment Type": "ab"},
            "changes", id="Google's template for adjustments"),
        pytest.param({"stage_id": "12", "label": "ab", "created_at": DATES}, "every stage",
            id="stages"),
        pytest.param({"pipeline_id": "12", "label": "ab", "created_at": DATES}, "every pipeline",
            id="pipelines"),
        pytest.param({"deal_id": "12", "contact_id": "34", "created_at": DATES}, "", id="deals"),
        pytest.param({"deal_id": "12", "name": "ab", "amount": "12", "created": DATES}, "",
            id="deals with names"),
    ],
)  # fmt: skip
def test_a_table_that_holds_no_deals_is_said_to_look_like_another(
    table: Mapping[str, Sequence[object]], looks_like: str
) -> None:
    doubts = [doubt for doubt in proposed(table).doubts if "look like" in doubt]
    assert bool(doubts) is bool(looks_like)
    assert looks_like in "".join(doubts)


@pytest.mark.parametrize(
    ("won", "created", "forms", "doubt"),
    [
        pytest.param("03/04/2026", "03/28/2026", ["%m/%d/%Y"], "", id="one column tells it"),
        pytest.param("03/04/2026", "28/03/2026", ["%d/%m/%Y"], "", id="the other way"),
        pytest.param("04/28/2026", "28/03/2026", ["%d/%m/%Y"], "'Won' has the month first and",
            id="columns that contradict each other"),
        pytest.param("28.04.2026", "03/28/2026", ["%d.%m.%Y", "%m/%d/%Y"], "",
            id="another sign between them"),
    ],
)  # fmt: skip
def test_all_dates_of_a_table_have_the_day_first_or_the_month(
    won: str, created: str, forms: Sequence[str], doubt: str
) -> None:
    found = proposed({"Deal ID": "1", "Created": [created], "Won": [won]})
    assert sorted(found.form["date_formats"]) == sorted(forms)
    assert bool(found.doubts) is bool(doubt)
    assert doubt in "".join(found.doubts)


def test_a_log_of_clicks_is_told_from_deals() -> None:
    found = proposed({"gclid": (GCLID, GCLID), "session_utc": DATES, "sessionId": "12"})
    assert found.is_of_clicks
    assert found.columns == {"clicked_at": "session_utc", "gclid": "gclid"}


@pytest.mark.parametrize(
    ("content", "form"),
    [
        pytest.param("a,b\n1,2\n", FileForm(), id="commas"),
        pytest.param("a;b\n1,5;2\n2,5;3\n", FileForm(delimiter=";"), id="semicolons, and commas"),
        pytest.param("a\tb\n1\t2\n", FileForm(delimiter="\t"), id="tabs"),
        pytest.param("Report of March\n\na;b;c\n1;2;3\n", FileForm(delimiter=";", skip_rows=2),
            id="a title above the header"),
        pytest.param("sep=;\na;b\n1;2\n", FileForm(delimiter=";"), id="a first line that says so"),
    ],
)  # fmt: skip
def test_the_layout_of_a_file_is_guessed(tmp_path: Path, content: str, form: FileForm) -> None:
    path = tmp_path / "deals.csv"
    path.write_text(content)
    assert propose_form(path) == form


def test_a_file_that_is_not_utf_8_is_read_as_one_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_bytes("ID;Währung\n1;EUR\n".encode("cp1252"))
    assert propose_form(path) == FileForm(delimiter=";", encoding="cp1252")
