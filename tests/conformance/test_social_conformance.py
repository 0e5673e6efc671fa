"""The sandbox does what `meta_cases` and `linkedin_cases` say the two platforms do, over HTTP."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests

from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.linkedin.events import PartnerRule
from convsync.sandbox.linkedin.room import LinkedInRoom
from convsync.sandbox.linkedin.sign_in import CLIENT
from convsync.sandbox.meta.room import MetaRoom
from convsync.sandbox.server import Sandbox
from tests.conformance import linkedin_cases, meta_cases
from tests.conformance.linkedin_cases import LINKEDIN_CASES, LinkedInCase
from tests.conformance.meta_cases import META_CASES, MetaCase


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.platform.reset()
    return running


def changed(good: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


# --- Meta ----------------------------------------------------------------------------------------


def meta_body(rows: Any, around: Mapping[str, Any]) -> dict[str, Any]:
    events = [
        changed(
            {
                "event_name": "Won",
                "event_time": meta_cases.YESTERDAY_S,
                "event_id": f"cs-{number}",
                "action_source": "system_generated",
                "user_data": {"fbc": "fb.1.1767150000000.IwAR-x"},
                "custom_data": {
                    "event_source": "crm",
                    "lead_event_source": "CRM",
                    "value": 100,
                    "currency": "EUR",
                },
            },
            row,
        )
        for number, row in enumerate(rows)
    ]
    return changed({"data": events}, around)


@pytest.mark.parametrize("case", META_CASES, ids=lambda case: case.id)
def test_meta_answers_as_written(sandbox: Sandbox, case: MetaCase) -> None:
    sandbox.platform.clock.set(meta_cases.NOW)
    room = sandbox.platform.rooms["meta"]
    assert isinstance(room, MetaRoom)
    url = f"{sandbox.http_url}/{case.version}/{meta_cases.DATASET}/events"
    headers = {"Authorization": f"Bearer {case.token}"}
    if case.first:
        body = meta_body(case.first, {})
        assert requests.post(url, json=body, headers=headers, timeout=60).ok
        sandbox.platform.clock.set(meta_cases.NOW + case.later)
    if case.switch:
        name, value = case.switch
        room.switches()[name](value)
    if case.fault:
        sandbox.platform.faults.add(PlannedFault(on="meta_events", request=1, kind=case.fault))
    body = meta_body(case.rows, case.around)
    answer = requests.post(url, json=body, headers=headers, timeout=60)
    error = answer.json().get("error", {})
    numbers = [str(error[key]) for key in ("code", "error_subcode") if key in error]
    assert (answer.status_code, "/".join(numbers) or None) == case.answer, case.rule
    page = room.books.counted.get(f"{meta_cases.DATASET}/Won", {})
    counted = {name: page[name].count if name in page else 0 for name in case.counted}
    assert counted == case.counted, case.rule


def test_metas_texts_are_those_of_another_language(sandbox: Sandbox) -> None:
    url = f"{sandbox.http_url}/v26.0/{meta_cases.DATASET}/events"
    said = requests.post(url, json={}, timeout=60).json()["error"]
    assert said["error_user_title"] == "Zugriffsschlüssel ungültig"


# --- LinkedIn ------------------------------------------------------------------------------------


def linkedin_body(rows: Any, *, is_single: bool) -> dict[str, Any]:
    events = [
        changed(
            {
                "conversion": "urn:lla:llaPartnerConversion:111",
                "conversionHappenedAt": linkedin_cases.YESTERDAY_MS,
                "conversionValue": {"currencyCode": "EUR", "amount": "100"},
                "eventId": f"cs-{number}",
                "user": {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "a" * 64}]},
            },
            {key: without_nothing(value) for key, value in row.items()},
        )
        for number, row in enumerate(rows)
    ]
    return events[0] if is_single else {"elements": events}


def without_nothing(value: Any) -> Any:
    """Take away what is None at any depth."""
    if isinstance(value, Mapping):
        return {key: without_nothing(one) for key, one in value.items() if one is not None}
    return [without_nothing(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", LINKEDIN_CASES, ids=lambda case: case.id)
def test_linkedin_answers_as_written(sandbox: Sandbox, case: LinkedInCase) -> None:
    sandbox.platform.clock.set(linkedin_cases.NOW)
    room = sandbox.platform.rooms["linkedin"]
    assert isinstance(room, LinkedInRoom)
    room.account.rules = {one["id"]: PartnerRule(**one) for one in case.rules}
    room.account.knows_repeats = case.knows_repeats
    good = {
        "Authorization": "Bearer a-token",
        "LinkedIn-Version": "202607",
        "X-Restli-Protocol-Version": "2.0.0",
        "X-RestLi-Method": "BATCH_CREATE",
    }
    url = f"{sandbox.http_url}/rest/conversionEvents"
    if case.first:
        body = linkedin_body(case.first, is_single=False)
        assert requests.post(url, json=body, headers=good, timeout=60).ok
    if case.fault:
        sandbox.platform.faults.add(PlannedFault(on="linkedin_events", request=1, kind=case.fault))
    body = linkedin_body(case.rows, is_single=case.is_single)
    answer = requests.post(url, json=body, headers=changed(good, case.headers), timeout=60)
    status, said = case.answer
    assert answer.status_code == status, (case.rule, answer.text)
    assert said in answer.text.replace('\\"', '"'), case.rule
    page = room.books.counted.get("111", {})
    counted = {name: page[name].count if name in page else 0 for name in case.counted}
    assert counted == case.counted, case.rule


@pytest.mark.parametrize(
    ("days", "status", "left"),
    [
        pytest.param(0, 200, 365, id="on the first day"),
        pytest.param(300, 200, 65, id="using it prolongs nothing"),
        pytest.param(365, 400, None, id="after a year it has ended"),
    ],
)
def test_a_refresh_token_of_linkedins_ends_a_year_after_the_sign_in(
    sandbox: Sandbox, days: int, status: int, left: int | None
) -> None:
    room = sandbox.platform.rooms["linkedin"]
    assert isinstance(room, LinkedInRoom)
    room.sign_in.signed_in("a-refresh-token", linkedin_cases.NOW)
    sandbox.platform.clock.set(linkedin_cases.NOW + timedelta(days=days))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "a-refresh-token",
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
    }
    answer = requests.post(f"{sandbox.http_url}/oauth/v2/accessToken", data=form, timeout=60)
    assert answer.status_code == status
    said = answer.json()
    if left is None:
        assert said == {"error": "invalid_grant"}
    else:
        assert said["refresh_token_expires_in"] == left * 86_400
        assert said["expires_in"] == min(60, left) * 86_400


def test_every_case_has_a_name_of_its_own() -> None:
    for cases in (META_CASES, LINKEDIN_CASES):
        names = Counter(case.id for case in cases)
        assert max(names.values()) == 1, names
