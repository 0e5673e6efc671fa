"""The page tells a customer's journey, a conversion's life, and the set-up, as the commands do."""

import json
import re
from collections.abc import Iterator

import pytest

from convsync.sandbox.server import Sandbox
from tests.cli.office import NEXT_NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.page_tables import Tables
from tests.cli.test_page import two_nights
from tests.fakes.new_ledger import new_ledger

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def told(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A company of two nights, one of whose conversions was refused."""
    running.platform.reset()
    office = Office(tmp_path_factory.mktemp("lives"), running)
    new_ledger(office.folder / "convsync.db")
    two_nights(office)
    return office


@pytest.fixture
def visitor(told: Office) -> Iterator[Visitor]:
    with page_of(told, NEXT_NIGHT) as visitor:
        visitor.signs_in("vera")
        yield visitor


def test_a_customers_journey_has_each_step_of_the_command(told: Office, visitor: Visitor) -> None:
    steps = json.loads(told.types("customer", "D-2", "--format", "json").out)
    table = told.types("customer", "D-2").out
    shown = visitor.opens("/customer?key=D-2")
    for step in steps:
        assert f"{step['kind']} {step['what'].replace('_', ' ')}" in shown
        assert not step["name"] or step["name"][:24] in shown
    assert len(steps) == visitor.html.count('<span class="when">')
    assert table.splitlines()[0] in shown
    assert "2,500.50 EUR" in shown
    assert "leads to such a customer" in visitor.opens("/customer?key=unheard-of")
    assert visitor.status == 404


def test_a_deal_tells_the_life_of_its_conversion_from_click_to_verdict(
    told: Office, visitor: Visitor
) -> None:
    logged = told.types("audit", "show", "D-1", "--format", "json").out
    happened = [one["event"] for one in json.loads(logged) if one["event"] != "not_sent"]
    assert happened[0] == "planned"
    assert happened[-1] == "rejected"
    visitor.opens("/deals/D-1")
    life = visitor.html.partition('<ol class="life">')[2].partition("</ol>")[0]
    words = [" ".join(one.split()) for one in re.findall(r"</span>(.*?)</li>", life, re.DOTALL)]
    assert words[0] == "click gclid click-of-D-1"
    assert words[1] == "milestone won"
    assert [one.split(",")[0].split(" (")[0] for one in words[2:]] == [
        f"conversion {event.replace('_', ' ')}" for event in happened
    ]
    assert "PROCESSING_ERROR_REASON_INVALID_GCLID" in words[-1]


def test_the_set_up_shows_the_agreement_and_what_asks_nobody(
    told: Office, visitor: Visitor
) -> None:
    asked = told.sandbox.books.as_json()
    shown = visitor.opens("/set-up")
    agreed = json.loads(told.types("report", "funnel", "--format", "json").out)["agreements"]
    rows = Tables(visitor.html).under("The agreement").by_column()
    for one, row in zip(agreed, rows, strict=True):
        assert (row["Milestone"], row["What it means"]) == (one["milestone"], one["definition"])
        assert row["Owned by"] == one["owner"]
        within = one["next_within_days"]
        assert row["The next within"] == ("" if within is None else f"{within:g} days")
        assert row["Stayed longer"] == ("" if one["breaches"] is None else str(one["breaches"]))
    assert "database" in shown
    assert "They have not been asked" in shown
    assert "Ask sources" not in shown
    assert told.sandbox.books.as_json() == asked


def test_an_operator_asks_sources_and_accounts_and_everybody_sees_what_check_says(
    told: Office,
) -> None:
    with page_of(told, NEXT_NIGHT) as visitor:
        visitor.signs_in("otto")
        visitor.opens("/set-up")
        visitor.sends("/set-up/check")
        assert visitor.path == "/set-up#checked"
        visitor.sends("/sign-out")
        visitor.signs_in("vera")
        shown = visitor.opens("/set-up")
        assert "by otto" in shown
        found = json.loads(told.types("check", "--as-of", NEXT_NIGHT, "--format", "json").out)
        rows = Tables(visitor.html).under("What sources and ad accounts say").by_column()
        assert [(row["Check"], row["Result"]) for row in rows] == [
            (one["check"], one["result"]) for one in found
        ]
        (profile,) = [one["profile"] for one in found if one["check"] == "records of crm"]
        table = next(one for one in Tables(visitor.html).found if "Mapped as" in one.columns)
        assert [(row["Column"], row["Filled"]) for row in table.by_column()] == [
            (one["column"], f"{one['filled']:,}") for one in profile["columns"]
        ]


def test_a_viewer_asks_no_ad_account(told: Office, visitor: Visitor) -> None:
    visitor.opens("/set-up")
    visitor.sends("/set-up/check")
    assert visitor.status == 403


@pytest.mark.parametrize(
    ("languages", "written"),
    [
        pytest.param("", "2,500.50 EUR", id="the company's"),
        pytest.param("de", "2.500,50 EUR", id="German"),
        pytest.param("de-CH,de;q=0.9", "2’500.50 EUR", id="Swiss"),
        pytest.param("fr;q=0.4,sv;q=0.8", "2\u00a0500,50 EUR", id="weighed"),
        pytest.param("xx-unheard;q=1,hi;q=0.5", "2,500.50 EUR", id="the next that is known"),
        pytest.param("*, ;q=x, de;q=0", "2,500.50 EUR", id="nonsense"),
    ],
)
def test_numbers_are_written_as_the_reader_asks(
    visitor: Visitor, languages: str, written: str
) -> None:
    visitor.session.headers["Accept-Language"] = languages
    visitor.opens("/conversions")
    assert written in visitor.html
