"""A record of a CRM whose ID is none is quarantined by a place that shows nothing of it."""

import pytest

from convsync.extract.malformed import quarantined

BAD = [
    "jane@example.org",
    "Jane Doe",
    "+49 151 55501234",
    "015155501234",
    "half \ud83d a pair",
    "a\0b",
]


@pytest.mark.parametrize("deal_id", BAD)
def test_an_id_that_is_none_is_not_shown_and_told_apart(deal_id: str) -> None:
    places = {quarantined(one, ValueError()).place for one in BAD}
    assert len(places) == len(BAD), "one does not hide another"
    found = quarantined(deal_id, ValueError())
    assert found.deal_id is None
    assert deal_id not in found.place


def test_an_id_that_is_one_names_the_place() -> None:
    assert quarantined("0065g0000000001AAA", ValueError()).place == "deal 0065g0000000001AAA"
