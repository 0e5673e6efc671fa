"""A red night in a real Chromium: it is run again on the page, watched to its end, and an alert is
acknowledged, by mouse and with the keyboard alone.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.looking import DESK, PHONE, another_page, serious, signs_in
from tests.browser.test_page import follows, office, presses, read
from tests.cli.conftest import let_go
from tests.cli.office import THIRD_NIGHT, Office
from tests.cli.page import Visitor, page_of

__all__ = ["let_go", "office"]
pytestmark = pytest.mark.long


@pytest.fixture
def page(browser: Chrome, office: Office) -> Iterator[Visitor]:
    """The page of a company whose third night was refused: its export had come empty."""
    export = dict(office.deals)
    office.deals.clear()
    assert office.night(THIRD_NIGHT).code == 3
    office.deals.update(export)
    office.deal("D-9", mql_date="")
    office.write_files()
    office.sandbox.platform.clock.set(datetime.fromisoformat(THIRD_NIGHT))
    with page_of(office, THIRD_NIGHT) as served:
        browser.set_window_size(*DESK)
        browser.get(served.url)
        yield served
        browser.delete_all_cookies()
        browser.set_window_size(*DESK)
        browser.get("about:blank")


def clicks(browser: Chrome, button: str) -> None:
    with another_page(browser):
        browser.find_element(By.XPATH, f"//button[text()='{button}']").click()


def shows(browser: Chrome, text: str) -> None:
    """Wait until the page shows something by itself."""
    WebDriverWait(browser, 60).until(lambda shown: text in read(shown))


def test_a_red_night_is_run_again_and_watched_to_its_end(
    browser: Chrome, page: Visitor, office: Office, let_go: Callable[[], None]
) -> None:
    signs_in(browser, "otto")
    assert "Red:" in read(browser)
    assert "Run 3 did not finish" in read(browser)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    follows(browser, "Run now")
    clicks(browser, "Run now")
    assert browser.current_url == f"{page.url}/runs/4"
    shows(browser, "reading deals 4")
    browser.refresh()
    assert "reading deals 4" in read(browser), "it survives a reload"
    assert serious(browser) == []
    let_go()
    shows(browser, "run: OK")
    assert "reading deals" not in read(browser)
    problems = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert problems == [], "nothing broke the policy"
    follows(browser, "Last night")
    assert "Red:" not in read(browser)
    assert len(office.counted("333")) == 3, "D-1's click is invalid"


def test_what_was_refused_in_a_red_night_is_found_read_put_right_and_confirmed(
    browser: Chrome, page: Visitor, office: Office
) -> None:
    signs_in(browser, "otto")
    assert "Red:" in read(browser)
    follows(browser, "Run now")
    clicks(browser, "Run now")
    shows(browser, "run: OK")
    follows(browser, "Conversions")
    browser.find_element(By.ID, "find").send_keys("click-of-D-1")
    clicks(browser, "Find")
    assert browser.current_url == f"{page.url}/deals/D-1"
    assert "The gclid cannot be decoded." in read(browser)
    assert "rejected" in read(browser)
    office.sandbox.platform.verdicts = {}
    follows(browser, "Errors")
    follows(browser, "Try again")
    clicks(browser, "Send again")
    assert "sent 1" in read(browser)
    office.night("2026-03-06T02:00+01:00")
    browser.get(f"{page.url}/deals/D-1")
    assert "confirmed" in read(browser)
    assert len(office.counted("333")) == 4


def test_a_run_is_stopped_on_the_page(
    browser: Chrome, page: Visitor, let_go: Callable[[], None]
) -> None:
    signs_in(browser, "otto")
    follows(browser, "Run now")
    clicks(browser, "Run now")
    shows(browser, "reading deals")
    follows(browser, "Stop")
    clicks(browser, "Stop")
    shows(browser, "Stopped by SIGTERM")


def test_an_alert_is_acknowledged_with_the_keyboard_on_a_phone_and_a_viewer_sees_by_whom(
    browser: Chrome, page: Visitor
) -> None:
    browser.set_window_size(*PHONE)
    signs_in(browser, "otto")
    presses(browser, "Acknowledge")
    assert "will name otto as the one who decided" in read(browser)
    presses(browser, "Acknowledge")
    assert "Acknowledged by otto" in read(browser)
    assert serious(browser) == []
    browser.delete_all_cookies()
    browser.get(page.url)
    signs_in(browser, "vera")
    assert "Acknowledged by otto" in read(browser)
    assert not browser.find_elements(By.LINK_TEXT, "Reopen")
    assert not browser.find_elements(By.LINK_TEXT, "Run now")
