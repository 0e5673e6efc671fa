"""A destination that is a dictionary: for tests that need somewhere to send to, and no platform.

It passes the suite that the real ones pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from convsync.errors import OperatorError, TransientError
from convsync.model.outcome import Blocked, Confirmed, Deferred, Outcome, Rejected
from convsync.model.statement import Batch, Operation, OrderId, Statement
from convsync.model.takes import Takes
from convsync.upload.destination import UNLIMITED, Quota, Verdict
from convsync.upload.google.takes import GOOGLE_ADS
from convsync.upload.parts import foreseen, upload_in_parts
from tests.contract.destination_suite import QUOTA_DELAY_S, Codes

CODES = Codes(
    refused="REFUSED", put_off="TOO_EARLY", unknown="FROM_NEXT_YEAR", no_action="NO_ACTION"
)


@dataclass(slots=True)
class MemoryDestination:
    """Counts in memory, and answers at once. It is its own platform: `refuse` and the like."""

    name: str = "memory"
    takes: Takes = GOOGLE_ADS
    max_batch: int = 2_000
    requests_in_flight: int = 1
    upload_quota: Quota = UNLIMITED
    status_quota: Quota = UNLIMITED
    codes: Codes = CODES
    counted: dict[OrderId, float] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    _refusals: dict[str, list[str]] = field(default_factory=dict)
    _trouble: list[tuple[TransientError, bool]] = field(default_factory=list)
    _is_lost: bool = False
    _is_shut_out: bool = False

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        if self._trouble:
            error, is_counted = self._trouble.pop()
            if is_counted:
                self._take(batch, now)
            raise error
        if self._is_shut_out:
            raise OperatorError(f"{self.name} refused the credentials. Check the credentials.")
        if self._is_lost:
            return [Blocked(code=self.codes.no_action)] * len(batch.statements)
        refused, refusals = foreseen(batch, self.takes, now)
        others = [row for row in range(len(batch.statements)) if row not in refused]
        return upload_in_parts(batch, [(others, lambda b: self._take(b, now)), (refused, refusals)])

    def validate(self, batch: Batch, *, now: datetime) -> None:
        if self._is_lost:
            raise OperatorError(f"{self.name} has no such action. Check action_id.")

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        raise AssertionError("everything is answered at once")

    def close(self) -> None:
        """There is no connection to give back."""

    def _take(self, batch: Batch, now: datetime) -> Sequence[Outcome]:
        self.batches.append(batch)
        return [self._outcome(statement, now) for statement in batch.statements]

    def _outcome(self, statement: Statement, now: datetime) -> Outcome:
        click_id = statement.click_id
        codes = self._refusals.get(click_id.value, []) if click_id else []
        if self.codes.refused in codes:
            return Rejected(code=self.codes.refused)
        if codes:
            return Deferred(code=codes[0], until=now + timedelta(days=1))
        is_known = statement.order_id in self.counted
        if is_known and statement.operation is Operation.COUNT:
            return Confirmed(code="ALREADY_THERE")
        self.counted[statement.order_id] = float(statement.value.amount)
        return Confirmed()

    # The platform's side

    def refuse(self, click: str, code: str) -> None:
        self._refusals.setdefault(click, []).append(code)

    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        assert statement.click_id is not None
        for code in (self.codes.put_off, self.codes.refused):
            self.refuse(statement.click_id.value, code)
        return statement, self.codes.refused

    def shut_out(self) -> None:
        self._is_shut_out = True

    def break_down(self, *, after_counting: bool = False) -> None:
        self._trouble.append((TransientError(f"{self.name} is away."), after_counting))

    def run_out_of_quota(self) -> None:
        spent = TransientError(f"{self.name} has enough.", retry_after_s=QUOTA_DELAY_S)
        self._trouble.append((spent, False))

    def fail_internally(self) -> None:
        self.break_down()

    def lose_the_action(self) -> None:
        self._is_lost = True

    def pass_judgement(self) -> datetime:
        raise AssertionError("everything is answered at once")

    def value(self, order_id: OrderId) -> float | None:
        return self.counted.get(order_id)
