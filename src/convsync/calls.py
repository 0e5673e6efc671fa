"""One call to a platform: within its quota, and again where that may help.

Before every try a request is noted in the database, so that all processes on it together keep to
the project's quota. A try that failed in passing is repeated after a growing, jittered wait, and
never sooner than the server says. What would have to wait longer than a run should (a day's quota)
is not waited for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from typing import Generic, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from convsync.clock import Clock, system_clock
from convsync.errors import ConvsyncError, TransientError
from convsync.store import quota
from convsync.store.database import Database
from convsync.upload.destination import Quota

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried within one run, and how long is waited between the tries.

    A wait that the server or the quota asks for is granted up to `longest_asked_s`. After
    `failures` calls in a row without an answer the platform is taken to be away.
    """

    attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_asked_s: float = 300.0
    failures: int = 3
    sleep: Callable[[float], None] = sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[Answer]):
    """What came of a call: an answer, or the error of its last try; and how many tries it took."""

    answer: Answer | None
    error: ConvsyncError | None
    tries: int

    @property
    def has_told_nothing(self) -> bool:
        """True where the platform refused for good, and at once: it cannot have taken anything."""
        refused = self.error is not None and not isinstance(self.error, TransientError)
        return refused and self.tries == 1


class Caller:
    """Makes calls, from any thread."""

    def __init__(
        self, database: Database, policy: RetryPolicy, *, real_clock: Clock = system_clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._real_clock = real_clock

    def attempt(self, quota_of_call: Quota, call: Callable[[], Answer]) -> Attempt[Answer]:
        """Make a call until it is answered, is refused for good, or has failed too often."""

        def paced() -> Answer:
            self._pace(quota_of_call)
            return call()

        retrying = Retrying(
            retry=retry_if_exception(self._is_worth_another_try),
            stop=stop_after_attempt(self._policy.attempts),
            wait=self._wait_s,
            reraise=True,
            sleep=self._policy.sleep,
        )
        answer, failure = None, None
        try:
            answer = retrying(paced)
        except ConvsyncError as error:
            failure = error
        tries = int(retrying.statistics.get("attempt_number", 1))
        return Attempt(answer=answer, error=failure, tries=tries)

    def _pace(self, of: Quota) -> None:
        if of.per_minute is None and of.per_day is None:
            return
        while wait := self._take(of):
            if wait.total_seconds() > self._policy.longest_asked_s:
                raise TransientError(
                    f"Project {of.project} has made its {of.per_day:,} requests of 24 hours; "
                    f"the next one is free in {wait}.",
                    retry_after_s=wait.total_seconds(),
                )
            self._policy.sleep(wait.total_seconds())

    def _take(self, of: Quota) -> timedelta:
        with self._database.transaction("note request") as connection:
            return quota.take(
                connection,
                of.project,
                per_minute=of.per_minute,
                per_day=of.per_day,
                now=self._real_clock(),
            )

    def _is_worth_another_try(self, error: BaseException) -> bool:
        if not isinstance(error, TransientError):
            return False
        return (error.retry_after_s or 0.0) <= self._policy.longest_asked_s

    def _wait_s(self, state: RetryCallState) -> float:
        policy = self._policy
        backoff = wait_exponential_jitter(multiplier=policy.first_wait_s, max=policy.longest_wait_s)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return max(backoff(state), asked or 0.0)
