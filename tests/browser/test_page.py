"""The page in a real Chromium: a refused conversion is found, read and sent again, by mouse, by
keyboard and on a phone, and nobody is kept out by how it is made.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from convsync.sandbox.server import Sandbox
from tests.browser.looking import DESK, PHONE, another_page, fits, serious, signs_in, theme
from tests.cli.office import NEXT_NIGHT, THIRD_NIGHT, Office
from tests.cli.page import PASSWORD, Visitor, page_of
from tests.fakes.new_ledger import new_ledger

pytestmark = pytest.mark.long
INVALID = "PROCESSING_ERROR_REASON_INVALID_GCLID"
PATHS = (
    "/",
    "/runs/1",
    "/conversions",
    "/conversions?find=D-",
    "/deals/D-1",
    "/errors",
    "/reports",
    "/customer?key=D-1",
    "/set-up",
)


@pytest.fixture
def office(sandbox: Sandbox, tmp_path: Path) -> Office:
    """A company of two nights whose D-1 was refused by its click."""
    office = Office(tmp_path, sandbox)
    new_ledger(tmp_path / "convsync.db")
    sandbox.platform.verdicts = {"click-of-D-1": INVALID}
    for number in range(1, 4):
        office.deal(f"D-{number}", mql_date="")
    office.night()
    office.night(NEXT_NIGHT)
    return office


@pytest.fixture
def page(browser: Chrome, office: Office) -> Iterator[Visitor]:
    with page_of(office, NEXT_NIGHT) as served:
        browser.set_window_size(*DESK)
        browser.get(served.url)
        yield served
        browser.delete_all_cookies()
        browser.set_window_size(*DESK)
        theme(browser, "light")
        browser.get("about:blank")


def follows(browser: Chrome, name: str) -> None:
    with another_page(browser):
        browser.find_element(By.LINK_TEXT, name).click()


def read(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "main").text


def test_a_refused_conversion_is_found_read_sent_again_and_confirmed(
    browser: Chrome, page: Visitor, office: Office
) -> None:
    signs_in(browser, "otto")
    assert "Amber" in read(browser), "a twentieth of what was sent was refused"
    follows(browser, "Errors")
    assert INVALID in read(browser)
    follows(browser, "D-1")
    assert "The gclid cannot be decoded." in read(browser)
    assert "reached 2026-03-02" in read(browser)
    office.sandbox.platform.verdicts = {}
    follows(browser, "Errors")
    follows(browser, "Try again")
    assert "will name otto as the one who decided" in read(browser)
    with another_page(browser):
        browser.find_element(By.XPATH, "//button[text()='Send again']").click()
    assert "sent 1" in read(browser)
    office.night(THIRD_NIGHT)
    browser.get(f"{page.url}/deals/D-1")
    assert "confirmed" in read(browser)


def test_the_same_walk_works_with_the_keyboard_alone_on_a_phone(
    browser: Chrome, page: Visitor, office: Office
) -> None:
    browser.set_window_size(*PHONE)
    types(browser, "name", "otto")
    with another_page(browser):
        types(browser, "password", PASSWORD + Keys.ENTER)
    presses(browser, "Errors")
    presses(browser, "Try again")
    office.sandbox.platform.verdicts = {}
    presses(browser, "Send again")
    assert "sent 1" in read(browser)


def types(browser: Chrome, field: str, keys: str) -> None:
    comes_to(browser, lambda focused: focused.get_attribute("name") == field)
    ActionChains(browser).send_keys(keys).perform()


def presses(browser: Chrome, name: str) -> None:
    comes_to(browser, lambda focused: focused.text == name)
    with another_page(browser):
        ActionChains(browser).send_keys(Keys.ENTER).perform()


def comes_to(browser: Chrome, is_there: Any) -> None:
    """Press Tab until the focus is where it should be, and can be seen there."""
    for _ in range(60):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        if is_there(focused):
            assert focused.value_of_css_property("outline-style") != "none"
            return
    raise AssertionError("the keyboard does not get there")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_page_keeps_anybody_out_in_either_theme(
    browser: Chrome, page: Visitor, colours: str
) -> None:
    theme(browser, colours)
    assert serious(browser) == [], "of the sign-in"
    signs_in(browser, "otto")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    for path in (*PATHS, f"/do/retry?about={INVALID}", "/nowhere"):
        browser.get(f"{page.url}{path}")
        assert serious(browser) == [], path
        problems = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert [one for one in problems if "404" not in one["message"]] == [], path


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_fits_its_window(browser: Chrome, page: Visitor, size: tuple[int, int]) -> None:
    browser.set_window_size(*size)
    signs_in(browser, "vera")
    for path in PATHS:
        browser.get(f"{page.url}{path}")
        assert fits(browser), path


def test_a_hostile_name_runs_nothing(browser: Chrome, page: Visitor, office: Office) -> None:
    name = "<script>window.owned=1</script><img src=x onerror=window.owned=1>"
    office.deal(name, mql_date="", gclid="its-click")
    office.night(THIRD_NIGHT)
    signs_in(browser, "vera")
    for path in ("/conversions", "/conversions?find=script"):
        browser.get(f"{page.url}{path}")
        assert "script" in read(browser)
        assert browser.execute_script("return window.owned") is None
