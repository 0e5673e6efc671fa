"""A deal whose ID comes back in another form is held back, and the one that is known stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from convsync.extract.csv_file import CsvDeals
from convsync.extract.id_forms import other_forms_of
from convsync.store import deals, quarantine
from convsync.store.database import Connection, Database
from tests.store.rows import rolled_back
from tests.store.test_unchanged_rows import CELLS, COLUMNS, Nights, Row

GUID = "8f14e45f-ceea-467f-a9a3-c1d2e3f4a5b6"


def row(deal_id: str, amount: str = "100") -> Row:
    """Return a row of an export."""
    return (deal_id, "2026-02-20", amount, "DE", "", "")


def nights_in(connection: Connection, folder: Path) -> Nights:
    """Return the nights of an export that is read into a store."""
    source = CsvDeals(name="crm", path=folder / "deals.csv", columns=COLUMNS, cells=CELLS)
    return Nights(connection, source)


@pytest.mark.parametrize(
    ("known", "written"),
    [
        pytest.param("0012345", "12345", id="the zeros before it are gone"),
        pytest.param("12345", "0012345", id="it has zeros before it"),
        pytest.param("12345", "12,345", id="its digits are grouped by commas"),
        pytest.param("12345", "12.345", id="its digits are grouped by dots"),
        pytest.param("12345", "12 345", id="its digits are grouped by spaces"),
        pytest.param("12,345", "12345", id="its digits are grouped no longer"),
        pytest.param("OPP-17", "opp-17", id="in lower case"),
        pytest.param(GUID, GUID.upper(), id="a GUID in upper case"),
        pytest.param(GUID, f"{{{GUID.upper()}}}", id="a GUID in braces"),
        pytest.param(f"{{{GUID}}}", GUID, id="a GUID without its braces"),
        pytest.param("12345", "#12345", id="with a mark before it"),
        pytest.param("Ä-17", "A\u0308-17", id="its accent stands apart"),
        pytest.param("Ä-17", "Ã„-17", id="in the wrong encoding"),
        pytest.param("12345", "１２３４５", id="in wide digits"),
        pytest.param("12345", "OPP-12345", id="with a word before it"),
        pytest.param("12345", "Deal12345", id="with letters before it"),
        pytest.param("OPP-12345", "12345", id="without the word before it"),
        pytest.param("12345", "https://crm.example/deals/12345", id="as the end of its address"),
        pytest.param("12345", "12345-deal", id="with a word behind it"),
    ],
)
def test_a_known_id_in_another_form_is_held_back_and_no_second_deal(
    database: Database, tmp_path: Path, known: str, written: str
) -> None:
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path)
        nights.night(row(f'"{known}"'), row("D-99"))
        nights.night(row(f'"{written}"'), row("D-99"))
        assert nights.planned == []
        assert quarantine.deals_in(connection, "crm") == [written]
        assert deals.rows_by_id(connection, "crm", [known, written]).keys() == {known}


def test_a_deal_known_in_another_form_is_not_missing_from_a_complete_export(
    database: Database, tmp_path: Path
) -> None:
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path)
        nights.source.is_complete = True
        nights.night(row("0012345"), row("D-99"))
        nights.night(row("12345"), row("D-99"))
        assert deals.present(connection, "crm", ["0012345"])
        nights.night(row("0012345"), row("D-99"))
        assert quarantine.deals_in(connection, "crm") == []


def test_ids_in_two_forms_are_two_deals_in_a_first_read_and_where_they_are_exact(
    database: Database, tmp_path: Path
) -> None:
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path)
        nights.night(row("0012"), row("12"))
        assert sorted(nights.planned) == ["0012", "12"]
        nights.night(row("0012"), row("12", "200"))
        assert nights.planned == ["12"]
        nights.source = replace(nights.source, ids_are_exact=True)
        nights.night(row("0012"), row("12", "200"), row("012"))
        assert nights.planned == ["012"]


def test_ids_that_share_their_digits_are_two_deals_if_they_were_never_won_at_once(
    database: Database, tmp_path: Path
) -> None:
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path)
        nights.night(row("12345"), row("D-99"))
        nights.night(row("12345"), row("D-99"), ("OPP-12345", "2026-02-21", "100", "DE", "", ""))
        assert nights.planned == ["OPP-12345"]


@pytest.mark.parametrize("deal_id", ["00651000001AbCdAAK", "a1B2", "D-17a"])
def test_the_case_of_an_id_in_mixed_case_is_a_part_of_it(deal_id: str) -> None:
    assert other_forms_of(deal_id) == set()
