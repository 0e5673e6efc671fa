"""Each figure on the page is its command's, and leads to as many deals as it says."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from convsync.cli.page_apart import work_out
from convsync.cli.page_figures import figures_of
from convsync.sandbox.server import Sandbox
from convsync.settings import load_settings
from convsync.store.database import Database
from convsync.web.kept_figures import Outcome, key_of
from tests.cli.office import NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.page_tables import Tables
from tests.cli.test_report_campaigns import advertising
from tests.cli.test_values import past
from tests.fakes.new_ledger import new_ledger

pytestmark = pytest.mark.long
DAYS = {"since": "2026-02-01", "until": "2026-03-02"}
INVOICES = """
[revenue.invoices]
kind = "csv"
path = "invoices.csv"
columns = { line = "No", paid_at = "Paid", amount = "Amount", currency = "Currency", \
deal_id = "Deal" }

[retry]"""


AUDIENCE = """
[audiences.customers]
definition = "Everybody who bought."
destination = "google"
state = "won"
"""


@pytest.fixture(scope="module")
def seller(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The company, for all tests here: they only look at it."""
    running.platform.reset()
    return selling(tmp_path_factory.mktemp("seller"), running)


def selling(folder: Path, sandbox: Sandbox) -> Office:
    """Set up a company that advertises, sells, is paid, has learned its values and has an audience.

    It has had its first night.
    """
    office = Office(folder, sandbox)
    new_ledger(office.folder / "convsync.db")
    office.configure("\n[retry]", INVOICES)
    paid = "No,Paid,Amount,Currency,Deal\nR-1,2026-03-02,1500,EUR,D-1\nR-2,2026-03-02,99.5,EUR,D-2"
    (office.folder / "invoices.csv").write_text(paid, encoding="utf-8")
    consent = 'ad_user_data = "Marketing consent"'
    office.configure(consent, f'{consent}\nad_personalization = "Marketing consent"')
    sending = 'kind = "data_manager"'
    office.configure(sending, f"{sending}\ncustomer_match_terms_accepted = true")
    office.configure("\n[retry]", f"{AUDIENCE}\n[retry]")
    office.deal("N-1", region="north", gclid="", marketing_consent="no")
    office.deal("S-1", region="south", clicked_at="2025-01-05T08:00:00Z", e_mail="s@example.com")
    for number in range(20):
        past(office, f"P-{number}", 4 * number, region="north", is_won=number % 5 < 3)
    advertising(office)
    for words in (("values", "learn"), ("values", "accept")):
        answer = office.types(*words, "--as-of", NIGHT)
        assert answer.code == 0, answer.err
    return office


@pytest.fixture(scope="module")
def visitor(seller: Office) -> Iterator[Visitor]:
    with page_of(seller, NIGHT) as visitor:
        visitor.signs_in("vera")
        yield visitor


def test_another_process_works_out_what_the_pages_show(seller: Office) -> None:
    settings, at = load_settings(seller.config), datetime.fromisoformat(NIGHT)
    pages = {page.path: page for page in figures_of(settings)}
    usual = [{field.name: "" for field in page.fields} for page in pages.values()]
    keys = [key_of(path, asked) for path, asked in zip(pages, usual, strict=True)]
    with closing(Database(f"sqlite:///{seller.folder}/convsync.db")) as database:
        for (path, asked), outcome in zip(keys, work_out(settings, keys, at), strict=True):
            assert isinstance(outcome, Outcome)
            period, sections = pages[path].sections(database, dict(asked), at)
            assert (outcome.period, outcome.sections) == (period, [*sections])


def shown(visitor: Visitor, path: str, **asked: str) -> Tables:
    """Open a page, with filters as its form would send them."""
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    said = visitor.opens(f"{path}?{query}")
    assert visitor.status == 200, said
    return Tables(visitor.html)


