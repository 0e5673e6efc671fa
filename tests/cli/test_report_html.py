"""`report html`: one page with all reports, whose every row can be looked into."""

import json
import re
import shlex
import tomllib
from html import unescape
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

from convsync.report.formats import Formats
from convsync.report.page import Chart, Section, body, localised
from tests.cli.office import NIGHT, Office
from tests.cli.page_tables import Cell, Tables
from tests.cli.test_coverage_page import Outline

DAYS = ("--since", "2026-01-01", "--until", "2026-03-31", "--as-of", NIGHT)
INVOICES = """
[revenue.invoices]
kind = "csv"
path = "invoices.csv"
columns = { line = "No", paid_at = "Paid", amount = "Amount", currency = "Currency", \
deal_id = "Deal" }

[retry]"""
COMMANDS = re.compile(r'<li id="(.*?)"><code>(.*?)</code></li>')


@pytest.fixture
def seller(office: Office) -> Office:
    """Four leads in two regions: two won and paid, one lost, one that stands."""
    office.configure("\n[retry]", INVOICES)
    office.deal("D-1", sql_date="2026-02-24 10:00:00", region="<i>north</i> & co", amount="1234.5")
    office.deal("D-2", won_date="", lost_date="2026-02-23", region="south")
    office.deal("D-3", region="south")
    office.deal("D-4", won_date="", created="2026-01-07", mql_date="2026-01-08 10:00:00")
    paid = "No,Paid,Amount,Currency,Deal\nR-1,2026-03-02,1500,EUR,D-1\n"
    (office.folder / "invoices.csv").write_text(paid, encoding="utf-8")
    office.night()
    return office


def written(office: Office, *words: str) -> str:
    file = office.folder / "page.html"
    said = office.types("report", "html", "--to", str(file), *DAYS, *words)
    assert (said.code, said.out) == (0, f"Written to {file}.\n"), said.err
    return file.read_text(encoding="utf-8")


def listed_by(page: str, figure: Cell) -> list[str]:
    """Return what is to be typed for what is behind a figure, after the program's name."""
    (command,) = [command for name, command in COMMANDS.findall(page) if f"#{name}" == figure.href]
    return shlex.split(unescape(command))[1:]


def section(page: str, heading: str) -> str:
    """Return a part of the page, from its heading to the next."""
    _, found, rest = page.partition(f">{heading}</h")
    assert found, heading
    return rest.partition("<h")[0]


def test_the_html_page_has_every_report_and_every_chart_has_its_table(seller: Office) -> None:
    page = written(seller)
    outline = Outline(page)
    assert outline.open == []
    assert outline.count("table") >= outline.count("svg") >= 5
    for heading in ("Funnel", "Where we fall short", "Week by week", "Revenue", "won"):
        section(page, heading)


def test_the_html_page_loads_nothing_and_runs_nothing(seller: Office) -> None:
    page = written(seller)
    assert "<script" not in page
    assert not re.search(r'src=|href="[^#]', page), "links within the page alone"
    assert "<i>north</i>" not in page
    assert "&lt;i&gt;north&lt;/i&gt; &amp; co" in page


def test_definitions_stand_in_it_word_for_word(seller: Office) -> None:
    words = Tables(written(seller)).under("What the words mean").by_column()
    said = {line["milestone"]: (line["what it means"], line["owned by"]) for line in words}
    milestones = tomllib.loads(seller.config.read_text(encoding="utf-8"))["milestones"]
    assert len(milestones) >= 4
    for name, agreed in milestones.items():
        assert said[name] == (agreed["definition"], agreed["owner"])


@pytest.mark.parametrize("report", ["funnel", "shortfalls", "campaigns", "trend", "coverage"])
def test_definitions_stand_in_every_report_word_for_word(seller: Office, report: str) -> None:
    milestones = tomllib.loads(seller.config.read_text(encoding="utf-8"))["milestones"]
    said = seller.types("report", report, "--as-of", NIGHT).out
    found = json.loads(seller.types("report", report, "--as-of", NIGHT, "--format", "json").out)
    written_down = {one["milestone"]: one["definition"] for one in found["agreements"]}
    for name, agreed in milestones.items():
        assert agreed["definition"] in said
        assert written_down[name] == agreed["definition"]


