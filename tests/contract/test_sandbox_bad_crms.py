"""The switches that make the sandbox's CRMs as bad as the world's, over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from convsync.sandbox.crm import dynamics_pages
from convsync.sandbox.crm.book import Telling
from convsync.sandbox.crm.server import Poison, Reply, Request
from convsync.sandbox.crm.vendors import SERVERS, CrmOfVendor
from convsync.sandbox.server import Sandbox
from tests.contract.sandbox_switches import post

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)
WORLD = {"seed": 5, "deals": 20, "ends_at": NOW.isoformat(), "days": 60}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(now=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.crms.clear()
    post(running, "/crms/world", WORLD)
    return running


def shown(sandbox: Sandbox, vendor: str) -> CrmOfVendor:
    """Return a CRM that shows the world."""
    crm = sandbox.crms[vendor]
    crm.feed.show(NOW)
    return crm


def edit(sandbox: Sandbox, vendor: str, *edits: dict[str, str]) -> Any:
    return post(sandbox, f"/crms/{vendor}/edits", edits)["edited"]


@pytest.mark.parametrize("vendor", SERVERS)
def test_deals_merge_as_the_vendor_merges_them(sandbox: Sandbox, vendor: str) -> None:
    crm = shown(sandbox, vendor)
    loser, into = crm.server.record_id("deal", 1), crm.server.record_id("deal", 2)
    at = NOW.isoformat()
    (survivor,) = edit(sandbox, vendor, {"deal": loser, "kind": "merged", "into": into, "at": at})
    merged = crm.book.deal(survivor)
    assert merged is not None
    assert loser in merged.merged
    assert crm.book.deal(loser) is None
    assert (survivor != into) == (vendor == "hubspot"), "HubSpot makes a third deal of two"


def test_deals_move_are_hidden_shown_deleted_and_restored(sandbox: Sandbox) -> None:
    crm = shown(sandbox, "odoo")
    deal, at = crm.server.record_id("deal", 3), NOW.isoformat()
    edit(sandbox, "odoo", {"deal": deal, "kind": "hidden"})
    assert crm.book.deal(deal) is None
    assert crm.book.departures == {}
    edit(sandbox, "odoo", {"deal": deal, "kind": "shown"})
    moves = [{"deal": deal, "kind": "moved", "stage": one, "at": at} for one in ("sql", "won")]
    edit(sandbox, "odoo", *moves)
    moved = crm.book.deal(deal)
    assert moved is not None
    assert moved.entered[-2:] == (("sql", NOW), ("won", NOW)), "equal stamps, in order"
    edit(sandbox, "odoo", {"deal": deal, "kind": "deleted", "at": at})
    assert deal in crm.book.departures
    edit(sandbox, "odoo", {"deal": deal, "kind": "restored", "at": at})
    assert crm.book.deal(deal) is not None


def test_stages_are_added_in_another_pipeline_and_renamed(sandbox: Sandbox) -> None:
    crm = shown(sandbox, "hubspot")
    new = {"key": "setup", "name": "Set up", "position": 1, "pipeline": "Onboarding"}
    renamed = {"key": "sql", "name": "Qualified", "position": 2}
    before = len(crm.book.stages)
    assert post(sandbox, "/crms/hubspot/stages", [new, renamed]) == {"stages": before + 1}
    assert crm.book.stage("setup").pipeline == "Onboarding"
    assert crm.book.stage("sql").name == "Qualified"


@pytest.mark.parametrize(
    ("telling", "told"), [("all", 2), ("lags", 1), ("purged", 1), ("nothing", 0)]
)
def test_histories_tell_less(sandbox: Sandbox, telling: str, told: int) -> None:
    crm = shown(sandbox, "zoho")
    deal = crm.server.record_id("deal", 1)
    crm.book.edit(deal, NOW, entered=(("mql", NOW - timedelta(days=1)), ("won", NOW)))
    post(sandbox, "/crms/zoho/history", {"telling": telling})
    edited = crm.book.deal(deal)
    assert edited is not None
    assert len(crm.book.told(edited)) == told
    assert crm.book.telling is Telling(telling)


def test_pages_repeat_themselves_until_they_are_let_go(sandbox: Sandbox) -> None:
    url = f"{sandbox.http_url}/pipedrive/api/v2/deals"
    headers = {"x-api-token": "sandbox-0123456789abcdef0123456789abcdef"}

    def page(cursor: str | None = None) -> Any:
        query = {"limit": "5", **({"cursor": cursor} if cursor else {})}
        return requests.get(url, params=query, headers=headers, timeout=60).json()

    post(sandbox, "/crms/pipedrive/stuck", {"path": "/deals$"})
    first = page()
    following = first["additional_data"]["next_cursor"]
    assert page(following) == first
    post(sandbox, "/crms/pipedrive/stuck", {"path": None})
    assert page(following) != first


def test_a_part_of_a_batch_is_refused_once() -> None:
    crm = CrmOfVendor("dynamics", Sandbox(now=lambda: NOW).platform.clock)
    refused = Reply(status=429, headers={"Retry-After": "7"}, body={})
    crm.server.poisons = [Poison(path="/audits", reply=refused, times=1)]
    asked = Request(method="GET", path=f"{dynamics_pages.BASE}/audits")
    assert crm.server.spoilt(asked) == refused
    assert crm.server.spoilt(asked) is None
