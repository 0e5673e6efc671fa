"""People planted into every field of an export are on no page, however far somebody follows it."""

import re

import pytest

from tests.cli.office import NEXT_NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.test_planted_people import all_said, found_in, plant_rows

pytestmark = pytest.mark.long
_LINK = re.compile(r'href="(/[^"#]*)')
MOST_ALIKE = 25
"""Pages of one kind that are opened: deals are many."""


def test_nobody_planted_in_files_is_on_any_page(office: Office) -> None:
    plant_rows(office)
    office.write_files()
    all_said(office, commands=())
    with page_of(office, NEXT_NIGHT) as otto:
        otto.signs_in("otto")
        opened = everything_behind(otto)
    assert {"", "conversions", "deals", "errors", "runs", "reports", "do"} <= opened


def everything_behind(visitor: Visitor) -> set[str]:
    """Open whatever pages lead to, look for people on each; return the kinds of pages there are."""
    waiting, seen, kinds = ["/"], {"/"}, dict[str, int]()
    while waiting:
        path = waiting.pop(0)
        kind = path.split("/")[1].partition("?")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > MOST_ALIKE:
            continue
        visitor.opens(path)
        assert visitor.status < 500, path
        assert (found := found_in(visitor.html.encode())) is None, (path, found)
        for link in _LINK.findall(visitor.html):
            if link not in seen and not link.startswith("/static/"):
                seen.add(link)
                waiting.append(link.replace("&amp;", "&"))
    return set(kinds)