def said(office: Office, *words: str) -> Any:
    answer = office.types(*words, "--as-of", NIGHT, "--format", "json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def report(office: Office, name: str, *words: str) -> Any:
    days = ("--from", DAYS["since"], "--to", DAYS["until"])
    return said(office, "report", name, *days, *words)


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def money(amount: str | None, currency: str | None) -> str:
    return "" if amount is None else f"{Decimal(amount):,.2f} {currency}"


def sums(rows: list[dict[str, Any]], name: str) -> str:
    """What rows that differ by currency alone say of a sum."""
    said = [money(row[name], row["currency"]) for row in rows if row[name] is not None]
    return " + ".join(said)


def test_the_funnel_is_that_of_its_command(seller: Office, visitor: Visitor) -> None:
    rows = [row for row in report(seller, "funnel")["funnel"] if row["currency"] in (None, "EUR")]
    (leads, *steps) = shown(visitor, "/funnel", **DAYS).under("Funnel").by_column()
    assert leads["deals"] == f"{rows[0]['leads']:,}"
    for row, step in zip(rows, steps, strict=True):
        assert step["step"].split(" (")[0] == row["milestone"]
        assert (step["deals"], step["stand here"], step["lost here"]) == (
            *(f"{row[name]:,}" for name in ("came", "open", "lost")),
        )
        assert step["of before"] == percent(row["of_before"])
        assert step["of leads"] == percent(row["of_leads"])
        assert not row["median_days"] or step["half within"] == f"{row['median_days']:.1f} d"
        assert money(row["sent"], "EUR").removeprefix("0.00 EUR") in step["sent"]


@pytest.mark.parametrize("by", ["week", "month", "region", "source"])
def test_cohorts_are_those_of_the_command(seller: Office, visitor: Visitor, by: str) -> None:
    rows = report(seller, "funnel", "--by", by)["funnel"]
    table = shown(visitor, "/funnel", **DAYS, by=by).under(f"By {by}").by_column()
    assert [line["cohort"] for line in table] == [*dict.fromkeys(row["cohort"] for row in rows)]
    for line in table:
        for row in rows:
            if row["cohort"] == line["cohort"]:
                assert line["leads"] == f"{row['leads']:,}"
                assert line[row["milestone"]] == f"{row['came']:,} ({row['of_leads']:.0%})"


def test_a_segment_leaves_the_same_leads_as_at_the_command_line(
    seller: Office, visitor: Visitor
) -> None:
    rows = report(seller, "funnel", "--where", "region=north")["funnel"]
    table = shown(visitor, "/funnel", **DAYS, segment="region", value="north").under("Funnel")
    (leads, *_) = table.by_column()
    assert leads["deals"] == f"{rows[0]['leads']:,}" == "1"


WHERE = [
    pytest.param("campaigns", "campaigns", "leads", "Campaigns", "region=north", id="campaigns"),
    pytest.param(
        "campaigns", "campaigns", "leads", "Campaigns", "campaign=Demo", id="one campaign"
    ),
    pytest.param("trend", "weeks", "leads", "Week by week", "campaign=Demo", id="trend"),
    pytest.param("trend", "weeks", "sent", "Week by week", "region=north", id="sent by week"),
    pytest.param("revenue", "values", "sales", "What a sale brings", "region=north", id="revenue"),
    pytest.param("coverage", "coverage", "conversions", "mql", "region=north", id="coverage"),
    pytest.param(
        "coverage", "fields", "deals", "Fields of these deals", "region=north", id="fields"
    ),
]


@pytest.mark.parametrize(("name", "part", "column", "heading", "where"), WHERE)
def test_where_narrows_each_report_the_same_in_the_command_and_on_its_page(
    seller: Office,
    visitor: Visitor,
    name: str,
    part: str,
    column: str,
    heading: str,
    where: str,
) -> None:
    segment, _, value = where.partition("=")
    found, whole = report(seller, name, "--where", where), report(seller, name)
    of_table = [row for row in found[part] if row.get("rule", heading) == heading]
    rows = [row for row in of_table if row[column] is not None]
    table = shown(visitor, f"/{name}", **DAYS, segment=segment, value=value).under(heading)
    counted = [f"{row[column]:,}" for row in rows]
    assert [line[column] for line in table.by_column()] == counted
    assert counted
    assert found[part] != whole[part], "fewer deals are meant"
    assert f"only where {where}" in visitor.text


def test_shortfalls_are_looked_for_among_the_deals_that_are_meant(
    seller: Office, visitor: Visitor
) -> None:
    assert report(seller, "shortfalls", "--where", "region=north")["shortfalls"] == []
    visitor.opens("/shortfalls?segment=region&value=north")
    assert "only where region=north" in visitor.text


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("segment=region", 'What should region be? Write it under "is".'),
        ("value=north", 'north is the value of what? Choose it under "Only where".'),
        ("segment=size&value=1", "Deals cannot be narrowed by size; there are: source,"),
    ],
)
def test_a_condition_without_its_name_or_its_value_is_refused_and_says_what_is_missing(
    visitor: Visitor, asked: str, problem: str
) -> None:
    for path in ("/funnel", "/trend", "/deals"):
        assert problem in visitor.opens(f"{path}?{asked}"), path


def test_costs_are_left_out_if_they_cannot_be_split_the_same_way(seller: Office) -> None:
    found = report(seller, "campaigns", "--where", "region=north")
    assert "Costs are known of all deals alone, or by campaign" in found["finding"]
    assert {row["cost"] for row in found["campaigns"]} == {None}
    (line, *_) = report(seller, "campaigns", "--where", "campaign=Demo")["campaigns"]
    assert (line["campaign"], line["cost"]) == ("Demo", "400.00")


