"""E-mails and phones are normalised as Google does, or are no identifiers at all."""

import csv
import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.model.identifiers import hashed, normalised_email, normalised_phone

FORMATS = Path(__file__).parents[2].parent / "shared" / "data" / "formats"
needs_corpora = pytest.mark.skipif(not FORMATS.exists(), reason="shared data not here")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(" Jane@Example.COM ", "jane@example.com", id="case and space"),
        pytest.param("jane @example.com", "jane@example.com", id="space inside"),
        pytest.param("J.Doe+news@Gmail.com", "jdoe@gmail.com", id="gmail: dots and plus go"),
        pytest.param("j.doe+x@googlemail.com", "jdoe@googlemail.com", id="googlemail likewise"),
        pytest.param("j.doe+x@example.com", "j.doe+x@example.com", id="elsewhere they stay"),
        pytest.param("j.doe@mail.gmail.com", "j.doe@mail.gmail.com", id="only gmail itself"),
        pytest.param("jürgen@münchen.example", "jürgen@münchen.example", id="any script"),
        pytest.param("+x@gmail.com", None, id="nothing left of it"),
        pytest.param("jane@localhost", None, id="a bare host"),
        pytest.param("jane@example.com.", None, id="a full stop behind it"),
        pytest.param("jane@example.com(work)", None, id="a remark behind it"),
        pytest.param("a@example.com;b@example.com", None, id="two"),
        pytest.param("jane@example..com", None, id="two full stops in the domain"),
        pytest.param("jane@example.com.invalid", None, id="of a Salesforce sandbox"),
        pytest.param("jane", None, id="no at"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_an_email_is_normalised_as_google_does(raw: str, expected: str | None) -> None:
    assert normalised_email(raw) == expected


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        pytest.param("+4915112345678", None, "+4915112345678", id="E.164 already"),
        pytest.param("+49 151 / 123-456.78", None, "+4915112345678", id="punctuation"),
        pytest.param("+49 (0)151 12345678", None, "+4915112345678", id="(0)"),
        pytest.param("+4407700900123", None, "+447700900123", id="0 after the country code"),
        pytest.param("+39 06 1234 5678", None, "+390612345678", id="Italy keeps its 0"),
        pytest.param("4915112345678", "DE", "+4915112345678", id="international without its plus"),
        pytest.param("15112345678", "DE", "+4915112345678", id="national without its zero"),
        pytest.param("4155552671", "US", "+14155552671", id="national, as one of Switzerland's"),
        pytest.param("0049 151 12345678", "US", "+4915112345678", id="00 for the plus"),
        pytest.param("4915112345678.0", "DE", "+4915112345678", id="a spreadsheet's tenth"),
        pytest.param("0151 12345678.0", "DE", "+4915112345678", id="a tenth behind a space"),
        pytest.param("+49 (0)151/123-456.78.0", None, "+4915112345678", id="behind punctuation"),
        pytest.param("12 34.0", "DE", "+4912340", id="too short to have a tenth"),
        pytest.param("'+4915112345678", "DE", "+4915112345678", id="a spreadsheet's apostrophe"),
        pytest.param("+33.1.70.36.39.00", None, "+33170363900", id="dots that are no tenth"),
        pytest.param("0151 12345678", "DE", "+4915112345678", id="national"),
        pytest.param("0151 12345678", None, None, id="national, of no country"),
        pytest.param("+49\u00a0151\u202f12345678", "DE", "+4915112345678", id="narrow spaces"),
        pytest.param("+49 151 12345678 (mobil)", "DE", "+4915112345678", id="a remark behind it"),
        pytest.param("+49 151 1234567O", "DE", None, id="a letter for its last digit"),
        pytest.param("O151 12345678", "DE", None, id="a letter for its first digit"),
        pytest.param("wa.me/4915112345678", "DE", "+4915112345678", id="a link of WhatsApp's"),
        pytest.param("011 49 151 12345678", "DE", "+4915112345678", id="as dialled from the US"),
        pytest.param("(415) 555-2671 ext. 5", "US", "+14155552671", id="extension"),
        pytest.param("+1555", None, None, id="too short"),
        pytest.param("+999 123456789", None, None, id="no such country"),
        pytest.param("+٤٩١٥١١٢٣٤٥٦٧٨", None, "+4915112345678", id="other digits"),
        pytest.param("call me", "DE", None, id="none"),
        pytest.param("", "DE", None, id="nothing"),
    ],
)
def test_a_phone_is_e164_or_none(raw: str, region: str | None, expected: str | None) -> None:
    assert normalised_phone(raw, region) == expected


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_the_short_cut_for_e164_says_what_phonenumbers_says(raw: str) -> None:
    assert normalised_phone(raw, None) == said_by_phonenumbers(raw, None)


