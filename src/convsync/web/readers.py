"""The threads that pages are read on: few, and of low priority, so that a night goes first.

Twenty readers beside a running night would otherwise have as many threads as they are, each of
which takes a core from it for a while. Here two pages are made at once, the others wait their turn,
and where all cores are busy the night has three quarters of one that it shares with a page. They
give way no further, for on PostgreSQL a page waits for its turn at every statement. What may take
long, a report that nobody has asked for yet or a list that looks at each deal, has threads of its
own, so that no quick page waits behind it; these give way more.

What people decide, and a night that they start, does not run here: a process has the priority of
the thread that starts it. The priority is a thread's own on Linux alone; elsewhere there are only
few of them.
"""

import os
import sys
from asyncio import wrap_future
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread, get_native_id
from typing import Any, Final, TypeVar

_QUICK, _SLOW = 2, 4
_QUICK_NICE, _SLOW_NICE = 5, 10
WORKS_AHEAD: Final = 15
"""How nice whoever works out reports is that nobody waits for."""
_AT_ONCE: Final = 200
"""How many parts of a file are made before they are sent."""

T = TypeVar("T")


def give_way(nice: int) -> None:
    """Let the others of this machine go before this thread.

    https://man7.org/linux/man-pages/man2/setpriority.2.html
    """
    if sys.platform == "linux":
        with suppress(OSError):  # whoever has given way more stays so
            os.setpriority(os.PRIO_PROCESS, get_native_id(), nice)


class _Threads:
    """So many threads, as nice as is said, begun with the first work; they end with the process."""

    def __init__(self, count: int, name: str, nice: int) -> None:
        self._nice = nice
        self._count = count
        self._name = name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._lock = Lock()
        self._has_begun = False

    def take(self, work: Callable[[], T]) -> Future[T]:
        """Return what becomes of some work."""
        with self._lock:
            if not self._has_begun:
                self._has_begun = True
                for number in range(self._count):
                    name = f"{self._name}-{number}"
                    Thread(target=self._works, name=name, daemon=True).start()
        future: Future[T] = Future()
        self._work.put((future, work))
        return future

    def _works(self) -> None:
        give_way(self._nice)
        while True:
            future, work = self._work.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
                future.set_exception(error)


class Readers:
    """Makes pages for those who wait for them."""

    def __init__(self) -> None:
        self._quick = _Threads(_QUICK, "page", _QUICK_NICE)
        self._slow = _Threads(_SLOW, "long-page", _SLOW_NICE)

    async def run(self, work: Callable[..., T], *arguments: Any, is_slow: bool = False) -> T:
        """Return what some work returns, or raise what it raises."""
        threads = self._slow if is_slow else self._quick
        return await wrap_future(threads.take(partial(work, *arguments)))

    async def each(self, parts: Iterator[str]) -> AsyncIterator[str]:
        """Yield the parts of a file, made some at a time."""
        while some := await self.run(_next_of, parts, is_slow=True):
            yield "".join(some)


def _next_of(parts: Iterator[str]) -> list[str]:
    return [part for _, part in zip(range(_AT_ONCE), parts, strict=False)]


READERS: Final = Readers()
"""Those of this process."""
