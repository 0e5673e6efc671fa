"""What Meta counts: an event once for 48 hours after its first, and again after that.

That two events of a server count once within 48 hours is not documented; that they count again
later is the strict reading of what is (deduplicate-pixel-and-server-events). The books keep when
each came, so that a test can prove that nothing was repeated too late.
"""

from datetime import datetime, timedelta

from convsync.sandbox.event_books import CountedEvent, Event, EventBooks

KNOWN_FOR = timedelta(hours=48)


class MetaBooks(EventBooks):
    """Events by `dataset/event_name`, and by their IDs."""

    id_field = "event_id"

    def money_of(self, event: Event) -> tuple[float | None, str]:
        """Return what its `custom_data` says."""
        custom = event["custom_data"]
        value = custom.get("value")
        return None if value is None else float(value), custom.get("currency", "")

    def counts_again(self, known: CountedEvent, now: datetime) -> bool:
        """Return whether it counted so long ago that Meta no longer knows it."""
        return now - known.counted_at[-1] >= KNOWN_FOR
