"""Our normalisation beside Google's own, of `google-ads-datamanager-util`.

Where ours differs on purpose, a test says so: Google's helper takes a phone number for one in
international form already, and refuses an e-mail address with a space in it, which Google's
formatting guidelines remove.
"""

import pytest
from google.ads.datamanager_util import Encoding, Formatter
from hypothesis import given
from hypothesis import strategies as st

from convsync.model.identifiers import hashed, normalised_email, normalised_phone

GOOGLE = Formatter()

DOMAINS = ("example.com", "gmail.com", "GMail.com", "googlemail.com", "mail.gmail.com", "gmail.co")
locals_ = st.text(st.sampled_from("abZß.+-_'!ñ1"), min_size=1, max_size=12)
addresses = st.builds(
    lambda before, local, domain, after: f"{before}{local}@{domain}{after}",
    st.sampled_from(["", " ", "\t"]),
    locals_,
    st.sampled_from(DOMAINS),
    st.sampled_from(["", " ", "\r\n", "\u00a0"]),
)


def googles_email(raw: str) -> str | None:
    try:
        return str(GOOGLE.format_email_address(raw))
    except ValueError:
        return None


@given(addresses)
def test_an_address_is_normalised_as_google_does_it(raw: str) -> None:
    assert normalised_email(raw) == googles_email(raw)


@given(st.text(max_size=30))
def test_every_address_we_accept_google_normalises_the_same(raw: str) -> None:
    ours = normalised_email(raw)
    assert ours is None or ours == googles_email("".join(raw.split()))


@pytest.mark.parametrize(
    "raw",
    [
        "Jane.Doe+ads@Gmail.com",
        "jane.doe+ads@example.com",
        "  j.a.n.e@googlemail.com ",
        "jane@sub.gmail.com",
        "jane+a+b@gmail.com",
        "...@gmail.com",
        "+tag@gmail.com",
        "jane@",
        "@gmail.com",
        "",
    ],
)
def test_known_traps_come_out_as_with_google(raw: str) -> None:
    assert normalised_email(raw) == googles_email(raw)


def test_a_space_within_an_address_is_removed_where_googles_helper_gives_up() -> None:
    assert googles_email("jane doe@example.com") is None
    assert normalised_email("jane doe@example.com") == "janedoe@example.com"


@given(addresses.filter(lambda raw: normalised_email(raw) is not None))
def test_the_hash_of_an_address_is_googles(raw: str) -> None:
    assert hashed(normalised_email(raw) or "") == GOOGLE.process_email_address(raw, Encoding.HEX)


@pytest.mark.parametrize(
    "raw",
    [
        "+49 30 901820",
        "+49-30-901820",
        "+1 (650) 253-0000",
        "+44 7700 900123",
        "+33.1.70.36.39.00",
        "+39 06 4201 2345",
        "+81 3 6384 9000",
    ],
)
def test_an_international_number_is_normalised_and_hashed_as_google_does_it(raw: str) -> None:
    ours = normalised_phone(raw, None)
    assert ours == GOOGLE.format_phone_number(raw)
    assert hashed(ours or "") == GOOGLE.process_phone_number(raw, Encoding.HEX)


@given(
    st.sampled_from(["+49", "+44", "+1", "0049", "030", "(0)", ""]),
    st.text(st.sampled_from("0123456789 -()/."), max_size=14),
    st.sampled_from([None, "DE", "GB", "US"]),
)
def test_google_would_leave_our_phone_numbers_unchanged(
    start: str, rest: str, region: str | None
) -> None:
    ours = normalised_phone(start + rest, region)
    assert ours is None or ours == GOOGLE.format_phone_number(ours)


def test_the_zero_dialled_at_home_goes_where_googles_helper_keeps_it() -> None:
    raw = "+44 (0)7700 900123"
    assert GOOGLE.format_phone_number(raw) == "+4407700900123"
    assert normalised_phone(raw, None) == "+447700900123"
