"""How fast an API may be called: how many requests at once, and how many in a period.

A vendor's limits are data: they stand in its adapter's file. They are kept before they are reached,
because most vendors count what they refuse, too. Where others use up the same limits, a refusal
says how long to wait, and everybody who asks that API waits, not only the thread that was told: the
limit is the account's.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from threading import BoundedSemaphore, Lock
from time import monotonic

from msgspec import Struct

Ticks = Callable[[], float]
"""Returns seconds since some instant; they never go back."""


class Limit(Struct, frozen=True, kw_only=True):
    """At most so many requests in any so many seconds, of those whose URL fits the pattern `of`."""

    requests: int
    seconds: float
    of: str = ""


class Pace:
    """Keeps an API's limits, from any thread."""

    def __init__(
        self, limits: Sequence[Limit] = (), *, at_once: int = 1, ticks: Ticks = monotonic
    ) -> None:
        self.at_once = at_once
        self.slot = BoundedSemaphore(at_once)
        self._ticks = ticks
        self._lock = Lock()
        self._none_before = ticks()
        self._begun = [(limit, deque[float](maxlen=limit.requests)) for limit in limits]

    def turn(self, url: str) -> float:
        """Take the next turn to ask a URL, and return in how many seconds that is."""
        with self._lock:
            now = self._ticks()
            kept = [(limit, begun) for limit, begun in self._begun if re.search(limit.of, url)]
            free = [begun[0] + of.seconds for of, begun in kept if len(begun) == of.requests]
            at = max(now, self._none_before, *free)
            for _, begun in kept:
                begun.append(at)
            return at - now

    def hold(self, seconds: float) -> None:
        """Let nobody's next turn come sooner than this."""
        with self._lock:
            self._none_before = max(self._none_before, self._ticks() + seconds)
