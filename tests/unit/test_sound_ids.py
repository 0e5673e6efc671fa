"""An ID is one: not what a spreadsheet made of it, and nobody's name, e-mail or phone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.mapping import CellFormat
from convsync.extract.salesforce_ids import with_check_characters
from convsync.extract.sound_ids import sound_id

CELLS = CellReader(CellFormat(phone_region="DE"))
SLASHED = CellReader(CellFormat(phone_region="DE", value_separator="/"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("12345", "12345", id="digits"),
        pytest.param("0012345678", "0012345678", id="zeros in front"),
        pytest.param("O-2026-00123", "O-2026-00123", id="an order's number"),
        pytest.param("MAR-05", "MAR-05", id="a region's"),
        pytest.param("Abc-05", "Abc-05", id="no month's"),
        pytest.param("2026/00123", "2026/00123", id="with a slash"),
        pytest.param("GA1.2.1234.5678", "GA1.2.1234.5678", id="a visitor's"),
        pytest.param("'12345", "12345", id="a spreadsheet's apostrophe"),
        pytest.param('="00123"', "00123", id="a spreadsheet's formula"),
        pytest.param("\u200b12345\ufeff", "12345", id="characters without width"),
        pytest.param("\u202a12345\u202c", "12345", id="the direction of a text"),
        pytest.param("zcrm_4876876000000623001", "4876876000000623001", id="Zoho's export"),
        pytest.param("0061G00000q9jPQ", "0061G00000q9jPQQAY", id="Salesforce's 15 characters"),
        pytest.param("0061G00000q9jPQQAY", "0061G00000q9jPQQAY", id="Salesforce's 18 characters"),
        pytest.param("123456789012345", "123456789012345", id="15 digits are not Salesforce's"),
        pytest.param("ord_2026_123456", "ord_2026_123456", id="15 characters of another system"),
        pytest.param("5E17", "5E17", id="a code with an E"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_an_id_is_read_as_its_system_writes_it(text: str, expected: str) -> None:
    assert sound_id(text, "DE") == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *[(text, "spreadsheet") for text in ("5.00E+17", "5,00E+17", "1E+5", "12345.0", "12345,00",
            "#N/A", "#REF!", "Mar-05", "5-Mar", "05. Mrz", "2026-03-05 00:00:00")],
        *[(text, "e-mail") for text in ("jane@example.com", "Jane <jane@x.de>", "jane%40x.de")],
        *[(text, "phone") for text in ("+4915112345678", "+49 151 12345678", "0151 12345678",
            "015112345678", "0151/12345678", "(0151) 12345678")],
        *[(text, "name") for text in ("Erika Mustermann", "Mustermann, Erika", "Jean-Luc Picard",
            "Dr. Erika von Mustermann", "erika mustermann", "Łukasz Żak")],
    ],
)  # fmt: skip
def test_a_text_that_is_not_an_id_is_refused_and_not_shown(text: str, problem: str) -> None:
    for read in (CELLS.deal_id, CELLS.ids):
        with pytest.raises(CellError, match=problem) as refused:
            read(text)
        assert text not in str(refused.value)


@pytest.mark.parametrize("cell", [5e17, -1e300, float(2**53)])
def test_a_number_that_a_database_has_rounded_is_no_id(cell: float) -> None:
    for read in (CELLS.deal_id, CELLS.ids):
        with pytest.raises(CellError, match="rounded"):
            read(cell)


@given(st.from_regex(r"(001|003|006|00Q|a0X)[A-Za-z0-9]{11}[A-Za-z]", fullmatch=True))
def test_salesforces_two_lengths_are_one_id(short: str) -> None:
    long = with_check_characters(short)
    assert (len(long), long[:15]) == (18, short)
    assert sound_id(short) == sound_id(long) == long


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    try:
        once = CELLS.deal_id(text)
    except CellError:
        return
    assert not re.search(r"[^\s@]@[^\s@]+\.[^\s@]", once)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("101;102", ["101", "102"], id="semicolon"),
        pytest.param("101, 102", ["101", "102"], id="comma"),
        pytest.param("a1|b2|", ["a1", "b2"], id="bar, and nothing behind the last"),
        pytest.param("101\n102", ["101", "102"], id="line break"),
        pytest.param("red; green", ["red; green"], id="words are one value"),
        pytest.param("101/102", ["101/102"], id="no separator"),
        pytest.param("zcrm_1;zcrm_2", ["1", "2"], id="each is read as its system writes it"),
        pytest.param(101, ["101"], id="a number"),
        pytest.param(None, [], id="NULL"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_several_keys_in_a_cell_are_parted_where_that_is_safe(
    cell: object, expected: list[str]
) -> None:
    assert CELLS.ids(cell) == expected


@pytest.mark.parametrize(
    "text",
    ["undefined", "null", "NaN", "None", "(not set)", "n/a", "-", "0", "-1", "unknown", "-None-",
     "00000000-0000-0000-0000-000000000000", "000000", "anonymous", "{{lead.id}}", "(none)"],
)  # fmt: skip
def test_a_placeholder_for_an_unknown_key_is_no_key(text: str) -> None:
    assert CELLS.ids(text) == []
    assert CELLS.ids(f"{text};L-101" if text.isalnum() else "L-101") == ["L-101"]
    assert CELLS.plain_ids([text, "L-101"]) == ["", "L-101"]


@pytest.mark.parametrize("text", ["undefined", "null", "NaN", "(not set)"])
def test_a_word_for_a_missing_id_is_no_deals(text: str) -> None:
    with pytest.raises(CellError, match="missing ID"):
        CELLS.deal_id(text)


@pytest.mark.parametrize("text", ["MY123456", "test-7", "100", "10-00", "Z0"])
def test_a_key_that_looks_a_little_like_nothing_is_one(text: str) -> None:
    assert CELLS.ids(text) == CELLS.plain_ids([text]) == [text]


def test_a_key_that_may_be_one_number_or_two_is_refused() -> None:
    with pytest.raises(CellError, match="value_separator"):
        CELLS.ids("101,102")


def test_a_declared_separator_parts_keys_phones_and_emails_alike() -> None:
    assert SLASHED.ids("101/102") == ["101", "102"]
    assert SLASHED.ids("101,102,a") == ["101,102,a"]
    both = CELLS.hashed_emails("a@x.com;b@x.com")
    assert SLASHED.hashed_emails("a@x.com / b@x.com") == both
    phones = CELLS.hashed_phones("0151 12345678;030 901820", "DE")
    assert len(phones) == 2
    assert SLASHED.hashed_phones("0151 12345678/030 901820", "DE") == phones


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        pytest.param("+4915123456789, +4915198765432", 2, id="comma"),
        pytest.param("+4915123456789;+4915198765432", 2, id="semicolon"),
        pytest.param("+4915123456789 +4915198765432", 2, id="space before a plus"),
        pytest.param("0151 23456789 | 0151 98765432", 2, id="bar"),
        pytest.param("0151 23456789; none", 1, id="one of them is none"),
        pytest.param("+49 30 901820;ext=5", 1, id="an extension"),
        pytest.param("call me", 0, id="none"),
    ],
)
def test_several_phones_in_a_cell_are_several(cell: str, count: int) -> None:
    assert len(CELLS.hashed_phones(cell, "DE")) == count
