"""What the tests of the page do with a browser: sign in, follow, change the theme, and look."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.cli.page import PASSWORD

PHONE, DESK = (390, 844), (1280, 900)
AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")


def theme(browser: Chrome, name: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": name}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


@contextmanager
def another_page(browser: Chrome) -> Iterator[None]:
    """Wait until what is done here has led to another page."""
    before = browser.find_element(By.TAG_NAME, "html")
    yield
    WebDriverWait(browser, 60).until(lambda _: _is_gone(before))


def _is_gone(element: WebElement) -> bool:
    """True where the page of an element is no more; asked in between, Chrome calls it an error."""
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as error:
        if "does not belong to the document" in str(error):
            return True
        raise
    return False


def signs_in(browser: Chrome, name: str) -> None:
    browser.find_element(By.ID, "name").send_keys(name)
    with another_page(browser):
        browser.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)


def serious(browser: Chrome) -> list[str]:
    """What axe-core finds that would keep somebody out."""
    browser.execute_script(AXE)
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    return [
        json.dumps({"id": one["id"], "nodes": [node["html"] for node in one["nodes"]]})
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def fits(browser: Chrome) -> bool:
    """True where nothing is wider than the window, but what scrolls by itself."""
    wide, shown = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return bool(wide <= shown)