def test_the_command_of_each_row_lists_the_deals_behind_its_figure(seller: Office) -> None:
    page = written(seller)
    rows = Tables(page).under("Funnel").rows
    assert [row[0].text for row in rows] == [
        *("leads", "mql (marketing)", "sql (sales development)"),
        *("opportunity (sales)", "won (sales)"),
    ]
    for name, figure, *_ in rows:
        said = seller.types(*listed_by(page, figure), "--as-of", NIGHT, "--format", "json")
        assert len(json.loads(said.out)) == int(figure.text), name


def test_figures_lead_to_the_page_that_is_named(seller: Office) -> None:
    page = written(seller, "--page", "https://convsync.example.com/")
    (leads, *_) = Tables(page).under("Funnel").rows
    assert leads[1].href == (
        "https://convsync.example.com/deals?came_to=lead&lead_from=2026-01-01&lead_to=2026-03-31"
    )
    said = seller.types("report", "html", "--to", "page.html", "--page", "example.com", *DAYS)
    assert said.code == 2
    assert "is no address such as https://" in said.err


def test_every_command_on_the_page_can_be_typed(seller: Office) -> None:
    commands = set(re.findall(r"<code>(.+?)</code>", written(seller)))
    assert len(commands) > 10
    for command in commands:
        _, *words = shlex.split(unescape(command))
        assert seller.types(*words).code == 0, command


def test_revenue_leads_to_the_sales_of_its_month(seller: Office) -> None:
    page = written(seller)
    ((month, sales, *_),) = Tables(page).under("Revenue").rows
    assert (month.text, sales.text) == ("2026-03", "2")
    words = listed_by(page, sales)
    found = json.loads(seller.types(*words, "--format", "json", "--as-of", NIGHT).out)
    assert {one["deal_id"] for one in found} == {"D-1", "D-3"}


def test_figures_are_written_as_the_company_writes_them(seller: Office) -> None:
    assert "2,234.50 EUR" in written(seller)
    seller.configure(
        "\n[retry]",
        '\n[reports]\ndecimal = ","\nthousands = "."\ndate_format = "%d.%m.%Y"\n\n[retry]',
    )
    page = written(seller)
    assert "2.234,50 EUR" in page
    assert "Leads and sales from 01.01.2026 to 31.03.2026" in page
    assert "--lead-from 2026-01-01 --lead-to 2026-03-31" in page


def test_charts_and_notes_have_their_readers_numbers_too_and_names_stay() -> None:
    german = Formats(decimal=",", thousands=".", date_format="%d.%m.%Y")
    section = Section(
        heading="What it costs",
        columns=("campaign",),
        rows=[["Plan 1.5"]],
        chart=Chart(title="Costs", bars=[("Plan 1.5", 4_000), ("Brand", 0.5)]),
        notes=[
            "'Plan 1.5' cost 4,000.50 EUR at each day's rate, from 2026-03-01 to 2026-03-31.",
            "It is listed by `convsync deals --lead-from 2026-03-01`, and is 1.5% of all.",
        ],
    )
    shown = unescape(body([localised(section, german)]))
    assert ">4.000<" in shown
    assert ">2.000<" in shown
    assert ">4000<" not in shown
    assert shown.count("Plan 1.5") == 3, "in the chart, the table and the note"
    assert "cost 4.000,50 EUR at each day's rate, from 01.03.2026 to 31.03.2026." in shown
    assert "`convsync deals --lead-from 2026-03-01`, and is 1,5% of all" in shown


def test_a_company_without_any_deal_has_a_page_that_says_so(office: Office) -> None:
    office.night()
    page = written(office)
    assert "No deal became a lead in this period." in section(page, "Funnel")
    assert Outline(page).open == []


