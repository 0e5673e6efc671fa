"""The time of day, as an argument: nothing else in convsync asks the machine for it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, aware and in UTC."""


def system_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def frozen_clock(at: datetime) -> Clock:
    """Return a clock that always says `at`: what `--as-of` runs by."""
    instant = at.astimezone(UTC)
    return lambda: instant
