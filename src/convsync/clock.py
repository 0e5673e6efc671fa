"""The time of day, as an argument: nothing else in convsync asks the machine for it.

A machine's clock may be wrong, and a run that takes Friday for Monday would never read what changes
in between. Servers tell the time with every answer, for nothing: what they say is remembered here,
and a run stops where it is too far from what the machine says.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct

Clock = Callable[[], datetime]
"""Returns the present instant, aware and in UTC."""
_GRAIN = timedelta(seconds=1)
"""A Date header has whole seconds."""


def system_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def frozen_clock(at: datetime) -> Clock:
    """Return a clock that always says `at`: what `--as-of` runs by."""
    instant = at.astimezone(UTC)
    return lambda: instant


class Skew(Struct, frozen=True, kw_only=True):
    """The time by a server's clock, and by this machine's in the middle of the request.

    `certain` is how far the two are apart at least, whenever the server wrote its answer.
    """

    server: str
    theirs: datetime
    ours: datetime
    certain: timedelta


class ServerClocks:
    """The times that servers' answers carried; only the largest difference is kept."""

    def __init__(self) -> None:
        self.largest: Skew | None = None

    def forget(self) -> None:
        """Begin anew, as a run does: the machine's clock may have been corrected."""
        self.largest = None

    def note(
        self,
        server: str,
        date: str | None,
        *,
        sent_at: datetime,
        received_at: datetime,
        age: str | None = None,
    ) -> None:
        """Note the Date header of an answer; `age` is for how long a cache had kept it.

        A header that is missing, or no date, says nothing.
        """
        try:
            theirs = parsedate_to_datetime(date or "").astimezone(UTC)
            theirs += timedelta(seconds=int(age or 0))
        except (ValueError, OverflowError):
            return
        half = (received_at - sent_at) / 2
        ours = sent_at + half
        certain = max(abs(theirs - ours) - half - _GRAIN, timedelta())
        if self.largest is None or certain > self.largest.certain:
            self.largest = Skew(server=server, theirs=theirs, ours=ours, certain=certain)


SERVERS = ServerClocks()
"""The answers this process has had. One machine has one clock, so all who ask servers share it."""