def test_a_file_that_cannot_be_written_is_named(seller: Office, tmp_path: Path) -> None:
    said = seller.types("report", "html", "--to", str(tmp_path / "no" / "page.html"), *DAYS)
    assert said.code == 2
    assert "cannot be written" in said.err


def test_the_docs_name_the_library_of_the_charts_as_it_is_installed() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "page.md").read_text(encoding="utf-8")
    said = re.search(r"\[leather\]\(\S+\) (\S+) \((\w+)\)", docs)
    assert said is not None
    assert said[1] == version("leather")
    assert said[2] in metadata("leather")["License"]


DEALS = [
    pytest.param(("--came-to", "won"), ["D-1", "D-3"], id="came to a step"),
    pytest.param(("--came-to", "mql", "--fate", "open"), ["D-4"], id="stand at it"),
    pytest.param(("--came-to", "mql", "--fate", "lost"), ["D-2"], id="were lost there"),
    pytest.param(("--lead-to", "2026-01-31"), ["D-4"], id="leads of some days"),
    pytest.param(("--where", "region=south"), ["D-2", "D-3"], id="in a segment"),
    pytest.param(
        ("--came-to", "sql", "--reached-from", "2026-02-01"), ["D-1"], id="reached the step itself"
    ),
    pytest.param(("--where", "region!=south"), ["D-1", "D-4"], id="not in a segment"),
    pytest.param(("--where", "region=south", "--where", "region!=south"), [], id="all must hold"),
    pytest.param(("--came-to", "sql", "--timed"), ["D-1"], id="time from the step before known"),
    pytest.param(
        ("--came-to", "mql", "--decided-after", "9"), ["D-1", "D-2", "D-3", "D-4"], id="9"
    ),
    pytest.param(("--came-to", "mql", "--decided-after", "99"), ["D-1", "D-2", "D-3"], id="99"),
    pytest.param(("--sent-for", "won"), ["D-1", "D-3"], id="were sent"),
    pytest.param(("--came-to", "won", "--with-click"), ["D-1", "D-3"], id="with a click"),
    pytest.param(("--went-round", "came_back"), [], id="went round"),
    pytest.param(("--came-to", "mql", "--late"), ["D-4"], id="stand there for too long"),
]


@pytest.mark.parametrize(("words", "deal_ids"), DEALS)
def test_deals_are_listed_by_how_far_they_came(
    seller: Office, words: tuple[str, ...], deal_ids: list[str]
) -> None:
    said = seller.types("deals", *words, "--as-of", NIGHT, "--format", "json")
    assert [one["deal_id"] for one in json.loads(said.out)] == deal_ids


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(("--came-to", "sold"), "There is no step sold; there are: lead", id="step"),
        pytest.param(("--where", "region"), "write NAME=VALUE", id="no value"),
        pytest.param(("--where", "size=1"), "Deals cannot be narrowed by size", id="no segment"),
        pytest.param(
            ("--came-to", "won", "--rule", "won"), "use only one of the two kinds", id="both"
        ),
        pytest.param(("--fate", "gone"), "There is no fate gone", id="fate"),
        pytest.param(("--sent-for", "lead"), "There is no milestone lead", id="sent for"),
        pytest.param(("--went-round", "twice"), "There is no way to go round twice", id="round"),
        pytest.param(("--customers", "old"), "There is no kind of customers old", id="customers"),
        pytest.param(("--came-in", "soon"), "neither a number of months nor all", id="came in"),
        pytest.param(("--came-to", "won", "--late"), "No deal is late at won", id="late"),
        pytest.param(
            ("--rule", "won", "--where", "campaign=Demo"),
            "Conversions cannot be narrowed by campaign; deals can, by --came-to.",
            id="no campaign of conversions",
        ),
        pytest.param(
            ("--order", "score", "--where", "region=south"), "--order score", id="not of scores"
        ),
    ],
)
def test_options_that_do_not_fit_deals_are_reported(
    seller: Office, words: tuple[str, ...], problem: str
) -> None:
    said = seller.types("deals", *words)
    assert said.code == 2
    assert problem in said.err
