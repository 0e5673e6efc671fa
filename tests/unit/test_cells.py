"""What one cell means: amounts, words, addresses. test_times.py has the times."""

from contextlib import suppress
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS
from phonenumbers.geodata.locale import LOCALE_DATA

from convsync.extract.amounts import Amount
from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.cells import CellReader, hashed_phone
from convsync.extract.mapping import CellFormat
from convsync.model.consent import ConsentStatus
from convsync.model.countries import country_named
from convsync.model.customer import CustomerType
from convsync.model.identifiers import hashed

BERLIN = ZoneInfo("Europe/Berlin")
ISO = CellReader(CellFormat(time_zone=BERLIN))
COMMA = CellReader(CellFormat(has_decimal_comma=True))


@pytest.mark.parametrize(
    ("text", "dot", "comma"),
    [
        pytest.param("1234", "1234", "1234", id="digits"),
        pytest.param("0", "0", "0", id="zero"),
        pytest.param("-5", "-5", "-5", id="negative"),
        pytest.param("1234.56", "1234.56", None, id="decimal dot"),
        pytest.param("1234,56", None, "1234.56", id="decimal comma"),
        pytest.param("1,234.56", "1234.56", None, id="thousands by comma"),
        pytest.param("1.234,56", None, "1234.56", id="thousands by dot"),
        pytest.param("1.234", "1.234", "1234", id="the declaration decides"),
        pytest.param("1,234", "1234", "1.234", id="the declaration decides, the other way"),
        pytest.param("12,34,567.00", "1234567.00", None, id="lakhs"),
        pytest.param("1 234 567", "1234567", "1234567", id="thousands by space"),
        pytest.param("1\u202f234,50", None, "1234.50", id="thousands by narrow space"),
        pytest.param("1'234.50", "1234.50", None, id="Swiss"),
        pytest.param("(1,234.56)", "-1234.56", None, id="accountant's minus"),
        pytest.param("−12", "-12", "-12", id="typographic minus"),
        pytest.param("1.5E+05", "1.5E+5", None, id="spreadsheet's exponent"),
        pytest.param("0.10", "0.10", None, id="as exact as stated"),
    ],
)
def test_an_amount_is_read_exactly_as_written(
    text: str, dot: str | None, comma: str | None
) -> None:
    for cells, expected in ((ISO, dot), (COMMA, comma)):
        if expected is None:
            with pytest.raises(CellError, match="decimal"):
                cells.amount(text)
        else:
            amount = cells.amount(text)
            assert amount is not None
            assert str(amount.number) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("€ 1,200.00", Amount(Decimal("1200.00"), "EUR"), id="sign before"),
        pytest.param("1,200.00 €", Amount(Decimal("1200.00"), "EUR"), id="sign behind"),
        pytest.param("-£5", Amount(Decimal(-5), "GBP"), id="minus before the sign"),
        pytest.param("£-5", Amount(Decimal(-5), "GBP"), id="minus behind the sign"),
        pytest.param("USD1200", Amount(Decimal(1200), "USD"), id="code before"),
        pytest.param("1200 CHF", Amount(Decimal(1200), "CHF"), id="code behind"),
        pytest.param("R$ 7", Amount(Decimal(7), "BRL"), id="sign of two characters"),
        pytest.param("1200 EGP", Amount(Decimal(1200), "EGP"), id="any code of ISO 4217"),
        pytest.param("A$ 5", Amount(Decimal(5), "AUD"), id="a sign that says whose dollar"),
    ],
)
def test_a_currency_beside_an_amount_is_read_where_it_means_one(
    text: str, expected: Amount
) -> None:
    assert ISO.amount(text) == expected


@pytest.mark.parametrize(
    "text",
    ["1.2.3", "1,2345", "12k", "1.2M", "5 %", "1,2 Mio", "12 pcs", "€5€", "--5", "5-", "NaN", "inf",
     "1e99", "1200 ABC", "XAU 5", "9" * 19, "٣٤", "1 2 3", "free", "(5", "$", "."],
)  # fmt: skip
def test_a_cell_that_is_not_an_amount_is_reported(text: str) -> None:
    with pytest.raises(CellError):
        ISO.amount(text)


@pytest.mark.parametrize("cell", [True, float("nan"), Decimal("Infinity"), b"5", date(2026, 1, 1)])
def test_a_typed_value_that_is_no_amount_is_a_problem(cell: object) -> None:
    with pytest.raises(CellError):
        ISO.amount(cell)


def test_a_float_is_the_decimal_it_prints_as() -> None:
    assert ISO.amount(0.1) == Amount(Decimal("0.1"))


@given(st.text(st.characters(min_codepoint=0xC0, categories=["L"]), min_size=1, max_size=40))
def test_a_problem_shows_no_letter_of_its_cell(text: str) -> None:
    for read in (ISO.moment, ISO.amount, COMMA.amount):
        with pytest.raises(CellError) as problem:
            read(text)
        assert not set(text) & set(str(problem.value))


