"""The sandbox's CRMs over HTTP: its own switches for them, and an export that is loaded."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from convsync.sandbox.crm.hubspot import TOKEN
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import write_deals_csv

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)
WORLD = World(seed=5, deals=80, ends_at=NOW, days=60)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=lambda: NOW) as running:
        yield running


def post(sandbox: Sandbox, path: str, **body: object) -> requests.Response:
    answer = requests.post(f"{sandbox.http_url}{path}", timeout=60, **body)  # type: ignore[arg-type]
    answer.raise_for_status()
    return answer


def search(sandbox: Sandbox) -> list[dict[str, object]]:
    """Return HubSpot's deals, by the plainest of questions."""
    question = {
        "filterGroups": [],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["amount", "dealstage"],
        "limit": 200,
        "after": "0",
    }
    answer = requests.post(
        f"{sandbox.http_url}/hubspot/crm/objects/2026-09/deals/search",
        json=question,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    answer.raise_for_status()
    found: list[dict[str, object]] = answer.json()["results"]
    return found


def test_a_world_moves_with_the_clock(sandbox: Sandbox) -> None:
    whole = {"seed": 5, "deals": 80, "ends_at": NOW.isoformat(), "days": 60}
    post(sandbox, "/crms/world", json=whole)
    counts = []
    for days in (60, 30, 0):
        post(sandbox, "/clock", json={"now": (NOW - timedelta(days=days)).isoformat()})
        counts.append(len(search(sandbox)))
    assert counts == [
        sum(1 for _ in WORLD.deals_as_of(NOW - timedelta(days=days))) for days in (60, 30, 0)
    ]
    assert counts[0] < counts[1] < counts[2] == 80


def test_an_export_can_be_loaded_repeatedly(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    for at in (NOW - timedelta(days=20), NOW):
        count = write_deals_csv(path, WORLD, at)
        loaded = post(sandbox, "/crms/hubspot/deals.csv", data=path.read_bytes()).json()
        assert loaded == {"deals": count}
        assert len(search(sandbox)) == count


def test_trouble_can_be_ordered(sandbox: Sandbox) -> None:
    post(sandbox, "/crms/hubspot/faults", json=[{"request": 1, "status": 503}])
    with pytest.raises(requests.HTTPError, match="503"):
        search(sandbox)
    assert search(sandbox) == []


def test_histories_can_be_made_to_lag_behind_the_records(sandbox: Sandbox) -> None:
    whole = {"seed": 5, "deals": 80, "ends_at": NOW.isoformat(), "days": 60}
    post(sandbox, "/crms/world", json=whole)
    ids = [{"id": deal["id"]} for deal in search(sandbox)[:50]]

    def in_the_stage_of_the_record() -> set[bool]:
        question = {
            "inputs": ids,
            "properties": ["dealstage"],
            "propertiesWithHistory": ["dealstage"],
        }
        answer = requests.post(
            f"{sandbox.http_url}/hubspot/crm/objects/2026-09/deals/batch/read",
            json=question,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )
        found = set()
        for deal in answer.json()["results"]:
            newest = [one["value"] for one in deal["propertiesWithHistory"]["dealstage"][:1]]
            found.add(newest == [deal["properties"]["dealstage"]])
        return found

    assert in_the_stage_of_the_record() == {True}
    post(sandbox, "/crms/hubspot/history", json={"telling": "lags"})
    assert in_the_stage_of_the_record() == {False}


def test_the_sandbox_says_what_it_cannot_read(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.http_url}/crms/world", json={"seed": 1}, timeout=60)
    assert (answer.status_code, answer.json()) == (400, {"error": "KeyError: 'deals'"})


def test_nobody_is_let_in_without_a_token(sandbox: Sandbox) -> None:
    url = f"{sandbox.http_url}/hubspot/crm/pipelines/2026-09/deals"
    assert requests.get(url, timeout=60).status_code == 401
