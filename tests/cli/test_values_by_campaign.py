"""Values learned by the campaign that leads began with, as the ad account tells it."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, Office
from tests.cli.test_enriching import BRAND, enriched, knows
from tests.cli.test_values import FIXED, enter, learn_and_accept, value_of

YESTERDAY = "2026-03-02 18:00:00"
CHEAP: dict[str, Any] = {**BRAND, "campaign.id": 18, "campaign.name": "Templates"}


def lead(office: Office, number: int, *, is_cheap: bool) -> None:
    """Enter a lead of the winter: half of Brand's are won, and one in twenty of the other's."""
    since = date(2025, 12, 12) + timedelta(days=number)
    is_won = number % 20 == 0 if is_cheap else number % 2 == 0
    ended = f"{since + timedelta(days=6)}"
    gclid = f"{'cheap' if is_cheap else 'brand'}-{number}"
    office.deal(
        gclid,
        created=f"{since}",
        last_modified=YESTERDAY,
        mql_date=f"{since} 10:00:00",
        sql_date=f"{since + timedelta(days=2)} 10:00:00",
        won_date=ended if is_won else "",
        lost_date="" if is_won else ended,
        gclid=gclid,
    )
    del office.clicks[gclid]
    fields: dict[str, Any] = CHEAP if is_cheap else BRAND
    knows(office, gclid, f"{since}T08:00:00Z", **fields)


@pytest.mark.long
def test_leads_of_a_campaign_that_does_not_sell_are_worth_less_to_the_bidder(
    office: Office,
) -> None:
    office.reads_its_account()
    office.configure(FIXED, 'value = { kind = "expected" }')
    office.configure("\n[retry]", '\n[values]\nby = "campaign"\nwindow_days = 20\n\n[retry]')
    for number in range(40):
        lead(office, number, is_cheap=False)
        lead(office, number, is_cheap=True)
    for name in ("NEW-B", "NEW-T"):
        enter(office, name, gclid=f"click-of-{name}", last_modified=YESTERDAY)
    knows(office, "click-of-NEW-B")
    knows(office, "click-of-NEW-T", **CHEAP)
    office.night()
    enriched(office)
    assert "Templates" in learn_and_accept(office, NIGHT)
    office.night(NEXT_NIGHT)
    brand, templates = value_of(office, "NEW-B"), value_of(office, "NEW-T")
    assert brand is not None
    assert templates is not None
    assert brand > 4 * templates
    asked = ("values", "explain", "NEW-T", "--as-of", NIGHT, "--format", "json")
    explained = json.loads(office.types(*asked).out)
    assert explained[-1]["group"] == {"campaign": "Templates"}
    scores = office.types("deals", "--order", "score", "--as-of", NIGHT).out
    assert "campaign: Templates × 0." in scores
    assert office.types("audit", "verify").code == 0


def test_a_campaign_needs_an_account_that_tells_of_it(office: Office) -> None:
    office.configure("\n[retry]", '\n[values]\nby = "campaign"\n\n[retry]')
    said = office.types("status")
    assert said.code == 2
    assert "read by a destination of kind 'google_ads'" in said.err
