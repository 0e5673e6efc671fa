"""One call to a platform: within its quota, and again where that may help.

Before every try a request is noted in the database, so that all processes on it together keep to
the project's quota. When a try that failed in passing is repeated, `retrying` says.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from convsync import log
from convsync.clock import Clock, system_clock
from convsync.errors import ConvsyncError, OperatorError, TransientError
from convsync.process import tracing
from convsync.retrying import RetryPolicy, keep_trying
from convsync.store import quota
from convsync.store.database import Connection, Database
from convsync.upload.destination import Quota

Answer = TypeVar("Answer")


class Numbered(Protocol):
    """What a call is about."""

    @property
    def number(self) -> int:
        """Return its number."""


Item = TypeVar("Item", bound=Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[Answer]):
    """What came of a call: an answer, or the error of its last try.

    `may_have_been_taken` where the answer of a try was lost: the platform may have acted on it.
    """

    answer: Answer | None
    error: ConvsyncError | None
    may_have_been_taken: bool

    @property
    def was_surely_not_taken(self) -> bool:
        """True where the last try was certainly not taken, and no earlier one can have been."""
        if self.error is None or self.may_have_been_taken:
            return False
        if isinstance(self.error, TransientError):
            return self.error.surely_not_taken
        return isinstance(self.error, OperatorError)


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool that is waited for at the end, and left behind where an error ends it."""
    pool = ThreadPoolExecutor(max_workers=count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def at_a_time(
    departing: Iterator[Item],
    call: Callable[[Item], Answer],
    *,
    at_once: int,
    may_leave: Callable[[], bool],
    makes_ready: bool = False,
) -> Generator[tuple[Item, Answer | None]]:
    """Yield items with what calls about them return, as the answers come; so many at a time.

    The next item is asked for in the caller's thread, where there is room, it `may_leave` and every
    answer that came was taken: of a platform that answers at once, little is held in memory. With
    `makes_ready` one more is asked for while there is no room, and leaves as soon as there is; if
    it may not leave then, it comes back with None. What was answered meanwhile comes in the order
    of the items' numbers.
    """
    under_way: dict[Future[Answer], Item] = {}
    ready: Item | None = None
    with threads(at_once) as pool:
        while True:
            while may_leave():
                has_room = len(under_way) < at_once
                if ready is None:
                    is_wanted = has_room or makes_ready
                    if not is_wanted or any(future.done() for future in under_way):
                        break
                    ready = next(departing, None)
                if ready is None or not has_room:
                    break
                under_way[pool.submit(call, ready)] = ready
                ready = None
            if not under_way:
                break
            answered, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in sorted(answered, key=lambda future: under_way[future].number):
                yield under_way.pop(future), future.result()
    if ready is not None:
        yield ready, None


class PacedCalls:
    """Makes calls at the pace that quotas allow, from any thread."""

    def __init__(
        self, database: Database, policy: RetryPolicy, *, real_clock: Clock = system_clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._real_clock = real_clock

    def note(self, connection: Connection, of: Quota) -> bool:
        """Note a request that is about to leave; False, and nothing, where it has to wait.

        It is noted with what else the transaction writes, which spares the call one of its own.
        """
        return not _is_limited(of) or not self._take(connection, of)

    def attempt(
        self,
        quota_of_call: Quota,
        call: Callable[[], Answer],
        *,
        name: str = "call",
        is_noted: bool = False,
        is_repeatable: bool = True,
    ) -> Attempt[Answer]:
        """Make a call until it is answered, is refused for good, or has failed too often.

        Each try is traced under the call's name. The first is not noted again if it `is_noted`. One
        that is not repeatable is made again only where it was surely not taken.
        """

        lost: list[TransientError] = []

        def paced() -> Answer:
            nonlocal is_noted
            if not is_noted:
                self._pace(quota_of_call)
            is_noted = False
            try:
                with tracing.call(name):
                    return call()
            except TransientError as error:
                if not error.surely_not_taken:
                    lost.append(error)
                raise

        answer, failure = None, None
        try:
            answer = keep_trying(
                self._policy, paced, lambda error: is_repeatable or error.surely_not_taken
            )
        except ConvsyncError as error:
            failure = error
            log.warning("call failed", error=type(error).__name__, because=str(error))
        return Attempt(answer=answer, error=failure, may_have_been_taken=bool(lost))

    def _pace(self, of: Quota) -> None:
        if not _is_limited(of):
            return
        while wait := self._noted(of):
            if wait.total_seconds() > self._policy.longest_asked_s:
                raise TransientError(
                    f"Project {of.project} has made its {of.per_day:,} requests for 24 hours; "
                    f"the next one is free in {wait}.",
                    retry_after_s=wait.total_seconds(),
                    surely_not_taken=True,
                )
            log.info("waiting for the quota", project=of.project, wait_s=wait.total_seconds())
            self._policy.sleep(wait.total_seconds())

    def _noted(self, of: Quota) -> timedelta:
        with self._database.transaction("note request") as connection:
            return self._take(connection, of)

    def _take(self, connection: Connection, of: Quota) -> timedelta:
        return quota.take(
            connection,
            of.project,
            per_minute=of.per_minute,
            per_day=of.per_day,
            now=self._real_clock(),
        )


def _is_limited(of: Quota) -> bool:
    return of.per_minute is not None or of.per_day is not None
