"""The Google Ads API as a destination, over gRPC with TLS, against a platform that counts.

What the vendor may say one day is in `test_google_ads_destination.py`; this is what it says today,
and what it has counted in the end, beside the Data Manager API on the same books.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.outcome import Accepted, Confirmed, Rejected
from convsync.model.statement import Operation, OrderId, Statement
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.upload.google.credentials import ADS_SCOPE, KeyFile, credentials_from
from convsync.upload.google.data_manager import DataManager
from convsync.upload.google.data_manager_requests import RequestAccounts
from convsync.upload.google.google_ads import GoogleAds
from convsync.upload.google.google_ads_api import Customer
from tests.builders import NOW
from tests.contract.destination_suite import (
    Codes,
    DestinationContract,
    Platform,
    a_batch,
    corrected,
    settled,
    statements,
    verdict,
)
from tests.contract.sandbox_platform import ACCOUNT, PAGE, SandboxPlatform


class OnGoogleAds(SandboxPlatform):
    """The sandbox as asked by the Google Ads API."""

    codes = Codes(
        refused="UNPARSEABLE_GCLID",
        put_off="TOO_RECENT_EVENT",
        no_action="NO_CONVERSION_ACTION_FOUND",
        unknown="conversion_upload_error.977",
    )
    upload = "google_ads_upload"

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """An address in the order ID, and a hash that is none."""
        return (
            structs.replace(
                statement,
                order_id=OrderId(f"{statement.order_id}@example.com"),
                identifiers=Identifiers(emails=(hashed("a")[:-1],)),
            ),
            "ORDER_ID_CONTAINS_PII",
        )


@pytest.fixture(scope="module")
def connected(running: Sandbox) -> Iterator[GoogleAds]:
    destination = GoogleAds(
        "ads",
        Customer(customer_id=ACCOUNT),
        None,
        endpoint=running.google_ads_address,
        root_certificates=running.certificate.read_bytes(),
        timeout=timedelta(seconds=60),
    )
    yield destination
    destination.close()


@pytest.fixture
def data_manager(sandbox: Sandbox, connected: GoogleAds) -> Iterator[DataManager]:
    destination = DataManager(
        "google",
        RequestAccounts(operating=ACCOUNT),
        None,
        endpoint=sandbox.grpc_address,
        rest_endpoint=sandbox.http_url,
        is_plaintext=True,
        timeout=timedelta(seconds=60),
        retractor=connected,
    )
    yield destination
    destination.close()


class TestGoogleAdsOnTheSandbox(DestinationContract):
    @pytest.fixture
    def destination(self, connected: GoogleAds) -> GoogleAds:
        return connected

    @pytest.fixture
    def platform(self, sandbox: Sandbox) -> Platform:
        return OnGoogleAds(sandbox)


def counted(sandbox: Sandbox) -> dict[str, Any]:
    pages: dict[str, dict[str, Any]] = sandbox.books.as_json()["counted"]
    return pages.get(PAGE, {})


def test_two_deals_of_one_click_closed_in_the_same_second_are_both_counted(
    connected: GoogleAds, sandbox: Sandbox
) -> None:
    first, second = statements(2)
    both = [first, structs.replace(second, click_id=first.click_id)]
    assert settled(connected, OnGoogleAds(sandbox), both) == [Confirmed()] * 2
    assert set(counted(sandbox)) == {"cs-0", "cs-1"}


def test_who_is_not_allow_listed_has_nothing_counted_and_is_shown_the_way(
    connected: GoogleAds, sandbox: Sandbox
) -> None:
    sandbox.platform.set_account(None, {"allowlisted": False})
    for ask in (connected.upload, connected.validate):
        with pytest.raises(OperatorError, match='kind = "data_manager"'):
            ask(a_batch(*statements(3)), now=NOW)
    assert counted(sandbox) == {}


def test_a_conversion_counted_by_one_google_api_is_not_counted_again_by_the_other(
    connected: GoogleAds, data_manager: DataManager, sandbox: Sandbox
) -> None:
    sent = statements(2)
    platform = OnGoogleAds(sandbox)
    settled(connected, platform, sent[:1])
    settled(data_manager, platform, sent)
    assert settled(connected, platform, sent) == [Confirmed(code="ORDER_ID_ALREADY_IN_USE")] * 2
    assert set(counted(sandbox)) == {"cs-0", "cs-1"}


def test_what_the_data_manager_counted_the_google_ads_api_takes_back(
    data_manager: DataManager, sandbox: Sandbox
) -> None:
    told, new = statements(2)
    platform = OnGoogleAds(sandbox)
    settled(data_manager, platform, [told])
    batch = a_batch(corrected(told, Operation.RETRACT, 0), new)
    taken_back, accepted = data_manager.upload(batch, now=NOW)
    assert taken_back == Confirmed()
    assert isinstance(accepted, Accepted)
    assert verdict(data_manager, platform, a_batch(new), accepted.request_id) == [Confirmed()]
    assert not platform.value(told.order_id)
    assert platform.value(new.order_id) == 101


def test_a_correction_whose_answer_was_lost_is_settled_by_the_same_batch(
    connected: GoogleAds, sandbox: Sandbox
) -> None:
    (sent,) = statements(1)
    platform = OnGoogleAds(sandbox)
    settled(connected, platform, [sent])
    lost = PlannedFault(on="google_ads_adjustment", request=1, kind="unavailable_after")
    sandbox.platform.faults.add(lost)
    batch = a_batch(corrected(sent, Operation.RETRACT, 0))
    with pytest.raises(TransientError):
        connected.upload(batch, now=NOW)
    assert connected.upload(batch, now=NOW) == [Confirmed(code="CONVERSION_ALREADY_RETRACTED")]


def test_two_restatements_of_one_night_never_leave_the_older_value_confirmed(
    connected: GoogleAds, sandbox: Sandbox
) -> None:
    (sent,) = statements(1)
    platform = OnGoogleAds(sandbox)
    settled(connected, platform, [sent])
    settled(connected, platform, [corrected(sent, Operation.RESTATE, 5)])
    fresh = a_batch(corrected(sent, Operation.RESTATE, 9))
    (put_off,) = connected.upload(fresh, now=NOW)
    assert not isinstance(put_off, Confirmed | Rejected)
    later = NOW + timedelta(hours=1)
    sandbox.platform.clock.set(later)
    assert connected.upload(fresh, now=later) == [Confirmed()]
    assert platform.value(sent.order_id) == 9


@pytest.mark.parametrize("kind", ["garbage", "crash", "hang", "latency"])
def test_a_line_that_goes_dead_is_in_passing_and_never_counts_twice(
    connected: GoogleAds, sandbox: Sandbox, kind: str
) -> None:
    sandbox.platform.faults.add(
        PlannedFault(on="google_ads_upload", request=1, kind=kind, seconds=0.05)
    )
    batch = a_batch(*statements(2))
    if kind != "latency":
        with pytest.raises(TransientError):
            connected.upload(batch, now=NOW)
    outcomes = connected.upload(batch, now=NOW)
    assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
    assert set(counted(sandbox)) == {"cs-0", "cs-1"}


@pytest.fixture
def signed_in(sandbox: Sandbox, tmp_path: Path) -> Iterator[GoogleAds]:
    """Yield a destination that signs in as a service account, with tokens of the sandbox's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "convsync@project.iam.gserviceaccount.com",
        "private_key": key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        "token_uri": f"{sandbox.http_url}/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    destination = GoogleAds(
        "ads",
        Customer(customer_id=ACCOUNT),
        credentials_from(KeyFile(path=path), ADS_SCOPE, place="key.json"),
        endpoint=sandbox.google_ads_address,
        root_certificates=sandbox.certificate.read_bytes(),
        timeout=timedelta(seconds=60),
    )
    yield destination
    destination.close()


def test_a_token_called_back_in_the_middle_of_a_backfill_costs_one_try(
    signed_in: GoogleAds, sandbox: Sandbox
) -> None:
    first, second = statements(2)
    assert signed_in.upload(a_batch(first), now=NOW) == [Confirmed()]
    assert sandbox.platform.tokens.expire() == 1
    with pytest.raises(TransientError, match="the next attempt renews it"):
        signed_in.upload(a_batch(second), now=NOW)
    assert signed_in.upload(a_batch(second), now=NOW) == [Confirmed()]


def test_an_account_that_is_shut_out_is_for_a_person_to_fix(
    signed_in: GoogleAds, sandbox: Sandbox
) -> None:
    sandbox.platform.tokens.is_refusing = True
    with pytest.raises(OperatorError, match=r"\(invalid_grant\).*auth/adwords"):
        signed_in.upload(a_batch(*statements(1)), now=NOW)
