"""The sandbox keeps lists of people as Google would, asked by Google's own clients.

Nothing of convsync is used but the sandbox: what these tests accept, the real adapter may rely on.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
import requests
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.ads.datamanager_v1.services.user_list_service.transports import (
    UserListServiceGrpcTransport,
)
from google.api_core import exceptions

from convsync.sandbox.server import Sandbox

ACCOUNT = "1234567890"
PARENT = f"accountTypes/GOOGLE_ADS/accounts/{ACCOUNT}"
NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
A_DAY = 86_400
GRANTED = {"ad_user_data": "CONSENT_GRANTED", "ad_personalization": "CONSENT_GRANTED"}
TERMS = {"customer_match_terms_of_service_status": "ACCEPTED"}


def a_hash(of: str = "ann@example.com") -> str:
    return hashlib.sha256(of.encode()).hexdigest()


class Google:
    """Google's clients, and the sandbox that they speak to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.channel = grpc.insecure_channel(sandbox.grpc_address)
        self.lists = dm.UserListServiceClient(
            transport=UserListServiceGrpcTransport(channel=self.channel)
        )
        self.members = dm.IngestionServiceClient(
            transport=IngestionServiceGrpcTransport(channel=self.channel)
        )

    def make(self, name: str = "Lost", **fields: Any) -> Any:
        info = {
            "upload_key_types": ["CONTACT_ID"],
            "contact_id_info": {"data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY"},
        }
        body = {"display_name": name, "ingested_user_list_info": info, **fields}
        request = dm.CreateUserListRequest(parent=PARENT, user_list=body)
        return self.lists.create_user_list(request, retry=None)

    def ingest(self, list_id: int, *members: Any, **fields: Any) -> str:
        body = {"consent": GRANTED, "terms_of_service": TERMS, **self._about(list_id, members)}
        request = dm.IngestAudienceMembersRequest({**body, **fields})
        return str(self.members.ingest_audience_members(request, retry=None).request_id)

    def remove(self, list_id: int, *members: Any) -> str:
        request = dm.RemoveAudienceMembersRequest(self._about(list_id, members))
        return str(self.members.remove_audience_members(request, retry=None).request_id)

    def remove_all(self, list_id: int, **fields: Any) -> None:
        destination = self._about(list_id, ())["destinations"]
        request = dm.RemoveAllAudienceMembersRequest(destinations=destination, **fields)
        self.members.remove_all_audience_members(request, retry=None)

    def status(self, request_id: str) -> Any:
        url = f"{self.sandbox.http_url}/v1/requestStatus:retrieve"
        answer = requests.get(url, params={"requestId": request_id}, timeout=60)
        return answer.json()["requestStatusPerDestination"][0]

    def on(self, list_id: int) -> list[str]:
        lists = requests.get(f"{self.sandbox.http_url}/lists", timeout=60).json()
        return list(lists[str(list_id)]["members"])

    def passes(self, **time: float) -> None:
        clock = self.sandbox.platform.clock
        clock.set(clock.now() + timedelta(**time))

    @staticmethod
    def _about(list_id: int, members: Any) -> dict[str, Any]:
        account = {"account_type": "GOOGLE_ADS", "account_id": ACCOUNT}
        destination = {"operating_account": account, "product_destination_id": str(list_id)}
        return {
            "destinations": [destination],
            "encoding": "HEX",
            "audience_members": list(members),
        }


@pytest.fixture
def google(sandbox: Sandbox) -> Iterator[Google]:
    sandbox.platform.clock.set(NOW)
    google = Google(sandbox)
    yield google
    google.channel.close()


def a_member(*emails: str, **fields: Any) -> dict[str, Any]:
    identifiers = [{"email_address": a_hash(one)} for one in emails or ("ann@example.com",)]
    return {"composite_data": {"user_data": {"user_identifiers": identifiers}}, **fields}


