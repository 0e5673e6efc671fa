"""Microsoft Advertising as a destination, over REST, against a room that reads all strictly."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.finding import Severity
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.outcome import Blocked, Confirmed, Deferred, Rejected
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation, OrderId, Statement
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.microsoft.account import SandboxClick, SandboxGoal
from convsync.sandbox.microsoft.books import BookedConversion, key_of
from convsync.sandbox.microsoft.room import CONVERSIONS, MicrosoftRoom
from convsync.sandbox.server import Sandbox
from convsync.signing_in.tokens import TokenKeeper
from convsync.upload.ad_account import Received
from convsync.upload.microsoft.ad_account import MicrosoftAdAccount
from convsync.upload.microsoft.api import AdsAccount, CampaignManagement, SignedInApp, refreshing
from convsync.upload.microsoft.consent import login_of
from convsync.upload.microsoft.offline_conversions import MicrosoftConversions
from convsync.upload.microsoft.rows import conversions_of
from convsync.upload.microsoft.takes import ADJUSTMENT_WITHOUT_CLICK, microsoft
from tests.builders import ACTION, NOW, a_rule
from tests.contract.destination_suite import (
    Codes,
    DestinationContract,
    Platform,
    a_batch,
    corrected,
    settled,
    statements,
)
from tests.contract.sandbox_platform import PlatformAnsweringAtOnce

ACCOUNT = "1234567"
PAGE = f"{ACCOUNT}/{ACTION.action_id}"
GOAL = SandboxGoal(name=ACTION.action_id, id="7", window_minutes=90 * 24 * 60)


def msclkid(number: int) -> str:
    return f"{number:032x}"


class OnMicrosoft(PlatformAnsweringAtOnce):
    """Microsoft's room behind the words of the destinations' suite."""

    upload = CONVERSIONS
    codes: ClassVar[Codes] = Codes(
        refused="OfflineConversionValueInvalid",
        put_off="OfflineConversionGoalTooRecent",
        no_action="OfflineConversionNameInvalid",
        unknown="OfflineConversionOfNextYear",
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        room = sandbox.platform.rooms["microsoft"]
        assert isinstance(room, MicrosoftRoom)
        self.room = room
        self.room.state.goals = {GOAL.name: GOAL}

    def refuse(self, click: str, code: str) -> None:
        self.room.state.refusals[msclkid(int(click.removeprefix("click-")))] = code

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """A goal that is too young, and a click from after the conversion: the latter decides."""
        assert statement.click_id is not None
        click = statement.click_id.value
        self.room.state.refusals[click] = self.codes.put_off
        self.room.state.clicks[click] = SandboxClick(at=NOW)
        return statement, "OfflineConversionBeforeClick"

    def lose_the_action(self) -> None:
        self.room.state.goals = {"Another": SandboxGoal(name="Another")}

    def value(self, order_id: OrderId) -> float | None:
        booked = self.booked(int(order_id.removeprefix("cs-")))
        return booked.value if booked else None

    def booked(self, number: int) -> BookedConversion | None:
        return self.room.books.counted[PAGE].get(key_of(row_of(events(number + 1)[number])))


def row_of(statement: Statement) -> Mapping[str, object]:
    (row,) = conversions_of(a_batch(statement))["OfflineConversions"]
    assert isinstance(row, dict)
    return row


def events(count: int) -> list[Statement]:
    """Return statements of clicks of Microsoft's."""
    return [
        structs.replace(one, click_id=ClickId(ClickIdKind.MSCLKID, msclkid(number)))
        for number, one in enumerate(statements(count, ClickIdKind.MSCLKID))
    ]


def a_destination(sandbox: Sandbox, token_file: Path | None = None) -> MicrosoftConversions:
    app = SignedInApp(client_id="an-app", refresh_token="first", login_url=sandbox.http_url)
    clock = sandbox.platform.clock.now
    who = TokenKeeper(refreshing(app, login_of(app)), file=token_file, clock=clock)
    account = AdsAccount(account_id=ACCOUNT, customer_id="89", developer_token="a-developer-token")
    return MicrosoftConversions(
        "microsoft",
        CampaignManagement("microsoft", account, who, url=sandbox.http_url),
        microsoft(),
    )


@pytest.fixture
def ads(sandbox: Sandbox) -> Iterator[MicrosoftConversions]:
    sandbox.platform.clock.set(NOW)
    destination = a_destination(sandbox)
    yield destination
    destination.close()


@pytest.fixture
def on_microsoft(sandbox: Sandbox) -> OnMicrosoft:
    return OnMicrosoft(sandbox)


class TestMicrosoftOnTheSandbox(DestinationContract):
    kind = ClickIdKind.MSCLKID

    @pytest.fixture
    def destination(self, ads: MicrosoftConversions) -> MicrosoftConversions:
        return ads

    @pytest.fixture
    def platform(self, on_microsoft: OnMicrosoft) -> Platform:
        return on_microsoft

    def statements(self, count: int) -> list[Statement]:
        return events(count)


