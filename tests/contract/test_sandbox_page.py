"""docs/sandbox.md: each switch on the page is one the sandbox takes, and it has no others."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from convsync.sandbox.crm.book import Deal
from convsync.sandbox.crm.vendors import SERVERS
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world_csv import DEAL_HEADER
from tests.contract.sandbox_switches import get

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
HEARS = {"webhook"}
"""What the sandbox takes from an alert, and not from a person."""
DOES_NOT_ARCHIVE = "does not archive"


def switches_on_the_page() -> Iterator[tuple[str, str]]:
    """Yield path and body of each example in a table; a word alone stands in the one before it."""
    path = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        first, *rest = (cell.strip() for cell in line.strip("|").split(" | "))
        if not line.startswith("|") or not rest:
            continue
        path = found[1] if (found := re.fullmatch(r"`(/\S+)`", first)) else path
        if rest[0] == "an export":
            yield path, DEAL_HEADER
        before = ""
        for example in re.findall(r"`([^`]+)`", " ".join(rest)) if path else ():
            if re.match(r'\{"|\[[{"]|null', example):
                before = example
                yield path, example
            elif re.fullmatch(r'"\w+"', example) and before:
                yield path, re.sub(r'("(?:kind|telling)": )"\w+"', rf"\1{example}", before)


EXAMPLES = [*switches_on_the_page()]
NUMBERS = count(1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def a_deal(sandbox: Sandbox, vendor: str) -> str:
    """Put a deal into a CRM, and return its ID."""
    office = sandbox.crms[vendor]
    deal_id = office.server.record_id("deal", next(NUMBERS))
    office.book.put(Deal(deal_id=deal_id, created_at=AT, modified_at=AT, entered=(("won", AT),)))
    return deal_id


def prepared(sandbox: Sandbox, vendor: str, path: str, example: str) -> Any:
    """Return an example's body with deals and times that are there, as a deal must be for it."""
    text = example.replace("…", AT.isoformat())
    while '"ID"' in text:
        text = text.replace('"ID"', f'"{a_deal(sandbox, vendor)}"', 1)
    body = json.loads(text)
    if not path.endswith("/edits"):
        return body
    edits = body if isinstance(body, list) else [body]
    for edit in edits:
        book = sandbox.crms[vendor].book
        if edit["kind"] == "restored":
            book.delete(edit["deal"], AT)
        if edit["kind"] == "shown":
            book.hide(edit["deal"])
    return edits


@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_each_switch_on_the_page_is_taken_as_it_stands_there(
    sandbox: Sandbox, path: str, example: str
) -> None:
    for vendor in SERVERS if "VENDOR" in path else ("hubspot",):
        url = sandbox.http_url + path.replace("VENDOR", vendor)
        is_export = example == DEAL_HEADER
        body = example if is_export else json.dumps(prepared(sandbox, vendor, path, example))
        answer = requests.post(url, data=body, timeout=60)
        assert answer.ok or DOES_NOT_ARCHIVE in answer.text, (vendor, answer.text)


def test_each_switch_of_the_sandbox_is_on_the_page(sandbox: Sandbox) -> None:
    listed = {path.replace("{vendor}", "VENDOR") for path in get(sandbox, "/switches")}
    assert listed - HEARS == {path.strip("/") for path, _ in EXAMPLES}