@given(
    st.sampled_from(
        ["", "0", "(0)", "00", "0 0", "1", "8", "011", "01", "9", "06", "4", "49", "39"]
    ),
    st.text(st.sampled_from("0123456789 -()./"), min_size=2, max_size=16),
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
)
def test_the_short_cut_for_a_number_dialled_at_home_says_what_phonenumbers_says(
    start: str, rest: str, region: str
) -> None:
    raw = start + rest
    assert normalised_phone(raw, region) == said_by_phonenumbers(raw, region)


def said_by_phonenumbers(raw: str, region: str | None) -> str | None:
    raw = raw.strip()
    if re.search(r"[0-9]\.0$", raw) and sum(map(str.isdigit, raw)) > 6:
        raw = raw.removesuffix(".0")
    written = re.sub(r"[^0-9]", "", raw)
    digits = written.removeprefix("00")
    if region and written.startswith("011") and valid(written, region) is None:
        digits = written.removeprefix("011")
    if region and (abroad := valid(f"+{digits}", None)):
        is_of_digits = len(written) <= 17 and len(digits) >= 8 and not digits.startswith("0")
        is_at_home = abroad.startswith(f"+{phonenumbers.country_code_for_region(region)}")
        if is_of_digits and "+" not in raw and (is_at_home or valid(raw, region) is None):
            return abroad
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_possible_number(number) else None


def valid(raw: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_valid_number(number) else None


@pytest.mark.long
@pytest.mark.parametrize("home", ["DE", "US", "GB", "RU", "IT", "BR", "IN", "SG"])
def test_an_example_number_of_any_country_is_read_without_its_plus_unless_it_is_one_at_home(
    home: str,
) -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            if len(e164) < 9:  # too short to tell from a number at home
                continue
            bare = e164.removeprefix("+")
            is_at_home = number.country_code == phonenumbers.country_code_for_region(home)
            expected = e164 if is_at_home else valid(bare, home) or e164
            for written in (bare, f"{bare}.0", f'="{bare}"', f"'{bare}"):
                assert normalised_phone(written, home) == expected, (region, written)
            assert normalised_phone(f"'{e164}", home) == e164


def test_an_example_number_of_any_country_is_read_without_its_plus_at_home() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is not None:
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            if len(e164) >= 9:
                assert normalised_phone(e164.removeprefix("+"), region) == e164, region


@given(st.text(max_size=60))
def test_any_text_is_an_identifier_or_none_and_can_be_hashed(text: str) -> None:
    for normalised in (normalised_email(text), normalised_phone(text, "DE")):
        assert normalised is None or len(hashed(normalised)) == 64


@needs_corpora
def test_every_valid_number_of_libphonenumber_is_read() -> None:
    with (FORMATS / "phone_parse_cases.csv").open(newline="") as file:
        for case in csv.DictReader(file):
            read = normalised_phone(case["raw"], case["region_hint"] or None)
            if case["is_valid"] == "True":
                assert read == case["e164_phonenumbers_9_0_43"], case


@needs_corpora
@pytest.mark.parametrize(
    "form", ["e164", "international", "rfc3966", "national", "dialled_from_us"]
)
def test_every_countrys_numbers_are_read_in_every_form(form: str) -> None:
    with (FORMATS / "phone_example_numbers.csv").open(newline="") as file:
        for case in csv.DictReader(file):
            region = {"national": case["region"], "dialled_from_us": "US"}.get(form)
            assert normalised_phone(case[form], region) == case["e164"], case


@needs_corpora
def test_no_address_of_the_corpus_raises_or_loses_its_domain() -> None:
    with (FORMATS / "email_cases.csv").open(newline="", encoding="utf-8") as file:
        for case in csv.DictReader(file):
            email = normalised_email(case["address"])
            assert email is None or email.count("@") == 1


def test_a_hash_is_the_lower_case_hex_google_shows_in_its_guide() -> None:
    assert hashed("test@example.com") == (
        "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    )
