"""A deal that is absent may only be hidden: it is doubted, asked for again, and comes back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.errors import UnsafePlanError
from convsync.pipeline import plan
from convsync.plan import Step
from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.vendors import SERVERS, CrmOfVendor
from tests.nights.company import Company

CREATED = datetime(2026, 2, 1, 8, tzinfo=UTC)
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
NIGHTS = [datetime(2026, 3, day, 2, tzinfo=UTC) for day in range(3, 9)]
NOON = timedelta(hours=10)


def sell(company: Company, count: int, currency: str = "EUR") -> list[str]:
    """Put won deals into the export, and return their IDs."""
    names = [f"D-{number}" for number in range(1, count + 1)]
    for name in names:
        company.has(
            name,
            modified="2026-03-02T15:00:00Z",
            created="2026-02-01T08:00:00Z",
            won="2026-03-02T15:00:00Z",
            amount=100,
            currency=currency,
            gclid=f"click-{name}",
            clicked="2026-02-20T08:00:00Z",
        )
    return names


def take_away(company: Company, *names: str) -> dict[str, dict[str, object]]:
    """Leave deals out of the next export, and return their rows."""
    return {name: company.deals.pop(name) for name in names}


@pytest.mark.long
@pytest.mark.parametrize("count", [1, 2, 8])
def test_an_empty_export_takes_nothing_back_however_few_deals_there_are(
    company: Company, count: int
) -> None:
    names = sell(company, count)
    company.night(NIGHTS[0])
    rows = take_away(company, *names)
    with pytest.raises(UnsafePlanError, match=f"{count} of {count} deals are gone at once") as said:
        company.night(NIGHTS[1])
    assert "export failed" in str(said.value)
    assert "lost the right" in str(said.value)
    assert "--force" in str(said.value)
    assert company.query("SELECT * FROM deals WHERE gone IS NOT NULL") == []
    company.deals |= rows
    assert company.night(NIGHTS[2]).uploaded.sent == 0
    assert {company.value(name) for name in names} == {100}


def test_what_could_not_be_read_stays_in_quarantine_while_an_export_is_doubted(
    company: Company,
) -> None:
    *names, garbled = sell(company, 3)
    company.has(garbled, amount="a lot")
    company.night(NIGHTS[0])
    rows = take_away(company, *names, garbled)
    with pytest.raises(UnsafePlanError):
        company.night(NIGHTS[1])
    assert [row["deal_id"] for row in company.query("SELECT deal_id FROM quarantine")] == [garbled]
    company.deals |= rows
    take_away(company, garbled)
    company.night(NIGHTS[2])
    assert company.query("SELECT deal_id FROM quarantine") == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("there_were", "vanished", "is_refused"),
    [
        pytest.param(2, 1, False, id="half"),
        pytest.param(3, 2, True, id="most"),
        pytest.param(5, 2, False, id="some"),
    ],
)
def test_more_than_half_of_the_deals_gone_at_once_is_refused(
    company: Company, there_were: int, vanished: int, *, is_refused: bool
) -> None:
    names = sell(company, there_were)
    company.night(NIGHTS[0])
    take_away(company, *names[:vanished])
    if is_refused:
        with pytest.raises(UnsafePlanError):
            company.night(NIGHTS[1])
    else:
        company.night(NIGHTS[1])
    assert company.value(names[0]) == (100 if is_refused else 0)


def test_an_export_whose_ids_were_all_rewritten_is_missing_everything(company: Company) -> None:
    names = sell(company, 4)
    company.night(NIGHTS[0])
    for name, row in take_away(company, *names).items():
        company.deals[f"{name}.0"] = {**row, "id": f"{name}.0"}
    with pytest.raises(UnsafePlanError, match="4 of 4"):
        company.night(NIGHTS[1])
    assert company.counted("D-1.0") is None


def test_what_a_person_confirms_is_taken_back(company: Company) -> None:
    names = sell(company, 3)
    company.night(NIGHTS[0])
    take_away(company, *names)
    company.night(NIGHTS[1], force=True)
    assert {company.value(name) for name in names} == {0}


def test_a_preview_shows_what_would_be_taken_back_and_that_it_would_be_refused(
    company: Company,
) -> None:
    names = sell(company, 3)
    company.night(NIGHTS[0])
    company.night(NIGHTS[1])
    take_away(company, *names)
    company.export()
    preview = company.at(NIGHTS[2], plan)
    assert preview.plan.steps[Step.RETRACT] == 3
    assert any("3 of 3 deals are gone" in problem for problem in preview.problems)
    assert preview.exit_code == 1


@pytest.mark.long
def test_a_currency_stays_known_when_everything_in_it_was_taken_back(company: Company) -> None:
    names = sell(company, 2, currency="CHF")
    company.night(NIGHTS[0])
    rows = take_away(company, *names)
    company.night(NIGHTS[1], force=True)
    assert {company.value(name) for name in names} == {0}
    company.deals |= rows
    company.night(NIGHTS[2])
    assert {company.value(name) for name in names} == {100}


def win(office: CrmOfVendor, number: int, won_at: datetime = WON_AT) -> str:
    """Put a won deal with a click ID of its own into the CRM, and return its ID."""
    deal_id = office.server.record_id("deal", number)
    office.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=won_at - timedelta(days=20),
            modified_at=won_at,
            entered=(("mql", won_at - timedelta(days=20)), ("won", won_at)),
            amount=Decimal(100),
            currency="EUR",
            fields={"gclid": f"G-{number}"},
        )
    )
    return deal_id


@pytest.mark.long
@pytest.mark.parametrize("vendor", sorted(SERVERS))
def test_a_deal_that_was_only_hidden_counts_again_though_nobody_touched_it(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    hidden, *others = [win(office, number) for number in range(1, 5)]
    company.night(NIGHTS[0])
    office.book.delete(hidden, NIGHTS[0] + NOON)
    company.night(NIGHTS[1])
    assert company.value(hidden) == 0
    office.book.restore(hidden, WON_AT)
    night = company.night(NIGHTS[2])
    assert company.value(hidden) == 100
    assert night.uploaded.sent > 0
    events = company.query(
        "SELECT event FROM audit_events WHERE event LIKE 'deal_%' ORDER BY number"
    )
    assert [row["event"] for row in events] == ["deal_gone", "deal_returned"]
    assert {company.value(one) for one in others} == {100}
    assert company.night(NIGHTS[3]).uploaded.sent == 0


@pytest.mark.long
def test_credentials_that_no_longer_see_most_deals_take_nothing_back(company: Company) -> None:
    office = company.moves_to("odoo")
    known = [win(office, number) for number in range(1, 5)]
    company.night(NIGHTS[0])
    for one in known[:3]:
        office.book.delete(one, NIGHTS[0] + NOON)
    with pytest.raises(UnsafePlanError, match="3 of 4"):
        company.night(NIGHTS[1])
    assert {company.value(one) for one in known} == {100}


@pytest.mark.long
def test_a_deal_too_old_to_be_corrected_is_no_longer_asked_for(company: Company) -> None:
    office = company.moves_to("odoo")
    old, *_ = [win(office, 1, WON_AT - timedelta(days=60)), win(office, 2)]
    company.night(NIGHTS[0])
    office.book.delete(old, NIGHTS[0] + NOON)
    company.night(NIGHTS[1])
    office.book.restore(old, WON_AT - timedelta(days=60))
    company.night(NIGHTS[1] + timedelta(days=40))
    (row,) = company.query(f"SELECT gone FROM deals WHERE deal_id = '{old}'")
    assert row["gone"] == "deleted"


@pytest.mark.long
@pytest.mark.parametrize("vendor", ["odoo", "pipedrive"])
def test_a_sale_that_is_archived_is_put_away_and_stays_counted(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    deal_id = office.server.record_id("deal", 1)
    office.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=CREATED,
            modified_at=WON_AT,
            entered=(("mql", CREATED), ("won", WON_AT)),
            amount=Decimal(100),
            currency="EUR",
            fields={"gclid": "G-1"},
        )
    )
    company.night(NIGHTS[0])
    office.archive(deal_id, NIGHTS[0] + NOON)
    assert company.night(NIGHTS[1]).uploaded.sent == 0
    assert company.value(deal_id) == 100


@pytest.mark.long
@pytest.mark.parametrize(
    ("vendor", "is_forgotten"),
    [
        ("hubspot", False),
        ("salesforce", True),
        ("pipedrive", True),
        ("zoho", False),
        ("odoo", False),
    ],
)
def test_a_read_says_if_deletions_are_no_longer_listed_since_the_last_one(
    company: Company, vendor: str, *, is_forgotten: bool
) -> None:
    company.moves_to(vendor)
    company.night(NIGHTS[0])
    problems = company.night(NIGHTS[0] + timedelta(days=45)).problems
    assert any("lists deleted deals for" in one for one in problems) == is_forgotten
