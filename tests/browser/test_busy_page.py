"""Every page of a busy company in a real Chromium: nobody is kept out, and each is pictured.

Pictures are written to the folder that CONVSYNC_PICTURES_IN names, to look at; else to a folder of
the test's own. Those in the docs are of the demo's company (test_pictures).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.webelement import WebElement

from convsync.sandbox.server import Sandbox
from tests.browser.looking import DESK, PHONE, another_page, fits, serious, signs_in, theme
from tests.cli.office import Office
from tests.cli.page import Visitor, page_of
from tests.cli.test_page_figures import selling

pytestmark = pytest.mark.long
INVALID = "PROCESSING_ERROR_REASON_INVALID_GCLID"
DAYS = "since=2026-02-01&until=2026-03-10"
PAGES = {
    "night": "/",
    "run": "/runs/2",
    "conversions": "/conversions",
    "found": "/conversions?find=D-",
    "deals": "/deals?came_to=won&lead_from=2026-02-01",
    "deal": "/deals/M-5-1",
    "customer": "/customer?key=M-5-1",
    "errors": "/errors",
    "funnel": f"/funnel?{DAYS}&by=region",
    "shortfalls": f"/shortfalls?{DAYS}",
    "campaigns": f"/campaigns?{DAYS}",
    "coverage": f"/coverage?{DAYS}&by=region",
    "revenue": "/revenue",
    "trend": f"/trend?{DAYS}",
    "values": "/values",
    "audiences": "/audiences",
    "set-up": "/set-up",
    "reports": "/reports",
}
LOOKS = {
    "": (DESK, "light"),
    "-dark": (DESK, "dark"),
    "-phone": (PHONE, "light"),
    "-phone-dark": (PHONE, "dark"),
}


@pytest.fixture(scope="module")
def busy(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A company of some nights, each with new deals, of which some are refused."""
    running.platform.reset()
    folder = tmp_path_factory.mktemp("busy") / "Northwind"
    folder.mkdir()
    office = selling(folder, running)
    for day in range(4, 11):
        won = {"mql_date": f"2026-03-0{day - 1} 09:00:00", "won_date": f"2026-03-0{day - 1}"}
        for number in range(day % 4 + 1):
            name = f"M-{day}-{number}"
            office.deal(name, region=("north", "south")[number % 2], amount="1850", **won)
            if number == 1:
                running.platform.verdicts[f"click-of-{name}"] = INVALID
        ended = office.night(f"2026-03-{day:02}T02:00+01:00")
        assert ended.code in (0, 1), ended.err
    return office


@pytest.fixture(scope="module")
def page(browser: Chrome, busy: Office) -> Iterator[Visitor]:
    """Its page, with an operator before it who has let sources and ad accounts be asked."""
    with page_of(busy, "2026-03-10T08:00+01:00") as served:
        served.signs_in("otto")
        served.opens("/set-up")
        served.sends("/set-up/check")
        browser.set_window_size(*DESK)
        browser.get(served.url)
        signs_in(browser, "otto")
        yield served
        browser.delete_all_cookies()
        browser.set_window_size(*DESK)
        theme(browser, "light")
        browser.get("about:blank")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("CONVSYNC_PICTURES_IN")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_keeps_anybody_out_however_it_is_looked_at(
    browser: Chrome, page: Visitor, pictures: Path, look: str
) -> None:
    size, colours = LOOKS[look]
    browser.set_window_size(*size)
    theme(browser, colours)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    for name, path in PAGES.items():
        browser.get(f"{page.url}{path}")
        assert browser.get_log("browser") == [], path  # type: ignore[no-untyped-call]
        assert browser.find_element("tag name", "h1").text not in {
            "Not found",
            "Not done",
            "This cannot be shown",
        }, path
        assert serious(browser) == [], path
        assert fits(browser), path
        picture = pictures / f"{name}{look}.png"
        assert browser.save_screenshot(str(picture))


def test_the_agreement_is_printed_without_what_only_a_screen_needs(
    browser: Chrome, page: Visitor
) -> None:
    browser.get(f"{page.url}/set-up")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = {
            name: browser.find_element("css selector", name).is_displayed()
            for name in ("header nav", "main form", "main table")
        }
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == {"header nav": False, "main form": False, "main table": True}


def test_a_report_is_narrowed_and_followed_with_the_keyboard_alone(
    browser: Chrome, page: Visitor
) -> None:
    browser.get(f"{page.url}/funnel?{DAYS}")
    focus(browser, "value").send_keys("south")
    focus(browser, "segment").send_keys("region")
    with another_page(browser):
        focus(browser, "value").send_keys(Keys.ENTER)
    assert "segment=region&value=south" in browser.current_url
    leads = browser.find_element("css selector", "td a")
    counted = leads.text
    with another_page(browser):
        leads.send_keys(Keys.ENTER)
    assert f"{counted} deals" in browser.find_element("tag name", "main").text


def focus(browser: Chrome, field: str) -> WebElement:
    """Press Tab until a field has the focus; return it."""
    for _ in range(60):
        focused = browser.switch_to.active_element
        if focused.get_attribute("name") == field:
            return focused
        ActionChains(browser).send_keys(Keys.TAB).perform()
    raise AssertionError(f"the keyboard does not get to {field}")