def test_campaigns_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    by_name: dict[str, list[dict[str, Any]]] = {}
    found = report(seller, "campaigns")
    name = ""
    for row in found["campaigns"]:
        name = row["campaign"] or name
        by_name.setdefault(name, []).append(row)
    table = shown(visitor, "/campaigns", **DAYS).under("Campaigns").by_column()
    assert [line["campaign"] for line in table] == [*by_name]
    for line in table:
        rows = by_name[line["campaign"]]
        first = rows[0]
        for column in ("leads", "mql", "won", "clicks"):
            assert line[column] == f"{first[column]:,}"
        assert line["sold"].split(" (")[0] == f"{first['sold']:,}"
        assert line["cost"] == sums(rows, "cost")
        assert line["value"] == sums(rows, "value")
        each = first["cost_per_lead"]
        assert line["a lead"] == (f"{Decimal(each):,.2f} {first['currency']}" if each else "")
        assert line["return"] == ("" if first["return"] is None else f"{first['return']:,.2f}")
    assert found["finding"] in visitor.text


@pytest.mark.parametrize("by", ["ad_group", "keyword", "device"])
def test_the_campaigns_page_groups_by_other_parts_of_the_account_as_the_command_does(
    seller: Office, visitor: Visitor, by: str
) -> None:
    rows = report(seller, "campaigns", "--by", by)["campaigns"]
    title = by.replace("_", " ")
    table = shown(visitor, "/campaigns", **DAYS, by=by).under(f"By {title}").by_column()
    counted = {
        row[by]: (f"{row['leads']:,}", f"{row['clicks']:,}")
        for row in rows
        if row["leads"] is not None
    }
    assert {line[title]: (line["leads"], line["clicks"]) for line in table} == counted


def test_coverage_is_that_of_the_command(seller: Office, visitor: Visitor) -> None:
    rows = report(seller, "coverage")["coverage"]
    tables = shown(visitor, "/coverage", **DAYS)
    for rule in {row["rule"] for row in rows}:
        of_rule = [row for row in rows if row["rule"] == rule]
        table = tables.under(rule).by_column()
        figures = {(f"{row['conversions']:,}", percent(row["share"])) for row in of_rule}
        assert {(line["conversions"], line["share"]) for line in table} == figures
        worth = {money(row["value"], row["currency"]) for row in of_rule if Decimal(row["value"])}
        assert worth == {part for line in table for part in line["worth"].split(" + ") if part}


@pytest.mark.parametrize("by", ["region", "week", "source"])
def test_covered_groups_are_those_of_the_command(seller: Office, visitor: Visitor, by: str) -> None:
    rows = report(seller, "coverage", "--by", by, "--rule", "won")["coverage"]
    table = shown(visitor, "/coverage", **DAYS, by=by, rule="won").under(f"By {by}").by_column()
    seen: dict[str, dict[tuple[Any, ...], int]] = {}
    for row in rows:
        key = (row["stands"], row["found_by"], row["click"], row["reason"])
        seen.setdefault(row["group"], {})[key] = row["conversions"]
    counted = {name: f"{sum(parts.values()):,}" for name, parts in seen.items()}
    assert {line["group"]: line["conversions"] for line in table} == counted


def test_fields_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    rows = report(seller, "coverage")["fields"]
    table = shown(visitor, "/coverage", **DAYS).under("Fields of these deals").by_column()
    for row, line in zip(rows, table, strict=True):
        assert (line["source"], line["field"]) == (row["source"], row["field"])
        assert line["deals"] == f"{row['deals']:,}"
        assert line["empty"] == (f"{row['empty']:,}" if row["empty"] else "")


def test_weeks_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    rows = [row for row in report(seller, "trend")["weeks"] if row["leads"] is not None]
    table = shown(visitor, "/trend", **DAYS).under("Week by week").by_column()
    for row, line in zip(rows, table, strict=True):
        assert line["week"].split(" (")[0] == row["week"]
        for name in ("leads", "sales", "sent"):
            assert line[name] == f"{row[name]:,}"
        assert money(row["cost"], row["currency"]) in line["cost"]
        assert money(row["value"], row["currency"]) in line["value"]