@given(st.text(max_size=40))
def test_no_text_is_too_strange_to_read_or_to_refuse(text: str) -> None:
    for read in (ISO.moment, ISO.amount, COMMA.amount, ISO.currency):
        with suppress(CellError):
            read(text)
    ISO.hashed_emails(text)
    hashed_phone(ISO.text(text), "DE")


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_an_amount_written_either_way_reads_back(number: Decimal) -> None:
    written = f"{number:,.2f}"
    swapped = written.translate(str.maketrans(",.", ".,"))
    assert ISO.amount(written) == COMMA.amount(swapped) == Amount(number)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("a@x.com; b@x.com", ["a@x.com", "b@x.com"], id="semicolon"),
        pytest.param("a@x.com,b@x.com", ["a@x.com", "b@x.com"], id="comma"),
        pytest.param("a@x.com b@x.com", ["a@x.com", "b@x.com"], id="space"),
        pytest.param("a@x.com\nb@x.com", ["a@x.com", "b@x.com"], id="line break"),
        pytest.param("Jane Doe <Jane@X.com>", ["jane@x.com"], id="with a name"),
        pytest.param("jane @x.com", ["jane@x.com"], id="space inside one address"),
        pytest.param("a@x.com; none", ["a@x.com"], id="one of them is none"),
        pytest.param("not given", [], id="none"),
    ],
)
def test_one_cell_may_hold_several_addresses(cell: str, expected: list[str]) -> None:
    assert ISO.hashed_emails(cell) == [hashed(email) for email in expected]


@pytest.mark.parametrize(
    "cell", ['["jane@example.com", "joe@example.com"]', "{jane@example.com,joe@example.com}"]
)
def test_a_list_of_addresses_as_databases_write_it_is_several(cell: str) -> None:
    assert ISO.hashed_emails(cell) == [hashed("jane@example.com"), hashed("joe@example.com")]


@pytest.mark.parametrize("cell", ["1234567890", "0123456789", "12345678"])
def test_digits_in_a_row_are_nobodys_number(cell: str) -> None:
    assert ISO.hashed_phones(cell, "DE") == []


@pytest.mark.parametrize(
    ("country", "phone", "expected"),
    [
        pytest.param("FR", "06 12 34 56 78", "+33612345678", id="the cell's country"),
        pytest.param("fr", "06 12 34 56 78", "+33612345678", id="in lower case"),
        pytest.param("", "0151 12345678", "+4915112345678", id="the source's region"),
        pytest.param("Austria", "0664 1234567", "+436641234567", id="a name"),
        pytest.param("ÖSTERREICH", "0664 1234567", "+436641234567", id="a name in its language"),
        pytest.param("Cote d'Ivoire", "07 01 23 45 67", "+2250701234567", id="without accents"),
        pytest.param("United States of America", "(212) 555-2368", "+12125552368", id="ISO's name"),
        pytest.param("UK", "020 7946 0958", "+442079460958", id="what people write"),
        pytest.param("Atlantis", "+49 151 12345678", "+4915112345678", id="a plus needs none"),
        pytest.param("Atlantis", "0151 12345678", None, id="no country that there is"),
    ],
)
def test_a_national_phone_number_is_read_in_its_country(
    country: str, phone: str, expected: str | None
) -> None:
    cells = CellReader(CellFormat(phone_region="DE"))
    assert hashed_phone(phone, cells.region(country)) == (expected and hashed(expected))


def test_every_country_is_known_by_its_code_and_its_english_name() -> None:
    for region, names in LOCALE_DATA.items():
        if region in SUPPORTED_REGIONS:
            english = names["en"].removeprefix("*")
            name = names[english] if names["en"].startswith("*") else english
            assert country_named(region) == region
            assert country_named(name) == region, name


def test_words_are_compared_without_case_and_space() -> None:
    form = CellFormat(granted_words=frozenset({"Opt-In"}), denied_words=frozenset({"no"}))
    consent = CellReader(form).consent
    assert consent(" opt-in ") is ConsentStatus.GRANTED
    assert consent("NO") is ConsentStatus.DENIED
    assert consent("") is consent(None) is ConsentStatus.UNSPECIFIED


def test_a_word_declared_both_granted_and_denied_is_denied() -> None:
    both = frozenset({"yes"})
    assert CellReader(CellFormat(granted_words=both, denied_words=both)).consent("yes") is (
        ConsentStatus.DENIED
    )


