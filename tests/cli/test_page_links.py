"""Every figure that is a link leads to a list that says the same: as many deals, the same sum, the
same share, the same days. Each link of each report is followed, for a company by hand and for that
of the sandbox.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from convsync.model.money import amounts_in_words
from convsync.sandbox.living import settle_in
from convsync.sandbox.server import Sandbox
from tests.cli.office import NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.page_tables import Cell, Table, Tables
from tests.cli.test_page_figures import selling

pytestmark = pytest.mark.long
A_WEEK_AGO, LAST_NIGHT = "2026-02-23T02:00+00:00", "2026-03-02T02:00+00:00"
LISTS = re.compile(r"/deals\?|/conversions\?.*state=|/conversions\?.*reached_from=")
"""What a figure leads to; a rule's name leads to its conversions, and counts none."""
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def seller(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """The page of a company that advertises, sells and is paid."""
    running.platform.reset()
    yield from _looked_at(selling(tmp_path_factory.mktemp("seller"), running), NIGHT)


@pytest.fixture(scope="module")
def acme(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """The page of the company that `convsync sandbox --demo` makes up, after two nights."""
    running.platform.reset()
    office = Office(tmp_path_factory.mktemp("acme"), running)
    office.config.unlink()
    running.platform.clock.set(datetime.fromisoformat(LAST_NIGHT).astimezone(UTC))
    settle_in("hubspot", office.folder)(running)
    for words in (
        ("db", "upgrade"),
        *(("run", "--as-of", night) for night in (A_WEEK_AGO, LAST_NIGHT)),
        ("clicks", "enrich", "--as-of", LAST_NIGHT),
        ("costs", "fetch", "--as-of", LAST_NIGHT),
    ):
        said = office.types(*words)
        assert said.code in (0, 1), said.err
    yield from _looked_at(office, LAST_NIGHT)


def _looked_at(office: Office, at: str) -> Iterator[Visitor]:
    with page_of(office, at) as visitor:
        visitor.signs_in("vera")
        yield visitor


@dataclass
class Lists:
    """The lists behind figures, as their files say."""

    visitor: Visitor

    def __post_init__(self) -> None:
        self._read: dict[str, Rows] = {}

    def at(self, cell: Cell) -> Rows:
        assert cell.href is not None
        return self.behind(cell.href)

    def behind(self, href: str) -> Rows:
        if href not in self._read:
            self.visitor.opens(f"{href}&as=json")
            assert self.visitor.status == 200, (href, self.visitor.text)
            self._read[href] = json.loads(self.visitor.html)
        return self._read[href]


def number(text: str) -> int:
    """The number that a cell begins with."""
    return int(re.sub(r"\D.*", "", text.replace(",", "")))


def worth(rows: Rows) -> str:
    """What deals, or conversions, add up to in words."""
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in rows:
        is_deal = "worth" in row
        amount = row["worth"] if is_deal else row["value"]
        if amount is not None and Decimal(amount):
            sums[row["worth_currency"] if is_deal else row["currency"]] += Decimal(amount)
    return in_words(sums)


def added(rows: Rows, name: str) -> str:
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in rows:
        for currency, amount in row[name].items():
            sums[currency] += Decimal(amount)
    return in_words(sums)


def in_words(sums: dict[str | None, Decimal]) -> str:
    """Sums in no order: which currency is first depends on which deal is."""
    return " + ".join(sorted(amounts_in_words(sums).split(" + ")))


def in_order(text: str) -> str:
    return " + ".join(sorted(text.split(" + ")))


def at_tenths(rows: Rows, name: str, tenths: int) -> Any:
    known = sorted(row[name] for row in rows if row[name] is not None)
    return known[len(known) * tenths // 10]


def percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"


def euros(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", text))


class Figures:
    """What a figure of a table should say by the list behind it."""

    def __init__(self, lists: Lists, table: Table) -> None:
        self._lists = lists
        self._table = table

    def told(self, place: int, column: str, cell: Cell) -> str:
        """What the figure says, without the interval around it."""
        text = cell.text.removeprefix("≥ ").split(" ±")[0]
        return in_order(text.split(" (")[0])

    def expected(self, place: int, column: str, cell: Cell) -> str:
        """What it should say by its list; a column that is not known here is an error."""
        rows = self._lists.at(cell)
        match column:
            case "of before":
                return percent(len(rows), self._count(place - 1, "deals"))
            case "of leads":
                return percent(len(rows), self._count(0, "deals"))
            case "share" if "stands" in self._table.columns:
                return percent(len(rows), sum(number(row[2].text) for row in self._table.rows))
            case "share":
                whole = "leads" if "leads" in self._table.columns else "conversions"
                return percent(len(rows), self._count(place, whole))
            case "go on":
                return percent(len(rows), self._count(place, "decided"))
            case "of the rest":
                return percent(len(rows), len(self._lists.behind(self._rest_decided(place))))
            case "take" | "the rest":
                return f"{at_tenths(rows, 'days_from_step', 5)} d"
            case "half within" | "nine in ten":
                tenths = 5 if column == "half within" else 9
                return f"{at_tenths(rows, 'days_between', tenths):.1f} d"
            case "worth" | "value" | "worth of the rest":
                return worth(rows)
            case "sent" if "step" in self._table.columns:
                return added(rows, "sent")
            case "so far":
                return added(rows, "came_in")
            case "a lead" | "a sale":
                return f"{self._cost(place) / len(rows):,.2f} EUR"
            case "return" | "at sale date":
                return f"{self._in_euros(rows) / self._cost(place):,.2f}"
            case "ROI":
                return f"{self._in_euros(rows) / self._cost(place) - 1:+.0%}"
            case _ if column.startswith("month ") and column[6:].isdigit():
                return added(rows, "came_in").removesuffix(" EUR")
            case _ if column.startswith("half "):
                return f"{at_tenths(rows, 'days_from_lead', 5)} d of the lead"
        return f"{len(rows):,}"

    def _cell(self, place: int, column: str) -> Cell:
        return self._table.rows[place][self._table.columns.index(column)]

    def _count(self, place: int, column: str) -> int:
        return number(self._cell(place, column).text)

    def _cost(self, place: int) -> Decimal:
        return euros(self._cell(place, "cost").text)

    def _in_euros(self, rows: Rows) -> Decimal:
        return sum(
            (Decimal(row["worth"]) for row in rows if row["worth_currency"] == "EUR"), Decimal(0)
        )

    def _rest_decided(self, place: int) -> str:
        """The list of the others that have decided: that of the group, turned round."""
        href = self._cell(place, "decided").href
        assert href is not None
        before, _, group = href.rpartition("where=")
        return f"{before}where={group.replace('%3D', '%21%3D', 1)}"


OF_SELLER = (
    "/funnel?since=2026-02-01",
    "/funnel?since=2026-02-01&by=week",
    "/funnel?since=2025-03-01&by=region",
    "/funnel?since=2026-02-01&segment=region&value=north",
    "/funnel?since=2026-02-01&segment=campaign&value=Demo",
    "/shortfalls",
    "/shortfalls?segment=source&value=crm",
    "/campaigns?since=2026-02-01",
    "/campaigns?since=2026-02-01&by=device",
    "/campaigns?since=2026-02-01&by=ad_group",
    "/campaigns?since=2026-02-01&by=ad_group&segment=campaign&value=Demo",
    "/campaigns?since=2026-02-01&segment=region&value=north",
    "/coverage?since=2026-02-01",
    "/coverage?since=2026-02-01&by=region",
    "/coverage?since=2026-02-01&by=week&segment=region&value=north",
    "/trend?since=2026-02-04",
    "/trend?since=2026-02-04&segment=region&value=north",
    "/trend?since=2026-02-04&segment=campaign&value=Demo",
    "/revenue",
    "/revenue?since=2026-02-20&by=region",
    "/revenue?segment=region&value=north",
    "/audiences",
    "/reports?since=2026-02-01",
)
OF_ACME = (
    "/funnel",
    "/funnel?by=month",
    "/funnel?by=owner",
    "/campaigns",
    "/campaigns?by=device",
    "/campaigns?by=keyword&segment=device&value=mobile",
    "/coverage",
    "/coverage?by=source",
    "/coverage?by=owner&segment=stage&value=closedwon",
    "/trend",
    "/reports",
)


@pytest.mark.parametrize("path", OF_SELLER)
def test_every_figure_leads_to_a_list_that_says_the_same(seller: Visitor, path: str) -> None:
    assert _followed(seller, path)


@pytest.mark.parametrize("path", OF_ACME)
def test_every_figure_of_the_sandboxs_company_leads_to_a_list_that_says_the_same(
    acme: Visitor, path: str
) -> None:
    assert _followed(acme, path)


def _followed(visitor: Visitor, path: str) -> int:
    """Follow every link in the tables of a page, and return how many there were."""
    visitor.opens(path)
    assert visitor.status == 200, visitor.text
    lists, links, differ = Lists(visitor), 0, []
    for table in Tables(visitor.html).found:
        figures = Figures(lists, table)
        for place, row in enumerate(table.rows):
            for column, cell in zip(table.columns, row, strict=True):
                if cell.href and LISTS.match(cell.href):
                    links += 1
                    told = figures.told(place, column, cell)
                    expected = figures.expected(place, column, cell)
                    if told != expected:
                        differ.append(
                            (table.heading, row[0].text, column, told, expected, cell.href)
                        )
    assert differ == [], "\n".join(map(str, differ))
    return links


def test_the_account_of_the_night_leads_to_its_conversions(acme: Visitor) -> None:
    assert _followed(acme, "/") > 5


def test_the_agreement_leads_to_the_deals_that_breach_it(acme: Visitor) -> None:
    assert _followed(acme, "/set-up") > 1


def test_the_list_says_what_its_deals_add_up_to(seller: Visitor) -> None:
    seller.opens("/funnel?since=2026-02-01")
    (_, mql, *_) = Tables(seller.html).under("Funnel").rows
    href = mql[-1].href
    assert href is not None
    said = seller.opens(href)
    assert f"Sent to platforms for mql: {mql[-1].text}." in said
    assert "Only those of which platforms were sent the mql" in said