def test_what_is_sent_again_at_its_second_counts_once_and_the_reports_say_so(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    (sent,) = events(1)
    settled(ads, on_microsoft, [sent])
    settled(ads, on_microsoft, [sent])
    booked = on_microsoft.booked(0)
    assert booked is not None
    assert (booked.sent, booked.count) == (2, 1)
    assert on_microsoft.room.books.as_json()["totals"]["unattributed"] == {
        "DuplicateConversionKey": 1
    }


def test_hashes_alone_are_counted_once_each_time_they_are_sent_and_never_adjusted(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    somebody = Identifiers(emails=(hashed("a@b.example"),), phones=(hashed("+49301234567"),))
    sent = structs.replace(events(1)[0], click_id=None, identifiers=somebody)
    assert settled(ads, on_microsoft, [sent]) == [Confirmed()]
    assert settled(ads, on_microsoft, [sent]) == [Confirmed()]
    assert on_microsoft.room.books.as_json()["totals"]["counted_twice"] == 1
    assert not ads.takes.repeats.knows(sent)
    restated = corrected(sent, Operation.RESTATE, 70)
    assert settled(ads, on_microsoft, [restated]) == [Rejected(code=ADJUSTMENT_WITHOUT_CLICK)]


def test_hashes_alone_wait_until_their_goal_takes_them(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    on_microsoft.room.state.goals[GOAL.name] = SandboxGoal(name=GOAL.name, enhanced=False)
    somebody = Identifiers(emails=(hashed("a@b.example"),))
    first, second = events(2)
    sent = [structs.replace(first, click_id=None, identifiers=somebody), second]
    outcomes = settled(ads, on_microsoft, sent)
    assert outcomes == [Blocked(code="NotEligibleForEnhancedConversions"), Confirmed()]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param(
            {"click_id": ClickId(ClickIdKind.MSCLKID, "cut-off")},
            "OfflineConversionMSClickIdInvalid",
            id="a click ID that was cut",
        ),
        pytest.param(
            {"event_at": NOW + timedelta(seconds=5)}, "OfflineConversionFutureTime", id="the future"
        ),
    ],
)
def test_a_row_with_a_fault_costs_no_other(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft, changed: dict[str, object], code: str
) -> None:
    first, second = events(2)
    faulty, counted = settled(ads, on_microsoft, [structs.replace(first, **changed), second])
    assert isinstance(faulty, Rejected | Deferred)
    assert (faulty.code, counted) == (code, Confirmed())


def test_a_click_of_another_time_or_account_is_told_apart(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    clicks = on_microsoft.room.state.clicks
    clicks[msclkid(0)] = SandboxClick(at=NOW - timedelta(days=200))
    clicks[msclkid(1)] = SandboxClick(at=NOW - timedelta(days=60), account="999")
    outcomes = settled(ads, on_microsoft, events(2))
    assert outcomes == [Rejected(code="OfflineConversionOutsideGoalWindow"), Confirmed()]
    assert on_microsoft.room.books.arrived[-1].unattributed == "AccountMismatch"


def test_a_token_that_has_ended_is_renewed_once_and_its_refresh_token_kept(
    sandbox: Sandbox, on_microsoft: OnMicrosoft, tmp_path: Path
) -> None:
    sandbox.platform.clock.set(NOW)
    kept = tmp_path / "token"
    first = a_destination(sandbox, kept)
    assert settled(first, on_microsoft, events(1)) == [Confirmed()]
    on_microsoft.room.sign_in.expire()
    on_microsoft.room.sign_in.takes_newest_only = True
    assert settled(first, on_microsoft, events(2)[1:]) == [Confirmed()]
    on_microsoft.room.sign_in.expire()
    again = a_destination(sandbox, kept)
    assert settled(again, on_microsoft, events(3)[2:]) == [Confirmed()]
    assert kept.stat().st_mode & 0o777 == 0o600
    first.close()
    again.close()


def test_a_sign_in_that_has_ended_says_how_to_renew_it(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    on_microsoft.room.sign_in.is_refusing = True
    with pytest.raises(OperatorError, match=r"invalid_grant.*convsync auth microsoft"):
        ads.upload(a_batch(*events(1)), now=NOW)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param({"accounts": frozenset({"999"})}, "UserIsNotAuthorized", id="account"),
        pytest.param({"developer_tokens": frozenset({"x"})}, "InvalidCredentials", id="developer"),
    ],
)
def test_an_account_that_lets_nobody_in_stops_with_its_fix_and_its_tracking_id(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft, state: dict[str, object], says: str
) -> None:
    for name, value in state.items():
        setattr(on_microsoft.room.state, name, value)
    with pytest.raises(OperatorError, match=f"{says}, tracking ID [0-9a-f-]+") as raised:
        ads.upload(a_batch(*events(1)), now=NOW)
    assert "a-developer-token" not in str(raised.value)


def test_calls_beyond_the_minutes_share_wait_a_minute_and_were_surely_not_taken(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft
) -> None:
    on_microsoft.room.state.calls_a_minute = 1
    ads.upload(a_batch(*events(1)), now=NOW)
    with pytest.raises(TransientError) as raised:
        ads.upload(a_batch(*events(1)), now=NOW)
    assert (raised.value.retry_after_s, raised.value.surely_not_taken) == (60, True)


@pytest.mark.parametrize("kind", ["garbage", "crash", "hang"])
def test_a_line_that_goes_dead_is_in_passing_and_the_repeat_counts_nothing_twice(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft, kind: str
) -> None:
    fault = PlannedFault(on=CONVERSIONS, request=1, kind=kind, seconds=0.05)
    on_microsoft.faults.add(fault)
    batch = a_batch(*events(2))
    with pytest.raises(TransientError) as raised:
        ads.upload(batch, now=NOW)
    assert not raised.value.surely_not_taken
    assert ads.upload(batch, now=NOW) == [Confirmed()] * 2
    assert on_microsoft.room.books.as_json()["totals"]["counted_twice"] == 0


def test_what_arrived_is_shown_by_goal_after_six_hours_with_the_reasons_against_it(
    ads: MicrosoftConversions, on_microsoft: OnMicrosoft, sandbox: Sandbox
) -> None:
    settled(ads, on_microsoft, events(3))
    settled(ads, on_microsoft, events(1))
    (early,) = ads.summaries(NOW, NOW + timedelta(days=1))
    assert early.total == 0
    sandbox.platform.clock.set(NOW + timedelta(hours=6))
    (shown,) = ads.summaries(NOW, NOW + timedelta(days=1))
    assert (shown.total, shown.successful, shown.last_upload_on) == (4, 3, NOW.date())
    assert [(alert.code, alert.share) for alert in shown.alerts] == [
        ("DuplicateConversionKey", 0.25)
    ]


def an_account(sandbox: Sandbox, *, sends_identifiers: bool = False) -> MicrosoftAdAccount:
    return MicrosoftAdAccount(
        "microsoft",
        lambda: a_destination(sandbox),
        sends_identifiers=sends_identifiers,
        clock=sandbox.platform.clock.now,
    )


RULE = a_rule(action=ConversionAction(destination="microsoft", action_id=GOAL.name))


@pytest.mark.parametrize(
    ("goal", "severity", "said"),
    [
        pytest.param(GOAL, Severity.INFO, "the rule won counts in it", id="as it should be"),
        pytest.param(SandboxGoal(name="Other"), Severity.ERROR, "it has: Other", id="another name"),
        pytest.param(
            replace(GOAL, status="Paused"), Severity.ERROR, "the goal is paused", id="paused"
        ),
        pytest.param(
            replace(GOAL, window_minutes=43_200),
            Severity.WARNING,
            "the goal counts 30 days after a click, the rule 90",
            id="a short window",
        ),
        pytest.param(
            replace(GOAL, count_type="Unique"),
            Severity.WARNING,
            "counts only the first conversion of a click",
            id="once a click",
        ),
        pytest.param(
            replace(GOAL, enhanced=False),
            Severity.ERROR,
            "enhanced conversions are off",
            id="no hashes",
        ),
    ],
)
def test_a_check_says_of_each_goal_what_keeps_it_from_counting(
    sandbox: Sandbox, on_microsoft: OnMicrosoft, goal: SandboxGoal, severity: Severity, said: str
) -> None:
    sandbox.platform.clock.set(NOW)
    on_microsoft.room.state.goals = {goal.name: goal}
    (found,) = an_account(sandbox, sends_identifiers=True).findings([RULE], None)
    assert found.severity is severity
    assert said in (found.problem or "")


def test_a_check_that_is_let_in_by_nobody_is_an_error_and_not_a_traceback(
    sandbox: Sandbox, on_microsoft: OnMicrosoft
) -> None:
    on_microsoft.room.state.accounts = frozenset({"999"})
    (found,) = an_account(sandbox).findings([RULE], None)
    assert found.severity is Severity.ERROR
    assert "UserIsNotAuthorized" in (found.problem or "")


def test_what_an_account_received_is_told_with_what_it_cannot_tell(
    sandbox: Sandbox, on_microsoft: OnMicrosoft, ads: MicrosoftConversions
) -> None:
    settled(ads, on_microsoft, events(2))
    sandbox.platform.clock.set(NOW + timedelta(hours=7))
    received = an_account(sandbox).received()
    assert isinstance(received, Received)
    assert [(one.action_name, one.total) for one in received.ours] == [(GOAL.name, 2)]
    assert not received.is_complete
