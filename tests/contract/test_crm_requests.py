"""What reading each CRM costs in requests, counted by the sandbox, which enforces all batch sizes.

A night has requests of its own (signing in, fields, stages, what was deleted) and those for deals.
The page of each CRM tells how they come about, and the same figures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import responses

from tests.contract.crm_suite import CrmOffice, mock
from tests.contract.source_suite import put_deal, put_person, read
from tests.contract.test_dynamics_source import DynamicsOffice
from tests.contract.test_hubspot_source import HubSpotOffice
from tests.contract.test_odoo_source import OdooOffice
from tests.contract.test_pipedrive_source import PipedriveOffice
from tests.contract.test_salesforce_source import SalesforceOffice
from tests.contract.test_zoho_source import ZohoOffice

__all__ = ["mock"]

DOCS: Final = Path(__file__).parents[2] / "docs"


class WholeHubSpot(HubSpotOffice):
    a_group = 1_000


class WholePipedrive(PipedriveOffice):
    a_page = 500


class WholeSalesforce(SalesforceOffice):
    a_page = 2_000


class WholeZoho(ZohoOffice):
    a_page = 2_000


class WholeDynamics(DynamicsOffice):
    a_page = 500


class WholeOdoo(OdooOffice):
    a_page = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a night costs in which a thousand deals changed, and each thousand more.

    Each deal has a contact of its own with a click ID, and was won by way of one more stage. The
    office has the vendor's own batch sizes, not the small ones that make other tests fast.
    """

    office: type[CrmOffice]
    a_night: int
    a_thousand_more: int


COSTS: Final = {
    "dynamics": Cost(office=WholeDynamics, a_night=44, a_thousand_more=28),
    "hubspot": Cost(office=WholeHubSpot, a_night=53, a_thousand_more=46),
    "odoo": Cost(office=WholeOdoo, a_night=17, a_thousand_more=8),
    "pipedrive": Cost(office=WholePipedrive, a_night=1_021, a_thousand_more=1_012),
    "salesforce": Cost(office=WholeSalesforce, a_night=21, a_thousand_more=9),
    "zoho": Cost(office=WholeZoho, a_night=51, a_thousand_more=41),
}


def requests_for(deals: int, office: CrmOffice) -> int:
    """Return how many requests reading so many deals takes, of which none is refused."""
    for number in range(1, deals + 1):
        fields = {"email": f"p{number}@example.com", "gclid": f"G-{number}"}
        put_deal(office, number, people=(put_person(office, 10_000 + number, fields=fields),))
    assert len(read(office.source())) == deals
    assert office.server.refusals == 0, "the limits were kept"
    assert office.server.most_under_way <= office.http.pace.at_once
    return office.over_http.count


@pytest.mark.long
@pytest.mark.parametrize("kind", COSTS)
def test_a_thousand_deals_cost_the_requests_that_are_written_down(
    kind: str, mock: responses.RequestsMock
) -> None:
    assert requests_for(1_000, COSTS[kind].office(mock)) == COSTS[kind].a_night


@pytest.mark.slow
@pytest.mark.parametrize("kind", COSTS)
def test_each_thousand_more_costs_the_requests_that_are_written_down(
    kind: str, mock: responses.RequestsMock
) -> None:
    cost = COSTS[kind]
    assert requests_for(2_000, cost.office(mock)) == cost.a_night + cost.a_thousand_more


@pytest.mark.parametrize("kind", COSTS)
def test_the_page_of_a_crm_says_what_its_deals_cost(kind: str) -> None:
    cost = COSTS[kind]
    page = " ".join((DOCS / f"{kind}.md").read_text(encoding="utf-8").split())
    says = f"costs {cost.a_night:,} requests, and each further thousand {cost.a_thousand_more:,}."
    assert says in page


def test_hubspot_stays_within_46_requests_a_thousand_deals() -> None:
    assert COSTS["hubspot"].a_thousand_more <= 46
