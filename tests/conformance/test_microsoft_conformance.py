"""The sandbox does what `microsoft_cases` says that Microsoft Advertising does, over HTTP."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import requests

from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.microsoft.room import CONVERSIONS, PATH, MicrosoftRoom
from convsync.sandbox.server import Sandbox
from tests.conformance.microsoft_cases import (
    MICROSOFT_CASES,
    NOW,
    THE_GOAL,
    YESTERDAY,
    Changes,
    MicrosoftCase,
    click,
)

ACCOUNT = "1234567"
APPLY, ADJUST = "OfflineConversions", "OfflineConversionAdjustments"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.platform.reset()
    running.platform.clock.set(NOW)
    return running


def changed(good: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def conversions(rows: Sequence[Changes]) -> dict[str, Any]:
    usual = {
        "ConversionName": "Sale",
        "ConversionTime": YESTERDAY,
        "ConversionValue": 100,
        "ConversionCurrencyCode": "EUR",
    }
    clicked = ({"MicrosoftClickId": click(number), **usual} for number in range(len(rows)))
    return {APPLY: [changed(good, row) for good, row in zip(clicked, rows, strict=True)]}


def adjustments(rows: Sequence[Changes]) -> dict[str, Any]:
    good = {
        "MicrosoftClickId": click(0),
        "ConversionName": "Sale",
        "ConversionTime": YESTERDAY,
        "AdjustmentTime": "2026-11-29T01:00:00Z",
    }
    return {ADJUST: [changed(good, row) for row in rows]}


def signed_in(sandbox: Sandbox) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": "any", "client_id": "an-app"}
    url = f"{sandbox.http_url}/common/oauth2/v2.0/token"
    return str(requests.post(url, data=form, timeout=60).json()["access_token"])


@pytest.mark.parametrize("case", MICROSOFT_CASES, ids=lambda case: case.id)
def test_microsoft_answers_as_written(sandbox: Sandbox, case: MicrosoftCase) -> None:
    room = sandbox.platform.rooms["microsoft"]
    assert isinstance(room, MicrosoftRoom)
    room.set_goals([{**THE_GOAL, **case.goal}])
    good = {
        "Authorization": f"Bearer {signed_in(sandbox)}",
        "DeveloperToken": "a-developer",
        "CustomerId": "89",
        "CustomerAccountId": ACCOUNT,
    }
    url = f"{sandbox.http_url}{PATH}"
    if case.first:
        body = conversions(case.first)
        assert requests.post(f"{url}/{APPLY}/Apply", json=body, headers=good, timeout=60).ok
    if case.switch:
        name, value = case.switch
        room.switches()[name](value)
    if case.fault:
        sandbox.platform.faults.add(PlannedFault(on=CONVERSIONS, request=1, kind=case.fault))
    body = adjustments(case.rows) if case.adjusts else conversions(case.rows)
    path = f"{url}/{ADJUST if case.adjusts else APPLY}/Apply"
    answer = requests.post(path, json=body, headers=changed(good, case.headers), timeout=60)
    said = answer.json()
    refusals = [
        one["ErrorCode"] for key in ("Errors", "OperationErrors") for one in said.get(key, ())
    ]
    assert refusals == ([case.refused] if case.refused else []), case.rule
    assert answer.ok != bool(case.refused)
    errors = {one["Index"]: one["ErrorCode"] for one in said.get("PartialErrors") or ()}
    assert errors == case.errors, case.rule
    _are_booked(room, case)


def _are_booked(room: MicrosoftRoom, case: MicrosoftCase) -> None:
    page = room.books.counted.get(f"{ACCOUNT}/Sale", {}).values()
    by_click = {one.first.get("MicrosoftClickId"): one for one in page}
    counts = {row: one.count if (one := by_click.get(click(row))) else 0 for row in case.counted}
    assert counts == case.counted, case.rule
    if case.value is not None:
        assert by_click[click(0)].value == case.value
    reasons = [one.unattributed for one in room.books.arrived if one.unattributed]
    assert reasons == list(case.why), case.rule


def test_every_case_has_a_name_of_its_own() -> None:
    assert max(Counter(case.id for case in MICROSOFT_CASES).values()) == 1
