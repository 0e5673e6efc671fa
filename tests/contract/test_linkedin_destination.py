"""LinkedIn's Conversions API as a destination, over HTTP, against a room that is strict."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import ClassVar

import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.http import Authorisation, FixedHeader
from convsync.model.click import ClickIdKind
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.outcome import Blocked, Confirmed, Rejected
from convsync.model.statement import OrderId, Statement
from convsync.model.takes import TOO_OLD_TO_COUNT
from convsync.sandbox.event_books import CountedEvent
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.linkedin.events import PartnerRule
from convsync.sandbox.linkedin.room import LinkedInRoom
from convsync.sandbox.linkedin.sign_in import CLIENT
from convsync.sandbox.server import Sandbox
from convsync.signing_in.tokens import TokenKeeper
from convsync.upload.linkedin import consent
from convsync.upload.linkedin.conversions_api import LinkedInConversions
from convsync.upload.linkedin.rest import LinkedInRest
from tests.builders import ACTION, NOW
from tests.contract.destination_suite import (
    Codes,
    DestinationContract,
    Platform,
    a_batch,
    settled,
    statements,
)
from tests.contract.sandbox_platform import PlatformAnsweringAtOnce

ACCOUNT = "507404993"
VERSION = "202603"
RECENTLY = NOW - timedelta(days=30)


class OnLinkedIn(PlatformAnsweringAtOnce):
    """LinkedIn's room behind the words of the destinations' suite."""

    upload = "linkedin_events"
    codes: ClassVar[Codes] = Codes(
        refused="400/TIME", put_off="element 503", no_action="403", unknown="element 409"
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        room = sandbox.platform.rooms["linkedin"]
        assert isinstance(room, LinkedInRoom)
        self.room = room

    def refuse(self, click: str, code: str) -> None:
        self.room.account.refusals[click] = code

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """An ID that is too long, which is seen first, and a time that is refused."""
        assert statement.click_id is not None
        self.refuse(statement.click_id.value, self.codes.refused)
        return structs.replace(statement, order_id=OrderId("cs-" + "x" * 64)), "422 /eventId"

    def lose_the_action(self) -> None:
        self.room.account.rules = {"999": PartnerRule(id="999")}

    def value(self, order_id: OrderId) -> float | None:
        event = self.event(order_id)
        return None if event is None or event.value is None else event.value * event.count

    def event(self, order_id: OrderId) -> CountedEvent | None:
        return self.room.books.counted[ACTION.action_id].get(order_id)


def a_destination(
    sandbox: Sandbox, who: Authorisation | None = None, *, version: str = VERSION
) -> LinkedInConversions:
    rest = LinkedInRest(
        "linkedin",
        ACCOUNT,
        who or FixedHeader("Authorization", "Bearer a-token"),
        version=version,
        url=sandbox.http_url,
        timeout=timedelta(seconds=60),
    )
    return LinkedInConversions("linkedin", rest, max_batch=2_000)


@pytest.fixture
def linkedin(sandbox: Sandbox, on_linkedin: OnLinkedIn) -> Iterator[LinkedInConversions]:
    sandbox.platform.clock.set(NOW)
    on_linkedin.room.account.rules = {ACTION.action_id: PartnerRule(id=ACTION.action_id)}
    destination = a_destination(sandbox)
    yield destination
    destination.close()


@pytest.fixture
def on_linkedin(sandbox: Sandbox) -> OnLinkedIn:
    return OnLinkedIn(sandbox)


def events(count: int) -> list[Statement]:
    """Return statements of last month, of clicks of LinkedIn's."""
    listed = statements(count, ClickIdKind.LI_FAT_ID)
    return [structs.replace(one, event_at=RECENTLY) for one in listed]


_MAY_COUNT_AGAIN = "LinkedIn may count a repeat again, so none is made: it stays unsure"


class TestLinkedInOnTheSandbox(DestinationContract):
    kind = ClickIdKind.LI_FAT_ID
    exceptions: ClassVar[Mapping[str, str]] = {
        "test_an_already_counted_conversion_is_confirmed_and_counts_once": _MAY_COUNT_AGAIN,
        "test_a_lost_answer_is_transient_and_the_same_batch_settles_it": (_MAY_COUNT_AGAIN),
    }

    @pytest.fixture
    def destination(self, linkedin: LinkedInConversions) -> LinkedInConversions:
        return linkedin

    @pytest.fixture
    def platform(self, on_linkedin: OnLinkedIn) -> Platform:
        return on_linkedin

    def statements(self, count: int) -> list[Statement]:
        return events(count)


