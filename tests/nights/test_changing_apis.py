"""From the Google Ads API to the Data Manager API and back: whichever API, one conversion."""

from decimal import Decimal

import pytest

from convsync import wiring
from convsync.errors import OperatorError
from convsync.sandbox.server import Sandbox
from tests.nights.company import PAGE_OF, Company

NIGHT = [f"2026-03-{day:02d}T02:00Z" for day in range(3, 10)]

_ADS = """
[destinations.ads]
kind = "google_ads"
customer_id = "123-456-7890"
credentials = "none"
endpoint = "GRPC"
plaintext = true
enhanced_conversions = true
requests_in_flight = 1
"""
_ACTIONS = ("action_id = 111", "action_id = 222")


def by(company: Company, road: str, *changes: tuple[str, str]) -> None:
    """Configure both roads, and let the rules take one of them."""
    rules = [(action, f'{action}\ndestination = "{road}"') for action in _ACTIONS]
    company.configure(*rules, *changes, more=_ADS)


def won(company: Company, deal_id: str = "D-1", **cells: object) -> None:
    ordinary = {
        "gclid": f"G-{deal_id}",
        "clicked": "2026-02-20T09:00Z",
        "won": "2026-03-02T15:00Z",
        "amount": 100,
    }
    company.has(deal_id, **({} if deal_id in company.deals else ordinary) | cells)


def conversions(sandbox: Sandbox) -> int:
    return len(sandbox.books.counted[PAGE_OF["won"]])


def test_by_the_google_ads_api_a_night_knows_at_once_what_was_counted(
    company: Company, sandbox: Sandbox
) -> None:
    by(company, "ads")
    won(company)
    assert company.night(NIGHT[0]).exit_code == 0
    assert company.entry("D-1").state == "confirmed"
    assert company.value("D-1") == 100.0


def test_a_changed_and_a_lost_deal_are_restated_and_taken_back(
    company: Company, sandbox: Sandbox
) -> None:
    by(company, "ads")
    won(company)
    company.night(NIGHT[0])
    won(company, amount=250)
    company.night(NIGHT[1])
    assert company.value("D-1") == 250.0
    company.has("D-1", lost="2026-03-04T12:00Z")
    company.night(NIGHT[2])
    assert not company.value("D-1")
    assert company.entry("D-1").state == "confirmed"
    assert company.entry("D-1").told == Decimal(0)
    assert conversions(sandbox) == 1


@pytest.mark.long
def test_a_deal_won_again_after_it_was_taken_back_stays_so_and_says_why(company: Company) -> None:
    by(company, "ads")
    won(company)
    company.night(NIGHT[0])
    company.has("D-1", won="")
    company.night(NIGHT[1])
    company.has("D-1", won="2026-03-02T15:00Z")
    company.night(NIGHT[2])
    entry = company.entry("D-1")
    assert (entry.state, entry.code) == ("rejected", "CONVERSION_ALREADY_RETRACTED")


def test_who_is_not_allow_listed_loses_nothing_by_changing_over(
    company: Company, sandbox: Sandbox
) -> None:
    sandbox.platform.set_account(None, {"allowlisted": False})
    by(company, "ads")
    for number in range(3):
        won(company, f"D-{number}")
    with pytest.raises(OperatorError, match='kind = "data_manager"'):
        company.night(NIGHT[0])
    assert {entry.state for entry in company.entries().values()} == {"planned"}
    by(company, "google")
    assert company.night(NIGHT[1]).exit_code == 0
    company.night(NIGHT[2])
    assert {entry.state for entry in company.entries().values()} == {"confirmed"}
    assert conversions(sandbox) == 3


@pytest.mark.long
@pytest.mark.parametrize(("before", "after"), [("ads", "google"), ("google", "ads")])
def test_a_conversion_counted_by_one_google_api_is_not_sent_again_by_the_other(
    company: Company, sandbox: Sandbox, before: str, after: str
) -> None:
    by(company, before)
    won(company)
    company.night(NIGHT[0])
    by(company, after)
    won(company, "D-2")
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    assert {entry.state for entry in company.entries().values()} == {"confirmed"}
    assert conversions(sandbox) == 2
    first = company.counted("D-1")
    assert first is not None
    assert first.sent == 1


def test_what_the_data_manager_counted_is_taken_back_by_order_id_where_that_is_configured(
    company: Company, sandbox: Sandbox
) -> None:
    by(
        company,
        "google",
        ('rest_endpoint = "HTTP"', 'rest_endpoint = "HTTP"\nretract_with = "ads"'),
    )
    won(company)
    won(company, "D-2")
    company.night(NIGHT[0])
    company.has("D-1", lost="2026-03-03T12:00Z")
    won(company, "D-2", amount=70)
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    assert not company.value("D-1")
    assert company.value("D-2") == 70.0
    assert {entry.state for entry in company.entries().values()} == {"confirmed"}


def test_a_road_that_is_still_needed_and_gone_is_named(company: Company) -> None:
    by(company, "ads")
    company.configure()
    with pytest.raises(OperatorError, match=r"destinations\.ads, which is no longer configured"):
        wiring.destinations_of(company.settings())("ads")
