"""What every destination promises, run against each one. An adapter's tests inherit it.

A destination is asked through the adapter; what became of it is read in the platform's own books.
Platforms differ in when they judge a row: at once, after a request that was cut down to the others,
or half an hour later. `settled` goes on until there is a final outcome for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

import pytest
from msgspec import structs

from convsync.errors import OperatorError, TransientError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.outcome import (
    Accepted,
    Blocked,
    Confirmed,
    Deferred,
    Outcome,
    Rejected,
    Untried,
)
from convsync.model.statement import Batch, Operation, OrderId, Statement
from convsync.model.takes import CLICK_NOT_TAKEN, IDENTIFIERS_NOT_TAKEN, OPERATION_NOT_TAKEN
from convsync.upload.destination import Destination, StillProcessing, Unknown
from tests.builders import NOW, SOMEBODY, a_statement, usd

QUOTA_DELAY_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The platform's spelling of what may happen to a row; `unknown` is one of next year's."""

    refused: str
    put_off: str
    no_action: str
    unknown: str


class Platform(Protocol):
    """The other side: what it is told to do, and what it has counted."""

    codes: ClassVar[Codes]

    def refuse(self, click: str, code: str) -> None:
        """From now on, find this fault with conversions of a click."""

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """Return the statement so that two things are wrong with it, and the code that decides."""

    def break_down(self, *, after_counting: bool = False) -> None:
        """Answer the next request that the service is unavailable."""

    def run_out_of_quota(self) -> None:
        """Answer the next request that the quota is spent, for thirty seconds."""

    def fail_internally(self) -> None:
        """Answer the next request with an internal error."""

    def lose_the_action(self) -> None:
        """From now on there is no such conversion action."""

    def pass_judgement(self) -> datetime:
        """Let the time pass that verdicts take; return what time it is then."""

    def value(self, order_id: OrderId) -> float | None:
        """Return what a conversion counts for now, None where it does not count."""


def a_batch(*statements: Statement, number: int = 1) -> Batch:
    return Batch(number=number, action=statements[0].action, statements=statements)


def statements(count: int, kind: ClickIdKind = ClickIdKind.GCLID) -> list[Statement]:
    """Return statements of different deals and clicks, `cs-0` of `click-0` and so on."""
    return [
        a_statement(OrderId(f"cs-{n}"), click_id=ClickId(kind, f"click-{n}"), value=usd(100 + n))
        for n in range(count)
    ]


def corrected(statement: Statement, operation: Operation, value: int) -> Statement:
    return structs.replace(statement, operation=operation, value=usd(value))


