"""Meta's Conversions API as a destination, over HTTP, against a room that reads all strictly."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.outcome import Confirmed, Rejected
from convsync.model.statement import OrderId, Statement
from convsync.model.takes import TOO_OLD_TO_COUNT
from convsync.sandbox.event_books import CountedEvent
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.meta.room import MetaRoom
from convsync.sandbox.server import Sandbox
from convsync.upload.meta.conversions_api import MetaConversions
from convsync.upload.meta.events import Dataset
from tests.builders import ACTION, NOW, usd
from tests.contract.destination_suite import (
    Codes,
    DestinationContract,
    Platform,
    a_batch,
    settled,
    statements,
)
from tests.contract.sandbox_platform import PlatformAnsweringAtOnce

DATASET = "1234567890123456"
PAGE = f"{DATASET}/{ACTION.action_id}"
RECENTLY = NOW - timedelta(days=1)


class OnMeta(PlatformAnsweringAtOnce):
    """Meta's room behind the words of the destinations' suite."""

    upload = "meta_events"
    codes: ClassVar[Codes] = Codes(
        refused="100/2804001",
        put_off="100/2899998",
        no_action="100/33",
        unknown="100/2899999",
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        room = sandbox.platform.rooms["meta"]
        assert isinstance(room, MetaRoom)
        self.room = room

    def refuse(self, click: str, code: str) -> None:
        self.room.account.refusals[click] = code

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """A value below zero, and a click that is refused: the former is seen beforehand."""
        assert statement.click_id is not None
        self.refuse(statement.click_id.value, self.codes.refused)
        return structs.replace(statement, value=usd(-1)), "VALUE_NEGATIVE"

    def lose_the_action(self) -> None:
        self.room.account.datasets = frozenset({"999"})

    def value(self, order_id: OrderId) -> float | None:
        event = self.event(order_id)
        if event is None or event.value is None:
            return None
        return event.value * event.count

    def event(self, order_id: OrderId) -> CountedEvent | None:
        return self.room.books.counted[PAGE].get(order_id)


def a_destination(sandbox: Sandbox, dataset: Dataset | None = None) -> MetaConversions:
    return MetaConversions(
        "meta",
        dataset or Dataset(dataset_id=DATASET, access_token="a-token"),
        url=sandbox.http_url,
        timeout=timedelta(seconds=60),
    )


@pytest.fixture
def meta(sandbox: Sandbox) -> Iterator[MetaConversions]:
    sandbox.platform.clock.set(NOW)
    destination = a_destination(sandbox)
    yield destination
    destination.close()


@pytest.fixture
def on_meta(sandbox: Sandbox) -> OnMeta:
    return OnMeta(sandbox)


def events(count: int) -> list[Statement]:
    """Return statements of yesterday, of clicks of Meta's."""
    return [
        structs.replace(one, event_at=RECENTLY, clicked_at=RECENTLY - timedelta(days=2))
        for one in statements(count, ClickIdKind.FBCLID)
    ]


_NO_ACTIONS = "Meta counts by any name: there is no action that could be missing"


class TestMetaOnTheSandbox(DestinationContract):
    kind = ClickIdKind.FBCLID
    exceptions: ClassVar[Mapping[str, str]] = {
        "test_a_wrong_set_up_blocks_its_rows_and_rejects_none": _NO_ACTIONS,
        "test_a_check_finds_a_wrong_set_up": _NO_ACTIONS,
    }

    @pytest.fixture
    def destination(self, meta: MetaConversions) -> MetaConversions:
        return meta

    @pytest.fixture
    def platform(self, on_meta: OnMeta) -> Platform:
        return on_meta

    def statements(self, count: int) -> list[Statement]:
        return events(count)


