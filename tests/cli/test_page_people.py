"""People planted into every column of an export and a click log are on no page and in no file."""

import re
from urllib.parse import unquote

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.test_planted_people import found_in, plant_rows

pytestmark = pytest.mark.long
PAGES = (
    *("/", "/runs/1", "/conversions", "/conversions?find=D-", "/deals", "/errors", "/reports"),
    *("/funnel?by=region", "/shortfalls", "/campaigns", "/coverage?by=region", "/trend"),
    *("/values", "/audiences", "/set-up"),
    *(f"/{name}?as={form}" for name in ("conversions", "deals") for form in ("csv", "json")),
)


def test_no_page_and_no_file_names_anybody(office: Office) -> None:
    plant_rows(office)
    for night in (NIGHT, NEXT_NIGHT):
        assert office.night(night).code in (0, 1)
    with page_of(office, NEXT_NIGHT) as visitor:
        visitor.signs_in("otto")
        visitor.opens("/set-up")
        visitor.sends("/set-up/check")
        for path in PAGES:
            assert nobody_on(visitor, path), path
        deals = deals_on(visitor, "/deals?as=json")
        assert len(deals) > 40
        for deal in deals[::7]:
            assert nobody_on(visitor, f"/deals/{deal}"), deal
            assert nobody_on(visitor, f"/customer?key={deal}"), deal


def nobody_on(visitor: Visitor, path: str) -> bool:
    visitor.opens(path)
    assert visitor.status == 200, (path, visitor.text)
    found = found_in(visitor.html.encode())
    assert found is None, (path, found)
    return found_in(unquote(visitor.html).encode()) is None


def deals_on(visitor: Visitor, path: str) -> list[str]:
    visitor.opens(path)
    return re.findall(r'"deal_id": "(D-[\w-]+)"', visitor.html)