class DestinationContract:
    """Inherit this, and supply `destination` and its `platform`; `kind` is a click it takes.

    `exceptions` are promises that the platform does not let anybody make, each with its reason.
    """

    kind: ClassVar[ClickIdKind] = ClickIdKind.GCLID
    exceptions: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _promised(self, request: pytest.FixtureRequest) -> None:
        if why := self.exceptions.get(request.node.originalname):
            pytest.skip(why)

    @pytest.fixture
    def destination(self) -> Destination:
        raise NotImplementedError

    @pytest.fixture
    def platform(self) -> Platform:
        raise NotImplementedError

    # What becomes of rows

    def test_every_row_is_counted_and_answered(
        self, destination: Destination, platform: Platform
    ) -> None:
        sent = self.statements(3)
        assert settled(destination, platform, sent) == [Confirmed()] * 3
        assert [platform.value(s.order_id) for s in sent] == [100, 101, 102]

    def test_an_upload_answers_for_every_row_in_order(
        self, destination: Destination, platform: Platform
    ) -> None:
        assert len(destination.upload(a_batch(*self.statements(5)), now=NOW)) == 5

    def test_a_single_row_is_a_batch(self, destination: Destination, platform: Platform) -> None:
        assert settled(destination, platform, self.statements(1)) == [Confirmed()]

    def test_a_full_batch_goes_out(self, destination: Destination, platform: Platform) -> None:
        sent = self.statements(destination.max_batch)
        platform.refuse(f"click-{destination.max_batch - 1}", platform.codes.refused)
        outcomes = settled(destination, platform, sent)
        assert outcomes[:-1] == [Confirmed()] * (len(sent) - 1)
        assert outcomes[-1] == Rejected(code=platform.codes.refused)

    def test_a_refused_row_affects_no_other(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.refuse("click-1", platform.codes.refused)
        outcomes = settled(destination, platform, self.statements(3))
        assert outcomes == [Confirmed(), Rejected(code=platform.codes.refused), Confirmed()]
        assert platform.value(OrderId("cs-1")) is None

    def test_a_fully_refused_batch_is_fully_answered(
        self, destination: Destination, platform: Platform
    ) -> None:
        for n in range(3):
            platform.refuse(f"click-{n}", platform.codes.refused)
        outcomes = settled(destination, platform, self.statements(3))
        assert outcomes == [Rejected(code=platform.codes.refused)] * 3

    def test_two_faults_of_one_row_give_one_outcome(
        self, destination: Destination, platform: Platform
    ) -> None:
        first, second, third = self.statements(3)
        faulty, code = platform.with_two_faults(second)
        outcomes = settled(destination, platform, [first, faulty, third])
        assert outcomes == [Confirmed(), Rejected(code=code), Confirmed()]

    def test_a_conversion_sent_too_early_is_deferred(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.refuse("click-0", platform.codes.put_off)
        put_off, counted = settled(destination, platform, self.statements(2))
        assert isinstance(put_off, Deferred)
        assert (put_off.code, put_off.until > NOW) == (platform.codes.put_off, True)
        assert counted == Confirmed()

    def test_an_unknown_code_is_kept_and_deferred(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.refuse("click-1", platform.codes.unknown)
        counted, kept = settled(destination, platform, self.statements(2))
        assert isinstance(kept, Deferred)
        assert (kept.code, kept.until > NOW) == (platform.codes.unknown, True)
        assert counted == Confirmed()

    # Again

    def test_an_already_counted_conversion_is_confirmed_and_counts_once(
        self, destination: Destination, platform: Platform
    ) -> None:
        sent = self.statements(2)
        settled(destination, platform, sent)
        outcomes = settled(destination, platform, sent)
        assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
        assert [platform.value(s.order_id) for s in sent] == [100, 101]

    def test_a_lost_answer_is_transient_and_the_same_batch_settles_it(
        self, destination: Destination, platform: Platform
    ) -> None:
        batch = a_batch(*self.statements(3))
        platform.break_down(after_counting=True)
        with pytest.raises(TransientError):
            destination.upload(batch, now=NOW)
        outcomes = settled(destination, platform, batch.statements)
        assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
        assert [platform.value(s.order_id) for s in batch.statements] == [100, 101, 102]

    def test_an_unreachable_platform_has_counted_nothing(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.break_down()
        with pytest.raises(TransientError):
            destination.upload(a_batch(*self.statements(2)), now=NOW)
        assert platform.value(OrderId("cs-0")) is None
        assert settled(destination, platform, self.statements(2)) == [Confirmed()] * 2

    def test_an_exhausted_quota_says_how_long_to_wait(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.run_out_of_quota()
        with pytest.raises(TransientError) as raised:
            destination.upload(a_batch(*self.statements(2)), now=NOW)
        assert raised.value.retry_after_s == QUOTA_DELAY_S
        assert platform.value(OrderId("cs-0")) is None

    def test_an_internal_error_is_transient(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.fail_internally()
        with pytest.raises(TransientError):
            destination.upload(a_batch(*self.statements(2)), now=NOW)
        assert settled(destination, platform, self.statements(2)) == [Confirmed()] * 2

    # Corrections

    @pytest.mark.parametrize(
        ("operation", "value"), [(Operation.RESTATE, 70), (Operation.RETRACT, 0)]
    )
    def test_a_correction_is_made_as_declared_and_counts_nothing_new(
        self, destination: Destination, platform: Platform, operation: Operation, value: int
    ) -> None:
        (sent,) = self.statements(1)
        settled(destination, platform, [sent])
        corrects = operation in destination.takes.corrections
        (outcome,) = settled(destination, platform, [corrected(sent, operation, value)])
        assert outcome == (Confirmed() if corrects else Rejected(code=OPERATION_NOT_TAKEN))
        assert (platform.value(sent.order_id) or 0) == (value if corrects else 100)

    def test_a_repeated_retraction_does_no_harm(
        self, destination: Destination, platform: Platform
    ) -> None:
        if Operation.RETRACT not in destination.takes.corrections:
            pytest.skip("this platform takes nothing back")
        (sent,) = self.statements(1)
        retracted = corrected(sent, Operation.RETRACT, 0)
        settled(destination, platform, [sent])
        settled(destination, platform, [retracted])
        (again,) = settled(destination, platform, [retracted])
        assert isinstance(again, Confirmed)
        assert again.is_by_our_key
        assert not platform.value(sent.order_id)

    def test_a_batch_may_mix_new_conversions_and_corrections(
        self, destination: Destination, platform: Platform
    ) -> None:
        sent = self.statements(5)
        operations = [*destination.takes.corrections]
        told = sent[: len(operations)]
        settled(destination, platform, told)
        corrections = [corrected(s, op, 0) for s, op in zip(told, operations, strict=True)]
        platform.refuse("click-3", platform.codes.refused)
        batch = [*corrections[:1], sent[2], *corrections[1:], sent[3], sent[4]]
        refused = Rejected(code=platform.codes.refused)
        assert settled(destination, platform, batch) == [
            refused if statement is sent[3] else Confirmed() for statement in batch
        ]
        assert [platform.value(s.order_id) for s in (sent[2], sent[4])] == [102, 104]
        assert not any(platform.value(statement.order_id) for statement in told)

    # What is foreseen

    def test_a_click_of_another_network_is_refused_without_a_request(
        self, destination: Destination, platform: Platform
    ) -> None:
        others = sorted(set(ClickIdKind) - destination.takes.click_ids)
        foreign, own = statements(1, others[0])[0], self.statements(2)[1]
        assert settled(destination, platform, [foreign, own]) == [
            Rejected(code=CLICK_NOT_TAKEN),
            Confirmed(),
        ]
        assert platform.value(foreign.order_id) is None

    def test_a_person_without_a_click_is_counted_only_where_identifiers_are_taken(
        self, destination: Destination, platform: Platform
    ) -> None:
        somebody = structs.replace(self.statements(1)[0], click_id=None, identifiers=SOMEBODY)
        (outcome,) = settled(destination, platform, [somebody])
        if destination.takes.identifiers:
            assert outcome == Confirmed()
        else:
            assert outcome == Rejected(code=IDENTIFIERS_NOT_TAKEN)

    def test_a_verdict_is_awaited_only_where_it_is_declared(
        self, destination: Destination, platform: Platform
    ) -> None:
        (outcome,) = destination.upload(a_batch(*self.statements(1)), now=NOW)
        assert isinstance(outcome, Accepted) == (destination.takes.first_poll is not None)

    # The set-up

    def test_a_wrong_set_up_blocks_its_rows_and_rejects_none(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.lose_the_action()
        outcomes = settled(destination, platform, self.statements(3))
        assert outcomes == [Blocked(code=platform.codes.no_action)] * 3
        assert platform.value(OrderId("cs-0")) is None

    def test_a_check_leaves_no_trace(self, destination: Destination, platform: Platform) -> None:
        destination.validate(a_batch(*self.statements(2)), now=NOW)
        assert platform.value(OrderId("cs-0")) is None
        assert settled(destination, platform, self.statements(2)) == [Confirmed()] * 2

    def test_a_check_finds_a_wrong_set_up(
        self, destination: Destination, platform: Platform
    ) -> None:
        platform.lose_the_action()
        with pytest.raises(OperatorError, match=r"action_id"):
            destination.validate(a_batch(*self.statements(1)), now=NOW)

    def statements(self, count: int) -> list[Statement]:
        """Return statements of clicks that the destination takes."""
        return statements(count, self.kind)


def settled(
    destination: Destination, platform: Platform, sent: Sequence[Statement]
) -> list[Outcome]:
    """Upload until every row has its final outcome, as the outbox does; return them in order."""
    final: dict[OrderId, Outcome] = {}
    limit = destination.max_batch
    for number in range(1, 100):
        left = [s for s in sent if s.order_id not in final][:limit]
        if not left:
            break
        outcomes = destination.upload(a_batch(*left, number=number), now=NOW)
        assert len(outcomes) == len(left)
        is_refused = all(isinstance(outcome, Untried) for outcome in outcomes)
        limit = max(1, len(left) // 2) if is_refused else limit * 2
        accepted = [s for s, o in zip(left, outcomes, strict=True) if isinstance(o, Accepted)]
        for statement, outcome in zip(left, outcomes, strict=True):
            if not isinstance(outcome, Accepted | Untried):
                final[statement.order_id] = outcome
        if accepted:
            request_id = next(o.request_id for o in outcomes if isinstance(o, Accepted))
            judged = verdict(destination, platform, a_batch(*accepted, number=number), request_id)
            final |= dict(zip((s.order_id for s in accepted), judged, strict=True))
    return [final[statement.order_id] for statement in sent]


def verdict(
    destination: Destination, platform: Platform, batch: Batch, request_id: str
) -> Sequence[Outcome]:
    """Return the verdict on an accepted batch, after the time it takes."""
    now = platform.pass_judgement()
    found = destination.verdict(batch, request_id, now=now)
    assert not isinstance(found, StillProcessing | Unknown)
    return found
