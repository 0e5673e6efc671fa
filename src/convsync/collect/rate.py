"""How many reports one address may send: a token bucket for each, and a limit on buckets."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_ADDRESSES: Final = 100_000
"""How many addresses are remembered; the one unheard of for longest is forgotten first."""


class Rate:
    """So many a minute from each address, all of them at once if need be."""

    def __init__(self, a_minute: int, ticks: Callable[[], float]) -> None:
        self._a_minute = a_minute
        self._ticks = ticks
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, address: str) -> bool:
        """Return whether an address may send one more now, and count it if so."""
        now = self._ticks()
        left, at = self._buckets.pop(address, (float(self._a_minute), now))
        left = min(self._a_minute, left + (now - at) * self._a_minute / 60)
        is_taken = left >= 1
        self._buckets[address] = (left - 1 if is_taken else left), now
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return is_taken
