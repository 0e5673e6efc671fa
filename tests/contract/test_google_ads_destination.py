"""The Google Ads API as a destination, over gRPC and the official service clients."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import grpc
import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.outcome import Confirmed, Rejected, Untried
from convsync.model.statement import Batch, Operation, OrderId, Statement
from convsync.upload.google.google_ads import GoogleAds
from convsync.upload.google.google_ads_api import Customer
from tests.builders import NOW
from tests.contract.destination_suite import (
    QUOTA_DELAY_S,
    Codes,
    DestinationContract,
    Platform,
    a_batch,
    corrected,
    settled,
    statements,
)
from tests.fakes.google_ads_vendor import (
    IN_USE,
    NEVER_HEARD_OF,
    NOT_ALLOWLISTED,
    PUT_OFF,
    REFUSED,
    Breakdown,
    Code,
    GoogleAdsVendor,
)

CUSTOMER = Customer(customer_id="1234567890", login_customer_id="0987654321")
CODES: dict[str, Code] = {
    "UNPARSEABLE_GCLID": REFUSED,
    "TOO_RECENT_EVENT": PUT_OFF,
    "conversion_upload_error.977": NEVER_HEARD_OF,
}


class ScriptedPlatform:
    """The vendor's script behind the suite's words."""

    codes: ClassVar = Codes(
        refused="UNPARSEABLE_GCLID",
        put_off="TOO_RECENT_EVENT",
        no_action="NO_CONVERSION_ACTION_FOUND",
        unknown="conversion_upload_error.977",
    )

    def __init__(self, vendor: GoogleAdsVendor) -> None:
        self.vendor = vendor

    def refuse(self, click: str, code: str) -> None:
        self.vendor.errors[click] = [CODES[code]]

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        assert statement.click_id is not None
        self.vendor.errors[statement.click_id.value] = [PUT_OFF, REFUSED, IN_USE]
        return statement, self.codes.refused

    def break_down(self, *, after_counting: bool = False) -> None:
        away = Breakdown(status=grpc.StatusCode.UNAVAILABLE, takes_effect=after_counting)
        self.vendor.breakdowns.append(away)

    def run_out_of_quota(self) -> None:
        self.vendor.breakdowns.append(
            Breakdown(
                status=grpc.StatusCode.RESOURCE_EXHAUSTED,
                code=("quota_error", 4),
                delay=timedelta(seconds=QUOTA_DELAY_S),
            )
        )

    def fail_internally(self) -> None:
        self.vendor.breakdowns.append(Breakdown(status=grpc.StatusCode.INTERNAL))

    def lose_the_action(self) -> None:
        self.vendor.on_every_row = [("conversion_upload_error", 53)]

    def pass_judgement(self) -> datetime:
        raise AssertionError("the Google Ads API judges at once")

    def value(self, order_id: OrderId) -> float | None:
        counted = self.vendor.counted.get(order_id)
        return None if counted is None or counted.is_retracted else counted.value


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleAdsVendor]:
    with GoogleAdsVendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def connected(running: GoogleAdsVendor) -> Iterator[GoogleAds]:
    destination = GoogleAds(
        "ads",
        CUSTOMER,
        None,
        endpoint=running.address,
        is_plaintext=True,
        timeout=timedelta(seconds=60),
    )
    yield destination
    destination.close()


@pytest.fixture
def vendor(running: GoogleAdsVendor) -> GoogleAdsVendor:
    running.forget()
    return running


class TestGoogleAds(DestinationContract):
    @pytest.fixture
    def destination(self, connected: GoogleAds) -> GoogleAds:
        return connected

    @pytest.fixture
    def platform(self, vendor: GoogleAdsVendor) -> Platform:
        return ScriptedPlatform(vendor)


def test_a_resent_row_is_confirmed_under_the_vendors_code(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    batch = a_batch(*statements(2))
    connected.upload(batch, now=NOW)
    assert connected.upload(batch, now=NOW) == [Confirmed(code="ORDER_ID_ALREADY_IN_USE")] * 2


def test_who_is_not_allow_listed_is_stopped_at_the_first_batch_and_shown_the_way(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    vendor.on_every_row = [NOT_ALLOWLISTED]
    with pytest.raises(OperatorError) as raised:
        connected.upload(a_batch(*statements(3)), now=NOW)
    assert "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE" in str(raised.value)
    assert 'kind = "data_manager"' in str(raised.value)
    assert vendor.counted == {}


def test_who_is_not_allow_listed_hears_it_from_a_check(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    vendor.on_every_row = [NOT_ALLOWLISTED]
    with pytest.raises(OperatorError, match="ALLOWLISTED"):
        connected.validate(a_batch(*statements(1)), now=NOW)


def test_a_check_does_not_mind_that_its_click_is_made_up(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    vendor.errors["click-0"] = [REFUSED]
    connected.validate(a_batch(*statements(1)), now=NOW)
    assert vendor.requests[0].validate_only


def test_the_accounts_are_in_the_headers_and_no_developer_token_is(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    connected.upload(a_batch(*statements(1)), now=NOW)
    (headers,) = vendor.headers
    assert headers["login-customer-id"] == "0987654321"
    assert "customer_id=1234567890" in headers["x-goog-request-params"]
    assert not {"developer-token", "linked-customer-id"} & set(headers)


def test_a_refusal_is_never_repeated_by_the_client(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    vendor.breakdowns = [Breakdown(status=grpc.StatusCode.UNAVAILABLE)]
    with pytest.raises(TransientError, match="UNAVAILABLE"):
        connected.upload(a_batch(*statements(1)), now=NOW)
    assert len(vendor.requests) == 1


def test_what_is_too_old_to_be_corrected_is_rejected_without_a_request(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    old = [corrected(c, op, 5) for c, op in zip(statements(2), list(Operation)[1:], strict=True)]
    outcomes = connected.upload(a_batch(*old), now=NOW + timedelta(days=54))
    assert outcomes == [Rejected(code="TOO_OLD_TO_CORRECT")] * 2
    assert vendor.requests == []


def test_a_correction_of_what_a_wbraid_led_to_is_rejected_without_a_request(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    (sent,) = statements(1)
    braid = ClickId(ClickIdKind.WBRAID, "click-0")
    batch = a_batch(structs.replace(corrected(sent, Operation.RETRACT, 0), click_id=braid))
    assert connected.upload(batch, now=NOW) == [Rejected(code="CLICK_CANNOT_BE_CORRECTED")]
    assert vendor.requests == []


def test_what_was_taken_back_is_not_restated_and_says_so(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    (sent,) = statements(1)
    platform = ScriptedPlatform(vendor)
    settled(connected, platform, [sent, *statements(2)[1:]])
    settled(connected, platform, [corrected(sent, Operation.RETRACT, 0)])
    (outcome,) = settled(connected, platform, [corrected(sent, Operation.RESTATE, 5)])
    assert outcome == Rejected(code="CONVERSION_ALREADY_RETRACTED")


def a_mixed_batch() -> Batch:
    new, told = statements(2)
    return a_batch(corrected(told, Operation.RETRACT, 0), new)


PERMISSION_DENIED = Breakdown(
    status=grpc.StatusCode.PERMISSION_DENIED, code=("authorization_error", 2)
)


def test_a_set_up_error_of_the_second_request_keeps_what_the_first_was_told(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    vendor.breakdowns = [None, PERMISSION_DENIED]
    assert connected.upload(a_mixed_batch(), now=NOW) == [Untried(), Confirmed()]
    vendor.breakdowns = [PERMISSION_DENIED]
    with pytest.raises(OperatorError, match="USER_PERMISSION_DENIED"):
        connected.upload(a_mixed_batch(), now=NOW)
    assert len(vendor.requests) == 3


def test_a_second_request_without_an_answer_has_the_whole_batch_sent_again(
    connected: GoogleAds, vendor: GoogleAdsVendor
) -> None:
    settled(connected, ScriptedPlatform(vendor), statements(2)[1:])
    vendor.breakdowns = [None, Breakdown(status=grpc.StatusCode.UNAVAILABLE, takes_effect=True)]
    with pytest.raises(TransientError):
        connected.upload(a_mixed_batch(), now=NOW)
    assert connected.upload(a_mixed_batch(), now=NOW) == [
        Confirmed(code="CONVERSION_ALREADY_RETRACTED"),
        Confirmed(code="ORDER_ID_ALREADY_IN_USE"),
    ]


def test_a_verdict_is_never_waited_for_here(connected: GoogleAds) -> None:
    with pytest.raises(OperatorError, match=r"Batch 1 was accepted.*another platform"):
        connected.verdict(a_batch(*statements(1)), "req-1", now=NOW)


def test_an_answer_that_takes_too_long_is_given_up(vendor: GoogleAdsVendor) -> None:
    vendor.takes_s = 0.5
    hasty = GoogleAds(
        "ads",
        CUSTOMER,
        None,
        endpoint=vendor.address,
        is_plaintext=True,
        timeout=timedelta(seconds=0.05),
    )
    with pytest.raises(TransientError, match="DEADLINE_EXCEEDED"):
        hasty.upload(a_batch(*statements(1)), now=NOW)
    hasty.close()
