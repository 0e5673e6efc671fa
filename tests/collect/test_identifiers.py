"""The table of e-mails and phones that the snippet is held to as well, asked of the product."""

import pytest

from convsync.model.identifiers import normalised_email, normalised_phone
from tests.collect.cases import EMAILS, PHONES


@pytest.mark.parametrize(("written", "normalised"), EMAILS)
def test_an_email_is_normalised_as_the_table_says(written: str, normalised: str | None) -> None:
    assert normalised_email(written) == normalised


@pytest.mark.parametrize("case", PHONES, ids=str)
def test_a_phone_is_normalised_as_the_table_says(case: list[str | None]) -> None:
    country, written, normalised = case[:3]
    assert written is not None
    assert normalised_phone(written, country) == normalised
