"""`report revenue`: a company by hand, and Olist's sellers against DuckDB, which shares no code."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.cli.office import NIGHT, Office, rows_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"
INVOICES = """
[revenue.invoices]
kind = "csv"
path = "invoices.csv"
columns = { line = "No", paid_at = "Paid", amount = "Amount", currency = "Currency", \
deal_id = "Deal" }
"""
OLIST = """
[company]
time_zone = "America/Sao_Paulo"
currency = "BRL"

[milestones.won]
definition = "Signed: the seller's shop is open."
owner = "sales"

[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "mql_id", crm_key = "seller_id" }}
milestones = {{ won = "won_date" }}
segments = {{ segment = "business_segment" }}

[revenue.items]
kind = "csv"
path = "items.csv"
currency = "BRL"
columns = {{ line = ["order_id", "order_item_id"], paid_at = "shipping_limit_date", \
amount = "price", customer = "seller_id" }}

[rules.won]
milestone = "won"
action_id = 333

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "{grpc}"
rest_endpoint = "{http}"
plaintext = true
"""


@pytest.fixture
def seller(office: Office) -> Office:
    """Two sales in January, one in March; one paid twice and gave something back."""
    office.configure("\n[retry]", f"{INVOICES}\n[retry]")
    for deal_id, won, region in (
        ("D-1", "2026-01-20", "north"),
        ("D-2", "2026-01-31", "south"),
        ("D-3", "2026-03-01", "north"),
    ):
        office.deal(deal_id, created="2026-01-05", mql_date="", won_date=won, region=region)
    rows = (
        "No,Paid,Amount,Currency,Deal\n"
        "R-1,2026-01-25,100,EUR,D-1\n"
        "R-2,2026-02-10,50.50,EUR,D-1\n"
        "R-3,2026-02-11,-20,EUR,D-1\n"
        "R-4,2026-03-02,30,EUR,D-2\n"
        "R-5,2026-02-27,7,EUR,D-3\n"
        "R-6,2026-02-27,9,EUR,D-9\n"
        "R-7,2026-04-01,900,EUR,D-1\n"
    )
    (office.folder / "invoices.csv").write_text(rows, encoding="utf-8")
    office.night()
    return office


def report(office: Office, *words: str) -> dict[str, Any]:
    said = office.types("report", "revenue", "--as-of", NIGHT, *words, "--format", "json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def cumulated(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("group", "cohort", "sales", "month", "cumulated")
    return [tuple(row[name] for name in names) for row in found["cohorts"]]


def test_what_came_is_added_up_month_by_month_since_the_win(seller: Office) -> None:
    assert cumulated(report(seller)) == [
        ("", "2026-01", 2, 0, "100.00"),
        ("", "2026-01", 2, 1, "130.50"),
        ("", "2026-01", 2, 2, "160.50"),
        ("", "2026-03", 1, 0, "7.00"),
    ]


def test_sales_are_told_apart_by_segment(seller: Office) -> None:
    found = report(seller, "--by", "region", "--from", "2026-01-01", "--to", "2026-01-31")
    assert [row for row in cumulated(found) if row[3] == 2] == [
        ("north", "2026-01", 1, 2, "130.50"),
        ("south", "2026-01", 1, 2, "30.00"),
    ]
    assert [(one["group"], one["so_far"]) for one in found["values"]] == [
        ("north", "130.50"),
        ("south", "30.00"),
    ]


def test_money_of_no_known_deal_is_named_and_too_few_sales_are_not_projected(
    seller: Office,
) -> None:
    found = report(seller)
    assert found["of_no_known_deal"] == [{"lines": 1, "amount": "9.00", "currency": "EUR"}]
    assert found["cohorts"][-1]["projected"] is None
    said = seller.types("report", "revenue", "--as-of", NIGHT).out
    assert "too few are old enough to say" in said
    assert "1 lines of 9.00 EUR are of no deal that is known" in said
    assert "won, owned by sales: " in said


def test_without_a_source_of_revenue_nothing_is_shown_as_if_it_were_known(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("report", "revenue", "--as-of", NIGHT)
    assert said.code == 2
    assert "The config has no [revenue.NAME], so nothing that came in after a sale" in said.err


def test_csv_has_a_row_for_each_month_of_a_cohort(seller: Office) -> None:
    said = seller.types("report", "revenue", "--as-of", NIGHT, "--format", "csv")
    assert [row["cumulated"] for row in rows_of(said.out)] == [
        *("100.00", "130.50", "160.50", "7.00"),
    ]


@pytest.mark.skipif(not DATA.exists(), reason="shared data not here")
def test_olists_revenue_is_what_an_independent_computation_finds(office: Office) -> None:
    at, folder = "2018-08-02T02:00-03:00", DATA / "olist_funnel"
    office.config.write_text(
        OLIST.format(grpc=office.sandbox.grpc_address, http=office.sandbox.http_url),
        encoding="utf-8",
    )
    for name, copy in (("won_deals.csv", "deals.csv"), ("order_items.csv", "items.csv")):
        (office.folder / copy).write_bytes((folder / name).read_bytes())
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    office.types("run", "--as-of", at, "--force")
    days = ("--from", "2016-01-01", "--to", "2018-08-02", "--as-of", at)
    said = office.types("report", "revenue", "--by", "segment", *days, "--format", "json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    expected = duckdb.execute(
        "SELECT coalesce(d.business_segment, '(not filled in)'),"
        " strftime(d.won_date::TIMESTAMP, '%Y-%m'), greatest(date_diff('month',"
        " d.won_date::TIMESTAMP, i.shipping_limit_date::TIMESTAMP), 0), sum(i.price::DECIMAL(12,2))"
        f" FROM read_csv('{folder}/won_deals.csv', all_varchar = true) d"
        f" JOIN read_csv('{folder}/order_items.csv', all_varchar = true) i USING (seller_id)"
        " WHERE i.shipping_limit_date::TIMESTAMP + INTERVAL 1 DAY >= d.won_date::TIMESTAMP"
        " AND i.shipping_limit_date::TIMESTAMP <= TIMESTAMP '2018-08-02 02:00:00' GROUP BY 1, 2, 3"
    ).fetchall()
    assert len(expected) > 50
    came: dict[tuple[str, str, int], Decimal] = {}
    before: dict[tuple[str, str], Decimal] = {}
    for row in found["cohorts"]:
        cohort, total = (row["group"], row["cohort"]), Decimal(row["cumulated"])
        if more := total - before.get(cohort, Decimal(0)):
            came[(*cohort, row["month"])] = more
        before[cohort] = total
    assert came == {(group, cohort, month): total for group, cohort, month, total in expected}
    (agreement,) = found["agreements"]
    assert agreement["definition"] == "Signed: the seller's shop is open."
    assert found["trials"]
