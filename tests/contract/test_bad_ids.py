"""A record of a CRM whose ID is none is quarantined by a place that shows nothing of it."""

import pytest
import responses

from convsync.extract.malformed import quarantined
from convsync.extract.source import Quarantined
from tests.contract.crm_suite import mock
from tests.fuzz.crms import Company, Spoilt

__all__ = ["mock"]

BAD = [
    "jane@example.org",
    "Jane Doe",
    "+49 151 55501234",
    "015155501234",
    "half \ud83d a pair",
    "a\0b",
]


@pytest.mark.parametrize("deal_id", BAD)
def test_an_invalid_id_is_not_shown_but_distinguished(deal_id: str) -> None:
    places = {quarantined(one, ValueError()).place for one in BAD}
    assert len(places) == len(BAD), "one does not hide another"
    found = quarantined(deal_id, ValueError())
    assert found.deal_id is None
    assert deal_id not in found.place


def test_an_id_that_is_one_names_the_place() -> None:
    assert quarantined("0065g0000000001AAA", ValueError()).place == "deal 0065g0000000001AAA"


def test_half_a_character_in_an_id_stops_no_neighbour(mock: responses.RequestsMock) -> None:
    company = Company("salesforce", mock)
    route, _ = next(one for one in company.answers if one[0].endswith("/queryAll"))
    path = ("records", 0, "Id")
    bad = "half \ud83d a pair"
    spoilt = Spoilt(route=route, record=None, path=path, value=bad)
    company.office.over_http.spoil = spoilt.body
    found = company.read()
    assert sum(not isinstance(one, Quarantined) for one in found.values()) == 4
    assert isinstance(found[None], Quarantined)