def test_revenue_is_that_of_the_command(seller: Office, visitor: Visitor) -> None:
    found = report(seller, "revenue")
    last = {(one["cohort"], one["currency"]): one for one in found["cohorts"]}
    tables = shown(visitor, "/revenue", **DAYS)
    table = tables.under("Revenue").by_column()
    assert [(line["won in"], line["sales"], line["so far"]) for line in table] == [
        (month, f"{one['sales']:,}", money(one["cumulated"], currency))
        for (month, currency), one in last.items()
    ]
    values = tables.under("What a sale brings").by_column()
    assert [(line["sales"], line["so far"]) for line in values] == [
        (f"{one['sales']:,}", money(one["so_far"], one["currency"])) for one in found["values"]
    ]


def test_shortfalls_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    found = report(seller, "shortfalls")["shortfalls"]
    tables = shown(visitor, "/shortfalls", **DAYS)
    if not found:
        assert "No group differs from the rest" in visitor.text
        return
    table = tables.under("Where we fall short").by_column()
    for row, line in zip(found, table, strict=True):
        assert line["deals of"] == f"{row['group_by']} {row['group']}"
        assert line["go on"].startswith(percent(row["went_on"]))
        assert line["of the rest"] == percent(row["of_rest"])


@pytest.mark.parametrize(
    "path", ["/funnel", "/shortfalls", "/campaigns", "/coverage", "/revenue", "/trend", "/reports"]
)
def test_definitions_stand_on_every_page_word_for_word(
    seller: Office, visitor: Visitor, path: str
) -> None:
    shown(visitor, path)
    for one in said(seller, "report", "funnel")["agreements"]:
        assert one["definition"] in visitor.text


def test_values_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    found = json.loads(seller.types("values", "show", "--format", "json").out)
    tables = shown(visitor, "/values")
    table = tables.under("What a lead is worth").by_column()
    for row, line in zip(found["values"], table, strict=True):
        assert line["milestone"] == row["milestone"]
        for name in ("leads", "won", "young"):
            assert line[name] == f"{row[name]:,}"
        assert line["chance"] == f"{row['chance']:.1%}"
        assert line["value"] == f"{row['value']:,.2f} {row['currency']}"
    months = tables.under("Past months, each foretold from what was known at its beginning")
    assert found["backtest"]
    for row, line in zip(found["backtest"], months.by_column(), strict=True):
        assert (line["month"], line["came"]) == (row["month"], f"{row['won']:,}")
        assert line["foretold"] == f"{row['expected']['value']:,.1f}"
    assert "accepted 2026-03-03 by" in visitor.text
    visitor.opens("/values?version=9")
    assert "There is no version 9 of the values; there are: 1" in visitor.text


def test_audiences_are_those_of_the_command(seller: Office, visitor: Visitor) -> None:
    (row,) = json.loads(seller.types("audiences", "list", "--format", "json").out)
    tables = shown(visitor, "/audiences")
    (line,) = tables.under("Lists").by_column()
    assert {name.replace(" ", "_"): text for name, text in line.items()} == {
        name: "" if value is None else str(value) for name, value in row.items()
    }
    assert row["people"] == 1
    (made, *_) = json.loads(seller.types("audiences", "show", "customers", "--format", "json").out)
    (request, *_) = tables.under("The last requests of customers").by_column()
    assert request["request id"] == made["request_id"]
    assert request["identifiers"] == str(made["identifiers"])
    assert "Everybody who bought." in visitor.text


FILES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/conversions?state=sent", ("deals", "--state", "sent")),
    ("/conversions?click=gclid&rule=won", ("deals", "--click", "gclid", "--rule", "won")),
    ("/conversions?found_by=deal", ("deals", "--found-by", "deal")),
    (
        "/conversions?rule=mql&reached_from=2026-02-20&reached_to=2026-02-20",
        ("deals", "--rule", "mql", "--reached-from", "2026-02-20", "--reached-to", "2026-02-20"),
    ),
    ("/deals?came_to=won", ("deals", "--came-to", "won")),
    ("/deals?came_to=lead&where=campaign=17", ("deals", "--where", "campaign=17")),
)


@pytest.mark.parametrize(("path", "words"), FILES)
def test_a_list_as_a_file_is_what_the_command_prints(
    seller: Office, visitor: Visitor, path: str, words: tuple[str, ...]
) -> None:
    by_id: Callable[[dict[str, Any]], str] = lambda one: json.dumps(one, sort_keys=True)  # noqa: E731
    visitor.opens(f"{path}&as=json")
    rows = json.loads(visitor.html)
    printed = said(seller, *words)
    assert printed
    assert sorted(rows, key=by_id) == sorted(printed, key=by_id)
    visitor.opens(f"{path}&as=csv")
    answer = seller.types(*words, "--as-of", NIGHT, "--format", "csv").out
    assert sorted(visitor.html.splitlines()) == sorted(answer.splitlines())
    assert visitor.headers["content-disposition"].startswith('attachment; filename="')
