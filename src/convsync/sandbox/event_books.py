"""What a platform counts that knows an event by its ID: each event, when it came, when it counted.

Meta's and LinkedIn's books are these. How often a repeat counts is each platform's own rule, so
its books say it (`counts_again`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, ClassVar

from convsync.sandbox.clock import rfc3339

Event = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class CountedEvent:
    """One event by its ID: what it said at first, when it came, and when it was counted."""

    first: Event
    value: float | None
    currency: str
    came_at: list[datetime] = field(default_factory=list)
    counted_at: list[datetime] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how often it counts."""
        return len(self.counted_at)

    def as_json(self) -> Mapping[str, Any]:
        """Return all that is known of it."""
        return {
            "value": self.value,
            "currency": self.currency,
            "count": self.count,
            "sent": len(self.came_at),
            "came_at": [rfc3339(at) for at in self.came_at],
            "event": self.first,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardRequest:
    """One request with events, and what was answered: 200, or a status or code."""

    at: datetime
    events: int
    result: str
    counted: bool

    def as_json(self) -> Mapping[str, Any]:
        """Return it as the books show it."""
        return {
            "at": rfc3339(self.at),
            "events": self.events,
            "result": self.result,
            "counted": self.counted,
        }


class EventBooks:
    """Events by page (a rule, or a dataset and name), and by their IDs. Safe across threads."""

    id_field: ClassVar[str]
    """The field of an event that holds its ID."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Back to empty pages."""
        self.counted: defaultdict[str, dict[str, CountedEvent]] = defaultdict(dict)
        self.requests: list[HeardRequest] = []
        self._nameless = 0

    def money_of(self, event: Event) -> tuple[float | None, str]:
        """Return what one of an event is worth, and in which currency."""
        raise NotImplementedError

    def counts_again(self, known: CountedEvent, now: datetime) -> bool:
        """Return whether a repeat of an event that was counted counts once more."""
        raise NotImplementedError

    def count(self, pages: Sequence[str], events: Sequence[Event], now: datetime) -> None:
        """Enter the events of a request that was taken, each on its page."""
        with self._lock:
            for page, event in zip(pages, events, strict=True):
                name = event.get(self.id_field) or self._a_name_of_its_own()
                value, currency = self.money_of(event)
                fresh = CountedEvent(first=event, value=value, currency=currency)
                known = self.counted[page].setdefault(name, fresh)
                known.came_at.append(now)
                if not known.counted_at or self.counts_again(known, now):
                    known.counted_at.append(now)

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
                "requests": [one.as_json() for one in self.requests],
                "totals": {
                    "requests": len(self.requests),
                    "events_sent": sum(len(event.came_at) for event in events),
                    "conversions_counted": sum(event.count for event in events),
                    "counted_twice": sum(event.count > 1 for event in events),
                },
            }

    def _a_name_of_its_own(self) -> str:
        self._nameless += 1
        return f"(no {self.id_field}, {self._nameless})"
