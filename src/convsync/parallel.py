"""Work in threads for callers that wait for answers: results in order, no thread left running.

Two shapes are enough for every reader of a CRM. `together` makes calls that do not need one
another's answers. `ahead` reads a little before it is wanted, so that the store works while the CRM
does. Both give what one thread alone would have given, in the same order, up to the same error.

When nobody wants the results any more (an error came before them, or the reader was stopped) what
has not begun is dropped. What has begun ends by itself: before its next request, or within ten
seconds of waiting. It is not waited for, because a request that hangs would then keep the run from
ending.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_A_NAP_S = 10.0


class GivenUpError(Exception):
    """Nobody waits for this thread's result any more. Nobody sees this either."""


class _Wanted:
    """Whether the results of some threads are wanted, and those of the thread that began them."""

    def __init__(self, by: "_Wanted | None") -> None:
        self._given_up = Event()
        self._by = by

    def give_up(self) -> None:
        self._given_up.set()

    @property
    def is_given_up(self) -> bool:
        return self._given_up.is_set() or (self._by is not None and self._by.is_given_up)


_wanted: ContextVar[_Wanted | None] = ContextVar("wanted", default=None)


def raise_if_given_up() -> None:
    """Raise GivenUpError in a thread whose result is no longer wanted: it may end here."""
    wanted = _wanted.get()
    if wanted is not None and wanted.is_given_up:
        raise GivenUpError


def pause(sleep: Callable[[float], None], seconds: float) -> None:
    """Wait by `sleep`; in a thread of this module, no longer than the result is wanted."""
    if _wanted.get() is None:
        sleep(seconds)
        return
    while seconds > 0:
        raise_if_given_up()
        nap = min(seconds, _A_NAP_S)
        sleep(nap)
        seconds -= nap
    raise_if_given_up()


def together(calls: Sequence[Callable[[], T]], *, at_once: int) -> list[T]:
    """Return what calls return, in their order, so many made at a time.

    Raises the error of the first that fails, as their order goes.
    """
    if at_once == 1 or len(calls) < 2:
        return [call() for call in calls]
    with _threads(min(at_once, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
        return [future.result() for future in futures]


def ahead(items: Iterable[T], *, by: int) -> Iterator[T]:
    """Yield items in their order; while one is worked on, `by` more are read, in one other thread.

    An error comes where its item would have come.
    """
    remaining = iter(items)
    with _threads(1) as reader:

        def read_one() -> list[T]:
            return [*islice(remaining, 1)]

        under_way = deque(reader.submit(read_one) for _ in range(by))
        while found := under_way.popleft().result():
            under_way.append(reader.submit(read_one))
            yield found[0]


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool whose threads know whether anybody still wants what they do."""
    wanted = _Wanted(_wanted.get())
    pool = ThreadPoolExecutor(max_workers=count, initializer=_wanted.set, initargs=(wanted,))
    try:
        yield pool
    except BaseException:
        wanted.give_up()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