def test_every_row_that_a_sentence_names_is_judged_and_the_others_go_out_again(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    for number in (1, 4):
        on_linkedin.refuse(f"click-{number}", "422 /user/userIds/0/idValue")
    for number in (2, 5):
        on_linkedin.refuse(f"click-{number}", "400/TIME")
    misshapen, late = Rejected(code="422 /user/userIds/0/idValue"), Rejected(code="400/TIME")
    outcomes = settled(linkedin, on_linkedin, events(6))
    counted = Confirmed()
    assert outcomes == [counted, misshapen, late, counted, misshapen, late]
    assert len(on_linkedin.room.books.requests) == 3


def test_a_click_and_hashes_go_out_and_a_phone_never_does(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    (sent,) = events(1)
    who = Identifiers(emails=(hashed("a@b.example"),), phones=(hashed("4930901820"),))
    settled(linkedin, on_linkedin, [structs.replace(sent, identifiers=who)])
    event = on_linkedin.event(sent.order_id)
    assert event is not None
    assert event.first["user"] == {
        "userIds": [
            {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "click-0"},
            {"idType": "SHA256_EMAIL", "idValue": hashed("a@b.example")},
        ]
    }
    assert event.first["conversionValue"]["amount"] == "100"


def test_a_milestone_counts_for_ninety_days(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    old, last = (
        structs.replace(one, event_at=NOW - timedelta(days=90, seconds=seconds))
        for one, seconds in zip(events(2), (1, 0), strict=True)
    )
    assert settled(linkedin, on_linkedin, [old, last]) == [
        Rejected(code=TOO_OLD_TO_COUNT),
        Confirmed(),
    ]


def test_a_rule_of_another_method_blocks_its_rows_and_a_check_says_so(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    tag = PartnerRule(id=ACTION.action_id, method="INSIGHT_TAG")
    on_linkedin.room.account.rules = {tag.id: tag}
    assert settled(linkedin, on_linkedin, events(2)) == [Blocked(code="400/METHOD")] * 2
    with pytest.raises(OperatorError, match="not one for the Conversions API"):
        linkedin.validate(a_batch(*events(1)), now=NOW)


def test_a_rule_that_is_off_is_found_by_a_check(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    off = PartnerRule(id=ACTION.action_id, enabled=False)
    on_linkedin.room.account.rules = {off.id: off}
    with pytest.raises(OperatorError, match="is off"):
        linkedin.validate(a_batch(*events(1)), now=NOW)


def test_a_version_that_has_ended_stops_and_names_the_setting(
    sandbox: Sandbox, linkedin: LinkedInConversions
) -> None:
    old = a_destination(sandbox, version="202501")
    for ask in (old.upload, old.validate):
        with pytest.raises(OperatorError, match=r"426.*api_version"):
            ask(a_batch(*events(1)), now=NOW)
    old.close()


def test_a_token_that_ran_out_is_renewed_in_the_same_call(
    sandbox: Sandbox, linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    on_linkedin.room.sign_in.signed_in("a-refresh-token", NOW - timedelta(days=300))
    app = consent.SignedInApp(
        client_id=CLIENT[0],
        client_secret=CLIENT[1],
        refresh_token="a-refresh-token",
        login_url=sandbox.http_url,
    )
    destination = a_destination(sandbox, TokenKeeper(consent.refreshing(app)))
    assert destination.upload(a_batch(*events(1)), now=NOW) == [Confirmed()]
    on_linkedin.faults.add(PlannedFault(on="linkedin_events", request=1, kind="expired_token"))
    assert destination.upload(a_batch(*events(2)[1:]), now=NOW) == [Confirmed()]
    destination.close()


def test_a_sign_in_ends_after_a_year_whatever_was_done_with_it(
    sandbox: Sandbox, linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    on_linkedin.room.sign_in.signed_in("a-refresh-token", NOW - timedelta(days=364))
    app = consent.SignedInApp(
        client_id=CLIENT[0],
        client_secret=CLIENT[1],
        refresh_token="a-refresh-token",
        login_url=sandbox.http_url,
    )
    ends_at = consent.refresh_token_ends_at(app)
    assert ends_at is not None
    destination = a_destination(sandbox, TokenKeeper(consent.refreshing(app)))
    sandbox.platform.clock.set(NOW + timedelta(days=1, seconds=1))
    with pytest.raises(OperatorError, match="invalid_grant"):
        destination.upload(a_batch(*events(1)), now=NOW)
    destination.close()


def test_a_token_that_was_revoked_is_for_a_person_to_replace(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    on_linkedin.room.sign_in.revoked.add("a-token")
    with pytest.raises(OperatorError, match=r"65601.*convsync auth linkedin") as raised:
        linkedin.upload(a_batch(*events(1)), now=NOW)
    assert "a-token" not in str(raised.value)


def test_a_repeat_may_count_again_so_none_is_made(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn
) -> None:
    (sent,) = events(1)
    for _ in range(2):
        linkedin.upload(a_batch(sent), now=NOW)
    event = on_linkedin.event(sent.order_id)
    assert event is not None
    assert event.count == 2
    assert not linkedin.takes.repeats.may_repeat(sent, NOW, NOW)


@pytest.mark.parametrize("kind", ["garbage", "crash", "hang"])
def test_a_lost_connection_leaves_open_what_was_accepted(
    linkedin: LinkedInConversions, on_linkedin: OnLinkedIn, kind: str
) -> None:
    on_linkedin.faults.add(PlannedFault(on="linkedin_events", request=1, kind=kind, seconds=0.05))
    with pytest.raises(TransientError) as raised:
        linkedin.upload(a_batch(*events(2)), now=NOW)
    assert not raised.value.surely_not_taken