def reasons_of(refused: exceptions.GoogleAPICallError) -> set[str]:
    return {
        violation.reason
        for detail in refused.details
        for violation in getattr(detail, "field_violations", ())
    }


def test_a_list_is_found_by_its_code_and_its_name(google: Google) -> None:
    made = google.make(integration_code="ours-1")
    google.make("Others", integration_code="ours-2")
    for condition in ('integration_code = "ours-1"', 'display_name = "Lost"'):
        request = dm.ListUserListsRequest(parent=PARENT, filter=condition)
        assert [one.id for one in google.lists.list_user_lists(request)] == [made.id]
    elsewhere = dm.ListUserListsRequest(parent=PARENT.replace(ACCOUNT, "5555555555"))
    assert list(google.lists.list_user_lists(elsewhere)) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"membership_duration": {"seconds": A_DAY + 1}}, "INVALID_ARGUMENT"),
        ({"membership_duration": {"seconds": 541 * A_DAY}}, "MEMBERSHIP_DURATION_TOO_LONG"),
        ({"display_name": ""}, "INVALID_DISPLAY_NAME"),
        ({"display_name": "Taken"}, "DISPLAY_NAME_ALREADY_USED"),
        (
            {"ingested_user_list_info": {"upload_key_types": ["CONTACT_ID", "USER_ID"]}},
            "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES",
        ),
    ],
)
def test_a_list_that_may_not_be_is_refused(
    google: Google, fields: dict[str, Any], reason: str
) -> None:
    google.make("Taken")
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.make(**fields)
    assert reasons_of(refused.value) == {reason}


def test_members_come_and_go_by_each_of_their_identifiers(google: Google) -> None:
    made = google.make()
    google.ingest(made.id, a_member("ann@example.com", "ann@work.example"), a_member("bob@x.org"))
    assert len(google.on(made.id)) == 3
    google.remove(made.id, a_member("ann@example.com"), a_member("nobody@x.org"))
    assert set(google.on(made.id)) == {a_hash("ann@work.example"), a_hash("bob@x.org")}


def test_a_membership_ends_unless_it_is_renewed(google: Google) -> None:
    made = google.make(membership_duration={"seconds": 10 * A_DAY})
    google.ingest(made.id, a_member("stays@x.org"), a_member("leaves@x.org"))
    google.passes(days=6)
    google.ingest(made.id, a_member("stays@x.org"))
    google.passes(days=5)
    assert google.on(made.id) == [a_hash("stays@x.org")]


def test_all_who_were_last_added_before_an_instant_are_removed(google: Google) -> None:
    made = google.make()
    google.ingest(made.id, a_member("old@x.org"), a_member("renewed@x.org"))
    google.passes(hours=1)
    since = google.sandbox.platform.clock.now()
    google.ingest(made.id, a_member("renewed@x.org"))
    google.remove_all(made.id, remove_as_of_time=since)
    assert google.on(made.id) == [a_hash("renewed@x.org")]
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.remove_all(made.id, remove_as_of_time=since + timedelta(hours=1))
    assert reasons_of(refused.value) == {"INVALID_REMOVE_AS_OF_TIME"}


TWO_KINDS = {"mobile_data": {"mobile_ids": ["x"]}}
ADDRESS = {"address": {"given_name": a_hash("ann"), "region_code": "DE"}}


