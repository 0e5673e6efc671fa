"""When a call is made again: after a growing, jittered wait, and never sooner than the server says.

Only a TransientError is worth another try. What the other side wants to have waited longer than a
run should last (a day's quota) is not waited for: its error is raised, and the next run goes on.
"""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from convsync import log
from convsync.errors import TransientError
from convsync.pace import Ticks
from convsync.parallel import pause

if TYPE_CHECKING:
    from tenacity import RetryCallState

Answer = TypeVar("Answer")


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often a call is tried within one run, and how long is waited between the tries.

    A wait that the server or the quota asks for is granted up to `longest_asked_s`. After
    `failures` calls in a row without an answer the platform is considered down. Time passes by
    `sleep`, and `ticks` counts its seconds.
    """

    attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_asked_s: float = 300.0
    failures: int = 3
    sleep: Callable[[float], None] = sleep
    ticks: Ticks = monotonic

    def waits_for(self, error: TransientError) -> bool:
        """Return whether the other side asks for no longer a wait than a run should make."""
        return (error.retry_after_s or 0.0) <= self.longest_asked_s


def _log_wait(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    wait_s = round(state.next_action.sleep, 3) if state.next_action else 0.0
    log.warning("trying again", attempt=state.attempt_number, wait_s=wait_s, because=str(error))


def _always(_error: TransientError) -> bool:
    return True


def keep_trying(
    policy: RetryPolicy,
    call: Callable[[], Answer],
    may_repeat: Callable[[TransientError], bool] = _always,
) -> Answer:
    """Return what the call returns once it succeeds; the last try's error is raised as it is.

    `may_repeat` says after which errors the call may be made again at all.

    The answer is handed past tenacity: what that knows of a try is a reference cycle, and would
    keep a whole page of records until Python next looks for those.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt
    from tenacity.wait import wait_exponential_jitter

    backoff = wait_exponential_jitter(multiplier=policy.first_wait_s, max=policy.longest_wait_s)

    def is_worth_another_try(error: BaseException) -> bool:
        return isinstance(error, TransientError) and policy.waits_for(error) and may_repeat(error)

    def wait_s(state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return max(backoff(state), asked or 0.0)

    retrying = Retrying(
        retry=retry_if_exception(is_worth_another_try),
        stop=stop_after_attempt(policy.attempts),
        wait=wait_s,
        reraise=True,
        sleep=lambda seconds: pause(policy.sleep, seconds),
        before_sleep=_log_wait,
    )
    answers: list[Answer] = []
    retrying(lambda: answers.append(call()))
    return answers.pop()
