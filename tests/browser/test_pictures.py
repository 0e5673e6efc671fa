"""The pictures of the page in README and docs/: what Chromium shows of the sandbox's company.

`make pictures` keeps them in docs/pictures/. Else they are taken all the same, and thrown away,
so that a page which can no longer be pictured is found.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from typer.testing import CliRunner

from convsync.cli import app
from convsync.sandbox.living import settle_in
from convsync.sandbox.server import Sandbox
from tests.browser.looking import DESK, signs_in
from tests.cli.office import Office
from tests.cli.page import Visitor, page_of

pytestmark = pytest.mark.long
KEPT = Path(__file__).parents[2] / "docs" / "pictures"
IS_KEPT = os.environ.get("CONVSYNC_PICTURES") == "keep"
A_WEEK_AGO, LAST_NIGHT = "2026-02-23T02:00+00:00", "2026-03-02T02:00+00:00"
LARGEST_BYTES = 300_000


def types(*words: str) -> str:
    result = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return result.output


@pytest.fixture
def served(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    """The page of the company that `convsync sandbox --demo` makes up, after two nights."""
    folder = tmp_path / "acme"
    folder.mkdir()
    office = Office(folder, sandbox)
    office.config.unlink()
    sandbox.platform.clock.set(datetime.fromisoformat(LAST_NIGHT).astimezone(UTC))
    settle_in("hubspot", folder)(sandbox)
    monkeypatch.chdir(folder)
    types("db", "upgrade")
    for night in (A_WEEK_AGO, LAST_NIGHT):
        types("run", "--as-of", night)
    with page_of(office, LAST_NIGHT) as page:
        yield page


def test_the_page_is_pictured(browser: Chrome, served: Visitor, tmp_path: Path) -> None:
    rows = json.loads(types("deals", "--rule", "won", "--state", "confirmed", "--format", "json"))
    browser.set_window_size(*DESK)
    browser.get(served.url)
    signs_in(browser, "vera")
    for name, path, shown in (
        ("night", "/", "Last night"),
        ("deal", f"/deals/{rows[-1]['deal_id']}", "won"),
    ):
        browser.get(f"{served.url}{path}")
        assert shown in browser.find_element(By.TAG_NAME, "body").text
        picture = (KEPT if IS_KEPT else tmp_path) / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        assert browser.save_screenshot(str(picture))
        assert 10_000 < picture.stat().st_size < LARGEST_BYTES
