"""`report campaigns`: a company by hand, and a world against DuckDB, which shares no code."""

import csv
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from convsync.sandbox.account import AccountClick
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import rows_of_deals
from tests.cli.office import NIGHT, Office, rows_of
from tests.fakes.new_ledger import new_ledger

DAYS = ("--from", "2026-02-01", "--to", "2026-03-02", "--as-of", NIGHT)
CHEAP = {"campaign.id": 17, "campaign.name": "Templates"}
DEAR = {"campaign.id": 18, "campaign.name": "Demo"}


def costs(
    campaign: dict[str, Any], day: str, euros: str, clicks: int, **more: Any
) -> dict[str, Any]:
    return {
        **campaign,
        "segments.date": day,
        "segments.device": "MOBILE",
        "metrics.cost_micros": int(Decimal(euros).scaleb(6)),
        "metrics.clicks": clicks,
        **more,
    }


def begins(office: Office, deal: str, campaign: dict[str, Any] | None, **cells: str) -> None:
    """Enter a deal that began with a click of a campaign, or with one that nobody knows."""
    office.deal(deal, **cells)
    if campaign:
        at = datetime.fromisoformat("2026-02-20T08:00:00Z")
        office.sandbox.platform.clicks[f"click-of-{deal}"] = AccountClick(at=at, fields=campaign)


def advertising(office: Office) -> Office:
    """Twelve cheap leads that nobody buys, thirteen dear ones of which three do, one unknown."""
    office.reads_its_account()
    lost = {"won_date": "", "lost_date": "2026-02-25"}
    for number in range(12):
        begins(office, f"C-{number}", CHEAP, **lost)
    for number in range(13):
        begins(office, f"D-{number}", DEAR, **({} if number < 3 else lost))
    begins(office, "U-1", None, amount="250.55", currency="USD")
    rows = [
        costs(CHEAP, "2026-02-10", "30.10", 100),
        costs(CHEAP, "2026-02-20", "5.90", 20),
        costs(DEAR, "2026-02-20", "400", 50, **{"segments.device": "DESKTOP"}),
        costs(DEAR, "2026-01-31", "999", 99),
    ]
    groups = [{**costs(DEAR, "2026-02-20", "250", 30), "ad_group.id": 181, "ad_group.name": "Till"}]
    tables = {"campaign": rows, "ad_group": groups}
    office.sandbox.platform.set_account(None, {"tables": tables})
    office.night()
    office.sandbox.platform.clock.set(datetime.fromisoformat(NIGHT) + timedelta(hours=1))
    for words in (
        ("retry",),
        ("clicks", "enrich", "--as-of", NIGHT),
        ("costs", "fetch", "--as-of", NIGHT),
    ):
        said = office.types(*words)
        assert said.code == 0, said.err
    return office


@pytest.fixture
def advertiser(office: Office) -> Office:
    """The same, for tests that go on from there."""
    return advertising(office)


