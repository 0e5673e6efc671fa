"""`report coverage --html`: one file with tables and charts that loads nothing and runs nothing."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.office import Office

SPRING = ("--from", "2025-12-01", "--to", "2026-03-03")
VOID = {"meta", "wbr"}


class Outline(HTMLParser):
    """The elements of a page in order, their texts, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@pytest.fixture
def page(office: Office) -> str:
    """The page of three wins, one of them too late, in a region that looks like markup."""
    office.deal("D-1", region="<b>north & co</b>")
    office.deal("D-2", gclid="", region="south")
    early = {"mql_date": "2025-12-10", "clicked_at": "2025-11-20T08:00:00Z"}
    office.deal("D-3", created="2025-12-10", region="south", **early)
    office.night()
    file = office.folder / "coverage.html"
    said = office.types("report", "coverage", *SPRING, "--rule", "won", "--html", str(file))
    assert (said.code, said.out) == (0, f"Written to {file}.\n"), said.err
    return file.read_text(encoding="utf-8")


def test_the_coverage_page_is_complete_and_every_chart_has_its_table(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert outline.count("svg") == outline.count("figure") == outline.count("table") >= 6
    assert {"By source", "By week", "By region"} <= {*outline.texts}
    assert "Lost to the lookback: which earlier milestone was in time" in outline.texts
    assert "Fields of these deals" in outline.texts


def test_the_coverage_page_loads_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not {name for name, _ in outline.elements} & {"script", "link", "img", "iframe"}
    named = {name for _, attributes in outline.elements for name in attributes}
    assert not named & {"style", "src", "onload", "onclick"}
    hrefs = [one["href"] for _, one in outline.elements if "href" in one]
    assert hrefs
    assert all(href and href.startswith("#") for href in hrefs), "links within the page alone"
    assert "url(" not in page
    assert "@import" not in page


def test_the_coverage_page_s_policy_allows_only_its_own_style_sheet(page: str) -> None:
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for name, attributes in Outline(page).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'"


def test_markup_from_the_crm_is_plain_text_on_the_coverage_page(page: str) -> None:
    assert "<b>" not in page
    assert "<b>north & co</b>" in Outline(page).texts


def test_a_period_without_conversions_gives_a_page_that_says_so(office: Office) -> None:
    office.night()
    file = office.folder / "coverage.html"
    assert office.types("report", "coverage", *SPRING, "--html", str(file)).code == 0
    assert (
        "No conversion's milestone was reached in this period"
        in Outline(file.read_text(encoding="utf-8")).texts
    )


def test_a_folder_that_is_not_there_is_named(office: Office, tmp_path: Path) -> None:
    office.night()
    said = office.types("report", "coverage", "--html", str(tmp_path / "no" / "page.html"))
    assert said.code == 2
    assert "cannot be written: No such file or directory" in said.err
