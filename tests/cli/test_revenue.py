"""Money that comes after the sale: counted as expected at once, restated as it arrives."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

INVOICES = """
[revenue.invoices]
kind = "csv"
path = "invoices.csv"
columns = { line = "No", paid_at = "Paid", amount = "Amount", currency = "Currency", \
deal_id = "Deal" }
"""
AMOUNT = 'value = { kind = "amount" }\n'
WORTH = (
    'value = { kind = "revenue", within_days = 90, expected = '
    '{ kind = "fixed", amount = 400, currency = "EUR" } }\n'
)
HEADER = "No,Paid,Amount,Currency,Deal\n"


@pytest.fixture
def seller(office: Office) -> Office:
    """A company with one sale, that counts what its customers pay."""
    office.configure("\n[retry]", f"{INVOICES}\n[retry]")
    office.configure(AMOUNT, WORTH)
    invoices(office)
    office.deal("D-1")
    return office


def invoices(office: Office, *rows: str) -> None:
    text = HEADER + "".join(f"{row}\n" for row in rows)
    (office.folder / "invoices.csv").write_text(text, encoding="utf-8")


def explained(office: Office) -> dict[str, Any]:
    rows = json.loads(office.types("explain", "D-1", "--format", "json").out)
    (row,) = [row for row in rows if row["rule"] == "won"]
    found: dict[str, Any] = row
    return found


@pytest.mark.long
def test_a_sale_counts_at_once_as_expected_and_then_as_money_comes(seller: Office) -> None:
    assert seller.night().code == 0
    assert seller.values("333") == [400]
    assert explained(seller)["revenue"] == {
        "until": "2026-05-31T22:59:59+00:00",
        "payments": 0,
        "came": None,
        "expected": "400",
        "currency": None,
    }
    invoices(seller, "R-1,2026-03-03,150,EUR,D-1")
    assert seller.night(NEXT_NIGHT).code == 0
    assert seller.values("333") == [150]
    invoices(seller, "R-1,2026-03-03,150,EUR,D-1", "R-2,2026-03-04,300,EUR,D-1")
    assert seller.night(THIRD_NIGHT).code == 0
    assert seller.values("333") == [450]
    said = seller.types("explain", "D-1").out
    assert "Money came in for this deal, so the conversion is worth that" in said
    assert "450.00 EUR came by 2 payments, counted until 2026-06-01 00:59:59+02:00" in said
    assert seller.types("audit", "verify").code == 0


def test_the_plan_says_that_money_is_why_a_value_is_restated(seller: Office) -> None:
    seller.night()
    seller.night(NEXT_NIGHT)
    invoices(seller, "R-1,2026-03-03,150,EUR,D-1")
    said = seller.types("plan", "--as-of", THIRD_NIGHT)
    assert "1  Money came in for this deal, so the conversion is worth that" in said.out
    assert seller.sql("SELECT count(*) FROM revenue") == [(0,)]
    assert seller.values("333") == [400]


def test_a_corrected_invoice_restates_and_a_repeated_one_does_not(seller: Office) -> None:
    invoices(seller, "R-1,2026-03-02,150,EUR,D-1", "R-1,2026-03-02,150,EUR,D-1")
    seller.night()
    assert seller.values("333") == [150]
    invoices(seller, "R-1,2026-03-02,90,EUR,D-1")
    seller.night(NEXT_NIGHT)
    assert seller.values("333") == [90]
    requests = len(seller.sandbox.books.as_json()["requests"])
    seller.night(THIRD_NIGHT)
    assert len(seller.sandbox.books.as_json()["requests"]) == requests


def test_a_row_that_cannot_be_read_is_quarantined_until_it_can(seller: Office) -> None:
    invoices(seller, "R-1,2026-03-02,much,EUR,D-1", "R-2,2026-03-02,80,EUR,D-1", "R-3,,1,EUR,D-1")
    assert seller.night().code == 1
    assert seller.values("333") == [80]
    said = seller.types("quarantine", "list").out
    assert "invoices.csv:2" in said
    assert "the row has no time at which money came" in said
    invoices(seller, "R-1,2026-03-02,20,EUR,D-1", "R-2,2026-03-02,80,EUR,D-1")
    assert seller.night(NEXT_NIGHT).code == 0
    assert seller.values("333") == [100]
    assert json.loads(seller.types("quarantine", "list", "--format", "json").out) == []


def test_money_that_comes_before_its_deal_waits_for_it(seller: Office) -> None:
    invoices(seller, "R-1,2026-03-02,150,EUR,D-2")
    seller.night()
    assert seller.values("333") == [400]
    seller.deal("D-2", last_modified="2026-03-03 18:00:00")
    seller.night(NEXT_NIGHT)
    assert seller.values("333") == [150, 400]


def test_what_the_platform_no_longer_takes_is_said_and_not_sent(seller: Office) -> None:
    seller.sends_by_google_ads()
    seller.night()
    invoices(seller, "R-1,2026-05-20,150,EUR,D-1")
    seller.night("2026-05-21T02:00+02:00")
    found = explained(seller)
    assert (found["reason"], found["code"]) == ("platform_cannot", "TOO_OLD_TO_CORRECT")
    assert seller.values("333") == [400]


def test_a_payment_in_another_currency_waits_for_its_rate(seller: Office) -> None:
    seller.configure("\n[retry]", '\n[rates]\nkind = "ecb"\npath = "ecb.csv"\n\n[retry]')
    (seller.folder / "ecb.csv").write_text("Date,USD\n2026-02-10,1.2\n", encoding="utf-8")
    invoices(seller, "R-1,2026-03-02,120,USD,D-1")
    seller.night()
    assert seller.values("333") == []
    assert explained(seller)["reason"] == "rate_missing"
    (seller.folder / "ecb.csv").write_text("Date,USD\n2026-03-02,1.2\n", encoding="utf-8")
    seller.night(NEXT_NIGHT)
    assert seller.values("333") == [100]


def test_revenue_is_read_over_sql_in_windows(seller: Office) -> None:
    with closing(sqlite3.connect(seller.folder / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE paid (no, at, amount, deal, changed)")
        shop.execute("INSERT INTO paid VALUES (1, '2026-03-02', 70, 'D-1', '2026-03-02 20:00:00')")
    seller.configure(
        INVOICES,
        '\n[revenue.shop]\nkind = "sql"\nurl = "sqlite:///shop.db"\n'
        'query = "SELECT * FROM paid WHERE changed >= :since AND changed < :until"\n'
        'currency = "EUR"\ncolumns = { line = "no", paid_at = "at", amount = "amount",'
        ' deal_id = "deal", modified_at = "changed" }\n',
    )
    seller.night()
    assert seller.values("333") == [70]
    with closing(sqlite3.connect(seller.folder / "shop.db")) as shop, shop:
        shop.execute("INSERT INTO paid VALUES (2, '2026-03-03', 5, 'D-1', '2026-03-03 20:00:00')")
    seller.night(NEXT_NIGHT)
    assert seller.values("333") == [75]


def test_an_emptied_export_takes_nothing_back_before_a_person_says_so(seller: Office) -> None:
    seller.configure('path = "invoices.csv"\n', 'path = "invoices.csv"\ncomplete = true\n')
    rows = [f"R-{number},2026-03-02,10,EUR,D-1" for number in range(30)]
    invoices(seller, *rows)
    seller.night()
    invoices(seller)
    said = seller.night(NEXT_NIGHT)
    assert said.code == 1
    assert "30 of 30 lines of revenue are missing at once" in said.out + said.err
    invoices(seller, *rows[:20])
    seller.night(THIRD_NIGHT)
    assert seller.values("333") == [200]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(INVOICES, "", "there is no [revenue.NAME] to read it from", id="no source"),
        pytest.param(
            "[revenue.invoices]", "[revenue.crm]", "another source has that name", id="name"
        ),
        pytest.param(', \\\ndeal_id = "Deal"', "", "name the column of the deal's ID", id="whose"),
    ],
)
def test_a_set_up_that_cannot_be_meant_is_named(
    seller: Office, old: str, new: str, problem: str
) -> None:
    seller.configure(old.replace(", \\\n", ", "), new)
    said = seller.types("run", "--as-of", NIGHT)
    assert said.code == 2
    assert problem in said.err


def test_check_looks_at_revenue_and_at_how_long_the_platform_corrects(seller: Office) -> None:
    found = findings(seller)
    assert found["revenue invoices"] is None
    assert "rule won" not in found
    seller.sends_by_google_ads()
    (seller.folder / "invoices.csv").write_text("No,Paid\n", encoding="utf-8")
    found = findings(seller)
    assert "column 'Amount' is missing" in str(found["revenue invoices"])
    assert found["rule won"] == (
        "counts revenue of 90 days, and google corrects a conversion for 54 days"
    )


def test_check_names_rates_that_are_missing_or_too_old(seller: Office) -> None:
    seller.configure("\n[retry]", '\n[rates]\nkind = "ecb"\npath = "ecb.csv"\n\n[retry]')
    assert "ecb.csv" in str(findings(seller)["rates"])
    for day, problem in (
        ("2026-02-10", "ecb.csv has no rate of USD for 2026-03-03 or shortly before"),
        ("2026-02-27", None),
    ):
        (seller.folder / "ecb.csv").write_text(f"Date,USD\n{day},1.2\n", encoding="utf-8")
        assert findings(seller)["rates"] == problem


def findings(office: Office) -> dict[str, str | None]:
    """Return what `check` says of each subject."""
    said = office.types("check", "--as-of", NIGHT, "--format", "json")
    return {one["check"]: one["detail"] or None for one in json.loads(said.out)}
