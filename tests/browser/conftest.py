"""The snippet in a real Chromium, on real pages, with a real collector behind it.

One browser lives for the whole session; each test has a site of its own on a port of its own, and
so a storage of its own. Where no Chromium is installed these tests are skipped and say so, unless
CONVSYNC_NEEDS_CHROMIUM is set, as the build sets it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.site import Site, serving

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        missing = "Chromium is not installed: Debian's chromium and chromium-driver have it"
        assert not os.environ.get("CONVSYNC_NEEDS_CHROMIUM"), missing
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_script_timeout(60)
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def site(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Site]:
    with serving(browser, tmp_path) as site:
        yield site
        browser.delete_all_cookies()  # which ports of one machine share
        browser.get("about:blank")