@pytest.mark.parametrize(
    ("members", "fields", "reason"),
    [
        ([a_member()], {"terms_of_service": None}, "TERMS_AND_CONDITIONS_NOT_SIGNED"),
        ([a_member()], {"encoding": 0}, "REQUIRED_FIELD_MISSING"),
        ([], {}, "REQUIRED_FIELD_MISSING"),
        ([a_member()] * 10_001, {}, "TOO_MANY_AUDIENCE_MEMBERS"),
        ([a_member(*(f"{n}@x.org" for n in range(11)))], {}, "TOO_MANY_USER_IDENTIFIERS"),
        (
            [{"user_data": {"user_identifiers": [{"email_address": "ann@x.org"}]}}],
            {},
            "INVALID_SHA256_FORMAT",
        ),
        ([{"user_data": {"user_identifiers": [ADDRESS]}}], {}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_a_request_that_may_not_be_is_refused_whole(
    google: Google, members: list[Any], fields: dict[str, Any], reason: str
) -> None:
    made = google.make()
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.ingest(made.id, *members, **fields)
    assert reasons_of(refused.value) == {reason}
    assert google.on(made.id) == []


def test_a_faulty_member_is_named_by_its_place(google: Google) -> None:
    made = google.make()
    bad = {"composite_data": {"user_data": {"user_identifiers": [{"email_address": "x"}]}}}
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.ingest(made.id, a_member(), bad)
    named = [
        violation.field
        for detail in refused.value.details
        for violation in getattr(detail, "field_violations", ())
    ]
    assert named == ["audience_members.audience_members[1].email_address"]


def test_kinds_of_members_are_not_mixed_and_lists_of_others_not_filled(google: Google) -> None:
    made = google.make()
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.ingest(made.id, a_member(), TWO_KINDS)
    assert "MULTIPLE_DATA_TYPES_NOT_ALLOWED" in reasons_of(refused.value)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        google.ingest(made.id + 1, a_member())
    assert reasons_of(refused.value) == {"INVALID_USER_LIST_ID"}


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        ({"ad_user_data": "CONSENT_GRANTED"}, "NO_CONSENT"),
        ({**GRANTED, "ad_personalization": "CONSENT_DENIED"}, "DENIED_CONSENT"),
    ],
)
def test_without_both_consents_a_member_is_taken_and_not_listed(
    google: Google, consent: dict[str, str], reason: str
) -> None:
    made = google.make()
    request_id = google.ingest(made.id, a_member("a@x.org"), a_member("b@x.org", consent=consent))
    assert google.on(made.id) == [a_hash("a@x.org")]
    google.passes(minutes=31)
    status = google.status(request_id)
    assert status["requestStatus"] == "PARTIAL_SUCCESS"
    assert status["errorInfo"]["errorCounts"] == [
        {"reason": f"PROCESSING_ERROR_REASON_{reason}", "recordCount": "1"}
    ]


def test_a_status_counts_as_text_and_comes_half_an_hour_later(google: Google) -> None:
    made = google.make()
    request_id = google.ingest(made.id, a_member())
    assert google.status(request_id)["requestStatus"] == "PROCESSING"
    google.passes(minutes=30)
    said = google.status(request_id)
    counts = said["audienceMembersIngestionStatus"]["compositeDataIngestionStatus"]
    assert (said["requestStatus"], counts["recordCount"]) == ("SUCCESS", "1")
    removed = google.status(google.remove(made.id, a_member()))
    assert "audienceMembersRemovalStatus" in removed


def test_a_list_s_size_lags_a_day_and_is_missing_below_a_hundred(google: Google) -> None:
    made = google.make()
    google.ingest(made.id, *(a_member(f"{n}@x.org") for n in range(120)))
    request = dm.GetUserListRequest(name=made.name)
    assert google.lists.get_user_list(request).size_info.search_network_members_count == 0
    google.passes(hours=25)
    assert google.lists.get_user_list(request).size_info.search_network_members_count == 120
    google.remove(made.id, *(a_member(f"{n}@x.org") for n in range(30)))
    assert google.lists.get_user_list(request).size_info.search_network_members_count == 0


def test_a_list_is_changed_and_removed(google: Google) -> None:
    made = google.make()
    changed = dm.UpdateUserListRequest(
        user_list={"name": made.name, "display_name": "Gone cold"},
        update_mask={"paths": ["display_name"]},
    )
    assert google.lists.update_user_list(changed).display_name == "Gone cold"
    google.lists.delete_user_list(dm.DeleteUserListRequest(name=made.name))
    with pytest.raises(exceptions.NotFound):
        google.lists.get_user_list(dm.GetUserListRequest(name=made.name))
