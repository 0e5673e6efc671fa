"""What Meta counts: an event once for 48 hours after its first, and again after that.

That two events of a server count once within 48 hours is not documented; that they count again
later is the strict reading of what is (deduplicate-pixel-and-server-events). The books keep when
each came, so that a test can prove that nothing was repeated too late.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from convsync.sandbox.clock import rfc3339

KNOWN_FOR = timedelta(hours=48)
Page = str
"""`dataset/event_name`."""


@dataclass(slots=True)
class CountedEvent:
    """One event by its ID: what it said at first, how often it counts, and when it came."""

    first: Mapping[str, Any]
    counted_at: list[datetime] = field(default_factory=list)
    came_at: list[datetime] = field(default_factory=list)

    def come(self, now: datetime) -> None:
        """Let it come in once more."""
        self.came_at.append(now)
        if not self.counted_at or now - self.counted_at[-1] >= KNOWN_FOR:
            self.counted_at.append(now)

    @property
    def value(self) -> float | None:
        """Return what one of it is worth."""
        value = self.first["custom_data"].get("value")
        return None if value is None else float(value)

    def as_json(self) -> Mapping[str, Any]:
        """Return all that is known of it."""
        custom = self.first["custom_data"]
        return {
            "value": self.value,
            "currency": custom.get("currency", ""),
            "count": len(self.counted_at),
            "sent": len(self.came_at),
            "came_at": [rfc3339(at) for at in self.came_at],
            "event": self.first,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardRequest:
    """One request to send events, and what was answered: 200, or a code."""

    at: datetime
    events: int
    result: str
    counted: bool


class MetaBooks:
    """Events by dataset and name, and by their IDs. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Back to empty pages."""
        self.counted: defaultdict[Page, dict[str, CountedEvent]] = defaultdict(dict)
        self.requests: list[HeardRequest] = []
        self._nameless = 0

    def count(self, dataset: str, events: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Enter the events of a request that was taken."""
        with self._lock:
            for event in events:
                page = self.counted[f"{dataset}/{event['event_name']}"]
                name = event.get("event_id") or self._a_name_of_its_own()
                page.setdefault(name, CountedEvent(event)).come(now)

    def note(self, request: HeardRequest) -> None:
        """Write down a request, however it ended."""
        with self._lock:
            self.requests.append(request)

    def as_json(self) -> Mapping[str, Any]:
        """Return the books, readable."""
        with self._lock:
            events = [event for page in self.counted.values() for event in page.values()]
            return {
                "counted": {
                    page: {name: event.as_json() for name, event in entries.items()}
                    for page, entries in self.counted.items()
                },
                "requests": [
                    {
                        "at": rfc3339(one.at),
                        "events": one.events,
                        "result": one.result,
                        "counted": one.counted,
                    }
                    for one in self.requests
                ],
                "totals": {
                    "requests": len(self.requests),
                    "events_sent": sum(len(event.came_at) for event in events),
                    "conversions_counted": sum(len(event.counted_at) for event in events),
                    "counted_twice": sum(len(event.counted_at) > 1 for event in events),
                },
            }

    def _a_name_of_its_own(self) -> str:
        self._nameless += 1
        return f"(no event_id, {self._nameless})"
