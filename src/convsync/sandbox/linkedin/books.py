"""What LinkedIn counts: every event that comes in, again if it has an ID that came before.

That a repeat counts once is documented only where the Insight Tag reported it, so this is the
strict reading; a switch lets the books know a repeat by its ID. A rule that is off takes events and
counts none.
"""

from collections.abc import Callable
from datetime import datetime

from convsync.sandbox.event_books import CountedEvent, Event, EventBooks


class LinkedInBooks(EventBooks):
    """Events by conversion rule and by ID; while it `knows_repeats`, each ID counts once."""

    id_field = "eventId"

    def __init__(self, knows_repeats: Callable[[], bool]) -> None:
        super().__init__()
        self._knows_repeats = knows_repeats

    def money_of(self, event: Event) -> tuple[float | None, str]:
        """Return what its `conversionValue` says."""
        money = event.get("conversionValue")
        return (None, "") if money is None else (float(money["amount"]), money["currencyCode"])

    def counts_again(self, known: CountedEvent, now: datetime) -> bool:
        """Return whether repeats count, as LinkedIn documents nothing else."""
        return not self._knows_repeats()