@pytest.fixture(scope="module")
def reported(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The same, for all tests that only look at it."""
    running.platform.reset()
    office = Office(tmp_path_factory.mktemp("advertiser"), running)
    new_ledger(office.folder / "convsync.db")
    return advertising(office)


def report(office: Office, *words: str) -> dict[str, Any]:
    said = office.types("report", "campaigns", *DAYS, *words, "--format", "json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def of(found: dict[str, Any], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in found["campaigns"]]


@pytest.mark.long
def test_costs_leads_and_sales_stand_by_campaign_and_the_unknown_last(reported: Office) -> None:
    found = of(report(reported), "campaign", "cost", "clicks", "leads", "mql", "sold", "value")
    assert found == [
        ("Templates", "36.00", 120, 12, 12, 0, None),
        ("Demo", "400.00", 50, 13, 13, 3, "3000.00"),
        ("(no campaign known)", None, 0, 1, 1, 1, "250.55"),
    ]


@pytest.mark.long
def test_each_thing_has_its_cost_and_the_costs_their_return(reported: Office) -> None:
    columns = ("cost_per_lead", "cost_per_sale", "return", "return_at_sale_date", "barren")
    cheap, dear, _ = of(report(reported), *columns)
    assert cheap == ("3.00", None, 0.0, 0.0, True)
    assert dear == ("30.769231", "133.333333", 7.5, 7.5, False)


def test_costs_of_no_known_ad_group_are_not_held_against_leads_that_came_from_elsewhere(
    reported: Office,
) -> None:
    columns = ("cost", "leads", "cost_per_lead", "return", "return_at_sale_date")
    rest = of(report(reported, "--by", "ad_group"), *columns)[1]
    cost, leads, *ratios = rest
    assert cost == "186.00"
    assert leads > 1
    assert ratios == [None, None, None]


def test_a_sale_counts_at_its_leads_date_and_at_its_own(reported: Office) -> None:
    early = report(reported, "--to", "2026-02-28")
    assert of(early, "campaign", "sold", "sales_at_sale_date", "value", "value_at_sale_date")[
        1
    ] == (*("Demo", 3, 0, "3000.00", None),)


def test_the_first_line_says_what_brings_cheap_leads_and_what_sells(reported: Office) -> None:
    said = reported.types("report", "campaigns", *DAYS)
    assert said.out.startswith(
        "'Templates' brings the cheapest leads (3.00 EUR each): none of 12 leads is sold."
        " 'Demo' sells: 3 of 13 leads are sold, at 133.33 EUR a sale, and each EUR spent brought"
        " back 7.50.\n"
    )
    assert "Many leads and no sale, which chance hardly explains: 'Templates'." in said.out
    assert "1 leads began with nothing known: the ad account has not told of the click." in said.out
    assert "sql, owned by sales development: Sales has spoken to them: there is a need" in said.out


def test_what_a_view_does_not_tell_apart_is_left_to_the_unknown(reported: Office) -> None:
    found = report(reported, "--by", "ad_group")
    assert of(found, "ad_group", "cost", "clicks", "leads")[:2] == [
        ("Demo › Till", "250.00", 30, 0),
        ("(no ad group known)", "186.00", 140, 26),
    ]
    by_device = of(report(reported, "--by", "device"), "device", "cost", "clicks")
    assert by_device[:2] == [("desktop", "400.00", 50), ("mobile", "36.00", 120)]


def test_what_google_counts_stands_beside_what_was_sent(reported: Office) -> None:
    rows = {
        (row["campaign"], row["rule"]): (row["sent"], row["counted"], row["sent_value"])
        for row in report(reported)["counted"]
    }
    assert rows["Demo", "won"] == (3, 3.0, {"EUR": "3000.00"})
    assert rows["Templates", "mql"] == (12, 12.0, {"EUR": "240.00"})
    assert rows["(no campaign known)", "won"] == (1, 0.0, {"USD": "250.55"})
    said = reported.types("report", "campaigns", *DAYS)
    assert "Google also knows people by e-mail and phone: what was sent without a click" in said.out


@pytest.mark.long
def test_what_google_counts_later_for_an_old_click_comes_with_the_next_fetch(
    advertiser: Office,
) -> None:
    begins(advertiser, "D-20", DEAR, won_date="")
    advertiser.night("2026-03-04T02:00+01:00")
    for words in (("clicks", "enrich"), ("costs", "fetch")):
        assert advertiser.types(*words, "--as-of", "2026-03-04T02:00+01:00").code == 0
    rows = {(row["campaign"], row["rule"]): row for row in report(advertiser)["counted"]}
    assert (rows["Demo", "mql"]["sent"], rows["Demo", "mql"]["counted"]) == (14, 14.0)


def test_all_that_was_sent_is_in_the_report_to_the_cent(reported: Office) -> None:
    sent: dict[str, Decimal] = {}
    for row in report(reported, "--from", "2025-01-01")["counted"]:
        for currency, value in row["sent_value"].items():
            sent[currency] = sent.get(currency, Decimal(0)) + Decimal(value)
    told = reported.sql(
        "SELECT told_currency, sum(told_value) FROM ledger WHERE told_value IS NOT NULL GROUP BY 1"
    )
    assert sent == {currency: Decimal(value).scaleb(-6) for currency, value in told}


def test_a_column_of_the_csv_can_be_added_up(reported: Office) -> None:
    said = reported.types("report", "campaigns", *DAYS, "--format", "csv")
    rows = list(rows_of(said.out))
    assert sum(int(row["leads"] or 0) for row in rows) == 26
    assert sum(Decimal(row["cost"] or 0) for row in rows if row["currency"] == "EUR") == 436


@pytest.mark.long
def test_sales_in_another_currency_are_not_added_to_the_return(advertiser: Office) -> None:
    advertiser.deal("D-0", currency="USD", last_modified="2026-03-03 01:00:00")
    advertiser.night("2026-03-03T03:00+01:00")
    said = advertiser.types("report", "campaigns", *DAYS[:4], "--as-of", "2026-03-03T03:00+01:00")
    assert "≥ 5.00" in said.out
    assert "2,000.00 EUR + 1,000.00 USD" in said.out or "1,000.00 USD + 2,000.00 EUR" in said.out


def test_days_without_costs_are_named_with_what_fetches_them(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("report", "campaigns", *DAYS)
    assert said.code == 0
    assert said.out.startswith("No campaign with costs has enough leads to compare.")
    assert "Costs are known of 0 of 30 days. `convsync costs fetch` asks" in said.out


@pytest.mark.long
def test_costs_in_several_currencies_are_not_compared(advertiser: Office) -> None:
    advertiser.sql(
        "INSERT INTO ad_costs SELECT '0987654321', day, view, '99', ad_group_id, item, match_type,"
        " device, 'Theirs', ad_group, 'USD', cost, clicks, impressions FROM ad_costs"
        " WHERE view = 'campaign' AND campaign_id = '17'"
    )
    said = advertiser.types("report", "campaigns", *DAYS)
    assert said.out.startswith("Costs are in several currencies: with [rates]")
    assert "436.00 EUR + 36.00 USD" in said.out


def test_an_unknown_grouping_is_answered_with_those_there_are(office: Office) -> None:
    office.night()
    said = office.types("report", "campaigns", "--by", "colour")
    assert said.code == 2
    assert "there are: campaign, ad_group, keyword, device, location, audience." in said.err


@pytest.mark.long
def test_a_worlds_campaigns_are_what_an_independent_computation_finds(office: Office) -> None:
    night = datetime.fromisoformat(NIGHT)
    world = World(seed=5, deals=300, ends_at=night, days=80, everything_matches=True)
    office.reads_its_account()
    office.sandbox.platform.advertise(world)
    office.deals = {row["Deal ID"]: row for row in rows_of_deals(world, night)}
    said = office.night(NIGHT, "--force")
    assert said.code in {0, 1}, said.err
    office.types("clicks", "enrich", "--as-of", NIGHT)
    office.types("costs", "fetch", "--as-of", NIGHT)
    told = office.folder / "told.csv"
    with told.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["click", "campaign", "device", "cost"])
        for deal in map(world.deal, range(world.deals)):
            assert deal.placement
            campaign = deal.placement.campaign
            cost = campaign.clicks_a_lead * campaign.click_micros
            writer.writerow([deal.ids.gclid, campaign.name, deal.placement.device.lower(), cost])
    days = ("--from", "2025-11-01", "--to", "2026-03-03", "--as-of", NIGHT)
    first_line = office.types("report", "campaigns", *days).out.partition("\n")[0]
    assert first_line.startswith("'Free templates' brings the cheapest leads (3.08 EUR each): none")
    assert "'Book a demonstration' sells: " in first_line
    for by in ("campaign", "device"):
        found = office.types("report", "campaigns", "--by", by, *days, "--format", "json")
        rows = json.loads(found.out)["campaigns"]
        by_name: dict[tuple[str, str], tuple[Any, ...]] = {
            (row[by], row["currency"]): (row["leads"], row["sql"], row["sold"], row["value"])
            for row in rows
        }
        spent = {row[by]: row["cost"] for row in rows if row["currency"] == "EUR"}
        sold = '"Won date" IS NOT NULL AND "Lost date" IS NULL'
        expected = duckdb.execute(
            f"""
            SELECT {by}, Currency, count(*), sum(cost) / 1e6,
                count(*) FILTER ("SQL date" IS NOT NULL OR "Opportunity date" IS NOT NULL
                    OR "Won date" IS NOT NULL),
                count(*) FILTER ({sold}),
                sum(Amount::DECIMAL(18, 2)) FILTER ({sold} AND Amount::DECIMAL(18, 2) < 1000000)
            FROM read_csv('{office.folder}/deals.csv', all_varchar = true)
            JOIN read_csv('{told}') ON GCLID = click GROUP BY 1, 2
            """
        ).fetchall()
        names = {name for name, *_ in expected}
        assert len(names) >= 3
        for name in names:
            of_name = [row for row in expected if row[0] == name]
            assert Decimal(spent[name]) == pytest.approx(Decimal(sum(row[3] for row in of_name)))
            totals = tuple(sum(row[place] for row in of_name) for place in (2, 4, 5))
            assert by_name[name, "EUR"][:3] == totals
            for _, currency, *_, value in of_name:
                if value:
                    assert Decimal(by_name[name, currency][3]) == value
