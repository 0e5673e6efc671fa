"""A report's page in a real browser: its policy lets it look as it should, on a phone as well."""

from pathlib import Path

from selenium import webdriver

from convsync.report.page import Chart, Section, page

PHONE, DESK = (360, 740), (1280, 900)
COLUMNS = ("group", "conversions", "covered", "share", "worth of the rest", "mostly lost to")


def test_the_report_page_fits_a_phone_and_a_desktop_and_breaks_no_policy(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    groups = [f"a region with a rather long name, number {number}" for number in range(40)]
    section = Section(
        heading="By region",
        columns=COLUMNS,
        rows=[[name, "1,200", "600", "50%", "1,000,000.00 EUR", "no click"] for name in groups],
        numbers=frozenset({"conversions"}),
        chart=Chart(title="Covered", bars=[(name, 50.0) for name in groups]),
    )
    file = tmp_path / "page.html"
    file.write_text(page("Coverage", "of a year", [section]), encoding="utf-8")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    try:
        for size in (PHONE, DESK):
            browser.set_window_size(*size)
            browser.get(file.as_uri())
            wide, shown = browser.execute_script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            assert wide <= shown
            drawn = browser.execute_script(
                "return document.querySelector('svg').getBoundingClientRect().width"
            )
            assert 0 < drawn <= shown
            collapse = "return getComputedStyle(document.querySelector('table')).borderCollapse"
            assert browser.execute_script(collapse) == "collapse", "its own style applies"
            assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    finally:
        browser.set_window_size(*DESK)
