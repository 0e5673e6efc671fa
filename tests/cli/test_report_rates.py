"""Sums over several currencies: in the company's at each day's rate, or apart, never at 1.0."""

import json
from typing import Any

import pytest

from tests.cli.office import NIGHT, Office

DAYS = ("--from", "2026-01-01", "--to", "2026-03-31", "--as-of", NIGHT)
RATES = '\n[rates]\nkind = "ecb"\npath = "ecb.csv"\n\n[retry]'


@pytest.fixture
def sales(office: Office) -> Office:
    """A sale in euros, one in dollars on a Monday, one in pounds, for which there is no rate."""
    office.deal("D-1")
    office.deal("D-2", amount="1200", currency="USD")
    office.deal("D-3", amount="500", currency="GBP")
    office.night()
    office.configure("\n[retry]", RATES)
    (office.folder / "ecb.csv").write_text("Date,USD\n2026-02-27,1.2\n", encoding="utf-8")
    return office


def worth(found: dict[str, Any]) -> dict[str, str]:
    return {row["currency"]: row["worth"] for row in found["funnel"] if row["milestone"] == "won"}


def test_sums_are_in_the_companys_currency_and_the_rest_stands_apart(sales: Office) -> None:
    said = sales.types("report", "funnel", *DAYS, "--format", "json")
    found = json.loads(said.out)
    assert worth(found) == {"EUR": "2000.00", "GBP": "500.00"}
    converted, missing = found["rates"]
    assert "Converted to EUR at each day's rate, from 2026-02-27 to 2026-02-27" in converted
    assert missing.startswith("2 amounts in GBP are left in it: there is no rate for the days")


def test_the_page_says_which_days_rates_were_used(sales: Office) -> None:
    for report in ("funnel", "shortfalls"):
        said = sales.types("report", report, *DAYS)
        assert "from 2026-02-27 to 2026-02-27, by ecb.csv" in said.out, report


def test_coverage_is_worth_what_the_others_say(sales: Office) -> None:
    asked = ("report", "coverage", *DAYS)
    found = json.loads(sales.types(*asked, "--format", "json").out)
    won = {row["currency"]: row["value"] for row in found["coverage"] if row["rule"] == "won"}
    assert won == {"EUR": "2000.00", "GBP": "500.00"}
    assert found["rates"][0].startswith("Converted to EUR at each day's rate, from 2026-02-27")
    assert "by ecb.csv" in sales.types(*asked).out
    sales.configure(RATES, '\n[reports]\ndecimal = ","\nthousands = "."\n' + RATES)
    page = sales.folder / "coverage.html"
    assert sales.types(*asked, "--html", str(page)).code == 0
    written = page.read_text("utf-8")
    assert "2.000,00 EUR" in written
    assert "by ecb.csv" in written


def test_conversions_are_added_up_in_the_companys_currency_at_the_day_of_their_milestone(
    sales: Office,
) -> None:
    lines = sales.types("deals", "--rule", "won", "--as-of", NIGHT).out.splitlines()
    assert lines[-3] == "3 conversions: 2,000.00 EUR (2) + 500.00 GBP (1)"
    assert "at each day's rate, from 2026-02-27 to 2026-02-27, by ecb.csv" in lines[-2]
    assert lines[-1].startswith("1 amount in GBP is left in it: there is no rate for the days")
    rows = json.loads(sales.types("deals", "--rule", "won", "--format", "json").out)
    assert {row["currency"] for row in rows} == {"EUR", "USD", "GBP"}, "as it was sent"


def test_without_rates_conversions_of_each_currency_are_added_up_by_themselves(
    sales: Office,
) -> None:
    sales.configure(RATES, "\n[retry]")
    lines = sales.types("deals", "--rule", "won", "--as-of", NIGHT).out.splitlines()
    assert lines[-2] == "3 conversions: 1,000.00 EUR (1) + 500.00 GBP (1) + 1,200.00 USD (1)"
    assert lines[-1] == "Each currency is added up by itself: the config has no [rates]."


def test_without_rates_nothing_is_converted(sales: Office) -> None:
    sales.configure(RATES, "\n[retry]")
    found = json.loads(sales.types("report", "funnel", *DAYS, "--format", "json").out)
    assert worth(found) == {"EUR": "1000.00", "GBP": "500.00", "USD": "1200.00"}
    assert found["rates"] == []


def test_a_file_of_rates_that_is_missing_is_named(sales: Office) -> None:
    (sales.folder / "ecb.csv").unlink()
    said = sales.types("report", "funnel", *DAYS)
    assert said.code == 2
    assert "ecb.csv" in said.err


def test_rates_without_a_currency_to_convert_to_are_a_contradiction(sales: Office) -> None:
    sales.configure('currency = "EUR"\n', "")
    said = sales.types("report", "funnel", *DAYS)
    assert said.code == 2
    assert (
        "rates: sums are converted to the company's currency; set [company] currency." in said.err
    )