CUSTOMERS = {
    CustomerType.NEW: frozenset({"New Business", "new"}),
    CustomerType.RETURNING: frozenset({"Upsell", "either"}),
    CustomerType.REENGAGED: frozenset({"won back", "either", "-"}),
}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(" new business ", CustomerType.NEW, id="without case and space"),
        pytest.param("UPSELL", CustomerType.RETURNING, id="returning"),
        pytest.param("Won Back", CustomerType.REENGAGED, id="re-engaged"),
        pytest.param("either", None, id="a word of two types"),
        pytest.param("Prospect", None, id="a word nobody declared"),
        pytest.param("-", None, id="a word that means nothing"),
        pytest.param("", None, id="blank"),
        pytest.param(None, None, id="NULL"),
    ],
)
def test_a_type_of_customer_is_said_by_its_words_alone(
    cell: object, expected: CustomerType | None
) -> None:
    form = CellFormat(customer_words=CUSTOMERS, blank_words=frozenset({"-"}))
    assert CellReader(form).customer_type(cell) is expected


def test_a_shape_shows_form_and_no_content() -> None:
    assert shape_of("31/12/2025") == "99/99/9999"
    assert shape_of("Müller, Jane-Ann and sons") == "aaaaaa, aaaa-aaa aaa…"


GRANTED, DENIED = ConsentStatus.GRANTED, ConsentStatus.DENIED
UNSPECIFIED, UNCLEAR = ConsentStatus.UNSPECIFIED, ConsentStatus.UNCLEAR


@pytest.mark.parametrize(
    ("granted", "denied", "cell", "expected"),
    [
        pytest.param("true", "false", True, GRANTED, id="boolean: yes"),
        pytest.param("true", "false", False, DENIED, id="boolean: no"),
        pytest.param("true", "false", 1, GRANTED, id="MySQL: yes"),
        pytest.param("true", "false", 0, DENIED, id="MySQL: no"),
        pytest.param("true", "false", "0", DENIED, id="exported from MySQL"),
        pytest.param("true", "false", b"\0", DENIED, id="BIT(1): no"),
        pytest.param("true", "false", b"\1", GRANTED, id="BIT(1): yes"),
        pytest.param("true", "false", Decimal("0"), DENIED, id="Oracle: no"),
        pytest.param("true", "false", 0.0, DENIED, id="a float: no"),
        pytest.param("1", "0", False, DENIED, id="digits mapped, boolean found"),
        pytest.param("false", "true", True, DENIED, id="a column that says who opted out"),
        pytest.param("true", "no", False, DENIED, id="the other value of what grants refuses"),
        pytest.param("yes", "true", False, UNCLEAR, id="the other value of what refuses"),
        pytest.param("yes", "no", True, UNCLEAR, id="a boolean that nobody mapped"),
        pytest.param("yes", "no", False, UNCLEAR, id="so is the other"),
        pytest.param("yes", "no", "nein", UNCLEAR, id="a word that nobody mapped"),
        pytest.param("yes", "no", 2, UNCLEAR, id="a number that nobody mapped"),
        pytest.param("yes", "no", None, UNSPECIFIED, id="NULL"),
        pytest.param("yes", "no", "asked", UNSPECIFIED, id="a word that says nothing"),
        pytest.param("yes", "yes", "YES ", DENIED, id="both"),
    ],
)
def test_consent_is_what_the_configuration_says_and_never_a_guess(
    granted: str, denied: str, cell: object, expected: ConsentStatus
) -> None:
    form = CellFormat(
        granted_words=frozenset({granted}),
        denied_words=frozenset({denied}),
        unspecified_words=frozenset({"asked"}),
    )
    assert CellReader(form).consent(cell) is expected


WORDS = st.sampled_from(["yes", "no", "true", "false", "1", "0", "ja", "t"])


@given(
    st.frozensets(WORDS), st.frozensets(WORDS), st.one_of(WORDS, st.booleans(), st.integers(0, 2))
)
def test_nothing_grants_but_a_word_that_was_mapped_to_granting(
    granted: frozenset[str], denied: frozenset[str], cell: object
) -> None:
    reader = CellReader(CellFormat(granted_words=granted, denied_words=denied))
    if reader.consent(cell) is ConsentStatus.GRANTED:
        spellings = {"true": {"true", "1"}, "1": {"true", "1"}, "false": {"false", "0"}}
        spellings["0"] = spellings["false"]
        word = str(cell).lower()
        assert spellings.get(word, {word}) & granted
        assert not spellings.get(word, {word}) & denied


@pytest.mark.parametrize("number", [Decimal("1E+999999"), Decimal(10) ** 4400])
def test_a_number_without_end_is_a_problem_of_its_cell(number: Decimal) -> None:
    with pytest.raises(CellError, match="digits"):
        ISO.text(number)


@pytest.mark.parametrize(
    "cell",
    [
        "'jane@example.com",
        "jane@example.com\u200b",
        "\u202ajane@example.com\u202c",
        "jane@exam\u00adple.com",
        '"jane@example.com"',
        "mailto:jane@example.com",
        "MAILTO:Jane@example.com?subject=Hi",
        '="jane@example.com"',
    ],
)
def test_marks_around_an_email_are_no_part_of_it(cell: str) -> None:
    cells = CellReader(CellFormat())
    assert cells.hashed_emails(cell) == cells.hashed_emails("jane@example.com") != []
