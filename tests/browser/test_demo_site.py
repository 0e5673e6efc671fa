"""`make demo-site` with a browser for a visitor: a click becomes a counted conversion."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from scripts.demo_site import AD, Demo, demo_site

pytestmark = pytest.mark.long


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with demo_site(tmp_path) as demo:
        yield demo


def click(browser: Chrome, selector: str) -> None:
    browser.find_element(By.CSS_SELECTOR, selector).click()


def test_a_click_in_a_browser_becomes_a_counted_conversion(browser: Chrome, demo: Demo) -> None:
    browser.get(f"{demo.url}/{AD.format(number=7)}")
    click(browser, "#agree")
    click(browser, "a")
    browser.find_element(By.NAME, "email").send_keys("anna@example.com")
    click(browser, "#send")
    WebDriverWait(browser, 60).until(lambda _: browser.current_url.endswith("/thanks"))
    demo.night()

    (counted,) = [one for action in demo.books()["counted"].values() for one in action.values()]
    assert counted["ad_identifiers"] == {"gclid": "EAIaIQobChMI-demo_Click.7"}
    assert counted["value"] == 20
    assert "1 click ID stored" in demo.convsync("status")  # which came by the collector
    report = json.loads(demo.convsync("report", "coverage", "--by", "campaign", "--format", "json"))
    (covered,) = report["coverage"]
    assert (covered["group"], covered["stands"], covered["click"]) == ("Brand", "sent", "gclid")