def test_a_dataset_that_is_not_there_stops_and_a_check_finds_it(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    on_meta.lose_the_action()
    for ask in (meta.upload, meta.validate):
        with pytest.raises(OperatorError, match=r"100/33.*dataset_id"):
            ask(a_batch(*events(2)), now=NOW)
    assert on_meta.value(OrderId("cs-0")) is None


def test_a_click_goes_out_as_the_pixel_would_have_kept_it(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    (sent,) = events(1)
    settled(meta, on_meta, [sent])
    event = on_meta.event(sent.order_id)
    assert event is not None
    clicked_ms = int((RECENTLY - timedelta(days=2)).timestamp()) * 1_000
    assert event.first["user_data"] == {"fbc": f"fb.1.{clicked_ms}.click-0"}
    assert event.first["event_time"] == int(RECENTLY.timestamp())


def test_a_lead_of_an_instant_form_goes_out_by_its_number_and_never_hashed(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    lead = ClickId(ClickIdKind.FB_LEAD_ID, "l:1234567890123456")
    damaged = ClickId(ClickIdKind.FB_LEAD_ID, "1.23457E+15")
    first, second = events(2)
    sent = [
        structs.replace(
            first, click_id=lead, identifiers=Identifiers(emails=(hashed("a@b.example"),))
        ),
        structs.replace(second, click_id=damaged),
    ]
    assert settled(meta, on_meta, sent) == [Confirmed(), Rejected(code="LEAD_ID_MALFORMED")]
    event = on_meta.event(first.order_id)
    assert event is not None
    assert event.first["user_data"] == {
        "lead_id": 1234567890123456,
        "em": [hashed("a@b.example")],
    }


def test_what_is_older_than_seven_days_keeps_nothing_else_from_being_counted(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    old, new = events(2)
    old = structs.replace(old, event_at=NOW - timedelta(days=7, seconds=1))
    assert settled(meta, on_meta, [old, new]) == [Rejected(code=TOO_OLD_TO_COUNT), Confirmed()]


def test_a_clock_that_goes_slow_costs_only_the_event_that_meta_finds_too_old(
    meta: MetaConversions, on_meta: OnMeta, sandbox: Sandbox
) -> None:
    sandbox.platform.clock.set(NOW + timedelta(hours=1))
    old, *new = events(5)
    old = structs.replace(old, event_at=NOW - timedelta(days=6, hours=23, minutes=30))
    outcomes = settled(meta, on_meta, [old, *new])
    assert outcomes == [Rejected(code="100/2804003"), *[Confirmed()] * 4]


def test_an_answer_that_says_of_fewer_events_that_they_came_proves_nothing_of_any(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    on_meta.room.account.short_by = 1
    batch = a_batch(*events(3))
    with pytest.raises(TransientError, match="received 2 of 3 events") as raised:
        meta.upload(batch, now=NOW)
    assert not raised.value.surely_not_taken


def test_a_repeat_within_48_hours_counts_once_and_a_later_one_again(
    meta: MetaConversions, on_meta: OnMeta, sandbox: Sandbox
) -> None:
    (sent,) = events(1)
    for hours in (0, 47, 49):
        now = NOW + timedelta(hours=hours)
        sandbox.platform.clock.set(now)
        meta.upload(a_batch(sent), now=now)
    event = on_meta.event(sent.order_id)
    assert event is not None
    assert (len(event.came_at), event.count) == (3, 2)
    assert meta.takes.repeats.may_repeat(sent, NOW, NOW + timedelta(hours=47))
    assert not meta.takes.repeats.may_repeat(sent, NOW, NOW + timedelta(hours=49))


@pytest.mark.parametrize("kind", ["garbage", "crash", "hang"])
def test_a_line_that_goes_dead_is_in_passing_and_the_repeat_counts_nothing_twice(
    meta: MetaConversions, on_meta: OnMeta, kind: str
) -> None:
    on_meta.faults.add(PlannedFault(on="meta_events", request=1, kind=kind, seconds=0.05))
    batch = a_batch(*events(2))
    with pytest.raises(TransientError) as raised:
        meta.upload(batch, now=NOW)
    assert not raised.value.surely_not_taken
    assert meta.upload(batch, now=NOW) == [Confirmed()] * 2
    assert on_meta.room.books.as_json()["totals"]["counted_twice"] == 0


def test_a_token_that_has_ended_is_for_a_person_to_replace(
    meta: MetaConversions, on_meta: OnMeta
) -> None:
    on_meta.room.account.tokens = frozenset({"another"})
    with pytest.raises(OperatorError, match=r"190.*access_token") as raised:
        meta.upload(a_batch(*events(1)), now=NOW)
    assert "a-token" not in str(raised.value)


def test_a_spent_quota_was_surely_not_taken(meta: MetaConversions, on_meta: OnMeta) -> None:
    on_meta.run_out_of_quota()
    with pytest.raises(TransientError) as raised:
        meta.upload(a_batch(*events(1)), now=NOW)
    assert raised.value.surely_not_taken


def test_a_token_is_proved_to_be_its_apps() -> None:
    dataset = Dataset(dataset_id=DATASET, access_token="a-token", app_secret="a-secret")
    made = "e065b57a8dc761d4c268bdfc913d7b1aa37f5dc73f90896d4c8a11c2c4b35ec8"
    assert dataset.proof == {"appsecret_proof": made}
    assert replace(dataset, app_secret=None).proof == {}
