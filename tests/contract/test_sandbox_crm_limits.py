"""The sandbox refuses what the vendors refuse: too many in one call, too many calls in a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any, Final

import pytest

from convsync.sandbox.crm import hubspot, pipedrive
from convsync.sandbox.crm.book import CrmBook
from convsync.sandbox.crm.server import CrmServer, Reply, Request
from convsync.sandbox.crm.vendors import SERVERS

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEARCH: Final = {
    "filterGroups": [],
    "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
    "properties": [],
    "limit": 200,
    "after": "0",
}


@dataclass(slots=True)
class Api:
    """One vendor's server, asked by somebody it knows, at a time that is set."""

    kind: str
    headers: dict[str, str] = field(default_factory=dict)
    ticks: float = 0.0
    server: CrmServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = SERVERS[self.kind](CrmBook(), lambda: NOW)
        self.server.ticks = lambda: self.ticks

    def post(self, path: str, body: Any) -> Reply:
        content = json.dumps(body).encode()
        return self.server.answer(
            Request(method="POST", path=path, headers=self.headers, body=content)
        )

    def get(self, path: str, **query: str) -> Reply:
        return self.server.answer(
            Request(method="GET", path=path, headers=self.headers, query=query)
        )


def of_hubspot() -> Api:
    return Api("hubspot", {"authorization": f"Bearer {hubspot.TOKEN}"})


def of_pipedrive(header: str = "x-api-token", shown: str = pipedrive.TOKEN) -> Api:
    return Api("pipedrive", {header: shown})


def ids(count: int) -> dict[str, Any]:
    return {"inputs": [{"id": str(number)} for number in range(count)]}


def properties(count: int, *history: str) -> dict[str, Any]:
    return {**ids(count), "properties": [], "propertiesWithHistory": list(history)}


LINKS: Final = "/crm/associations/2026-09/deals/contacts/batch/read"
READ: Final = "/crm/objects/2026-09/deals/batch/read"
FOUND: Final = "/crm/objects/2026-09/deals/search"


@pytest.mark.parametrize(
    ("path", "most", "one_too_many"),
    [
        pytest.param(LINKS, ids(1_000), ids(1_001), id="associations"),
        pytest.param(READ, properties(100), properties(101), id="records"),
        pytest.param(READ, properties(50, "dealstage"), properties(51, "dealstage"), id="history"),
        pytest.param(FOUND, SEARCH, {**SEARCH, "limit": 201}, id="a search"),
    ],
)
def test_hubspot_takes_a_full_batch_and_not_one_more(
    path: str, most: dict[str, Any], one_too_many: dict[str, Any]
) -> None:
    api = of_hubspot()
    assert api.post(path, most).status in (200, 207)
    refused = api.post(path, one_too_many)
    assert (refused.status, refused.body["category"]) == (400, "VALIDATION_ERROR")


def test_pipedrive_takes_a_hundred_ids_and_not_one_more() -> None:
    api = of_pipedrive()
    assert api.get("/api/v2/persons", ids=",".join(map(str, range(1, 101)))).status == 200
    assert api.get("/api/v2/persons", ids=",".join(map(str, range(1, 102)))).status == 400


def ask_hubspot(api: Api) -> Reply:
    return api.get("/crm/pipelines/2026-09/deals")


def search_hubspot(api: Api) -> Reply:
    return api.post(FOUND, SEARCH)


def ask_pipedrive(api: Api) -> Reply:
    return api.get("/api/v2/stages")


@pytest.mark.parametrize(
    ("api", "ask", "most", "seconds"),
    [
        pytest.param(of_hubspot(), search_hubspot, 5, 1, id="HubSpot's searches"),
        pytest.param(of_hubspot(), ask_hubspot, 100, 10, id="HubSpot"),
        pytest.param(of_pipedrive(), ask_pipedrive, 20, 2, id="Pipedrive by an API token"),
        pytest.param(
            of_pipedrive("authorization", f"Bearer {pipedrive.TOKEN}"),
            ask_pipedrive,
            80,
            2,
            id="Pipedrive by an app",
        ),
    ],
)
def test_one_call_too_many_is_refused_until_its_time_is_over(
    api: Api, ask: Callable[[Api], Reply], most: int, seconds: float
) -> None:
    assert [ask(api).status for _ in range(most)] == [200] * most
    assert ask(api).status == 429
    api.ticks += seconds - 0.1
    assert ask(api).status == 429
    api.ticks += 0.1
    assert [ask(api).status for _ in range(most)] == [200] * most
    assert api.server.refusals == 2


def test_zoho_answers_no_more_than_five_at_once() -> None:
    api = Api("zoho")
    threads = [Thread(target=api.get, args=("/crm/v8/settings/layouts",)) for _ in range(5)]
    with api.server.book.lock:  # where an answer has to wait
        for thread in threads:
            thread.start()
        while api.server.most_under_way < 5:
            pass
        refused = api.get("/crm/v8/settings/layouts")
    for thread in threads:
        thread.join()
    assert (refused.status, refused.body["code"]) == (429, "TOO_MANY_REQUESTS")
    assert api.get("/crm/v8/settings/layouts").status == 401, "there is room again"
