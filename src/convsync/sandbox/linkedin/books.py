"""What LinkedIn counts: every event that comes in, again if it has an ID that came before.

That a repeat counts once is documented only where the Insight Tag reported it, so this is the
strict reading; a switch lets the books know a repeat by its ID. A rule that is off takes events and
counts none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from convsync.sandbox.clock import rfc3339


@dataclass(slots=True)
class CountedEvent:
    """One event by its ID: what it said at first, how often it counts, and when it came."""

    first: Mapping[str, Any]
    count: int = 0
    came_at: list[datetime] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """Return what one of it is worth."""
        value = self.first.get("conversionValue")
        return None if value is None else float(value["amount"])

    def as_json(self) -> Mapping[str, Any]:
        """Return all that is known of it."""
        return {
            "value": self.value,
            "currency": (self.first.get("conversionValue") or {}).get("currencyCode", ""),
            "count": self.count,
            "sent": len(self.came_at),
            "came_at": [rfc3339(at) for at in self.came_at],
            "event": self.first,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardRequest:
    """One request with events, and the status it was answered with."""

    at: datetime
    events: int
    status: int


class LinkedInBooks:
    """Events by conversion rule, and by their IDs. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Back to empty pages."""
        self.counted: defaultdict[str, dict[str, CountedEvent]] = defaultdict(dict)
        self.requests: list[HeardRequest] = []
        self._nameless = 0

    def count(
        self,
        rules: Sequence[str],
        events: Sequence[Mapping[str, Any]],
        now: datetime,
        *,
        is_known_by_id: bool,
    ) -> None:
        """Enter events, each under its rule."""
        with self._lock:
            for rule, event in zip(rules, events, strict=True):
                name = event.get("eventId") or self._a_name_of_its_own()
                counted = self.counted[rule].setdefault(name, CountedEvent(event))
                counted.came_at.append(now)
                if not (is_known_by_id and counted.count):
                    counted.count += 1

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
                    rule: {name: event.as_json() for name, event in page.items()}
                    for rule, page in self.counted.items()
                },
                "requests": [
                    {"at": rfc3339(one.at), "events": one.events, "status": one.status}
                    for one in self.requests
                ],
                "totals": {
                    "requests": len(self.requests),
                    "events_sent": sum(len(event.came_at) for event in events),
                    "conversions_counted": sum(event.count for event in events),
                    "counted_twice": sum(event.count > 1 for event in events),
                },
            }

    def _a_name_of_its_own(self) -> str:
        self._nameless += 1
        return f"(no eventId, {self._nameless})"
