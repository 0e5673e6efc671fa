"""The Data Manager API as a destination: uploads over gRPC, statuses as JSON, from the sandbox."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.outcome import Accepted, Blocked, Confirmed, Rejected, Untried
from convsync.model.statement import Operation, OrderId, Statement
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.upload.destination import StillProcessing, Unknown
from convsync.upload.google.data_manager import DataManager
from convsync.upload.google.data_manager_requests import RequestAccounts
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
from tests.fakes.memory_destination import MemoryDestination

LATER = NOW + timedelta(minutes=31)


class OnDataManager(SandboxPlatform):
    """The sandbox as asked by the Data Manager API."""

    codes = Codes(
        refused="PROCESSING_ERROR_REASON_INVALID_GCLID",
        put_off="PROCESSING_ERROR_REASON_TOO_RECENT_CLICK",
        no_action="INVALID_CONVERSION_ACTION_ID",
        unknown="PROCESSING_ERROR_REASON_OF_NEXT_YEAR",
    )
    upload = "ingest"

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """The currency and the name: the request is refused for both, and the row cut out."""
        money = structs.replace(statement.value, currency="usd")
        order_id = OrderId(statement.order_id + "-" * 64)
        return structs.replace(statement, value=money, order_id=order_id), "INVALID_CURRENCY_CODE"


@pytest.fixture(scope="module")
def connected(running: Sandbox) -> Iterator[DataManager]:
    destination = a_road_to(running)
    yield destination
    destination.close()


def a_road_to(sandbox: Sandbox, retractor: MemoryDestination | None = None) -> DataManager:
    return DataManager(
        "google",
        RequestAccounts(operating=ACCOUNT),
        None,
        endpoint=sandbox.grpc_address,
        rest_endpoint=sandbox.http_url,
        is_plaintext=True,
        timeout=timedelta(seconds=60),
        retractor=retractor,
    )


class TestDataManager(DestinationContract):
    @pytest.fixture
    def destination(self, connected: DataManager) -> DataManager:
        return connected

    @pytest.fixture
    def platform(self, sandbox: Sandbox) -> Platform:
        return OnDataManager(sandbox)


def test_an_accepted_row_awaits_its_verdict_under_the_request_s_id(
    connected: DataManager, sandbox: Sandbox
) -> None:
    batch = a_batch(*statements(2))
    outcomes = connected.upload(batch, now=NOW)
    assert isinstance(outcomes[0], Accepted)
    assert outcomes == [outcomes[0]] * 2
    request_id = outcomes[0].request_id
    assert connected.verdict(batch, request_id, now=NOW) == StillProcessing()
    sandbox.platform.clock.set(LATER)
    assert connected.verdict(batch, request_id, now=LATER) == [Confirmed()] * 2


def test_an_unknown_request_counts_as_never_sent(connected: DataManager, sandbox: Sandbox) -> None:
    assert connected.verdict(a_batch(*statements(1)), "no-such", now=NOW) == Unknown()


def test_a_status_that_is_kept_no_longer_leaves_its_rows_counted(
    connected: DataManager, sandbox: Sandbox
) -> None:
    batch = a_batch(*statements(1))
    (accepted,) = connected.upload(batch, now=NOW)
    assert isinstance(accepted, Accepted)
    sandbox.platform.clock.set(NOW + timedelta(days=51))
    assert connected.verdict(batch, accepted.request_id, now=NOW) == [
        Confirmed(code="REQUEST_TOO_OLD")
    ]


def test_a_status_that_does_not_come_is_asked_for_again(
    connected: DataManager, sandbox: Sandbox
) -> None:
    sandbox.platform.faults.add(PlannedFault(on="status", request=1, kind="resource_exhausted"))
    with pytest.raises(TransientError, match="429"):
        connected.verdict(a_batch(*statements(1)), "any", now=NOW)


def test_a_row_the_request_is_refused_for_is_cut_out_and_the_others_go_again(
    connected: DataManager, sandbox: Sandbox
) -> None:
    first, second, third = statements(3)
    faulty = structs.replace(second, value=structs.replace(second.value, currency="usd"))
    assert connected.upload(a_batch(first, faulty, third), now=NOW) == [
        Untried(),
        Rejected(code="INVALID_CURRENCY_CODE"),
        Untried(),
    ]


def test_a_refusal_of_every_row_names_every_row(connected: DataManager, sandbox: Sandbox) -> None:
    faulty = [
        structs.replace(s, value=structs.replace(s.value, currency="usd")) for s in statements(100)
    ]
    outcomes = connected.upload(a_batch(*faulty), now=NOW)
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert len(rejected) >= 40  # gRPC has room for so many; the rest is untried and comes next
    assert settled(connected, OnDataManager(sandbox), faulty) == (
        [Rejected(code="INVALID_CURRENCY_CODE")] * 100
    )


def test_without_retract_with_a_retraction_sets_the_value_to_zero_and_keeps_the_count(
    connected: DataManager, sandbox: Sandbox
) -> None:
    (sent,) = statements(1)
    platform = OnDataManager(sandbox)
    settled(connected, platform, [sent])
    settled(connected, platform, [corrected(sent, Operation.RETRACT, 0)])
    assert platform.value(sent.order_id) == 0


def test_a_retractor_takes_back_and_the_rest_goes_its_usual_way(sandbox: Sandbox) -> None:
    memory = MemoryDestination()
    road = a_road_to(sandbox, retractor=memory)
    first, second, third = statements(3)
    batch = a_batch(first, corrected(second, Operation.RETRACT, 0), third)
    platform = OnDataManager(sandbox)
    platform.refuse("click-2", platform.codes.refused)
    outcomes = road.upload(batch, now=NOW)
    assert outcomes[1] == Confirmed()
    assert [s.order_id for b in memory.batches for s in b.statements] == ["cs-1"]
    assert isinstance(outcomes[0], Accepted)
    left = a_batch(first, third)  # as the store keeps it: what is confirmed has left the batch
    assert verdict(road, platform, left, outcomes[0].request_id) == [
        Confirmed(),
        Rejected(code=platform.codes.refused),
    ]
    assert set(sandbox.books.counted[PAGE]) == {"cs-0"}
    road.close()


def test_what_a_wbraid_led_to_is_worth_nothing_where_the_retractor_could_not_adjust_it(
    sandbox: Sandbox,
) -> None:
    memory = MemoryDestination()
    road = a_road_to(sandbox, retractor=memory)
    (ordinary,) = statements(1)
    sent = structs.replace(ordinary, click_id=ClickId(ClickIdKind.WBRAID, "click-0"))
    platform = OnDataManager(sandbox)
    settled(road, platform, [sent])
    assert settled(road, platform, [corrected(sent, Operation.RETRACT, 0)]) == [Confirmed()]
    assert platform.value(sent.order_id) == 0
    assert memory.batches == []
    road.close()


def test_a_retractor_that_cannot_work_blocks_its_own_rows_alone(sandbox: Sandbox) -> None:
    memory = MemoryDestination()
    memory.lose_the_action()
    road = a_road_to(sandbox, retractor=memory)
    first, second = statements(2)
    outcomes = road.upload(a_batch(first, corrected(second, Operation.RETRACT, 0)), now=NOW)
    assert isinstance(outcomes[0], Accepted)
    assert outcomes[1] == Blocked(code=memory.codes.no_action)
    road.close()


def test_a_retractor_that_nothing_gets_past_stops_the_run_before_anything_is_sent(
    sandbox: Sandbox,
) -> None:
    memory = MemoryDestination()
    memory.shut_out()
    road = a_road_to(sandbox, retractor=memory)
    first, second = statements(2)
    with pytest.raises(OperatorError):
        road.upload(a_batch(first, corrected(second, Operation.RETRACT, 0)), now=NOW)
    assert sandbox.books.requests == []
    road.close()
